"""A page that shows replays: one HTML file that needs nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Sequence
from importlib import resources

from garrison.view.css import CSS
from garrison.view.replay import Replay, packed

#: modules of every page, each after those that it imports
_SHARED = (
    *("model", "account", "dom", "keys", "map", "log", "timeline"),
    *("panels", "score", "turns", "layout", "app"),
)
MODULES = (*_SHARED, "main")  #: of a single file
BUNDLED = (*_SHARED, "library", "folder")  #: of a folder with replays
SERVED = (*_SHARED, "library", "socket", "results", "play", "watch", "lobby")  #: of a server
#: what a page that is served may load
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'"
)
_IMPORT = re.compile(r"^import .*?;\n", re.MULTILINE | re.DOTALL)
_EXPORT = re.compile(r"^export ", re.MULTILINE)
MAX_REPLAYS = 2  #: side by side


def page(replays: Sequence[Replay]) -> str:
    """The page of one replay, or of two side by side. Raises ``ValueError`` for another number."""
    if not 1 <= len(replays) <= MAX_REPLAYS:
        raise ValueError(f"a page shows 1 to {MAX_REPLAYS} replays side by side, not {len(replays)}")
    names = " and ".join(dict.fromkeys(str(one.header.get("policy")) for one in replays))
    script = _script()
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src 'sha256-{_sha256(script)}'",
            "style-src 'unsafe-inline'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    data = "".join(
        f'<script type="application/octet-stream" class="replay">{_base64(packed(one))}</script>\n'
        for one in replays
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">\n'
        f"<title>{html.escape(names)}: Garrison replay</title>\n"
        f"<style>{style()}</style>\n</head>\n<body>\n"
        f'<main id="app"><noscript>This page needs JavaScript.</noscript></main>\n'
        f'{data}<script type="module">{script}</script>\n</body>\n</html>\n'
    )


def served(entry: str, policy: bool = False) -> str:
    """The page of a server or a folder, which loads the module ``entry``.

    Args:
        policy: name in the page what it may load, where no server says so.
    """
    meta = f'<meta http-equiv="Content-Security-Policy" content="{html.escape(POLICY)}">\n' if policy else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n{meta}'
        "<title>Garrison</title>\n"
        '<link rel="icon" href="data:,">\n<link rel="stylesheet" href="ui/style.css">\n</head>\n<body>\n'
        '<main id="app"><noscript>This page needs JavaScript.</noscript></main>\n'
        f'<script type="module" src="ui/{entry}.js"></script>\n</body>\n</html>\n'
    )


def module(name: str) -> str:
    """The text of a module."""
    return _text(f"{name}.js")


def style() -> str:
    """The looks of a page that is served."""
    return CSS + _text("style.css")


def _script() -> str:
    """All modules as one: imports among them are left out, and so is the word export."""
    parts = [_EXPORT.sub("", _IMPORT.sub("", module(name))) for name in MODULES]
    return "\n".join(parts)


def _text(name: str) -> str:
    return resources.files("garrison.view").joinpath("ui", name).read_text(encoding="utf-8")


def _sha256(text: str) -> str:
    return _base64(hashlib.sha256(text.encode()).digest())


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
