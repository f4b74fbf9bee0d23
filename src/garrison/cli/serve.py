"""``garrison serve``: games with tools, for clients over the network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from garrison.cli.common import log, user_input
from garrison.core import extras


@dataclass(frozen=True)
class Serve:
    """Serve games with tools to language models and trainers, by OpenEnv's protocol."""

    host: str = "127.0.0.1"
    """Address to listen on. One that other machines reach needs --token-file or --no-auth."""
    port: int = 8000
    """Port to listen on; 0 takes a free one."""
    token_file: Path | None = None
    """File with the token that clients have to show."""
    no_auth: tyro.conf.FlagCreatePairsOff[bool] = False
    """Let everyone play who reaches the address."""
    max_sessions: int = 32
    """Games and seats at once; more are refused."""
    scenarios: tuple[str, ...] = ("small", "medium", "large", "mission")
    """Sizes that may be played."""
    compiled: tuple[str, ...] = ("idle",)
    """Blue players to compile before the server is healthy; others are compiled when first needed. Games of
    the seat blue use idle, those of red use their opponent, guard by default."""

    ui: bool = True
    """Serve the page on which people play and watch."""
    spectators: tyro.conf.FlagCreatePairsOff[bool] = False
    """Let everyone watch running games with all that is true; without it a game is shown at its end."""

    results: Path | None = None
    """Folder for games of players who give a name (games.jsonl) and for replays of finished games, which the
    page shows. Without it games are kept in memory, and no replays."""

    def run(self) -> int:
        with user_input():
            extras.require("serve")
            from garrison.serve.run import listen, serve
            from garrison.serve.settings import LOOPBACK, Settings

            if self.host not in LOOPBACK and self.token_file is None and not self.no_auth:
                raise ValueError(
                    f"{self.host} can be reached by other machines; give --token-file FILE, or --no-auth"
                )
            settings = Settings(
                host=self.host,
                port=self.port,
                scenarios=self.scenarios,
                compiled=self.compiled,
                max_sessions=self.max_sessions,
                ui=self.ui,
                spectators=self.spectators,
                results=self.results,
                token=None if self.token_file is None else _token(self.token_file),
            )
            listening = listen(settings)
        host, port = listening.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        log.print(f"Serving on http://{shown}:{port}; Ctrl-C stops.", highlight=False, soft_wrap=True)
        serve(settings, listening)
        return 0


def _token(path: Path) -> str:
    """The token in a file. Raises ``ValueError`` for one that is too short or cannot be sent."""
    token = path.read_text(encoding="utf-8").strip()
    if len(token) < 16 or not token.isascii() or not token.isprintable() or set(token) & set(' ";,\\'):
        raise ValueError(f"{path} must hold 16 or more ASCII letters, digits or signs, without spaces")
    return token
