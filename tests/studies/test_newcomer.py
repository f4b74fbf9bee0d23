"""The study of a newcomer's first half hour runs what the page says."""

from doc_pages import ROOT, script

newcomer = script("studies/newcomer.py")


def test_the_commands_are_those_of_the_page():
    found = newcomer.commands((ROOT / newcomer.PAGE).read_text())
    assert ["make", "demo"] in found
    assert ["garrison", "info"] in found
    for start, end in newcomer.SHORTER.items():
        shortened = [words for words in found if words[-len(end) :] == end]
        assert shortened
        assert all(" ".join(words).startswith(start) for words in shortened)


def test_the_programs_of_a_page_go_on_from_each_other(tmp_path):
    page = "```python\na = 1\n```\n\n```sh\nls  # a comment\n```\n\n```python\nassert a == 1\n```\n"
    assert newcomer.commands(page) == [["ls"]]
    programs = [text for language, text in newcomer.blocks(page) if language == "python"]
    one = newcomer.Newcomer(tmp_path, newcomer.sys.executable)
    out = one.do(["python", "-c", newcomer.PROGRAMS], tmp_path, newcomer.json.dumps(programs))
    assert out.count("@ ") == len(programs)
