"""The pages of the documentation, and what tests ask of their Markdown."""

import ast
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)


def script(path: str) -> ModuleType:
    """A program of the repository, as a module."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def written() -> list[Path]:
    """Pages that people write: all but the generated ones in results."""
    others = (ROOT / "examples/README.md", ROOT / "src/garrison/runs/packaged/best/README.md")
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), *others]


def all_pages() -> list[Path]:
    return [*written(), *sorted((ROOT / "results").rglob("*.md"))]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def with_constants(source: str, values: dict) -> str:
    """``source`` with other values of its constants; each must be assigned on the top level."""
    tree, left = ast.parse(source), dict(values)
    for node in tree.body:
        if not isinstance(node, ast.Assign):
            continue
        target, value = node.targets[0], node.value
        if isinstance(target, ast.Tuple) and not isinstance(value, ast.Tuple):
            continue  # what a call returns
        pairs = (
            zip(target.elts, value.elts, strict=True) if isinstance(target, ast.Tuple) else [(target, value)]
        )
        new = [ast.parse(repr(left.pop(t.id)), mode="eval").body if t.id in left else v for t, v in pairs]
        node.value = ast.Tuple(new, ast.Load()) if isinstance(target, ast.Tuple) else new[0]
    assert not left, f"no such constants: {', '.join(left)}"
    return ast.unparse(ast.fix_missing_locations(tree))


def programs(text: str) -> list[tuple[str, str | None]]:
    """Each program in a page, and the output that the page shows below it."""
    found = re.findall(r"^```python\n(.*?)^```(?:\n\n```text\n(.*?)^```)?", text, re.DOTALL | re.MULTILINE)
    return [(program, output or None) for program, output in found]


def prose(text: str) -> str:
    """A page without its programs."""
    return FENCE.sub("", text)


def anchors(text: str) -> set[str]:
    """What links can point to: headings, as GitHub makes anchors of them."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} (.*)$", prose(text), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w -]", "", plain.strip().lower()).replace(" ", "-")
        while anchor in found:
            anchor = f"{anchor}-1"
        found.add(anchor)
    return found


def links(text: str) -> list[str]:
    """Targets of links and pictures, outside programs and inline code."""
    text = re.sub(r"`[^`\n]*`", "", prose(text))
    return re.findall(r"\]\(([^()\s]+)\)", text) + re.findall(r'(?:src|srcset)="([^"]+)"', text)
