import dataclasses
import json
from pathlib import Path

import pytest

from garrison.studies.study import Section, Study, origin, page, prepare, read_figures, save

RESULTS = Path(__file__).parents[2] / "results"


def a_study(**figures):
    return Study(
        title="A title",
        figures=origin("garrison worlds") | figures,
        finding="One of two.",
        method="Counted.",
        sections=[
            Section(
                "Table",
                ("what", "n", "of"),
                [("a|b", "1", "2"), ("c", "3", "4")],
                "A note.",
                ("what", "of"),
                1,
            )
        ],
        pictures={"picture.png": b"\x89PNG"},
    )


def test_a_study_is_saved_as_figures_page_and_pictures(tmp_path):
    save(tmp_path / "new" / "study", a_study(count=2))
    folder = tmp_path / "new" / "study"
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "figures.json", "picture.png"]
    figures = read_figures(folder)
    assert (figures["title"], figures["finding"], figures["count"]) == ("A title", "One of two.", 2)
    text = (folder / "README.md").read_text()
    assert text.startswith("# A title\n\n**One of two.**\n\n`garrison worlds` on ")
    assert "![A title](picture.png)" in text
    assert "| what | n | of |\n| --- | ---: | ---: |\n| a\\|b | 1 | 2 |\n| c | 3 | 4 |\n\nA note." in text


def test_a_study_that_goes_on_from_its_figures_has_a_finding_of_its_own(tmp_path):
    save(tmp_path, a_study(count=1))
    later = dataclasses.replace(
        a_study(), figures=read_figures(tmp_path) | {"count": 2}, finding="Two of two."
    )
    save(tmp_path, later)
    figures = read_figures(tmp_path)
    assert (figures["finding"], figures["count"]) == ("Two of two.", 2)


def test_a_terminal_shows_the_columns_and_rows_for_which_it_has_room():
    brief = a_study().sections[0].for_terminal()
    assert (brief.header, brief.rows) == (("what", "of"), [["a|b", "2"]])


def test_figures_are_json_without_nan(tmp_path):
    save(tmp_path, a_study(count=float("nan")))
    assert read_figures(tmp_path)["count"] is None


def test_a_folder_that_cannot_be_made_is_an_error_before_the_work(tmp_path):
    prepare(None)
    prepare(tmp_path / "new" / "study")
    assert (tmp_path / "new" / "study").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        prepare(tmp_path / "file" / "study")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "figures.json is damaged"),
        ("[]", "figures.json holds no study: title, finding"),
        ("{}", "figures.json holds no study: title, finding"),
        (None, "figures.json: no such file"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, text, message):
    if text is not None:
        (tmp_path / "figures.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_figures(tmp_path)


@pytest.mark.parametrize(
    "folder", sorted(path.parent for path in RESULTS.glob("*/figures.json")), ids=lambda f: f.name
)
def test_every_result_has_a_page_with_its_finding(folder):
    figures = json.loads((folder / "figures.json").read_text())
    text = (folder / "README.md").read_text()
    assert figures["title"] in text
    assert figures["finding"] in text
    assert page  # the page is written by the study's own command
