"""Each random number of a step has the law that it should have, ours and CybORG's recorded ones (§9.2).

Recorded choices become what they are for us: a uniform that picks the option (``draws.py``).
"""

import dataclasses
from collections import defaultdict
from pathlib import Path

import jax
import multiple_tests
import numpy as np
import pytest
from scipy import stats

from garrison.parity.recording import trace
from garrison.worlds.cc4 import draws as D

TESTS = Path(__file__).parents[2]
RECORDED = sorted((TESTS / "data").glob("*.jsonl.xz"))
BESIDE = sorted(
    (TESTS.parents[1] / "shared" / "traces" / "cc4").glob("*.jsonl.gz")
)  # all of them, if at hand
LEVEL = 0.01 / 40  # tests of chance about draws and networks: at most 40, a family-wise error of 1% over all
STEPS = 4096
WHOLE = {"green_reliability": (0, 100)} | dict.fromkeys(
    ("green_pid", "red_pid", "blue_pid", "blue_repid"), (1, 10)
)  # from, up to but without


@pytest.fixture(scope="module")
def fields():
    """The draws of many steps by name, each ``[step, place]``."""
    sample = jax.jit(jax.vmap(D.sample))
    draws = jax.device_get(sample(jax.random.split(jax.random.key(30), STEPS)))
    return {name: array.reshape(STEPS, -1) for name, array in vars(draws).items()}


def evenness(name, u):
    """p-values of the law of uniforms: as a whole, and hundredth by hundredth, where rare events lie."""
    hundredths = np.bincount(np.minimum(np.ravel(u) * 100, 99).astype(int), minlength=100)
    return {
        name: multiple_tests.uniform(u),
        f"{name}, hundredths": multiple_tests.fit(hundredths, np.ones(100)),
    }


def fits(name, values):
    """p-values of a field's law; 0 for a value that cannot be."""
    low, high = WHOLE.get(name, (0, 1))
    if values.min() < low or values.max() >= high:
        return {name: 0.0}
    if name not in WHOLE:
        return evenness(name, values)
    return {
        name: multiple_tests.fit(np.bincount(values.ravel() - low, minlength=high - low), np.ones(high - low))
    }


def test_every_field_has_its_law(fields):
    assert fields.keys() == {field.name for field in dataclasses.fields(D.Draws)}
    assert {name for name, values in fields.items() if values.dtype == np.int32} == WHOLE.keys()
    p = {}
    for name, values in fields.items():
        p |= fits(name, values)
    assert not multiple_tests.rejected(p, LEVEL)


U, ROLL, PID = "red_scan", "green_reliability", "red_pid"


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (U, lambda u, _: u * 0.99),
        (U, lambda u, _: u**1.04),
        (U, lambda u, _: np.where(u < 0.01, u + 0.005, u)),  # nothing below half a per cent
        (U, lambda u, _: np.concatenate([u[:, :5], u[:, 5:] ** 1.3], axis=1)),  # one agent of six
        (ROLL, lambda roll, _: roll + 1),
        (ROLL, lambda roll, _: roll + (roll == 50)),
        (PID, lambda pid, _: np.minimum(pid, 8)),
        (PID, lambda pid, u: np.where((pid == 9) & (u < 0.1), 1, pid)),
    ],
)
def test_a_wrong_law_is_found(fields, name, change):
    assert multiple_tests.rejected(fits(name, change(fields[name], fields[U])), LEVEL)


def most_alike(columns, others, apart=0):
    """p-value of the strongest correlation between ``columns`` and ``others``, ``[step, place]``.

    Args:
        apart: 1 to leave out that of each column with itself.
    """
    r = np.corrcoef(columns.T, others.T)[: columns.shape[1], columns.shape[1] :]
    r = r - apart * np.diag(np.diag(r))
    pairs = r.size / (1 + apart)
    return min(1.0, pairs * 2 * stats.norm.sf(np.abs(r).max() * np.sqrt(len(columns))))


def test_draws_do_not_depend_on_each_other(fields):
    columns = np.concatenate(list(fields.values()), axis=1).astype(float)
    p = {
        "within a step": most_alike(columns, columns, apart=1),
        "from step to step": most_alike(columns[:-1], columns[1:]),
    }
    assert not multiple_tests.rejected(p, LEVEL)
    shared = columns.copy()
    shared[:, 100] = np.where(np.arange(STEPS) % 8 == 0, shared[:, 200], shared[:, 100])  # one step in eight
    assert most_alike(shared, shared, apart=1) < LEVEL


# ---------------------------------------------------------------- recorded tapes

FIELDS = {  # call site: fields that take its place
    "EnterpriseGreenAgent.py:60": "green_action",
    "GreenLocalWork.py:101": "green_pick",
    "GreenAccessService.py:115": "green_pick",
    "GreenLocalWork.py:102": "green_reliability",
    "GreenLocalWork.py:112": "green_alarm",
    "GreenAccessService.py:207": "green_alarm",
    "GreenLocalWork.py:118": "green_phishing",
    "PhishingEmail.py:88": "green_sender",
    "FiniteStateRedAgent.py:269": "red_group",
    "FiniteStateRedAgent.py:271": "red_group",
    "FiniteStateRedAgent.py:278": "red_server",
    "FiniteStateRedAgent.py:280": "red_host",
    "FiniteStateRedAgent.py:285": "red_host",
    "FiniteStateRedAgent.py:287": "red_host",
    "FiniteStateRedAgent.py:289": "red_host",
    "FiniteStateRedAgent.py:291": "red_host",
    "FiniteStateRedAgent.py:311": "red_action",
    "FiniteStateRedAgent.py:330": "red_session, red_subnet",
    "RandomSelectRedAgent.py:68": "red_action",
    "RandomSelectRedAgent.py:81": "red_session, red_subnet, red_host, red_group",
    "Portscan.py:49": "red_scan",
    "DiscoverDeception.py:89": "red_deception",
    "DiscoverDeception.py:95": "red_deception",
    "ExploitRemoteService.py:61": "red_exploit",
    "ExploitRemoteService.py:65": "",  # compared with 0: decides nothing
    "ExploitAction.py:83": "",  # likewise
    "SSHBruteForce.py:44": "red_route",
    "ExploitAction.py:102": "red_alert",
    "Host.py:200": "green_pid, red_pid, blue_pid, blue_repid",
    "PrivilegeEscalate.py:103": "red_escalate",
    "RedSessionCheck.py:37": "red_promote",
    "DecoyAction.py:84": "blue_decoy",
}
STOCK_AND_DISCOVERY = ("fsm-random-1.jsonl.xz", "discovery-heavy-0.jsonl.xz")
NAMES = {
    "DRS": "DiscoverRemoteSystems",
    "Aggr": "AggressiveServiceDiscovery",
    "Stealth": "StealthServiceDiscovery",
    "Exploit": "ExploitRemoteService",
    "PrivEsc": "PrivilegeEscalate",
    "Degrade": "DegradeServices",
    "DiscDec": "DiscoverDeception",
    "Impact": "Impact",
    "Withdraw": "Withdraw",
}
ACTIONS = {  # §5.1 and §5.5, in CybORG's order
    "fsm": {
        "K": "DRS .5, Aggr .25, Stealth .25",
        "KD": "Aggr .5, Stealth .5",
        "S": "DRS .25, Exploit .5, DiscDec .25",
        "SD": "Exploit .75, DiscDec .25",
        "U": "DRS .5, PrivEsc .5, Withdraw 0",
        "UD": "PrivEsc 1, Withdraw 0",
        "R": "DRS .5, Degrade .25, Impact .25, Withdraw 0",
        "RD": "Degrade .5, Impact .5, Withdraw 0",
    },
    "discovery": {
        "K": "DRS .25, Aggr .75, Stealth 0",
        "KD": "Aggr 1, Stealth 0",
        "S": "DRS .25, Exploit .75, DiscDec 0",
        "SD": "Exploit 1, DiscDec 0",
        "U": "DRS 0, PrivEsc 1, Withdraw 0",
        "UD": "PrivEsc 1, Withdraw 0",
        "R": "DRS 1, Degrade 0, Impact 0, Withdraw 0",
        "RD": "Degrade .5, Impact .5, Withdraw 0",
    },
}
PRIORITY = {"K": 20, "KD": 20, "S": 20, "SD": 20, "U": 10, "UD": 10, "R": 0, "RD": 0}


class Episode:
    """The uniforms, by call site, that a recorded episode's draws stand for."""

    def __init__(self, path):
        recording = trace.read(path)
        self.rng = np.random.default_rng(31)
        self.red = recording.header["red"]
        self.uniforms = defaultdict(list)
        for step in recording.steps():
            self.chosen = {}  # by red agent: state of the host that it will act on, as far as drawn
            for draw in step.tape:
                self.uniforms[draw.site].append(self.uniform(draw, step))

    def uniform(self, draw, step):
        if draw.kind == "random":
            return draw.outcome
        if draw.kind == "choice_p":
            return self.weighted(draw, self.hosts(draw, step))
        if draw.label is not None and draw.site.startswith("FiniteState") and not draw.site.endswith(":330"):
            self.chosen[draw.agent] = self.hosts(draw, step).get(draw.label, draw.label)
        low, high = draw.range if draw.kind == "integers" else (0, draw.range)
        return multiple_tests.spread_choices(draw.outcome - low, high - low, self.rng)

    def hosts(self, draw, step):
        """State by address of the hosts that the agent considers; they are in force before it decides."""
        known = step.snapshot["red"][draw.agent]["host_states"]
        return {ip: state for ip, state, _ in known if state != "F"}

    def weighted(self, draw, hosts):
        if draw.site.endswith(":269"):
            weights = {state: PRIORITY[state] for state in hosts.values()}
            self.chosen[draw.agent] = draw.label
        else:
            state = self.chosen.get(draw.agent) or next(iter(hosts.values()))
            weights = {
                NAMES[name]: float(p) for name, p in map(str.split, ACTIONS[self.red][state].split(","))
            }
        assert list(weights)[draw.outcome] == draw.label
        ends = np.append(0, np.cumsum(list(weights.values())))
        return float(multiple_tests.spread(*ends[[draw.outcome, draw.outcome + 1]] / ends[-1], self.rng))


def check(paths):
    fields = {field.name for field in dataclasses.fields(D.Draws)}
    assert {name for names in FIELDS.values() for name in names.split(", ") if name} == fields
    p, seen = {}, set()
    for path in paths:
        uniforms = Episode(path).uniforms
        seen |= uniforms.keys()
        for site, u in uniforms.items():
            p |= evenness(f"{site} in {path.name}", u)
    assert seen <= FIELDS.keys()
    assert FIELDS.keys() - seen <= {"FiniteStateRedAgent.py:271"}  # discovery knows nothing but root shells
    assert not multiple_tests.rejected(p, LEVEL)


def test_recorded_draws_have_the_same_laws():
    check(RECORDED)


@pytest.mark.slow
@pytest.mark.skipif(not BESIDE, reason="only the recordings in tests/data are at hand")
def test_all_recorded_draws_have_the_same_laws():
    check(BESIDE)


def test_a_wrong_law_of_recorded_draws_is_found(monkeypatch):
    monkeypatch.setitem(ACTIONS, "fsm", ACTIONS["discovery"])
    for state in PRIORITY:
        monkeypatch.setitem(PRIORITY, state, 1)
    stock, discovery = (Episode(TESTS / "data" / name).uniforms for name in STOCK_AND_DISCOVERY)
    alarm = np.array(stock["GreenLocalWork.py:112"])
    wrong = {
        "stock red chooses actions as discovery does": stock["FiniteStateRedAgent.py:311"],
        "discovery takes all states equally often": discovery["FiniteStateRedAgent.py:269"],
        "2% of false alarms instead of 1%": np.where(alarm < 0.02, alarm / 2, alarm),
    }
    for name, u in wrong.items():
        assert multiple_tests.rejected(evenness(name, u), LEVEL), name
