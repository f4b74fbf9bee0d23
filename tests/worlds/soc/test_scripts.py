"""Scripted players of both sides (``§7.5``): what they choose in states that a rule is made for."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from soc_kernel import FIRST_RED as RED
from soc_kernel import SMALL, Game, Sim

import garrison
from garrison.judge import specs
from garrison.worlds.soc import describe, legal, observe_blue, observe_red
from garrison.worlds.soc.agents import analyst, constant, killchain
from garrison.worlds.soc.tables import hosts as T
from garrison.worlds.soc.tables.actions import Outcome
from garrison.worlds.soc.tables.blue import Blue, Verdict
from garrison.worlds.soc.tables.hosts import Port, Privilege, Role, Scope, Status, Weakness, Zone
from garrison.worlds.soc.tables.red import Red
from garrison.worlds.soc.tables.scenarios import PLANT_ALARM

KEY = jax.random.key(0)
LABELS = [describe.action_labels(SMALL, agent) for agent in range(4)]


@functools.cache
def seen():
    def both(options, topology, state):
        game = Game(SMALL, options, topology)
        blue, red = observe_blue.vectors(game, state, "counters"), observe_red.vectors(game, state)
        return blue, red, legal.legal(game, state)

    return jax.jit(both)


@functools.cache
def acting(policy):
    return jax.jit(policy.act)


def chosen(sim, policy, memory=None, key=KEY):
    """Labels of the actions of a policy's side, and its memory."""
    blue, red, mask = seen()(sim.options, sim.topology, sim.state)
    is_blue = isinstance(policy, analyst.Analyst)
    rows, obs = (slice(0, 3), blue) if is_blue else (slice(3, 4), red)
    if memory is None:
        memory = policy.init(key, len(obs))
    actions, memory = acting(policy)(key, obs, mask[rows], memory)
    first = 0 if is_blue else RED
    assert all(mask[first + i, a] for i, a in enumerate(actions.tolist()))
    return [LABELS[first + i][a] for i, a in enumerate(actions.tolist())], memory


LATE = {"time": 100_000, "batch_next": 105_000}
ANALYST = analyst.Analyst(SMALL)
KILLCHAIN = killchain.Killchain(SMALL)


def named(host):
    return describe.host_names(SMALL)[host]


# ---------------------------------------------------------------- defenders


def report(verdict):
    return lambda h: {"view_verdict": {h: verdict}, "view_verdict_time": {h: 80_000}}


def severe(group):
    return lambda h: {"view_severe": {h: 19}, "view_fast": {(h, group): 64}}


ANALYST_CASES = [
    (report(Verdict.ROOT), Role.ADMIN_WORKSTATION, "Restore"),
    (report(Verdict.ENCRYPTED), Role.ADMIN_WORKSTATION, "RestoreFromBackup"),
    (report(Verdict.USER), Role.ADMIN_WORKSTATION, "Remove"),
    (report(Verdict.SUSPECT), Role.ADMIN_WORKSTATION, "Analyse"),
    (severe(10), Role.ADMIN_WORKSTATION, "Isolate"),
    (severe(11), Role.ADMIN_WORKSTATION, "Isolate"),
    (severe(10), Role.DOMAIN_CONTROLLER, "Analyse"),
    (severe(9), Role.ADMIN_WORKSTATION, "Analyse"),
    (
        lambda h: report(Verdict.CLEAN)(h) | {"host_status": {h: Status.ISOLATED}},
        Role.WORKSTATION,
        "Reconnect",
    ),
]


@pytest.mark.parametrize(("edit", "role", "expected"), ANALYST_CASES)
def test_the_analyst_follows_its_rules(edit, role, expected):
    sim = Sim()
    host = sim.hosts(role, Zone.CORPORATE)[0]
    sim.set(**LATE, **edit(host))
    labels, _ = chosen(sim, ANALYST)
    assert labels[1] == f"{expected} {named(host)}"


def test_the_analyst_prepares_when_nothing_happens():
    sim = Sim()
    labels, _ = chosen(sim, ANALYST)
    controllers = [named(h) for h in sim.hosts(Role.DOMAIN_CONTROLLER)]
    assert labels[1:] == [f"DeployEDR {name}" for name in controllers]
    sim.set(host_edr=True)
    labels, _ = chosen(sim, ANALYST)  # no compute is left for decoys
    assert labels[1].startswith("Awareness")


def test_the_analyst_restores_plcs_at_an_alarm():
    sim = Sim("ot_stuxnet")
    sim.set(plant_value={0: int(PLANT_ALARM[0, 1]) + 1})
    labels, _ = chosen(sim, ANALYST)
    assert labels[2] in {f"Restore {named(h)}" for h in sim.hosts(Role.PLC)}
    assert not labels[1].startswith("Restore")


def test_the_analyst_remembers_that_a_removal_failed():
    sim = Sim()
    host = sim.hosts(Role.ADMIN_WORKSTATION)[0]
    sim.set(**LATE, **report(Verdict.USER)(host))
    labels, memory = chosen(sim, ANALYST)
    assert labels[1] == f"Remove {named(host)}"
    for outcome, expected in ((Outcome.FAILED, "Restore"), (Outcome.SUCCESS, "Analyse")):
        sim.set(last_outcome={1: outcome})
        labels, _ = chosen(sim, ANALYST, memory)
        assert labels[1] == f"{expected} {named(host)}"


def test_the_analyst_rotates_what_an_administrator_lost():
    sim = Sim()
    host = sim.hosts(Role.DOMAIN_CONTROLLER, Zone.SECURE)[0]
    sim.set(**LATE, host_edr=True, **report(Verdict.ROOT)(host))
    labels, memory = chosen(sim, ANALYST)
    assert labels[2] == f"Restore {named(host)}"
    sim.set(**report(Verdict.RESTORED)(host), last_outcome={2: Outcome.SUCCESS})
    labels, _ = chosen(sim, ANALYST, memory)
    assert labels[2] == "RotateKerberos secure_admin"


@pytest.mark.parametrize(("style", "expected"), [("reimager", "Restore"), ("isolator", "Isolate")])
def test_simpler_defenders_act_on_any_severe_token(style, expected):
    sim, policy = Sim(), analyst.Analyst(SMALL, style)
    assert chosen(sim, policy)[0] == ["Watch"] * 3
    host = sim.hosts(Role.ADMIN_WORKSTATION)[0]
    sim.set(**LATE, **severe(9)(host))
    assert chosen(sim, policy)[0][1] == f"{expected} {named(host)}"


def test_a_busy_agent_continues_and_remembers_nothing():
    sim = Sim()
    sim.start({})
    for policy in (ANALYST, KILLCHAIN):
        labels, memory = chosen(sim, policy)
        assert set(labels) == {"Continue"}
        fresh = policy.init(KEY, len(labels))
        assert all(jax.tree.leaves(jax.tree.map(lambda a, b: (a == b).all(), memory, fresh)))


# ---------------------------------------------------------------- attackers


def foothold(sim):
    return int(np.flatnonzero(sim.state.host_priv)[0])


def own(sim, host, level):
    return sim.set(host_priv={host: level}, red_known={(0, host): True}, red_visited={(0, host): True})


def test_the_kill_chain_goes_step_by_step():
    sim = Sim()
    host = foothold(sim)
    sim.fix(host_os={host: T.Os.WINDOWS_10})
    assert chosen(sim, KILLCHAIN)[0] == [f"PrivilegeEscalate {named(host)}"]
    own(sim, host, Privilege.ROOT)
    assert chosen(sim, KILLCHAIN)[0] == [f"DumpLSASS {named(host)}"]
    sim.set(host_edr={host: True})
    assert chosen(sim, KILLCHAIN)[0] == [f"KillProcess {named(host)}"]
    server = sim.hosts(Role.DOMAIN_CONTROLLER, Zone.CORPORATE)[0]
    own(sim, server, Privilege.ROOT)
    assert chosen(sim, KILLCHAIN)[0] == [f"Impact {named(server)}"]


def test_the_kill_chain_dumps_a_host_once_and_moves_on():
    sim = Sim()
    host, other = foothold(sim), sim.hosts(Role.ADMIN_WORKSTATION)[0]
    own(sim, host, Privilege.ROOT)
    _, memory = chosen(sim, KILLCHAIN)
    sim.set(last_kind={RED: Red.DUMP_LSASS}, last_outcome={RED: Outcome.FAILED}, red_known={(0, other): True})
    assert chosen(sim, KILLCHAIN, memory)[0] == [f"DumpLSASS {named(host)}"]
    sim.set(last_outcome={RED: Outcome.SUCCESS})
    sim.set(token_epoch={(0, Scope.CORP_ADMIN): 0}, token_expiry={(0, Scope.CORP_ADMIN): 3_000_000})
    found = {chosen(sim, KILLCHAIN, memory, jax.random.key(n))[0][0] for n in range(20)}
    assert found == {f"PassTheTicket {named(other)}", "LieLow"}  # after a success it may lie low
    assert f"PassTheTicket {named(other)}" in chosen(sim, killchain.Killchain(SMALL, "loud"), memory)[0]


def test_the_kill_chain_prefers_the_exploit_of_a_believed_weakness():
    sim = Sim()
    own(sim, foothold(sim), 0)
    host = sim.hosts(Role.ADMIN_WORKSTATION)[0]
    own(sim, sim.hosts(Role.ADMIN_WORKSTATION)[1], Privilege.ROOT)
    sim.set(red_known=False, host_edr=False).set(red_known={(0, host): True})
    picture = T.bits(Port.RDP) | T.bits(Weakness.CVE_2019_0708) << T.NUM_PORTS
    sim.set(red_scan={(0, host): picture})
    without = (int(Red.DUMP_LSASS),)
    policy = killchain.Killchain(SMALL, without=without)
    assert chosen(sim, policy)[0] == [f"ExploitBlueKeep {named(host)}"]
    sim.set(red_scan={(0, host): 0})
    assert chosen(sim, policy)[0] == [f"DiscoverNetworkServices {named(host)}"]
    stealth = killchain.Killchain(SMALL, "stealth", without=without)
    sim.set(red_scan={(0, host): picture})
    assert chosen(sim, stealth)[0] == [f"IPFragmentation {named(host)}"]


def test_the_kill_chain_does_not_try_a_patched_weakness_again():
    sim = Sim()
    host = foothold(sim)
    sim.fix(host_os={host: T.Os.UBUNTU})
    sim.set(red_scan={(0, host): T.bits(Port.SSH) | T.bits(Weakness.V4L2) << T.NUM_PORTS})
    labels, memory = chosen(sim, KILLCHAIN)
    assert labels == [f"V4L2 {named(host)}"]
    sim.set(last_kind={RED: Red.V4L2}, last_outcome={RED: Outcome.FAILED})
    assert chosen(sim, KILLCHAIN, memory)[0] == [f"PrivilegeEscalate {named(host)}"]


@pytest.mark.parametrize(("scenario", "hurries"), [("ransomware", True), ("apt_espionage", False)])
def test_the_kill_chain_hurries_where_its_goal_takes_many_hosts(scenario, hurries):
    """After a success it lies low now and then, but not in the last twenty minutes."""
    sim = Sim(scenario)
    host = foothold(sim)
    own(sim, host, Privilege.ROOT)
    sim.set(last_kind={RED: Red.PRIVILEGE_ESCALATE}, last_outcome={RED: Outcome.SUCCESS})
    horizon = int(sim.options.horizon)
    rests = {"LieLow", "DumpLSASS"}
    for time, expected in (
        (horizon // 2, rests),
        (horizon - 900_000, {"DumpLSASS"} if hurries else rests),
    ):
        sim.set(time=time, batch_next=time + 5_000)
        labels = [chosen(sim, KILLCHAIN, key=jax.random.key(n))[0][0] for n in range(20)]
        assert {label.split()[0] for label in labels} == expected


def test_a_slip_takes_the_next_rule():
    sim = Sim()
    own(sim, foothold(sim), Privilege.ROOT)
    labels = {
        chosen(sim, killchain.Killchain(SMALL, slip=1.0), key=jax.random.key(n))[0][0] for n in range(8)
    }
    assert labels
    assert not any(label.startswith("DumpLSASS") for label in labels)


# ---------------------------------------------------------------- constant players


def nothing(agents):
    return jnp.zeros((agents, 1), jnp.float32)


def test_constant_players_take_targets_in_turn_or_the_first():
    kinds = ((constant.NOTHING, 19, 1, 1, 1, 2),)
    player = constant.Constant(kinds, jnp.int32(1), jnp.array(False))
    mask, last, found = jnp.array([[False, True, True, False, True, True]]), player.init(KEY, 1), []
    for _ in range(3):
        action, last = player.act(KEY, nothing(1), mask, last)
        found.append(int(action[0]))
    assert found == [2, 4, 2]
    assert int(player.replace(first=jnp.array(True)).act(KEY, nothing(1), mask, jnp.array([2]))[0][0]) == 2
    assert int(player.replace(kind=jnp.int32(7)).act(KEY, nothing(1), mask, last)[0][0]) == legal.WAIT
    busy = jnp.array([[True, False, False, False, False, False]])
    assert int(player.act(KEY, nothing(1), busy, last)[0][0]) == 0


def test_constant_players_have_names():
    """They are known, on either side and as opponents, though not listed."""
    world = garrison.make("soc", red="always-Impact")
    assert int(world.opponent.kind) == Red.IMPACT
    for name, first in (("always-Restore", False), ("first-Restore", True)):
        player = specs.resolve(name, world)
        assert isinstance(player, constant.Constant)
        assert (int(player.kind), bool(player.first)) == (Blue.RESTORE, first)
        assert name not in world.policies()
    with pytest.raises(ValueError, match=r"always-Impact is neither a run directory nor a policy"):
        specs.resolve("always-Impact", world)  # not blue's
    with pytest.raises(ValueError, match="no policy 'sometimes-Impact' of side 'red'"):
        garrison.make("soc", red="sometimes-Impact")
    sim = Sim()
    player = constant.named(SMALL, "blue", "always-DeployEDR")
    assert player is not None
    mask = jnp.asarray(sim.mask()[:3, : len(player.kinds[0])])
    actions, _ = player.act(KEY, nothing(3), mask, player.init(KEY, 3))
    assert all(LABELS[i][a].startswith("DeployEDR ") for i, a in enumerate(actions.tolist()))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["soc", "soc/ot_stuxnet"])
def test_the_scripts_are_a_contest(name):
    """§7.6, roughly: an idle defender loses, the analyst prevents more than half of it."""
    result = garrison.evaluate(garrison.make(name, preset="hard"), ["idle", "analyst"], episodes=24)
    idle, stopped = (result.figures["policies"][who]["return"]["mean"] for who in ("idle", "analyst"))
    assert idle < -50
    assert stopped > idle / 2
