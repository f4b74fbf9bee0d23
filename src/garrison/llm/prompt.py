"""The system prompt of a seat: the rules of the game in short."""

from __future__ import annotations

from garrison.llm import acd
from garrison.llm.names import AGENTS, ZONES
from garrison.llm.scenarios import Scenario
from garrison.llm.seat import EXTRA_CALLS, MAX_QUERIES, MAX_QUEUE, MAX_TICKS, SEATS
from garrison.worlds.cc4 import tables as T

_BLUE = """You defend a network of {ticks} ticks against an attacker. You decide for {agents}.
Zones: {zones}. Hosts are named ZONE-s0..s5 (servers) and ZONE-u0..u9 (users).
Loss: users whose work or access fails, attacker impacts, and 1 for each restore. In phase B impacts \
and failed work in OZA cost ten times as much, in phase C in OZB.
Evidence on a host, with its age in ticks: conn = a connection of no user to it; source = from it; \
exploit = a process with a number; shell = cmd.sh found; root = escalate.sh found; noise may be a \
user.
disable_account ends reported user-level sessions. Root needs restore_backup. Presence alone is \
mostly harmless: restore for root, and for an exploit on a host that is a source; in OZA in phase B \
and in OZB in phase C for any source. Decoys make scans visible. Blocks cut whole zones: block what \
users do not need, lift blocks that hurt users."""

_PLAN = """The plan: each agent has a list of instructions. Carry out the current one (now #n) by \
execute_instruction or by its own tool, before it is due. Others count as violations, as do blocks \
of needed traffic. Once in each {stride} ticks checkpoint_plan verifies and seals what is done; what \
is not sealed can be undone by the attacker unseen. You win with a loss of at most {threshold:g} of \
that of an idle defender, and 60% of the plan done."""

_RED = """You attack a network for {ticks} ticks. You decide for {agents}, which each own zones: {zones}.
Loss of the defender is your gain: users whose work or access fails, impacts, and its restores. In \
phase B impacts in OZA cost ten times as much, in phase C in OZB.
The way in: recon_network finds addresses, enumerate_services ports, attempt_exploit gives a user \
shell, dump_credentials makes it root. With root: execute_exfiltration on servers of OZA and OZB, \
sabotage_recovery_plan elsewhere. Root on a server s0 shows s0 of other zones; pivot_host exploits \
it, and its zone's agent gets the session and becomes active. Decoys trap exploits: \
prepare_exfiltration looks for them. Aggressive scans are noticed more."""

_TURNS = """A turn: at most {queries} queries, which cost no tick, and orders, of which each agent carries \
out one after the other (at most {queue} wait). It ends when all free agents have an order, or by \
end_turn; then ticks pass until an agent is free, at most {most}. At most {calls} calls a turn. \
Orders take ticks: {durations}. An action that has begun goes on to its end.
Answer with tool calls, or with one JSON object: {{"tool_name": "...", "params": {{...}}}}, or \
{{"calls": [...]}} with several. A reply without a call wastes a tick and lowers the score."""

_DURATIONS = {
    "blue": "forensics 2, disable 3, restore 5, patch 2, blocks 1 each",
    "red": "recon 1, scan 1 or 3, exploit 4, credentials 2, impact 2, sabotage 2, cover 1",
}


def system_prompt(scenario: Scenario, seat: str, plan: bool, style: str = "compact") -> str:
    """The system prompt of a seat of :data:`~garrison.llm.seat.SEATS` in a style."""
    agents = SEATS[seat]
    if style == "acd":
        return acd.prompt(scenario, agents[0])
    side = "blue" if agents[0] < T.NUM_BLUE else "red"
    owned = {a: T.BLUE_SUBNETS[a] if side == "blue" else T.RED_SUBNETS[a - T.NUM_BLUE] for a in agents}
    zones = ", ".join(f"{AGENTS[a]} {'+'.join(ZONES[zone] for zone in owned[a])}" for a in agents)
    names = ", ".join(AGENTS[agent] for agent in agents)
    parts = [(_BLUE if side == "blue" else _RED).format(ticks=scenario.ticks, agents=names, zones=zones)]
    if plan:
        parts.append(_PLAN.format(stride=scenario.stride, threshold=scenario.threshold))
    calls = EXTRA_CALLS + len(agents)
    limits = {"queries": MAX_QUERIES, "queue": MAX_QUEUE, "most": MAX_TICKS, "calls": calls}
    parts.append(_TURNS.format(durations=_DURATIONS[side], **limits))
    return "\n".join(parts)
