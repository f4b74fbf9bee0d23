"""Gathers the pages of the site in ``build``, where ``zensical build`` makes it: see ``make docs``.

The pages in this repository link to each other and to files, so that they can be read where they are. A site
has pages alone. So this copies README, documentation, results, examples and environments into one folder,
makes a page of each other text file that a page links to, and corrects the links. Links to what has no page,
such as a folder of data, become plain text.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: Pages and where they are on the site; the path of all others follows from their folder.
FIXED = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "CODE_OF_CONDUCT.md": "conduct.md",
    "src/garrison/runs/packaged/best/README.md": "model-best.md",
}
PICTURES = (".svg", ".png")
LANGUAGES = {
    ".py": "python",
    ".toml": "toml",
    ".json": "json",
    ".cff": "yaml",
    ".pyi": "python",
    ".ipynb": "json",
}
LONGEST = 200_000  #: bytes of a file that becomes a page

FENCE = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
#: A link or picture; or inline code, which is left alone.
LINK = re.compile(r"(?P<image>!?)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^()\s]+)\)|`[^`\n]+`")
PICTURE = re.compile(
    r'<picture>\s*<source media="\(prefers-color-scheme: dark\)" srcset="(?P<dark>[^"]+)">\s*'
    r'<img alt="(?P<alt>[^"]*)" src="(?P<light>[^"]+)">\s*</picture>'
)


def pages() -> list[Path]:
    """The Markdown pages of the repository that are on the site, relative to its root."""
    found = [Path(name) for name in FIXED]
    for folder in ("docs", "results", "examples", "environments"):
        found += sorted(path.relative_to(ROOT) for path in (ROOT / folder).rglob("*.md"))
    return found


def place(path: Path) -> Path | None:
    """Where a file of the repository is on the site; None for one that has no page."""
    if str(path) in FIXED:
        return Path(FIXED[str(path)])
    target = path.relative_to("docs") if path.parts[0] == "docs" else path
    if (ROOT / path).is_dir():
        inside = path / "README.md"
        return place(inside) if (ROOT / inside).exists() else None
    if path.suffix in PICTURES:
        return target
    if path.suffix == ".md":
        return target.with_name("index.md") if target.name == "README.md" else target
    if _is_text(ROOT / path):
        return Path("files") / f"{path}.md"
    return None


def _is_text(path: Path) -> bool:
    try:
        return path.stat().st_size <= LONGEST and bool(path.read_text())
    except (OSError, UnicodeDecodeError):
        return False


def outside_programs(text: str, change: Callable[[str], str]) -> str:
    """``text`` with ``change`` applied to all but its programs."""
    parts, end = [], 0
    for match in FENCE.finditer(text):
        parts += [change(text[end : match.start()]), match[0]]
        end = match.end()
    return "".join([*parts, change(text[end:])])


def relinked(text: str, moved: Callable[[str], str | None]) -> str:
    """``text`` with other targets of its links and pictures; links without one become their text."""

    def link(match: re.Match[str]) -> str:
        if match["target"] is None:
            return match[0]
        target = moved(match["target"])
        return match["text"] if target is None else f"{match['image']}[{match['text']}]({target})"

    def picture(match: re.Match[str]) -> str:
        return "\n".join(
            f"![{match['alt']}]({moved(match[scheme])}#only-{scheme})" for scheme in ("light", "dark")
        )

    return outside_programs(text, lambda part: PICTURE.sub(picture, LINK.sub(link, part)))


def page(path: Path, linked: set[Path]) -> str:
    """The text of a page with the site's links; adds the files that it links to, to ``linked``."""
    here = place(path)
    assert here is not None

    def relative(target: str) -> str | None:
        file, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:") or not file:
            return target
        source = Path(os.path.normpath(path.parent / file))
        if source.parts[0] == ".." or not (ROOT / source).exists():
            return None
        there = place(source)
        if there is None:
            return None
        linked.add(source)
        return os.path.relpath(there, here.parent) + (f"#{anchor}" if anchor else "")

    return relinked((ROOT / path).read_text(), relative)


def listing(path: Path) -> str:
    """A page that shows a file."""
    text = (ROOT / path).read_text().rstrip("\n")
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    language = LANGUAGES.get(path.suffix, "text")
    return f"---\nsearch:\n  exclude: true\n---\n\n# `{path}`\n\n{fence}{language}\n{text}\n{fence}\n"


def gather(folder: Path) -> None:
    """Write the configuration into ``folder``, and all pages and pictures into its folder ``pages``.

    That is emptied first.
    """
    out = folder / "pages"
    shutil.rmtree(out, ignore_errors=True)
    _write(folder / "zensical.toml", (ROOT / "docs/zensical.toml").read_bytes())
    linked: set[Path] = set()
    texts = {path: page(path, linked) for path in pages()}
    texts |= {path: listing(path) for path in linked - set(texts) if _becomes_listing(path)}
    for path, text in texts.items():
        _write(out / str(place(path)), text.encode())
    for path in linked:
        if path.suffix in PICTURES:
            _write(out / str(place(path)), (ROOT / path).read_bytes())
    _write(out / "site.css", (ROOT / "docs/site.css").read_bytes())


def _becomes_listing(path: Path) -> bool:
    return (ROOT / path).is_file() and path.suffix not in (*PICTURES, ".md")


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


if __name__ == "__main__":
    gather(ROOT / "build")
