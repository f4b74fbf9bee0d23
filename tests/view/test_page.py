"""The page is one file that needs nothing from elsewhere and runs no script but its own."""

import base64
import hashlib
import html
import re
import sys
from pathlib import Path

import pytest
from replays import toy_replay

from garrison.view import page
from garrison.view.page import BUNDLED, MODULES, SERVED
from garrison.view.replay import Replay, unpacked


@pytest.fixture(scope="module")
def replay():
    return toy_replay(steps=4)


@pytest.fixture(scope="module")
def text(replay):
    return page([replay])


def test_its_policy_allows_its_own_script_alone(text):
    script = re.search(r'<script type="module">(.*?)</script>', text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = html.unescape(re.search(r'Content-Security-Policy" content="(.*?)"', text)[1])
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy
    assert len(re.findall("<script", text)) == 2


def test_it_names_no_other_host(text):
    assert set(re.findall(r"https?://[^\s\"'`)]+", text)) == {"http://www.w3.org/2000/svg"}


def test_modules_are_put_together_without_names_that_clash(text):
    script = re.search(r'<script type="module">(.*?)</script>', text, re.DOTALL)[1]
    assert not re.search(r"^(import|export) ", script, re.MULTILINE)
    names = re.findall(r"^(?:async )?(?:const|let|class|function) (\w+)", script, re.MULTILINE)
    assert len(names) == len(set(names))
    folder = Path(sys.modules["garrison.view.page"].__file__).parent / "ui"
    assert {path.stem for path in folder.glob("*.js")} == {*MODULES, *BUNDLED, *SERVED}


def test_it_holds_the_replays_as_they_are(replay):
    found = re.findall(r'class="replay">(.*?)</script>', page([replay, replay]), re.DOTALL)
    assert [unpacked(base64.b64decode(one)) for one in found] == [replay, replay]


def test_hostile_names_stay_text(replay):
    evil = "</title><script>alert(1)</script>"
    text = page([Replay({**replay.header, "policy": evil}, replay.ticks, replay.end)])
    assert "<script>alert" not in text


def test_a_notebook_gets_the_page_in_a_frame_of_its_own(replay):
    shown = replay._repr_html_()
    inside = re.fullmatch(r'<iframe srcdoc="([^"]*)" sandbox="allow-scripts" [^<>]*></iframe>', shown)[1]
    assert html.unescape(inside) == page([replay])


@pytest.mark.parametrize("count", [0, 3])
def test_one_or_two_are_shown(replay, count):
    with pytest.raises(ValueError, match=f"1 to 2 replays side by side, not {count}"):
        page([replay] * count)
