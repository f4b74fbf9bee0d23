"""Classes for CybORG of the reds that it does not have (``docs/worlds/cc4-rules.md`` §5.6).

They are written from the rules and share nothing with Garrison's reds, which are compared with them, but the
roles of a network. Each overrides the choice of a host, and puts the chances of actions on that host where
CybORG looks them up; all else is CybORG's. The one draw in this file that belongs to a step is the choice of
a host.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

Row = list[Any]  # of CybORG's tables: a chance per action, None for those that a state does not have
_D, _A, _S, _C, _E, _P, _I, _G, _W = range(9)  # columns of them

_ROLES = ("AUTH", "DB", "WEB")


@lru_cache(maxsize=1)
def classes(base: Any) -> dict[str, type]:
    """The classes by the names that Garrison uses. ``base`` is CybORG's ``FiniteStateRedAgent``."""

    class Weighted(base):
        """Draws hosts by weights, and actions by chances that may depend on the host."""

        def weight(self, host: str) -> float:
            return 1.0

        def chances(self, host: str, row: Row) -> Row:
            """The chances, in any unit, of actions on ``host``; ``row`` is a copy of the stock ones."""
            return row

        def _choose_host(self, host_options: list[str]) -> str:
            chosen = self.np_random.choice(host_options, p=normalized([self.weight(h) for h in host_options]))
            state, stock = self.host_states[chosen]["state"], base.state_transitions_probability(self)
            self.state_transitions_probability = {state: normalized(self.chances(chosen, stock[state]))}
            return chosen

        def state(self, host: str) -> str:
            return self.host_states[host]["state"]

        def hostname(self, host: str) -> str | None:
            return self.host_states[host]["hostname"]

    class Moved(Weighted):
        """All chances of one action go to another."""

        taken: int
        given: int

        def chances(self, host: str, row: Row) -> Row:
            if row[self.taken] is not None:
                row[self.given] += row[self.taken]
                row[self.taken] = 0.0
            return row

    class Roles(Weighted):
        """Looks for hosts by their roles; ``hosts_by_role`` is set at the start of each episode."""

        roles: tuple[str, ...] = _ROLES
        factor = 10.0
        impatient = True  # rarely discovers from a host with root
        hosts_by_role: dict[str, str]

        def weight(self, host: str) -> float:
            wanted = [self.hosts_by_role[role] for role in self.roles]
            return self.factor if self.hostname(host) in wanted else 1.0

        def chances(self, host: str, row: Row) -> Row:
            if self.impatient and self.state(host) == "R":
                row[_D], row[_I], row[_G] = 0.10, 0.45, 0.45
            return row

    class Zoned(Weighted):
        """Looks for hosts in zones, whose names hold one of ``zones``."""

        zones: tuple[str, ...] = ()
        with_root = 1.0

        def is_target(self, host: str) -> bool:
            return any(zone in (self.hostname(host) or "") for zone in self.zones)

        def weight(self, host: str) -> float:
            rooted = self.state(host) in ("R", "RD")
            if self.hostname(host) is None:
                return 1.0 if self.state(host) in ("KD", "SD") else 20.0
            if self.is_target(host):
                return self.with_root if rooted else 100.0
            return 1.0

    class Target(Zoned):
        """Takes one zone, and leaves the others."""

        leaves: float

        def chances(self, host: str, row: Row) -> Row:
            if self.hostname(host) is None:
                return times(row, {_S: 2})
            if self.is_target(host):
                return times(row, {_D: 4, _E: 4})
            if row[_W] is not None:
                row[_W] += self.leaves
            return times(row, {_P: 0.5})

    class Impacter(Zoned):
        zones = ("operational_zone_a", "operational_zone_b")
        with_root = 100.0

        def chances(self, host: str, row: Row) -> Row:
            if self.hostname(host) is not None and self.is_target(host):
                return times(row, {_I: 4})
            return times(row, {_C: 2} if self.hostname(host) is None else {_C: 2, _I: 0})

    class Degrader(Weighted):
        def weight(self, host: str) -> float:
            return 10.0 if self.state(host) in ("R", "RD") else 1.0

        def chances(self, host: str, row: Row) -> Row:
            return times(row, {_G: 4})

    class FailureTracker(Weighted):
        """Counts by host the decisions that failed, and gives up exploits of hosts with three of them."""

        chosen: str | None = None

        def __init__(self, name: Any = None, np_random: Any = None, agent_subnets: Any = None):
            super().__init__(name, np_random, agent_subnets)
            self.failures: dict[str, int] = {}

        def get_action(self, observation: dict, action_space: dict) -> Any:
            if self.chosen is not None:
                self.learn(self.chosen, observation["success"].name, observation.get("action"))
            return super().get_action(observation, action_space)

        def _choose_host(self, host_options: list[str]) -> str:
            self.chosen = super()._choose_host(host_options)
            return self.chosen

        def learn(self, host: str, result: str, action: Any) -> None:
            if result == "FALSE":
                self.failures[host] = self.failures.get(host, 0) + 1

        def has_failed(self, host: str) -> bool:
            return self.state(host) in ("S", "SD") and self.failures.get(host, 0) >= 3

        def weight(self, host: str) -> float:
            return max(0.1, 1.5 ** -self.failures.get(host, 0))

        def chances(self, host: str, row: Row) -> Row:
            return times(row, {_E: 0}) if self.has_failed(host) else row

    class Combined(FailureTracker):
        """Counts results by host and action too, and prefers what works."""

        def __init__(self, name: Any = None, np_random: Any = None, agent_subnets: Any = None):
            super().__init__(name, np_random, agent_subnets)
            self.results: dict[tuple[str, int], list[bool]] = {}

        def learn(self, host: str, result: str, action: Any) -> None:
            super().learn(host, result, action)
            if type(action) in self.action_list and result in ("TRUE", "FALSE"):
                results = self.results.setdefault((host, self.action_list.index(type(action))), [])
                results.append(result == "TRUE")

        def chances(self, host: str, row: Row) -> Row:
            row = times(row, {column: self.factor(host, column) for column in range(len(row))})
            if self.has_failed(host):
                row = times(row, {_E: 2, _C: 0.1})
            return [None if chance is None else max(chance, 0.01) for chance in row]

        def factor(self, host: str, column: int) -> float:
            results = self.results.get((host, column))
            if not results:
                return 1.0
            rate = sum(results) / len(results)
            if rate < 0.3:
                return 0.1
            if rate < 0.5:
                return 0.5
            return 1.5 if rate > 0.7 else 1.0

    def target(zones: tuple[str, ...], with_root: float, leaves: float) -> type:
        return type("Target", (Target,), {"zones": zones, "with_root": with_root, "leaves": leaves})

    def zone(kind: str, letter: str) -> str:
        return f"{kind}_zone_{letter}"

    a, b = (tuple(zone(kind, letter) for kind in ("restricted", "operational")) for letter in "ab")
    return {
        "aggressive": type("Aggressive", (Moved,), {"taken": _S, "given": _A}),
        "stealthy": type("Stealthy", (Moved,), {"taken": _A, "given": _S}),
        "impact": type("Impacts", (Moved,), {"taken": _G, "given": _I}),
        "cia_c": type("Confidentiality", (Roles,), {"roles": ("AUTH", "DB")}),
        "cia_i": type("Integrity", (Roles,), {"roles": ("AUTH", "WEB")}),
        "cia_a": type("Availability", (Roles,), {}),
        "resilience": type("Resilience", (Roles,), {"factor": 5.0, "impatient": False}),
        "target_a": target(a, 1.0, 0.2),
        "target_a_op": target(a[1:], 2.0, 0.2),
        "target_a_re": target(a[:1], 2.0, 0.2),
        "target_b": target(b, 1.0, 0.1),
        "target_b_op": target(b[1:], 1.0, 0.1),
        "target_b_re": target(b[:1], 1.0, 0.1),
        "impacter": Impacter,
        "degrader": Degrader,
        "failure_tracker": FailureTracker,
        "combined": Combined,
    }


def normalized(row: Row) -> Row:
    """Chances that add up to 1."""
    total = sum(chance for chance in row if chance is not None)
    return [None if chance is None else chance / total for chance in row]


def times(row: Row, factors: dict[int, float]) -> Row:
    """Chances multiplied by the factors of their columns, where the state has them."""
    return [None if chance is None else chance * factors.get(c, 1) for c, chance in enumerate(row)]


def with_roles(generator: Any) -> None:
    """Have a scenario generator of CybORG tell its red agents the roles of each network (§1.8)."""
    from garrison.adapters.cyborg import assets  # late, as most reds need none and it takes JAX

    create = generator.create_scenario

    def create_scenario(np_random: Any) -> Any:
        scenario = create(np_random)
        hosts = {name: str(host.interfaces[0].ip_address) for name, host in scenario.hosts.items()}
        subnets = {name: str(subnet.cidr) for name, subnet in scenario.subnets.items()}
        by_role = assets.hosts_by_role({"hosts": hosts, "subnets": subnets})
        for name, agent in scenario.agents.items():
            if name.startswith("red"):
                agent.agent_type.hosts_by_role = by_role
        return scenario

    generator.create_scenario = create_scenario
