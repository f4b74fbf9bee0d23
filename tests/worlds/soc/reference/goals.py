"""Goals, losses and rewards (§7.1-7.3)."""

from __future__ import annotations

from typing import Any

from garrison.worlds.soc.tables import scenarios
from garrison.worlds.soc.tables.hosts import (
    IS_SERVER,
    NUM_ZONES,
    SCOPE_ZONES,
    Privilege,
    Role,
    Scope,
    Status,
    Zone,
)
from garrison.worlds.soc.tables.laws import NEVER
from garrison.worlds.soc.tables.scenarios import Goal, Scenario
from reference.world import World, scenario, slots

_DOWN = (Status.ISOLATED, Status.PANIC, Status.REIMAGING)


def condition(world: World) -> bool:
    """Whether the goal's condition is true now (§7.1)."""
    rules = scenario(world)
    live = slots(world)
    weight = lambda chosen: sum(world.hosts[h]["weight"] for h in chosen)  # noqa: E731
    root = [h for h in live if world.hosts[h]["priv"] == Privilege.ROOT]
    match rules.goal:
        case Goal.ENCRYPT_SERVERS:
            servers = [h for h in live if IS_SERVER[world.hosts[h]["role"]]]
            done = weight(h for h in servers if world.hosts[h]["encrypted"])
            return 1000 * done >= rules.need * weight(servers) > 0
        case Goal.EXFILTRATE:
            return world.loot >= rules.need
        case Goal.OWN_SECURE:
            secure = slots(world, Zone.SECURE)
            return 1000 * weight(set(root) & set(secure)) >= rules.need * weight(secure) > 0
        case Goal.OWN_CONTROLLERS:
            dcs = {h for h in live if world.hosts[h]["role"] == Role.DOMAIN_CONTROLLER}
            return bool(dcs) and dcs <= set(root)
        case Goal.PLANT_CRITICAL:
            limits = scenarios.PLANT_CRITICAL.tolist()
            return any(
                value < low or value > high
                for value, (low, high) in zip(world.plant_value, limits, strict=True)
            )


def check(world: World, held: bool) -> bool:
    """After an event: whether red's goal is reached now; holds are started and broken.

    ``held`` says that the event was the slot ``hold``: only then is a goal that has to be held reached.
    """
    hold = scenario(world).hold_ms
    if not condition(world):
        world.hold_until = NEVER
        return False
    if hold and world.hold_until == NEVER:
        world.hold_until = world.time + hold
    return held or not hold


def loss_rates(world: World) -> dict[str, int]:
    """Loss points of the parts (§7.2): twentieths of thousandths of the network's value."""
    number = Scenario(int(world.options["scenario"]))
    rates = {"encrypted": 0, "down": 0, "ownership": 0, "friction": 0}
    for h in slots(world):
        host = world.hosts[h]
        if host["encrypted"]:
            rates["encrypted"] += scenarios.LOSS_DOWN * host["weight"]
        elif host["status"] in _DOWN:
            rates["down"] += scenarios.LOSS_DOWN * host["weight"]
        owned = int(scenarios.LOSS_OWNED[host["priv"]])
        if host["priv"] == Privilege.ROOT:
            if number == Scenario.IOT_GRID and host["role"] == Role.DOMAIN_CONTROLLER:
                owned = scenarios.LOSS_ROOT_CONTROLLER
            if number == Scenario.CLOUD_HYBRID and world.zone[h] == Zone.SECURE:
                owned = scenarios.LOSS_ROOT_SECURE
        rates["ownership"] += owned * host["weight"]
    weights = [sum(world.hosts[h]["weight"] for h in slots(world, z)) for z in range(NUM_ZONES)]
    for z, weight in enumerate(weights):
        times, by = (int(n) for n in scenarios.LOSS_LEVEL[world.levels[z]])
        rates["friction"] += weight * times // by
    for scope in Scope:
        if world.scopes[scope]["reauth_until"] != NEVER:
            zones = [z for z in range(NUM_ZONES) if SCOPE_ZONES[scope, z]]
            rates["friction"] += scenarios.LOSS_REAUTH * sum(weights[z] for z in zones)
    return rates


def account() -> dict[str, int]:
    """What a step adds up: loss points times milliseconds by part and capped in all, and events."""
    return dict.fromkeys(
        (*("encrypted", "down", "ownership", "friction", "capped", "units", "rooted"), "goal_ms", "terminal")
        + ("blue_funds", "red_funds"),
        0,
    )


def integrate(world: World, dt: int, acc: dict[str, int]) -> None:
    """Adds the losses of a segment in which nothing changes (§2.3)."""
    rates = loss_rates(world)
    for part, rate in rates.items():
        acc[part] += rate * dt
    acc["capped"] += min(sum(rates.values()), scenarios.LOSS_CAP) * dt


def blue_reward(acc: dict[str, Any]) -> float:
    """§2.6, §7.2."""
    return -(
        acc["capped"] / scenarios.LOSS_PER_POINT
        + acc["terminal"]
        + scenarios.HOUR_POINTS * acc["goal_ms"] / scenarios.HOUR_MS
        + scenarios.EXFILTRATION_POINTS * acc["units"]
        + acc["blue_funds"] / scenarios.FUNDS_PER_POINT
    )


def red_reward(acc: dict[str, Any]) -> float:
    """§7.3, without shaping."""
    return (
        (acc["encrypted"] + acc["ownership"]) / scenarios.LOSS_PER_POINT
        + acc["terminal"]
        + scenarios.HOUR_POINTS * acc["goal_ms"] / scenarios.HOUR_MS
        + scenarios.EXFILTRATION_POINTS * acc["units"]
        - acc["red_funds"] / scenarios.FUNDS_PER_POINT
    )
