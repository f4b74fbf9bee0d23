"""The pages of the site: gathered with links that hold there, and all of them in the navigation."""

import importlib
import importlib.util
import os
import re
import shutil
import subprocess
import tomllib

import pytest
from doc_pages import ROOT, links, name, script, written

gather = script("docs/gather.py")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("build")
    gather.gather(folder)
    return folder


def navigation(entries) -> list[str]:
    """The pages of a navigation, in order."""
    if isinstance(entries, str):
        return [entries]
    if isinstance(entries, dict):
        entries = entries.values()
    return [page for entry in entries for page in navigation(entry)]


def test_links_between_gathered_pages_hold(folder):
    missing = {}
    for page in (folder / "pages").rglob("*.md"):
        targets = [link.partition("#")[0] for link in links(page.read_text()) if "://" not in link]
        if broken := [t for t in targets if t and not (page.parent / t).exists()]:
            missing[str(page.relative_to(folder))] = broken
    assert missing == {}


def test_all_written_pages_are_in_the_navigation(folder):
    listed = navigation(tomllib.loads((folder / "zensical.toml").read_text())["project"]["nav"])
    assert len(listed) == len(set(listed))
    assert all((folder / "pages" / page).exists() for page in listed)
    pages = {str(gather.place(page.relative_to(ROOT))) for page in written()}
    assert pages == set(listed) - {"results/index.md"}


def test_links_to_other_files_become_pages_or_text(folder):
    parity = (folder / "pages/parity.md").read_text()
    assert "(files/src/garrison/parity/torch/ippo.py.md)" in parity
    assert "[100 stored episodes" not in parity  # a folder of data has no page
    assert "100 stored episodes of CybORG" in parity
    source = (folder / "pages/files/examples/11_replay.py.md").read_text()
    assert "```python\n" + (ROOT / "examples/11_replay.py").read_text() in source


def test_pictures_follow_the_scheme(folder):
    index = (folder / "pages/index.md").read_text()
    assert "<picture>" not in index
    assert "(pictures/network-light.svg#only-light)" in index
    assert "(pictures/network-dark.svg#only-dark)" in index
    assert (folder / "pages/pictures/network-dark.svg").exists()


def test_code_keeps_its_links():
    text = "[`a`](b.md) `[a](b.md)`\n```md\n[a](b.md)\n```\n![a](b.md) [gone](d)"
    moved = gather.relinked(text, {"b.md": "c.md"}.get)
    assert moved == "[`a`](c.md) `[a](b.md)`\n```md\n[a](b.md)\n```\n![a](c.md) gone"


def test_pages_of_the_reference_name_what_exists():
    pages = [page for page in written() if name(page).startswith("docs/api/")]
    for page in pages:
        module, members = None, ""
        for line in page.read_text().splitlines():
            if line.startswith("::: garrison.serve") and importlib.util.find_spec("fastapi") is None:
                module = None  # needs an extra
            elif line.startswith("::: "):
                module, members = _load(line.removeprefix("::: ")), ""
            elif module is None:
                continue
            elif "members: [" in line:
                members = line[line.index("[") + 1 : line.index("]")]
                assert all(hasattr(module, member) for member in members.split(", ")), line


def _load(path: str):
    """The module or object at a dotted path."""
    for end in range(path.count(".") + 1, 0, -1):
        parts = path.split(".")
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            found = getattr(found, part)
        return found
    raise AssertionError(f"no such module: {path}")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("zensical") is None, reason="needs the extra docs")
def test_the_site_is_built_without_a_warning(tmp_path):
    gather.gather(tmp_path)
    config = (tmp_path / "zensical.toml").read_text().replace('"../', f'"{ROOT}/')
    (tmp_path / "zensical.toml").write_text(config)
    command = ["zensical", "build", "--strict", "--config-file", str(tmp_path / "zensical.toml")]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No issues found" in done.stdout + done.stderr
    html = "".join(page.read_text() for page in (tmp_path / "site").rglob("*.html"))
    loaded = re.findall(r'<(?:script|img|link)[^>]+(?:src|href)="(https?://[^"]+)"', html)
    assert not [address for address in loaded if "zensical.org" not in address]
