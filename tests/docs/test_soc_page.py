"""The pages on soc agree with the code: their tables and section numbers."""

import itertools
import re
from pathlib import Path

import pytest

import garrison
from garrison.worlds.soc import CONTRACTS, SCENARIOS, Soc, Static
from garrison.worlds.soc.tables import blue, hosts, red, routes, scenarios, tokens
from garrison.worlds.soc.tables.laws import Clock

ROOT = Path(__file__).parents[2]
GUIDE, RULES = ((ROOT / "docs/worlds" / name).read_text() for name in ("soc.md", "soc-rules.md"))


def table(page, heading, number=0):
    """Rows of a table below a heading, its head left out; cells without backticks."""
    text = page.split(f" {heading}\n", 1)[1]
    text = re.split(r"^#", text, maxsplit=1, flags=re.MULTILINE)[0]
    groups = [
        list(lines)
        for is_row, lines in itertools.groupby(text.splitlines(), lambda line: line.startswith("|"))
        if is_row
    ]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in groups[number][2:]]


def test_every_section_that_the_source_names_is_there():
    folders = ("src/garrison/worlds/soc", "src/garrison/range", "tests/worlds/soc")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    named = set(re.findall(r"§(\d+(?:\.\d+)*)", "".join(path.read_text() for path in files) + GUIDE + RULES))
    sections = set(re.findall(r"^#+ (\d+(?:\.\d+)*) ", RULES, flags=re.MULTILINE))
    assert named - sections == set()


@pytest.mark.parametrize(
    ("heading", "rows", "columns"),
    [
        ("4.2 Red", red.ROWS, ("energy", "funds", "seconds")),
        ("4.3 Blue", blue.ROWS, ("energy", "funds", "compute", "seconds")),
    ],
)
def test_actions(heading, rows, columns):
    listed = table(RULES, heading)
    assert [(int(line[0]), line[1]) for line in listed] == [(int(k), row.name) for k, row in rows.items()]
    for line, row in zip(listed, rows.values(), strict=True):
        assert [float(x) for x in line[3 : 3 + len(columns)]] == [getattr(row, name) for name in columns]
        assert line[3 + len(columns)] == row.family.name.lower()
        if rows is red.ROWS and row.chance:
            assert int(line[7]) == row.chance
        types = [t.type.name.lower() for t in row.emissions if t is not None and t.type is not None]
        assert all(name in line[-1] for name in types)
    described = [name for line in table(RULES, heading, 1) for name in re.findall(r"\w+", line[0])]
    plain = {row.name for row in rows.values()} - {"Wait", "LieLow", "Watch"}
    assert {name for name in plain if not name.startswith("Decoy")} <= set(described)


def test_zones_and_hosts():
    for zone, line in enumerate(table(RULES, "3.1 Zones")):
        assert line[:3] == [
            hosts.ZONE_NAMES[zone],
            hosts.ZONE_ADDRESSES[zone],
            hosts.BLUE_AGENTS[hosts.ZONE_OWNER[zone]],
        ]
        assert line[3] == ", ".join(str(hosts.SLOTS[size][zone]) for size in hosts.SIZES)
        for cell, size in zip(line[4:], hosts.SIZES, strict=True):
            least, most = hosts.LIVE[size][zone]
            assert cell == (f"{least}–{most}" if least < most else str(least))
    weights = [int(line[1]) for line in table(RULES, "3.2 Hosts")]
    assert weights == hosts.ROLE_WEIGHT.tolist()
    assert [line[0] for line in table(RULES, "3.2 Hosts", 1)] == list(hosts.WEAKNESS_NAMES)


def test_routes():
    bits = lambda cell: hosts.bits(  # noqa: E731
        *(hosts.Port[name.upper()] for name in cell.split(", ") if name != "none")
    )
    found = {}
    for start, end, normal, strict in table(RULES, "3.3 Routes"):
        found[hosts.ZONE_NAMES.index(start), hosts.ZONE_NAMES.index(end)] = (bits(normal), bits(strict))
    for (start, end), levels in found.items():
        assert tuple(routes.ALLOW[0, :2, start, end].tolist()) == levels
    open_pairs = {(a, b) for a in range(6) for b in range(5) if a != b and routes.ALLOW[0, :, a, b].any()}
    assert open_pairs == set(found)


def test_tokens():
    for sensor, line in zip(list(tokens.Sensor)[1:], table(RULES, "5.1 Tokens"), strict=True):
        types = [t for t in tokens.Token if tokens.SENSOR[t] == sensor]
        assert line[0] == sensor.name.lower()
        assert line[1] == ", ".join(f"{t.name.lower()} ({tokens.SEVERITY[t]})" for t in types)
        assert line[2] == f"{tokens.LOSS[sensor][0]}, {tokens.LOSS[sensor][1]}"
    groups = table(RULES, "5.3 Delivery")
    assert [line[0] for line in groups] == list(tokens.GROUPS)


def test_scenarios_and_presets():
    for name, line in zip(SCENARIOS, table(RULES, "7.1 Start and goal"), strict=True):
        rules = scenarios.SCENARIOS[scenarios.Scenario[name.upper()]]
        assert line[:2] == [name, f"{rules.horizon_ms / 3.6e6:g} h"]
    rows = table(RULES, "7.4 Presets and splits")
    for number, preset in enumerate(scenarios.PRESETS.values(), 1):
        cells = [line[number] for line in rows]
        assert [0 if c == "never" else int(c) for c in cells[: len(Clock)]] == list(preset.clock_s)
        scales = [preset.delay_scale, preset.alarm_scale, preset.noise_scale, preset.slip, preset.dwell_scale]
        assert [int(c) for c in cells[len(Clock) :]] == scales


def test_options_of_make():
    rows = {
        name: [value.strip("`") for value in values.split(", ")]
        for name, values, _ in table(GUIDE, "Options of `make`")
    }
    assert rows["scenario"] == list(SCENARIOS)
    assert sorted(rows["preset"]) == sorted(scenarios.PRESETS)
    assert rows["observation"] == list(CONTRACTS)
    both = garrison.make("soc", side="both")
    for side in ("red", "blue"):
        assert sorted(rows[side]) == sorted(both.policies(side))
        listed = next(line[2] for line in table(GUIDE, "Who plays") if line[0] == side)
        assert {name.strip("`") for name in listed.split(", ")} == set(rows[side])
    worlds = [line[0] for line in table(GUIDE, "Scenarios")]
    assert worlds == ["soc", *(f"soc/{name}" for name in SCENARIOS[1:])]
    assert set(worlds) == {name for name in garrison.available_worlds() if name.startswith("soc")}


def test_specification():
    for size, counts, lengths in table(GUIDE, "Specification"):
        world = Soc(static=Static(size))
        assert counts == ", ".join(map(str, world.action_counts))
        assert lengths == ", ".join(map(str, world.observation_sizes))
