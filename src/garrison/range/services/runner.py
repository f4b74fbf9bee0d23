"""Task runner with a toy language of four verbs, whose flaw is an injection (CWE-77)."""

from __future__ import annotations

from garrison.range.net import Stream
from garrison.range.services.host import Host


def answer(host: Host, stream: Stream, service: dict, request: str) -> str:
    """Answer ``RUN TASK``: ``list``, ``time``, ``echo WORDS``; ``show FILE`` is for administrators."""
    verb, _, task = request.partition(" ")
    if verb != "RUN":
        return "400"
    # the flaw: what follows a semicolon is a task of its own, and nobody asks who wrote it
    tasks = task.split(";") if service["flaws"] else [task]
    results = [_run(host, one.strip(), trusted=number > 0) for number, one in enumerate(tasks)]
    host.log("access", f'tomcat "RUN {task[:80]}" {results[-1][:3]}')
    return results[-1]


def _run(host: Host, task: str, trusted: bool) -> str:
    verb, _, words = task.partition(" ")
    if verb == "list":
        return "200 list time echo show"
    if verb == "time":
        return "200 noon"
    if verb == "echo":
        return f"200 {words[:80]}"
    if verb == "show" and trusted and words == "private/user":
        host.log("dns", "query[A] updates.example from localhost")
        return host.reveal("java")
    return "403"
