"""What people are shown of an episode: sentences, marks, lines of log, and figures agree with the state."""

import collections
import json
import os
import subprocess
import sys
from xml.etree import ElementTree

import jax
import numpy as np
import pytest
from short_episodes import NUM_ENVS, SHORT, played, programs

from garrison.judge import curriculum
from garrison.judge.diagnosis import figures
from garrison.worlds.soc import describe, scene, text
from garrison.worlds.soc.tables import blue as B
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables import noise
from garrison.worlds.soc.tables import red as R
from garrison.worlds.soc.tables import tokens as K
from garrison.worlds.soc.tables.actions import Outcome
from garrison.worlds.soc.text.delivered import entry

NOTHING = np.zeros(SHORT.num_agents, np.int32)
STATIC = SHORT.static


def marked(drawn, look, view, letter):
    return {drawn.hosts[h].name for h, letters in look.marks[view].items() if letter in letters}


def test_marks_are_those_of_the_description():
    seen = set()
    for _, after, _ in played()[:: 2 * NUM_ENVS]:
        drawn, look = scene.scene(STATIC, after), scene.look(STATIC, after)
        hosts = describe.state_summary(STATIC, after)["hosts"]
        for letter, field, value in (
            ("R", "red", "root"),
            ("U", "red", "user"),
            ("I", "status", "isolated"),
            ("E", "encrypted", True),
        ):
            there = {name for name, host in hosts.items() if host.get(field) == value}
            assert marked(drawn, look, "true", letter) == there
            seen |= {letter} if there else set()
        found = {name for name, host in hosts.items() if host["verdict"] == "root"}
        assert marked(drawn, look, "blue", "R") == found
        assert {order.agent for order in look.orders} == set(
            describe.state_summary(STATIC, after)["in flight"]
        )
    assert {"R", "U", "I"} <= seen


def test_the_difference_splits_what_red_holds():
    missed = 0
    for _, after, _ in played()[:: 2 * NUM_ENVS]:
        drawn, look = scene.scene(STATIC, after), scene.look(STATIC, after)
        held = marked(drawn, look, "true", "R") | marked(drawn, look, "true", "U")
        hidden, noticed = (marked(drawn, look, "difference", letter) for letter in "MC")
        assert hidden | noticed == held
        assert not hidden & noticed
        assert not hidden & marked(drawn, look, "blue", "A")
        assert not marked(drawn, look, "difference", "F") & held
        missed += len(hidden)
    assert missed


def test_what_is_told_is_what_happened():
    counts = {"root": 0, "isolated": 0, "rules": 0, "caught": 0}
    for before, after, step in played():
        events = step.info["events"]
        lines = describe.event_lines(STATIC, before, after, events)
        kinds = [one.kind for one in scene.happenings(STATIC, before, after, events)]
        assert kinds.count("root") == sum("red has root" in line for line in lines)
        assert kinds.count("session") == sum(": red has a user session" in line for line in lines)
        assert kinds.count("evicted") == sum("red is out" in line for line in lines)
        assert kinds.count("rules") == sum("inbound traffic is" in line for line in lines)
        assert kinds.count("caught") == sum("caught by deception" in line for line in lines)
        for kind in counts:
            counts[kind] += kind in kinds
        times = [float(line.split(" s: ")[0]) for line in lines]
        assert times == sorted(times)
    assert counts["root"]
    assert counts["isolated"]
    assert counts["rules"]


def test_blocks_are_zones_without_an_open_port():
    _, after, _ = played()[0]
    level = np.array([0, 2, 0, 1, 0], np.uint8)
    state = after.state.replace(zone_level=level)
    names = scene.scene(STATIC, after).zones
    blocked = {
        (names[a].name, names[b].name) for a, b in scene.look(STATIC, after.replace(state=state)).blocks
    }
    into = {"dmz", "guest", "secure", "internet"}
    assert {source for source, zone in blocked if zone == "corporate"} <= into
    assert ("dmz", "corporate") in blocked
    assert ("dmz", "secure") not in blocked  # strict leaves one port


def test_a_world_renders_its_state():
    _, after, _ = played()[-1]
    picture = SHORT.render(after, "difference")
    ElementTree.fromstring(picture)
    assert "corporate" in picture


# ---------------------------------------------------------------- logs


def test_delivered_tokens_are_those_that_blue_counts():
    """Each token that is delivered adds to a counter of its host and group, and nothing else does."""
    total = 0
    for before, after, _ in played():
        found = text.delivered(STATIC, before.state, after.state)
        rises = {(one.host, int(K.GROUP[one.type])) for one in found}
        rose = np.argwhere(after.state.view_fast > before.state.view_fast)
        assert {tuple(pair) for pair in rose.tolist()} <= rises
        own = [text.delivered(STATIC, before.state, after.state, agent) for agent in range(T.NUM_BLUE)]
        assert sorted(one for part in own for one in part) == sorted(found)
        total += len(found)
    assert total > 100


def entries():
    """One token of each type and family of systems that has fields, at hosts of all systems."""
    place = text.Place(
        number=77,
        names=describe.host_names(STATIC),
        zones=scene.layout(STATIC).zone.tolist(),
        systems=[h % T.NUM_OS for h in range(STATIC.hosts)],
        roles=[0] * STATIC.hosts,
        leases=[0] * STATIC.hosts,
    )
    found = []
    for host in range(T.NUM_OS):
        for type in range(1, K.NUM_TOKENS):
            process, user = K.FIELDS[type, K.OS_FAMILY[host]].tolist()
            for other in (T.NO_HOST, 9):
                found.append(text.Entry(type, process, user, int(K.PORT_OF[type]), host, other, 3, 5))
    return found, place


@pytest.mark.parametrize("format", text.FORMATS)
def test_every_token_has_a_line(format):
    found, place = entries()
    lines = text.render(found, place, format)
    assert lines == text.render(found, place, format)  # a function of the token
    assert len(lines) == len(found)
    numbers = set()
    for line in lines:
        assert "\n" not in line
        if line.startswith("<"):
            number = ElementTree.fromstring(line).find(".//{*}EventID")
            assert number is not None
            numbers.add(int(number.text or 0))
        elif line.startswith("{"):
            event = json.loads(line)
            if format == "ocsf":
                assert event["type_uid"] == 100 * event["class_uid"] + event["activity_id"]
                assert event["category_uid"] == event["class_uid"] // 1000
                assert 1 <= event["severity_id"] <= 5
    if format == "sysmon":
        windows = {4624, 4625, 4648, 4672, 4768, 4776, 7036, 3, 10, 11, 22}
        assert windows <= numbers
        assert numbers - windows <= {1, 4688, 5156}
    elif format == "ocsf":
        assert not numbers


def test_lines_are_the_same_in_any_process():
    """§5.4: a function of the tokens. Python's own hashes differ from one process to the next."""
    program = """
import sys
sys.path[:0] = sys.argv[1:]
import hashlib, test_shown
found, place = test_shown.entries()
lines = [test_shown.text.render(found, place, name) for name in test_shown.text.FORMATS]
print(hashlib.sha256(repr(lines).encode()).hexdigest())
"""
    digests = [
        subprocess.run(
            [sys.executable, "-c", program, *sys.path],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert digests[0] == digests[1] != ""


def test_an_unknown_format_is_refused():
    with pytest.raises(ValueError, match="no format 'cef'"):
        text.render([], entries()[1], "cef")


def test_text_tells_no_more_than_the_fields_of_a_token():
    """§6.6: on single lines a classifier of who caused a token stays at the rate of the tables.

    Naive Bayes over all words of lines, numbers and addresses too, against the best rule that knows the
    fields.
    """
    rng = np.random.default_rng(0)
    _, place = entries()
    place = place._replace(roles=[0] * STATIC.hosts, systems=[T.Os.WINDOWS_10] * STATIC.hosts)
    benign = noise.entries()[T.Role.WORKSTATION, T.Os.WINDOWS_10].tolist()
    fields = K.FIELDS[:, K.Family.WINDOWS].astype(int)
    malicious = [
        K.pack(token.type, fields[token.type, 0], fields[token.type, 1], int(K.PORT_OF[token.type]))
        for row in R.ROWS.values()
        for token in row.emissions
        if token is not None and token.type is not None
    ]
    count = 3_000
    labels = rng.random(count) < 0.5
    what = np.where(labels, rng.choice(malicious, count), rng.choice(benign, count))
    hosts = rng.integers(4, 12, count)
    made = [
        entry(int(w), int(h) | T.NO_HOST << 8, int(b), int(b) + 2)
        for w, h, b in zip(what, hosts, rng.integers(1, 600, count), strict=True)
    ]
    words = [set(_words(line)) for line in text.render(made, place)]
    train, test = slice(0, count // 2), slice(count // 2, count)
    vocabulary = sorted(set().union(*words[train]))
    place_of_word = {word: i for i, word in enumerate(vocabulary)}
    has = np.zeros((count, len(vocabulary)), bool)
    for row, own in enumerate(words):
        has[row, [place_of_word[word] for word in own if word in place_of_word]] = True
    rates = [
        (has[train][labels[train] == who].sum(0) + 1) / (np.sum(labels[train] == who) + 2) for who in (0, 1)
    ]
    score = [has[test] @ np.log(rate) + ~has[test] @ np.log(1 - rate) for rate in rates]
    reached = np.mean((score[1] > score[0]) == labels[test])
    kinds = set(benign) | set(malicious)
    share = {
        kind: (benign.count(kind) / len(benign), malicious.count(kind) / len(malicious)) for kind in kinds
    }
    best = np.mean(
        [
            share[int(w)][int(label)] >= share[int(w)][1 - int(label)]
            for w, label in zip(what[test], labels[test], strict=True)
        ]
    )
    assert reached <= best + 0.02
    assert best < 0.95  # the tables do not tell them apart


def _words(line):
    return "".join(c if c.isalnum() else " " for c in line).split()


# ---------------------------------------------------------------- metrics


def folded(diagnosis, lane):
    """Counters of one environment, in NumPy."""
    rows = played()[lane::NUM_ENVS]
    add = jax.jit(lambda *args: diagnosis.add(args[0], args[1], NOTHING, args[2], args[3]))
    counters = diagnosis.start(jax.tree.map(jax.numpy.asarray, rows[0][0]))
    for before, after, step in rows:
        counters = add(counters, before, after, step)
    return jax.tree.map(lambda x: np.asarray(x)[None, None], counters)


def incidents(lane):
    """Beginnings of incidents, and seconds until blue isolates or restores the host; by hand."""
    begun, since, contained = 0, {}, []
    first = played()[lane][0].state
    for state in (first, *(after.state for _, after, _ in played()[lane::NUM_ENVS])):
        for host, status in enumerate(state.host_status.tolist()):
            if state.host_priv[host] > 0 and host not in since:
                since[host], begun = int(state.time), begun + 1
            if since.get(host, -1) >= 0 and status in (T.Status.ISOLATED, T.Status.REIMAGING):
                contained.append(-(-(int(state.time) - since[host]) // 1000))
                since[host] = -1
            if host in since and state.host_priv[host] == 0 and status in (T.Status.ONLINE, T.Status.OFF):
                del since[host]
    return begun, contained


def test_incidents_are_counted_and_timed():
    diagnosis, ends = SHORT.diagnosis("blue"), 0
    for lane in range(NUM_ENVS):
        counters = folded(diagnosis, lane)
        begun, contained = incidents(lane)
        assert begun == counters.incidents[0, 0]
        assert begun > 1
        _, _, length, ended = diagnosis.times(counters)["incident contained, s"]
        assert len(length) == begun
        assert set(contained) <= set(length[ended].tolist())
        ends += len(contained)
    assert ends


def test_numbers_agree_with_the_events():
    diagnosis, lane = SHORT.diagnosis("blue"), 1
    rows = played()[lane::NUM_ENVS]
    numbers, tables = diagnosis.found(folded(diagnosis, lane), np.zeros((1, 1)))
    isolations = caught = 0
    clean = []
    for before, _, step in rows:
        events = step.info["events"]
        for agent, kind, target, outcome in zip(
            events.agent, events.kind, events.target, events.outcome, strict=True
        ):
            if (
                0 <= agent < T.NUM_BLUE
                and outcome == Outcome.SUCCESS
                and kind in (B.Blue.ISOLATE, B.Blue.RESTORE, B.Blue.RESTORE_FROM_BACKUP)
            ):
                isolations += 1
                clean.append(before.state.host_priv[target] == 0)
            caught += agent >= T.NUM_BLUE and outcome == Outcome.CAUGHT
    assert isolations
    assert numbers["Isolate and Restore on clean hosts, %"] == pytest.approx(100 * np.mean(clean))
    assert numbers["attacks that deception caught"] == caught
    rows_, columns, values = tables["red's actions by technique"]
    assert values.shape == (1, 1, len(rows_), len(columns))
    assert values[..., columns.index("caught")].sum() == caught
    availability = sum(float(step.info["reward_parts"]["availability"]) for _, _, step in rows)
    hours = int(rows[-1][1].state.time) / 3_600_000
    assert numbers["SLA: weight that is up and not encrypted, %"] == pytest.approx(100 + availability / hours)
    assert curriculum.GOAL in numbers  # by this name a curriculum finds it
    json.dumps(figures(diagnosis, folded(diagnosis, lane), np.zeros((1, 1))))


def by_hand(rows):
    """§8: integrals over time, verdicts, watches, restored hosts, and counts, from states and events."""
    sums = collections.Counter()
    for before, after, step in rows:
        was, now, events = before.state, after.state, step.info["events"]
        minutes = (int(now.time) - int(was.time)) / 60_000
        owned = was.host_priv > 0
        sums["owned"] += minutes * owned.sum()
        isolated = was.host_exists & (was.host_status == T.Status.ISOLATED)
        sums["isolated"] += minutes * (isolated & ~owned).sum()
        news = (now.view_verdict_time != was.view_verdict_time) & now.host_exists
        finds = np.isin(now.view_verdict, (B.Verdict.SUSPECT, B.Verdict.USER, B.Verdict.ROOT))
        clean = now.view_verdict == B.Verdict.CLEAN
        sums["right"] += (news & finds & owned).sum()
        sums["finds"] += (news & finds).sum()
        sums["of owned"] += (news & (finds | clean) & owned).sum()
        waits = jax.device_get(programs()[2](jax.tree.map(lambda x: np.stack([x] * NUM_ENVS), before)))[0]
        sums["decisions"] += (~waits[: T.NUM_BLUE, 0]).sum()
        sums["events"] += (events.slot >= 0).sum()
        for agent, kind, target, outcome, time in zip(
            events.agent, events.kind, events.target, events.outcome, events.time, strict=True
        ):
            red = agent >= T.NUM_BLUE
            sums["trapped"] += red and kind in (*R.EXPLOITS, R.Red.PASS_THE_TICKET)
            sums["caught"] += red and outcome == Outcome.CAUGHT
            if 0 <= agent < T.NUM_BLUE and kind == B.Blue.WATCH and time - was.agent_start[agent] < 120_000:
                mine = scene.layout(STATIC).owner == agent
                sums["released"] += 1
                sums["alarmed"] += bool((mine & owned).any())
            cleans = (B.Blue.RESTORE, B.Blue.RESTORE_FROM_BACKUP, B.Blue.REMOVE)
            if 0 <= agent < T.NUM_BLUE and kind in cleans and outcome == Outcome.SUCCESS:
                bad = owned[target] or was.host_encrypted[target]
                sums["restored"] += bad and not now.host_priv[target] and not now.host_encrypted[target]
    return sums


def share(sums, part, whole):
    return 100 * sums[part] / sums[whole] if sums[whole] else np.nan


def test_numbers_are_those_of_the_states():
    total = collections.Counter()
    for lane in range(NUM_ENVS):
        rows = played()[lane::NUM_ENVS]
        sums = by_hand(rows)
        total += sums
        diagnosis = SHORT.diagnosis("blue")
        counters = folded(diagnosis, lane)
        numbers, _ = diagnosis.found(counters, np.zeros((1, 1)))
        expected = {
            "host-minutes owned by red": sums["owned"],
            "of them per incident": sums["owned"] / int(counters.incidents[0, 0]),
            "host-minutes isolated though clean": sums["isolated"],
            "hosts cleaned by Restore or Remove": sums["restored"],
            "verdicts that are right, of those that find red, %": share(sums, "right", "finds"),
            "verdicts that find red, of those on owned hosts, %": share(sums, "right", "of owned"),
            "watches ended early while red was there, %": share(sums, "alarmed", "released"),
            "exploits and tickets that deception caught, %": share(sums, "caught", "trapped"),
            "decisions": sums["decisions"],
            "steps": len(rows),
            "events": sums["events"],
        }
        for name, value in expected.items():
            assert numbers[name] == pytest.approx(value, rel=1e-4, nan_ok=True), name
    assert {"owned", "isolated", "right", "finds", "of owned", "trapped", "restored"} <= set(+total)
