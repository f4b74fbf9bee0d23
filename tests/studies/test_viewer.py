"""The study of the viewer: its page says what its figures say."""

from doc_pages import script
from replays import toy_replay

from garrison.studies.study import ORIGIN, page

viewer = script("studies/viewer.py")


def test_the_page_is_made_of_the_figures():
    replays = [toy_replay(seed=seed) for seed in range(2)]
    sizes = viewer.sizes({"toy": replays})
    assert sizes[0]["ticks"] == 12
    assert all(
        a < b < c for a, b, c in zip(*(sizes[0][n] for n in ("packed", "unpacked", "page")), strict=True)
    )
    figures = {
        "sizes": sizes,
        "speed": [{"page": "one", "first": [100.0, 300.0], "seek": [5.0, 6.0, 10.0]}],
        "memory": [
            {"steps": n, "heap": heap, "nodes": 1} for n, heap in ((0, 1e6), (500, 2e6), (5000, 2.1e6))
        ],
        "browser": "1.0",
        "load": [0.1, 0.2, 0.3],
        **dict.fromkeys(ORIGIN, "x"),
    }
    text = "\n".join(page(viewer.study(figures)))
    assert "after 300 ms at most (n = 2 loads), any tick within 10.0 ms (n = 3 ticks, median 6.0" in text
    assert "Between 500 and 5,000 shown steps the heap changes by +5.0%." in text
