"""The pages on CC4 agree with the code: their tables, quirks and section numbers."""

import ast
import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest

import garrison
from garrison.worlds.cc4 import PLAYED, default_options, red_view, reds, rich
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.agents import blue, green, red
from garrison.worlds.cc4.columns import COLUMNS
from garrison.worlds.cc4.draws import Draws
from garrison.worlds.cc4.env import BUSY, ENDS
from garrison.worlds.cc4.events import Events
from garrison.worlds.cc4.messages import MESSAGES
from garrison.worlds.cc4.options import FIELDS
from garrison.worlds.cc4.restrict import IDLE, TRAFFIC
from garrison.worlds.cc4.shares import CONTRACTOR, REWARDS

ROOT = Path(__file__).parents[2]
PAGE = "".join((ROOT / "docs/worlds" / name).read_text() for name in ("cc4.md", "cc4-rules.md"))
SHORT = ("RZA", "OZA", "RZB", "OZB", "CON", "PAZ", "ADM", "OFF", "INT")


def _sections() -> dict[str, list[str]]:
    """Lines below each heading, programs left out."""
    sections: dict[str, list[str]] = {}
    text = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
    for line in text.splitlines():
        if line.startswith("#"):
            lines = sections[line.lstrip("# ")] = []
        else:
            lines.append(line)
    return sections


SECTIONS = _sections()


def table(heading: str, number: int = 0) -> list[list[str]]:
    """Rows of the table with this number below a heading, its head left out; cells without backticks."""
    groups = [
        list(lines)
        for is_row, lines in itertools.groupby(SECTIONS[heading], lambda line: line.startswith("|"))
        if is_row
    ]
    rows = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in groups[number]]
    assert len({len(row) for row in rows}) == 1
    return rows[2:]


def indices(cell: str) -> range:
    """``"4"`` or ``"4–8"``."""
    first, _, last = cell.partition("–")
    return range(int(first), int(last or first) + 1)


def words(cell: str) -> list[str]:
    return cell.split(", ") if cell else []


def test_every_section_and_quirk_that_the_source_names_is_there():
    package = ROOT / "src" / "garrison"
    others = package / "worlds" / "soc", package / "range"  # name those of test_soc_page
    files = [p for p in package.rglob("*.py") if not any(p.is_relative_to(other) for other in others)]
    source = "".join(path.read_text() for path in files)
    numbers = {heading.split()[0] for heading in SECTIONS}
    steps = {f"3.2.{line.split('.')[0]}" for line in SECTIONS["3.2 Step"] if re.match(r"\d+\. ", line)}
    turns = {f"5.3.{line.split('.')[0]}" for line in SECTIONS["5.3 Its turn"] if re.match(r"\d+\. ", line)}
    named = set(re.findall(r"§(\d+(?:\.\d+)*)", source + PAGE))
    assert named - numbers - steps - turns == set()
    quirks = {row[0] for row in table("10 Quirks")}
    assert set(re.findall(r"\bQ\d+\b", source + PAGE)) <= quirks


def test_quirks_have_tests():
    tree = ast.parse((ROOT / "tests/worlds/cc4/test_quirks.py").read_text())
    tests = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    rows = table("10 Quirks")
    assert sorted({int(quirk[1:]) for quirk, _, _ in rows}) == list(range(1, 31))
    held = {name for _, _, name in rows if not name.startswith("none: ")}
    assert held == {name for name in tests if name.startswith("test_q")}
    for quirk, _, name in rows:
        assert name.startswith((f"test_q{int(quirk[1:]):02d}_", "none: "))


# ---------------------------------------------------------------- the world


def test_arguments_of_make():
    known = {
        "side": ("blue", "red", "both"),
        "red": (*red.POLICIES[:4], "[and others](#reds)"),
        "green": green.POLICIES,
        "blue": tuple(blue.POLICIES),
        "observation": PLAYED,
        "busy": BUSY,
        "traffic": TRAFFIC,
        "idle": IDLE,
        "messages": MESSAGES,
        "rewards": REWARDS,
        "contractor": CONTRACTOR,
        "end": tuple(ENDS),
        "red_observation": ("known", "acts"),
        "red_reward": ("zero_sum", "coupled", "shaped"),
        "cost_weight": ("1",),
        "column": tuple(COLUMNS),
        "vary": ("none", "[banks](../banks.md)"),
    }
    rows = {
        name: tuple(v.strip("`") for v in words(values)) for name, values, _ in table("Options of `make`")
    }
    assert rows == known
    defaults = {name: values[0] for name, values in rows.items()}
    for side, other in (("blue", "red"), ("red", "blue")):
        explicit = garrison.make("cc4", side=side, green=defaults["green"], **{other: defaults[other]})
        assert explicit == garrison.make("cc4", side=side)


def test_scripted_policies():
    listed = {
        side: [v.strip("`") for v in words(names.split(";")[0])] for side, _, names in table("Who plays")
    }
    assert listed["blue"] == list(blue.POLICIES)
    names = [name.partition("`")[0] for name in listed["red"]]
    assert names == [*red.POLICIES[:4], f"and [{len(red.POLICIES) - 4} more](#reds)"]
    assert [name for name, *_ in table("Reds")] == list(red.POLICIES)
    assert listed["green"] == list(green.POLICIES)


def test_specification():
    cells = {name: values for name, *values in table("Specification")}
    for column, side in enumerate(("blue", "red")):
        world = garrison.make("cc4", side=side)

        def cell(name, column=column):
            return cells[name][column]

        assert cell("version") == world.version
        assert int(cell("agents")) == world.num_agents
        assert cell("observation") == f"float32 [{world.num_agents}, {world.observation_size}]"
        sizes = tuple(map(int, words(cell("observation sizes without padding"))))
        assert sizes == world.observation_sizes
        assert tuple(map(int, words(cell("actions without padding")))) == world.action_counts
        assert int(cell("steps per episode")) == world.max_steps
        assert int(cell("rewards that the official score counts")) == world.score_steps
    assert table("Version history")[-1][0] == garrison.make("cc4").version


#: what in tables has as many entries as an axis
AXES = {"subnet": "SUBNETS", "group": "Group", "state": "Fsm", "role": "Role", "action": "RED_NAMES"}


def test_options():
    rows = table("Options of the game")
    assert [row[0] for row in rows] == list(FIELDS)
    options = default_options()
    for name, axes, default, _ in rows:
        if default == "none":
            assert getattr(options, name) is None
            ones = np.ones([len(getattr(T, AXES[axis])) for axis in words(axes)])
            assert getattr(default_options(**{name: ones}), name).shape == ones.shape
            continue
        value = np.asarray(getattr(options, name))
        assert len(words(axes)) == value.ndim
        if default.startswith("tables."):
            expected = getattr(T, default.removeprefix("tables."))
        else:
            expected = np.asarray(json.loads(default), value.dtype)
        assert np.array_equal(value, np.broadcast_to(expected, value.shape))
    discovery = default_options().red_discovery_probability
    assert np.array_equal(discovery, T.DISCOVERY_PROBABILITY)


# ---------------------------------------------------------------- the network


def test_subnets():
    rows = table("1.1 Subnets")
    assert [row[0] for row in rows] == list(SHORT)
    assert [row[1] for row in rows] == list(T.SUBNETS)
    assert [int(row[2]) for row in rows] == list(range(T.NUM_SUBNETS))
    assert [int(row[3]) for row in rows] == np.argsort(T.ALPHABETICAL).tolist()
    for column, owners in ((4, T.SUBNET_BLUE), (5, T.SUBNET_RED)):
        assert [int(row[column] or T.NO_AGENT) for row in rows] == owners.tolist()


def test_services_and_decoys():
    def bits(port: str) -> int:
        return 1 << T.PORTS.index(int(port))

    services = {name: bits(port) for name, port, _ in table("1.4 Services")}
    assert services == dict(zip(T.SERVICE_NAMES[1:], T.SERVICE_PORT[1:].tolist(), strict=True))
    decoys = {name.lower(): bits(opened) for name, _, opened in table("4.2 Blue")}
    names = [name.removesuffix("2") for name in T.DECOY_NAMES[1:]]  # Apache's service is apache2
    assert decoys == dict(zip(names, T.DECOY_PORT[1:].tolist(), strict=True))


def test_information_links():
    links = {
        SHORT.index(s): tuple(SHORT.index(t) for t in words(to)) for s, to in table("1.6 Information links")
    }
    assert links == T.INFORMATION_LINKS


def test_where_green_goes():
    rows = table("6.2 Where green goes")
    assert [row[0] for row in rows] == list(SHORT[:8])
    reach = [[[s in words(cell) for s in SHORT[:8]] for cell in row[1:]] for row in rows]
    assert np.array_equal(np.swapaxes(reach, 0, 1), T.GREEN_REACH)


# ---------------------------------------------------------------- actions and red


def test_durations():
    rows = table("4.1 Durations")
    listed = {(team, name): int(duration) for team, name, duration, _ in rows}
    expected = {("blue", T.BLUE_NAMES[k]): int(T.BLUE_DURATION[k]) for k in T.Blue}
    expected |= {("red", T.RED_NAMES[k]): int(T.RED_DURATION[k]) for k in T.Red if k != T.Red.INVALID}
    assert listed == expected


def test_exploits():
    rows = table("4.4 Red")
    assert [row[0] for row in rows] == list(T.EXPLOIT_NAMES[1:])
    by_weight = sorted(rows, key=lambda row: -float(row[2]))
    assert [row[0] for row in by_weight] == [T.EXPLOIT_NAMES[k] for k in T.EXPLOIT_BY_WEIGHT]


def _head(heading: str) -> list[str]:
    line = next(line for line in SECTIONS[heading] if line.startswith("| state"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_transitions_of_the_finite_state_red():
    heading = "5.1 The finite-state red"
    assert _head(heading) == list(T.RED_NAMES[T.Red.DISCOVER : T.Red.WITHDRAW + 1])
    success = np.zeros_like(T.FSM_SUCCESS)
    for state, *cells in table(heading):
        success[T.Fsm[state], 1:] = [T.Fsm[cell or "NONE"] for cell in cells]
    assert np.array_equal(success, T.FSM_SUCCESS)


@pytest.mark.parametrize(
    ("heading", "expected"),
    [("5.3 Its turn", T.FSM_PROBABILITY), ("5.5 Others", T.DISCOVERY_PROBABILITY)],
)
def test_probabilities_of_the_finite_state_red(heading, expected):
    assert _head(heading) == list(T.RED_NAMES[T.Red.DISCOVER : T.Red.WITHDRAW])
    chances = np.zeros_like(expected)
    for state, *cells in table(heading):
        chances[T.Fsm[state], 1:-1] = [float(cell or 0) for cell in cells]
    assert np.array_equal(chances, expected)


def _red_names(cell: str) -> list[str]:
    if cell.startswith("all "):
        prefix = cell.removeprefix("all `").removesuffix("*")
        return [name for name in reds.REDS if name.startswith(prefix)]
    return [name.strip("`") for name in words(cell)]


def test_actions_of_reds_that_are_data():
    letters = dict(zip("DASCEPIGW", list(T.Red)[1:10], strict=True))
    expected = {name: np.stack([T.FSM_PROBABILITY] * len(T.Group)) for name in reds.REDS}
    for names, group, rows in table("5.6 Reds as data"):
        groups = slice(None) if group == "all" else int(group)
        for name in _red_names(names):
            for row in filter(None, rows.split("; ")):
                state, _, entries = row.partition(": ")
                parts = entries.split()
                chances = np.zeros(10, np.float32)
                chances[[letters[letter] for letter in parts[::2]]] = [
                    float(chance) for chance in parts[1::2]
                ]
                expected[name][groups, T.Fsm[state]] = chances
    for name, tables in expected.items():
        np.testing.assert_allclose(
            tables, np.broadcast_to(reds.options(name).red_probability, tables.shape), atol=5e-5
        )


def test_hosts_of_reds_that_are_data():
    ones = np.ones((len(T.Group), len(T.Fsm)), np.float32)
    weights, roles = {name: ones.copy() for name in reds.REDS}, {name: np.ones(4) for name in reds.REDS}
    rooted, seen = [T.Fsm.R, T.Fsm.RD], [T.Fsm.KD, T.Fsm.SD]
    for name, zones, target, root, unnamed in table("5.6 Reds as data", 1):
        weights[name][1:] = [[float(target)], [float(unnamed)]]
        weights[name][1, rooted], weights[name][2, seen] = float(root), 1
        named = [T.SUBNETS[i] for i in np.flatnonzero(reds.options(name).red_target)]
        assert named == [T.SUBNETS[SHORT.index(zone)] for zone in words(zones)]
    for name, weight, which in table("5.6 Reds as data", 2):
        if name == "degrader":
            weights[name][:, rooted] = float(weight)
        for role in T.Role:
            if re.search(rf"\b{role.name}\b", which):
                roles[name][role] = float(weight)
    for name in reds.REDS:
        options = reds.options(name)
        for expected, found in (
            (weights[name], options.red_host_weight),
            (roles[name], options.red_role_weight),
        ):
            assert np.array_equal(expected, np.ones_like(expected) if found is None else found)


def _listed(rows: list[list[str]], column: int) -> list[str]:
    """The name at each index, by a table with ranges of indices in a column."""
    names = []
    for row in rows:
        assert indices(row[column]).start == len(names)
        names += [row[0]] * len(indices(row[column]))
    return names


def test_blue_actions():
    rows = table("7.1 Actions")
    for agent in range(T.NUM_BLUE):
        kinds = T.BLUE_ACTIONS[agent, : T.BLUE_ACTION_COUNTS[agent], 0]
        assert _listed(rows, 2 if agent == 4 else 1) == [T.BLUE_NAMES[k] for k in kinds]


def test_red_actions():
    rows = table("11 Red, and two sides")
    for agent in range(T.NUM_RED):
        kinds = red_view.ACTIONS[agent, : red_view.ACTION_COUNTS[agent], 0]
        assert _listed(rows, 2 if agent == 5 else 1) == [T.RED_NAMES[k] for k in kinds]


# ---------------------------------------------------------------- rewards and observations


def test_rewards():
    rows = table("6.3 Rewards")
    assert [row[0] for row in rows] == list(SHORT)
    values = [[[float(x) for x in cell.split(" / ")] for cell in row[1:]] for row in rows]
    assert np.array_equal(np.swapaxes(values, 0, 1), T.REWARD)


def test_policy():
    rows = {SHORT.index(name): cells for name, *cells in table("7.2 Observation", 2)}
    assert list(rows) == T.ALPHABETICAL.tolist()
    for subnet, cells in rows.items():
        for phase, bits in enumerate(cells):
            assert [int(b) for b in bits] == T.POLICY[phase, subnet].tolist()


def _labels(pattern: str, own: int | None, agent: int) -> list[str]:
    """All labels that a pattern of the page stands for, in the order that the page gives."""
    hosts = [f"server_host_{i}" for i in range(6)] + [f"user_host_{i}" for i in range(10)]
    runs = {
        "{other}": sorted(T.SUBNETS),
        "{host}": hosts,
        "{agent}": [name for i, name in enumerate(T.BLUE_AGENTS) if i != agent],
        "{bit}": [str(bit) for bit in range(8)],
        "{own}": [] if own is None else [T.SUBNETS[own]],
        "{action}": list(T.RED_NAMES[T.Red.DISCOVER : T.Red.WITHDRAW + 1]),
        "{number}": ["0", "1", "2"],
        "{port}": [str(port) for port in T.PORTS],
    }
    texts = [pattern]
    for name, values in runs.items():
        if name in pattern:
            texts = [text.replace(name, value) for text in texts for value in values]
    return texts


@pytest.mark.parametrize("agent", range(T.NUM_BLUE))
def test_observation_of_blue(agent):
    rows = table("7.2 Observation", 1 if agent == 4 else 0)
    labels = []
    for index, pattern, subnet in rows:
        own = None if agent == 4 else T.BLUE_SUBNETS[agent][0]
        own = SHORT.index(subnet) if agent == 4 and subnet else own
        more = _labels(pattern, own, agent)
        assert indices(index) == range(len(labels), len(labels) + len(more))
        labels += more
    assert labels == garrison.make("cc4").observation_labels(agent)


def test_rich_observation():
    of_agent, of_host = table("7.6 The rich observation"), table("7.6 The rich observation", 1)
    assert indices(of_agent[0][0]) == range(rich.START)
    assert [(int(index), name) for index, name, _ in of_agent[1:]] == list(
        enumerate(rich.OF_AGENT, rich.START)
    )
    assert [(int(offset), name) for offset, name, _ in of_host] == list(enumerate(rich.OF_HOST))
    text = " ".join(SECTIONS["7.6 The rich observation"])
    first, second = rich.HOSTS, rich.HOSTS + len(rich.OF_HOST)
    assert f"begin at {first}, of the second at {second}" in text
    assert f"end at {rich.OBSERVATION_SIZES[0] - 1}, agent 4 at {rich.OBSERVATION_SIZES[4] - 1}" in text


@pytest.mark.parametrize("agent", range(T.NUM_RED))
def test_observation_of_red(agent):
    general, per_host = table("11 Red, and two sides", 1), table("11 Red, and two sides", 2)
    labels = []
    for index, pattern in general:
        more = _labels(pattern, None, agent)
        assert indices(index) == range(len(labels), len(labels) + len(more))
        labels += more
    for host in red_view.targets(agent):
        for _, pattern in per_host:
            labels += _labels(pattern.replace("{host}", T.HOST_NAMES[host]), None, agent)
    assert labels == garrison.make("cc4", side="red").observation_labels(agent)
    assert [i for index, _ in per_host for i in indices(index)] == list(range(11))


# ---------------------------------------------------------------- draws, events, sizes


def test_draws_and_events():
    for heading, record in (("9.2 A step", Draws), ("12 Arrays", Events)):
        rows = table(heading, 1 if record is Events else 0)
        assert [row[0] for row in rows] == list(record.__annotations__)
        for name, axes, _ in rows:
            assert words(axes)[0] == name.split("_")[0]


def test_sizes():
    sizes = {name: int(entries) for _, entries, name in table("12 Arrays")}
    assert sizes == {name: getattr(T, name) for name in sizes}
    assert len(sizes) == len(T.Overflow)
