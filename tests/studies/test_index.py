"""The index of the results: what is asked first, then every folder, with its command."""

import tomllib
from pathlib import Path

import pytest

from garrison.studies import index
from garrison.studies.study import Study, origin, save

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results"


@pytest.fixture
def results(tmp_path):
    for name in ("b", "a"):
        save(tmp_path / name, Study(f"Title {name}", origin(f"garrison {name}"), f"Found\n{name}.", "", []))
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "README.md").write_text("# Title c\n\nBegun.\n\n**Found\nsome of c.**\n")
    return tmp_path


def sections(results: Path) -> dict[str, list[str]]:
    """Rows of the tables by heading, heads left out."""
    text = "\n".join(index.index(results))
    parts = (part.partition("\n") for part in text.split("\n## ")[1:])
    return {name: [line for line in body.splitlines() if line.startswith("|")][2:] for name, _, body in parts}


def test_every_folder_has_a_line_and_its_command(results):
    found = sections(results)
    assert list(found) == ["All", "Commands"]
    assert [row.split(" | ")[0] for row in found["All"]] == [
        f"| [Title {name}]({name}/README.md)" for name in "abc"
    ]
    assert [row.split(" | ")[1] for row in found["All"]] == ["Found a.", "Found b.", "Found some of c."]
    assert found["Commands"] == [f"| [{name}]({name}/README.md) | `garrison {name}` |" for name in "ab"]


def test_claims_come_first_and_no_folder_is_left_out(results):
    order = '[claims]\n"Does b?" = "b"\n"Does d?" = "d"\n[parts]\n"First" = ["b", "d"]\n'
    (results / "index.toml").write_text(order)
    found = sections(results)
    assert list(found) == ["The main ones", "First", "Others", "Commands"]
    assert found["The main ones"] == [
        "| Does b? | Found b. | [Title b](b/README.md) |",
        "| Does d? | Not measured yet. |  |",
    ]
    assert [len(found[name]) for name in ("First", "Others")] == [1, 2]


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("index.toml", "[", "index.toml is damaged"),
        ("index.toml", '[parts]\na = ["b"]\nc = ["b"]', "in two parts: b"),
        ("c/README.md", "# Title c\n\nNothing found.\n", "needs a heading and a finding in bold"),
    ],
)
def test_what_cannot_be_used_is_named(results, file, text, message):
    (results / file).write_text(text)
    with pytest.raises(ValueError, match=message):
        list(index.index(results))


def test_the_index_of_the_results_is_up_to_date():
    """``python -m garrison.studies.index results`` writes it."""
    assert (RESULTS / "README.md").read_text() == "\n".join(index.index(RESULTS)) + "\n"


def test_the_order_names_results_and_studies():
    order = tomllib.loads((RESULTS / "index.toml").read_text())
    parts = [name for names in order["parts"].values() for name in names]
    known = {path.parent.name for path in RESULTS.glob("*/README.md")}
    known |= {path.stem for path in (ROOT / "studies").glob("*.py")}
    assert set(parts) <= known
    assert set(order["claims"].values()) <= set(parts)
    assert index.REST not in sections(RESULTS)
