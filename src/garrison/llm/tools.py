"""The tools of both sides as data, and their JSON schemas.

A tool is a *query*, answered at once; an *order*, a list of CC4 actions for one agent; or a *control* of the
turn. Every order is made of CC4's own actions: nothing here changes the rules of the game.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["query", "order", "control"]

#: Parameters whose value names something; ``target`` in a call is short for the only required one of these.
NAMES = ("host", "zone", "from_zone", "id")


@dataclass(frozen=True)
class Parameter:
    """A parameter of a tool."""

    schema: dict[str, Any]
    required: bool = False
    default: Any = None


@dataclass(frozen=True)
class Tool:
    """A tool: what it is called with, what it is in CC4, and what it does."""

    name: str
    kind: Kind
    action: str  # CC4's actions, or where a query's answer is from
    ticks: str
    effect: str  # what the model reads
    parameters: dict[str, Parameter] = field(default_factory=dict)

    @property
    def target(self) -> str | None:
        """The parameter that ``target`` stands for; None where that is not one."""
        required = [name for name, p in self.parameters.items() if p.required and name in NAMES]
        return required[0] if len(required) == 1 else None

    def schema(self) -> dict[str, Any]:
        """The tool as a function for chat models: ``name``, ``description``, ``parameters``."""
        return {
            "name": self.name,
            "description": self.effect,
            "parameters": {
                "type": "object",
                "properties": {name: p.schema for name, p in self.parameters.items()},
                "required": [name for name, p in self.parameters.items() if p.required],
                "additionalProperties": False,
            },
        }

    def row(self) -> dict[str, Any]:
        """All that is known of the tool, as JSON-ready data."""
        return {**self.schema(), "kind": self.kind, "action": self.action, "ticks": self.ticks}


_TEXT = {"type": "string"}
_REQUIRED = Parameter(_TEXT, required=True)
_OPTIONAL = Parameter(_TEXT)


def _whole(low: int, high: int, default: int | None = None) -> Parameter:
    return Parameter({"type": "integer", "minimum": low, "maximum": high}, default is None, default)


_CONTROLS = (
    Tool(
        "wait",
        "order",
        "Sleep",
        "n",
        "The agent does nothing for some ticks.",
        {"ticks": _whole(1, 5, 1), "agent": _OPTIONAL},
    ),
    Tool(
        "cancel",
        "control",
        "",
        "0",
        "Drops the agent's orders that have not begun.",
        {"agent": _OPTIONAL},
    ),
    Tool(
        "end_turn",
        "control",
        "",
        "n",
        "Ends the turn; agents without an order sleep.",
        {"ticks": _whole(1, 5, 1)},
    ),
)

BLUE = (
    Tool(
        "query_siem",
        "query",
        "Monitor's reports",
        "0",
        "Past reports, newest first.",
        {"zone": _OPTIONAL, "host": _OPTIONAL, "last": _whole(1, 50, 20)},
    ),
    Tool(
        "triage_alerts",
        "query",
        "Monitor's reports",
        "0",
        "Hosts ranked by evidence. Verdicts on hosts may be recorded.",
        {
            "zone": _OPTIONAL,
            "verdicts": Parameter(
                {
                    "type": "object",
                    "additionalProperties": {"type": "string", "enum": ["compromised", "benign", "watch"]},
                }
            ),
        },
    ),
    Tool(
        "run_forensics",
        "order",
        "Analyse",
        "2",
        "Looks for cmd.sh (user shell) and escalate.sh (root). Changes nothing.",
        {"host": _REQUIRED},
    ),
    Tool(
        "disable_account",
        "order",
        "Remove",
        "3",
        "Ends reported user-level attacker sessions. Root and phished sessions stay.",
        {"host": _REQUIRED},
    ),
    Tool(
        "rotate_secrets",
        "order",
        "Remove on each host of the zone with a numbered process report, oldest first, at most 4",
        "3 each",
        "disable_account on up to 4 hosts of the zone with exploit reports.",
        {"zone": _REQUIRED},
    ),
    Tool(
        "restore_backup",
        "order",
        "Restore",
        "5",
        "Host as at the start, decoys gone. Costs 1.",
        {"host": _REQUIRED},
    ),
    Tool(
        "deploy_patch",
        "order",
        "DeployDecoy",
        "2",
        "Starts a decoy: scans are noticed, some exploits fail.",
        {"host": _REQUIRED},
    ),
    Tool(
        "isolate_host",
        "order",
        "BlockTrafficZone from_zone to the zone of host",
        "1",
        "Blocks all traffic from a zone to the host's whole zone. Users who need it fail.",
        {"host": _REQUIRED, "from_zone": _REQUIRED},
    ),
    Tool(
        "publish_ioc_blocklist",
        "order",
        "BlockTrafficZone from_zone to each own zone of the agent that is not blocked yet",
        "1 each",
        "Blocks a zone from all zones of the agent.",
        {"from_zone": _REQUIRED, "agent": _OPTIONAL},
    ),
    Tool(
        "harden_policy",
        "order",
        "BlockTrafficZone for each pair into the zone that users need in neither direction now "
        "and within 7 ticks, at most 8",
        "1 each",
        "Blocks all traffic into the zone that users do not need.",
        {"zone": _REQUIRED},
    ),
    Tool(
        "reconcile_state",
        "order",
        "AllowTrafficZone for each blocked pair into the zone that users need, or from the zone named",
        "1 each",
        "Lifts blocks into the zone that hurt users, or those of from_zone.",
        {"zone": _REQUIRED, "from_zone": _OPTIONAL},
    ),
    Tool(
        "execute_instruction",
        "order",
        "what the instruction needs",
        "as that",
        "Does the current instruction of a plan, by its number.",
        {"id": _whole(1, 999)},
    ),
    Tool(
        "checkpoint_plan",
        "order",
        "Monitor",
        "1",
        "Verifies and seals the agent's done instructions.",
        {"agent": _OPTIONAL},
    ),
    Tool(
        "send_status",
        "control",
        "the message of 8 bits",
        "0",
        "Sends 8 bits to the other blue agents.",
        {"bits": _whole(0, 255)},
    ),
    *_CONTROLS,
)

RED = (
    Tool(
        "recon_network",
        "order",
        "DiscoverRemoteSystems",
        "1",
        "Finds the addresses of a known zone.",
        {"zone": _REQUIRED},
    ),
    Tool(
        "enumerate_services",
        "order",
        "AggressiveServiceDiscovery or StealthServiceDiscovery",
        "1 or 3",
        "Scans ports, as an exploit needs. Stealth is slower and noticed less.",
        {
            "host": _REQUIRED,
            "mode": Parameter(
                {"type": "string", "enum": ["aggressive", "stealth"]}, required=False, default="aggressive"
            ),
        },
    ),
    Tool(
        "attempt_exploit",
        "order",
        "ExploitRemoteService",
        "4",
        "Exploits a scanned host of an own zone without an own session.",
        {"host": _REQUIRED},
    ),
    Tool(
        "pivot_host",
        "order",
        "AggressiveServiceDiscovery if no ports are known, then ExploitRemoteService",
        "4 or 5",
        "Exploits a host of another agent's zone; that agent gets the session.",
        {"host": _REQUIRED, "agent": _OPTIONAL},
    ),
    Tool(
        "establish_persistence",
        "order",
        "ExploitRemoteService",
        "4",
        "Exploits a host again for a second session.",
        {"host": _REQUIRED},
    ),
    Tool(
        "dump_credentials",
        "order",
        "PrivilegeEscalate",
        "2",
        "User shell to root. Root on a server s0 shows servers of other zones.",
        {"host": _REQUIRED},
    ),
    Tool(
        "prepare_exfiltration",
        "order",
        "DiscoverDeception",
        "2",
        "Looks for decoys on a host.",
        {"host": _REQUIRED},
    ),
    Tool(
        "execute_exfiltration",
        "order",
        "Impact",
        "2",
        "Impact on a host; counts as exfiltration with root there.",
        {"host": _REQUIRED},
    ),
    Tool("cover_tracks", "order", "Withdraw", "1", "Gives up own sessions on a host.", {"host": _REQUIRED}),
    Tool(
        "sabotage_recovery_plan",
        "order",
        "DegradeServices",
        "2",
        "With root: services fail more, and unsealed instructions on the host reopen.",
        {"host": _REQUIRED},
    ),
    *_CONTROLS,
)

TOOLS: dict[str, dict[str, Tool]] = {
    "blue": {tool.name: tool for tool in BLUE},
    "red": {tool.name: tool for tool in RED},
}


def tools_of(side: str, single: bool = False, plan: bool = True) -> dict[str, Tool]:
    """The tools that a seat has, by name.

    Args:
        side: ``"blue"`` or ``"red"``.
        single: the seat has one agent; only then it can send status bits.
        plan: there is a plan to carry out.
    """
    absent = set() if single else {"send_status"}
    absent |= set() if plan else {"execute_instruction", "checkpoint_plan"}
    return {name: tool for name, tool in TOOLS[side].items() if name not in absent}
