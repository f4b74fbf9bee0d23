"""Links between the pages of this repository lead to files and headings that exist."""

import pytest
from doc_pages import all_pages, anchors, links, name


@pytest.mark.parametrize("page", all_pages(), ids=name)
def test_links_lead_somewhere(page):
    missing = []
    for link in links(page.read_text()):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            missing.append(link)
    assert missing == []


def test_anchors_are_those_of_github():
    text = "# `toy/network`\n```sh\n# no heading\n```\n## Options of `make`\n### 4.4 Red\n## A\n## A\n"
    assert anchors(text) == {"toynetwork", "options-of-make", "44-red", "a", "a-1"}


def test_links_are_found():
    text = '[a](b.md#c) `[no](no.md)` ![p](p.svg)\n<img src="q.svg">\n```md\n[no](no.md)\n```\n[`x`](y.py)'
    assert links(text) == ["b.md#c", "p.svg", "y.py", "q.svg"]
