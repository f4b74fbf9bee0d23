"""How fast the viewer is, and how large replays are: ``python studies/viewer.py [--out results/viewer]``.

Records episodes of cc4 and games with tools, and opens them in Debian's Chromium without a window. Needs
``apt install chromium chromium-driver`` and ``pip install '.[test-browser]'``. Takes three minutes.
"""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import garrison
from garrison.judge.format import number
from garrison.llm.arena import Arena
from garrison.llm.players import player
from garrison.studies.study import Section, Study, origin, parser, prepare, show
from garrison.view import Replay, page
from garrison.view.replay import packed

SEED, EPISODES = 1_000_000, 5
LOADS = 10  # of the page
STEPS, PIECE = 5_000, 500  # that are shown one after the other, and between looks at the memory

#: seconds until the first tick is drawn and painted, kept where the study finds it
_FIRST = """
  new MutationObserver((_, observer) => {
    if (!document.querySelector(".clock")?.textContent) return;
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => (window.firstPicture = performance.now())));
  }).observe(document, { childList: true, subtree: true, characterData: true });
"""
#: milliseconds to show each of some ticks of a last one, by dragging on the time line, with the page's layout
_SEEK = """
  const [ticks, last] = arguments, line = document.querySelector(".timeline");
  return ticks.map((t) => {
    const box = line.getBoundingClientRect();
    const clientX = box.left + (40 + (t / last) * 952) / 1000 * box.width;
    const start = performance.now();
    line.dispatchEvent(new PointerEvent("pointermove", { clientX, buttons: 1 }));
    document.body.getBoundingClientRect();
    const took = performance.now() - start;
    const clock = document.querySelector(".clock").textContent;
    if (clock !== `tick ${t} of ${last}`) throw new Error(`tick ${t} is not shown: ${clock}`);
    return took;
  });
"""
_WAIT = """
  const done = arguments[0];
  (function wait() {
    if (window.firstPicture) done(window.firstPicture);
    else setTimeout(wait, 5);
  })();
"""


def episodes(policy: str, number: int) -> list[Replay]:
    """Episodes of cc4 against the stock red."""
    seeds = range(SEED, SEED + number)
    return [
        garrison.evaluate("cc4", [policy], episodes=1, seed=seed, record=policy).replay() for seed in seeds
    ]


def games(number: int) -> list[Replay]:
    """Games with tools of the smallest size, by the scripted reference."""
    found = []
    for seed in range(SEED, SEED + number):
        arena, one = Arena("small"), player("guard+plan", seed)
        view = arena.reset(seed)
        while not view.done:
            view = arena.act(one.act(arena.game.seats["blue"], arena.rows()))
        found.append(arena.replay())
    return found


def sizes(replays: Mapping[str, Sequence[Replay]]) -> list[dict[str, Any]]:
    rows = []
    for name, found in replays.items():
        files = [packed(one) for one in found]
        rows.append(
            {
                "what": name,
                "ticks": len(found[0].ticks) - 1,
                "packed": [len(file) for file in files],
                "unpacked": [len(gzip.decompress(file)) for file in files],
                "page": [len(page([one]).encode()) for one in found],
            }
        )
    return rows


@contextmanager
def chromium() -> Iterator[Any]:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1400,1000"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    driver.set_script_timeout(600)
    try:
        yield driver
    finally:
        driver.quit()


def first_pictures(driver: Any, address: str) -> list[float]:
    """Milliseconds from opening the page to its first picture, load by load."""
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": _FIRST})
    found = []
    for _ in range(LOADS):
        driver.get("about:blank")
        driver.get(address)
        found.append(driver.execute_async_script(_WAIT))
    return found


def memory(driver: Any, last: int) -> list[dict[str, float]]:
    """Heap and number of nodes while ticks are shown, over and over, after garbage was collected."""
    driver.execute_cdp_cmd("Performance.enable", {})
    found = []
    for shown in range(0, STEPS + 1, PIECE):
        if shown:
            driver.execute_script(_SEEK, [i % (last + 1) for i in range(shown - PIECE, shown)], last)
        driver.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
        metrics = driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
        by_name = {one["name"]: one["value"] for one in metrics}
        found.append({"steps": shown, "heap": by_name["JSHeapUsedSize"], "nodes": by_name["Nodes"]})
    return found


def measured(episodes_each: int) -> dict[str, Any]:
    replays = {
        "`guard` against `fsm`": episodes("guard", episodes_each),
        "`idle` against `fsm`": episodes("idle", episodes_each),
        "game with tools, small": games(episodes_each),
    }
    shown, other = (found[0] for found in list(replays.values())[:2])
    with tempfile.TemporaryDirectory() as folder, chromium() as driver:
        pages = {"one": [shown], "two side by side": [shown, other]}
        speed = []
        for name, found in pages.items():
            path = Path(folder) / "page.html"
            path.write_text(page(found), encoding="utf-8")
            first = first_pictures(driver, path.as_uri())
            ticks = np.random.default_rng(0).permutation(len(shown.ticks)).tolist()
            seek = driver.execute_script(_SEEK, ticks, len(ticks) - 1)
            speed.append({"page": name, "first": first, "seek": seek})
        driver.get("about:blank")
        path.write_text(page([shown]), encoding="utf-8")
        driver.get(path.as_uri())
        heap = memory(driver, len(shown.ticks) - 1)
        browser = driver.capabilities["browserVersion"]
    load = [round(one, 1) for one in os.getloadavg()]
    return {"sizes": sizes(replays), "speed": speed, "memory": heap, "browser": browser, "load": load}


def study(figures: Mapping[str, Any]) -> Study:
    one, steps = figures["speed"][0], figures["sizes"][0]["ticks"]
    first, seek = one["first"], one["seek"]
    largest = max(size for row in figures["sizes"] for size in row["packed"])
    heap = [row["heap"] for row in figures["memory"]]
    growth = (heap[-1] - heap[1]) / heap[1]
    return Study(
        title="The viewer: speed and sizes",
        figures=figures,
        finding=(
            f"An episode of {steps} steps is a file of at most {_kb(largest)} KB. Its first picture is there "
            f"after {number(max(first))} ms at most (n = {len(first)} loads), any tick within "
            f"{number(max(seek))} ms (n = {len(seek)} ticks, median {number(float(np.median(seek)))} ms). "
            f"Between {PIECE} and {figures['memory'][-1]['steps']:,} shown steps the heap changes by "
            f"{growth:+.1%}."
        ),
        method=(
            f"Replays from seed {SEED:,} on. Chromium {figures['browser']} without a "
            "window and without a GPU. First picture: from opening the file to the frame after the first "
            "tick was drawn. Seek: drawing a tick and laying the page out, all ticks in random order. "
            "Memory: after garbage collections. Asked for were 1,000 ms, 50 ms and 60 KiB. The machine's "
            f"load at the end, over 1, 5 and 15 minutes, was {', '.join(map(str, figures['load']))}: "
            f"above {figures['cores']}, its cores, other programs took time from this one."
        ),
        sections=list(_sections(figures)),
    )


def _sections(figures: Mapping[str, Any]) -> Iterator[Section]:
    header = ("replay", "n", "ticks", "packed KB, mean", "largest", "unpacked KB, mean", "page KB, mean")
    rows = [
        (
            row["what"],
            str(len(row["packed"])),
            str(row["ticks"]),
            _kb(np.mean(row["packed"])),
            _kb(max(row["packed"])),
            _kb(np.mean(row["unpacked"])),
            _kb(np.mean(row["page"])),
        )
        for row in figures["sizes"]
    ]
    yield Section("Sizes", header, rows, "KB are 1,000 bytes.")
    rows = [
        (f"{row['page']}: {name}", str(len(row[key])), *_spread(row[key]))
        for row in figures["speed"]
        for key, name in (("first", "first picture"), ("seek", "seek"))
    ]
    yield Section("Speed", ("page", "n", "median ms", "95th percentile", "largest"), rows)
    rows = [
        (f"{row['steps']:,}", f"{row['heap'] / 1e6:.2f}", f"{row['nodes']:,.0f}") for row in figures["memory"]
    ]
    yield Section("Memory", ("steps shown", "heap MB", "nodes"), rows)


def _spread(values: Sequence[float]) -> tuple[str, str, str]:
    return number(float(np.median(values))), number(float(np.percentile(values, 95))), number(max(values))


def _kb(size: float) -> str:
    return f"{size / 1000:,.1f}"


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--episodes", type=int, default=EPISODES, help="replays of each kind")
    asked = arguments.parse_args()
    prepare(asked.out)
    command = f"python studies/viewer.py --episodes {asked.episodes} --out results/viewer"
    figures = measured(asked.episodes) | origin(command)
    show(study(figures), asked.out)


if __name__ == "__main__":
    main()
