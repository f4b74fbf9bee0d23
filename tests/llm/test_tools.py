"""Each tool changes the simulator as its table says, or does not where it says so."""

import numpy as np
import pytest

from garrison.llm.calls import checked
from garrison.llm.names import HOSTS, index_of
from garrison.llm.players import call, end
from garrison.llm.tools import TOOLS
from garrison.worlds.cc4 import tables as T

TESTED: set[tuple[str, str]] = set()


def tool(side, *names):
    """Marks a test as the one of these tools."""
    TESTED.update((side, name) for name in names)
    return lambda test: test


def slot(name):
    return index_of("host", name)


def sessions(state, host):
    """Numbers of red sessions on a host: all, of root."""
    here = (state.session_kind > 0) & (state.session_host == slot(host))
    return int(here.sum()), int((here & (state.session_user == T.User.ROOT)).sum())


def same(before, after):
    """Whether two states agree in all that players can change."""
    fields = (
        "host_decoy",
        "host_cmd_files",
        "host_escalate_files",
        "session_kind",
        "blocked",
        "host_ot_stopped",
    )
    return all(np.array_equal(getattr(before, name), getattr(after, name)) for name in fields)


def error(view):
    return view.errors[0]["code"] if view.errors else None


# ---------------------------------------------------------------- blue


@tool("blue", "query_siem")
def test_query_siem_shows_reports_and_costs_no_tick(blue):
    hand = blue(1)
    before = hand.state
    view = hand.do("query_siem", zone="RZB")
    assert view.tick == 0
    assert "RZB-u6 exploit" in view.text
    assert "PAZ-u6" not in view.text
    assert same(before, hand.state)
    assert "no reports" in hand.do("query_siem", host="OZA-s0").text
    assert len(hand.do("query_siem", last=1).text.splitlines()) == 1


@tool("blue", "triage_alerts")
def test_triage_ranks_hosts_and_records_verdicts(blue):
    hand = blue(1)
    view = hand.do("triage_alerts", verdicts={"RZB-u6": "compromised", "OZA-s0": "benign"})
    hosts = [line.split()[0].removeprefix("OK").strip() or line.split()[1] for line in view.text.splitlines()]
    severity = hand.seat.tracker.severity
    ranks = [severity[slot(host)] for host in hosts]
    assert ranks == sorted(ranks, reverse=True)
    assert [(host, verdict) for _, host, verdict in hand.seat.tally.verdicts] == [
        (slot("RZB-u6"), "compromised"),
        (slot("OZA-s0"), "benign"),
    ]
    assert error(hand.do("triage_alerts", verdicts={"nowhere": "benign"})) == "UNKNOWN_HOST"


@tool("blue", "run_forensics")
def test_run_forensics_shows_files_and_changes_nothing(blue):
    hand = blue(1)
    view = hand.run("run_forensics", host="RZB-u7")
    assert "run_forensics RZB-u7: escalate.sh (T1-2)" in view.text
    assert hand.seat.tracker.root[slot("RZB-u7")]
    assert sessions(hand.state, "RZB-u7") == (1, 1)
    assert "run_forensics OZA-s0: clean" in hand.run("run_forensics", host="OZA-s0").text


@tool("blue", "disable_account")
def test_disable_account_ends_reported_user_sessions_and_spares_root(blue):
    hand = blue(1)
    assert sessions(hand.state, "RZB-u6") == (1, 0)
    assert sessions(hand.state, "RZB-u7") == (1, 1)
    hand.run("disable_account", host="RZB-u6")
    assert sessions(hand.state, "RZB-u6") == (0, 0)
    hand.run("disable_account", host="RZB-u7")
    assert sessions(hand.state, "RZB-u7")[1] == 1


@tool("blue", "rotate_secrets")
def test_rotate_secrets_disables_accounts_on_reported_hosts(blue):
    hand = blue(1)
    reported = ["RZB-u6", "RZB-s4"]
    assert [sessions(hand.state, host)[0] for host in reported] == [1, 1]
    hand.do("rotate_secrets", zone="RZB")
    acts = hand.seat.workers[2].order or hand.seat.workers[2].queue[0]
    assert {act.host for act in acts.acts} == {slot(host) for host in reported}
    hand.until_free()
    assert [sessions(hand.state, host)[0] for host in reported] == [0, 0]
    assert error(hand.do("rotate_secrets", zone="ADM")) == "NOTHING_TO_DO"


@tool("blue", "restore_backup")
def test_restore_backup_frees_a_host_of_root_and_costs_one(blue):
    hand = blue(1)
    hand.run("restore_backup", host="RZB-u7")
    assert sessions(hand.state, "RZB-u7") == (0, 0)
    assert hand.arena.game.parts["action_cost"] == -1


@tool("blue", "deploy_patch")
def test_deploy_patch_starts_a_decoy(blue):
    hand = blue(0)
    assert not hand.state.host_decoy[slot("OZA-s0")].any()
    view = hand.run("deploy_patch", host="OZA-s0")
    (kind,) = hand.state.host_decoy[slot("OZA-s0")].nonzero()[0]
    name = T.DECOY_NAMES[hand.state.host_decoy[slot("OZA-s0")][kind]]
    assert f"deploy_patch OZA-s0: decoys {name}" in view.text
    assert f"DECOYS OZA-s0 {name}" in view.text


@tool("blue", "isolate_host")
def test_isolate_host_blocks_the_zone_and_no_session(blue):
    hand = blue(1)
    hand.run("isolate_host", host="RZB-u6", from_zone="OZA")
    assert np.argwhere(hand.state.blocked).tolist() == [[T.RZB, T.OZA]]
    assert sessions(hand.state, "RZB-u6")[0] == 1
    assert error(hand.do("isolate_host", host="RZB-s4", from_zone="OZA")) == "NOTHING_TO_DO"
    assert error(hand.do("isolate_host", host="RZB-s4", from_zone="RZB")) == "BAD_PARAMS"


@tool("blue", "publish_ioc_blocklist")
def test_publish_ioc_blocklist_blocks_a_zone_from_all_own_zones(blue):
    hand = blue(0)
    hand.run("publish_ioc_blocklist", from_zone="OZB", agent="B4")
    assert np.argwhere(hand.state.blocked).tolist() == [
        [zone, T.OZB] for zone in sorted((T.PAZ, T.ADM, T.OFF))
    ]
    assert error(hand.do("publish_ioc_blocklist", from_zone="OZB")) == "BAD_PARAMS"


@tool("blue", "harden_policy")
def test_harden_policy_blocks_what_users_do_not_need(blue):
    hand = blue(0)
    hand.run("harden_policy", zone="OZA")
    blocked = hand.state.blocked
    needed = T.NEEDED[0] | T.NEEDED[1]
    assert blocked[T.OZA].sum() == (~needed[T.OZA]).sum() >= 4
    assert not (blocked & needed).any()
    assert not np.delete(blocked, T.OZA, axis=0).any()


@tool("blue", "reconcile_state")
def test_reconcile_state_lifts_blocks_that_hurt(blue):
    hand = blue(0)
    hand.run("isolate_host", host="PAZ-s0", from_zone="CON")
    view = hand.run("isolate_host", host="PAZ-s0", from_zone="OZB")
    assert "hurting users: CON>PAZ" in view.text
    hand.run("reconcile_state", zone="PAZ")
    assert np.argwhere(hand.state.blocked).tolist() == [[T.PAZ, T.OZB]]
    hand.run("reconcile_state", zone="PAZ", from_zone="OZB")
    assert not hand.state.blocked.any()
    assert error(hand.do("reconcile_state", zone="PAZ")) == "NOTHING_TO_DO"


@tool("blue", "execute_instruction", "checkpoint_plan")
def test_execute_instruction_does_the_current_one_and_checkpoint_seals_it(blue):
    hand = blue(0)
    referee = hand.arena.game.referee
    item = referee.current(1)
    hand.run("execute_instruction", id=item.id)
    assert (referee.done, item.status) == (1, "done")
    view = hand.run("checkpoint_plan", agent="B1")
    assert (referee.sealed, item.status) == (1, "sealed")
    assert "PLAN B1 1/8 done 1 sealed" in view.text
    assert error(hand.do("checkpoint_plan", agent="B1")) == "NOTHING_TO_DO"
    later = next(
        one
        for one in referee.items
        if one.agent == 1 and one.status == "open" and one is not referee.current(1)
    )
    assert error(hand.do("execute_instruction", id=later.id)) == "NOT_CURRENT"
    assert referee.counts.out_of_order == 1
    assert error(hand.do("execute_instruction", id=999)) == "BAD_PARAMS"


@tool("blue", "wait", "cancel")
def test_wait_occupies_an_agent_and_cancel_drops_what_has_not_begun(blue):
    hand = blue(0)
    hand.view = hand.arena.act({"calls": [call("wait", agent=f"B{i}", ticks=5) for i in range(5)]})
    assert hand.view.tick == 5
    assert not hand.state.host_decoy.any()
    assert not hand.state.blocked.any()
    hand.do("deploy_patch", host="OZA-s0")
    hand.do("deploy_patch", host="OZA-s1")
    view = hand.do("cancel", agent="B1")
    assert "2 actions dropped" in view.text
    hand.pass_ticks(4)
    assert not hand.state.host_decoy.any()


def test_cancel_spares_the_action_in_progress(blue):
    hand = blue(0)
    hand.do("harden_policy", zone="OZA")
    hand.pass_ticks(1)
    blocked = hand.state.blocked.sum()
    assert blocked == 1
    hand.do("deploy_patch", host="RZA-s0")
    hand.pass_ticks(1)
    assert "B0: 0 actions dropped" in hand.do("cancel", agent="B0").text
    left = len(hand.seat.workers[1].order.acts) - 2
    assert left >= 2
    assert f"B1: {left} actions dropped" in hand.do("cancel", agent="B1").text
    hand.pass_ticks(2)
    assert hand.state.blocked.sum() == 2
    assert hand.state.host_decoy[slot("RZA-s0")].any()
    assert hand.seat.free() == list(range(5))


@tool("blue", "send_status")
def test_send_status_reaches_the_other_agent_once(pair):
    hand = pair(0)
    hand.do("send_status", seat="blue_agent_0", bits=0b10000001)
    hand.arena.act(end(), "blue_agent_0")
    hand.arena.act(end(), "blue_agent_1")
    assert "STATUS B0 10000001" in hand.arena.view("blue_agent_1").text
    assert "STATUS" not in hand.arena.view("blue_agent_0").text
    hand.arena.act(end(), "blue_agent_0")
    hand.arena.act(end(), "blue_agent_1")
    assert "STATUS" not in hand.arena.view("blue_agent_1").text


@tool("blue", "end_turn")
@tool("red", "end_turn")
@pytest.mark.parametrize("side", ["blue", "red"])
def test_end_turn_passes_ticks(side, request):
    hand = request.getfixturevalue(side)(0)
    assert hand.do("end_turn", ticks=3).tick == 3
    assert hand.do("end_turn").tick == 4


# ---------------------------------------------------------------- red


@tool("red", "recon_network")
def test_recon_network_finds_addresses(red):
    hand = red(0)
    known = hand.state.red_known_ip[0].sum()
    hand.run("recon_network", zone="CON")
    assert hand.state.red_known_ip[0].sum() >= known
    own = (T.HOST_SUBNET == T.CON) & (T.IS_USER | T.IS_SERVER)
    exists = hand.arena._batch._concurrent.simulation._env.episode.topology.host_exists[0]
    assert (hand.state.red_known_ip[0] & own).sum() == (np.asarray(exists) & own).sum()
    assert error(hand.do("recon_network", zone="INT")) == "NOT_KNOWN"


@tool("red", "enumerate_services")
@pytest.mark.parametrize(("mode", "ticks"), [("aggressive", 1), ("stealth", 3)])
def test_enumerate_services_finds_ports(red, mode, ticks):
    hand = red(0)
    ports = hand.seat.tracker.ports
    assert not ports[:, slot("CON-u1")].any()
    hand.run("enumerate_services", host="CON-u1", mode=mode)
    assert hand.view.tick == ticks
    assert hand.seat.tracker.ports[0, slot("CON-u1")]
    assert slot("CON-u1") in hand.state.scan_host[0]


@tool("red", "attempt_exploit", "establish_persistence")
def test_exploits_give_a_first_and_a_second_session(red):
    hand = red(0)
    assert error(hand.do("attempt_exploit", host="CON-s0")) == "NOTHING_TO_DO"
    assert error(hand.do("establish_persistence", host="CON-s1")) == "NOTHING_TO_DO"
    hand.run("attempt_exploit", host="CON-s1")
    hand.until(lambda: sessions(hand.state, "CON-s1")[0] or not hand.run("attempt_exploit", host="CON-s1"), 8)
    assert sessions(hand.state, "CON-s1")[0] == 1
    assert "CON-s1 shell" in hand.view.text
    hand.run("establish_persistence", host="CON-s1")
    hand.until(
        lambda: sessions(hand.state, "CON-s1")[0] > 1 or not hand.run("establish_persistence", host="CON-s1"),
        8,
    )
    assert sessions(hand.state, "CON-s1")[0] == 2


@tool("red", "pivot_host")
def test_pivot_host_hands_the_session_to_the_agent_of_the_zone(red):
    hand = red(0)
    assert "NO SESSION R1" in hand.view.text
    assert error(hand.do("attempt_exploit", host="PAZ-s0")) == "NOT_KNOWN"
    assert not hand.seat.tracker.ports[:, slot("PAZ-s0")].any()
    assert hand.seat.tracker.ports[0, slot("RZA-s0")]
    orders = [
        hand.seat.orders.of(checked(call("pivot_host", host=host), "red")) for host in ("RZA-s0", "PAZ-s0")
    ]
    kinds = [[act.kind for act in order.acts] for order in orders]
    assert kinds == [[T.Red.EXPLOIT], [T.Red.AGGRESSIVE, T.Red.EXPLOIT]]
    assert error(hand.do("pivot_host", host="CON-s1")) == "NOT_KNOWN"  # its own zone
    for _ in range(6):
        if sessions(hand.state, "PAZ-s0")[0]:
            break
        hand.run("pivot_host", host="PAZ-s0")
    here = (hand.state.session_kind > 0) & (hand.state.session_host == slot("PAZ-s0"))
    assert np.flatnonzero(here.any(axis=1)).tolist() == [5]
    assert hand.seat.tracker.active(T.NUM_BLUE + 5)


@tool("red", "dump_credentials")
def test_dump_credentials_makes_a_shell_root(red):
    hand = red(3)
    assert sessions(hand.state, "CON-u3") == (1, 0)
    view = hand.run("dump_credentials", host="CON-u3")
    assert sessions(hand.state, "CON-u3") == (1, 1)
    assert "CON-u3 root" in view.text


@tool("red", "prepare_exfiltration")
def test_prepare_exfiltration_looks_and_changes_nothing(red):
    hand = red(0)
    before = hand.state
    view = hand.run("prepare_exfiltration", host="CON-u1")
    assert view.tick == 2
    assert "prepare_exfiltration CON-u1: " in view.text
    assert same(before, hand.state)


@tool("red", "execute_exfiltration")
def test_execute_exfiltration_stops_the_service_and_costs_blue(red):
    hand = red(2)
    assert sessions(hand.state, "OZA-s0")[1]
    hand.run("execute_exfiltration", host="OZA-s0")
    assert hand.state.host_ot_stopped[slot("OZA-s0")]
    assert hand.arena.game.parts["RIA"] <= -10
    assert hand.arena.game.recorder.exfiltrated >= 10


@tool("red", "sabotage_recovery_plan")
def test_sabotage_degrades_services(red):
    hand = red(0)
    reliability = hand.state.host_reliability[slot("CON-u2")].min()
    assert "ok" in hand.run("sabotage_recovery_plan", host="CON-u2").text
    assert hand.state.host_reliability[slot("CON-u2")].min() < reliability


@tool("red", "cover_tracks")
def test_cover_tracks_gives_up_sessions(red):
    hand = red(0)
    before = sessions(hand.state, "CON-s0")[0]
    view = hand.run("cover_tracks", host="CON-s0")
    assert before >= 1
    assert sessions(hand.state, "CON-s0")[0] < before
    assert "LOST CON-s0" in view.text


@tool("red", "wait", "cancel")
def test_red_waits_and_cancels(red):
    hand = red(0)
    view = hand.do("wait", ticks=4, agent="R0")
    assert view.tick == 4
    hand.do("wait", ticks=4, agent="R0")
    assert error(hand.do("wait", ticks=1)) == "BAD_PARAMS"
    hand.do("enumerate_services", host="CON-u1")
    assert "OK R0" in hand.do("cancel", agent="R0").text


def test_all_tools_are_tested():
    assert {(side, name) for side, tools in TOOLS.items() for name in tools} == TESTED


@pytest.mark.parametrize("name", ["RZA-s0", "INT-r", HOSTS[0]])
def test_red_cannot_name_what_it_does_not_know(red, name):
    hand = red(0)
    known = (hand.seat.tracker.address | hand.seat.tracker.name).any(axis=0)
    view = hand.do("prepare_exfiltration", host=name)
    assert (error(view) is None) == bool(known[slot(name)])
