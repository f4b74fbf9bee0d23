"""Deliberately wrong rules of the kernel, which the comparison with the reference interpreter has to notice.

A wrong rule is the kernel's own text with a piece replaced (:func:`edits.edit`), or another entry in a table
that the kernel makes of the shared tables (:func:`entry`): the interpreter shares those, and no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from edits import Change, edit

from garrison.worlds.soc import (
    access,
    cancel,
    clock,
    dynamics,
    emitted,
    goals,
    identity,
    integrate,
    legal,
    start,
    step,
    telemetry,
)
from garrison.worlds.soc.actions import attempt, blue, effects, red
from garrison.worlds.soc.actions.effects import KEEP, SIDE, Field
from garrison.worlds.soc.tables.blue import Blue
from garrison.worlds.soc.tables.red import Red


@dataclass(frozen=True)
class Wrong:
    """A rule, and what is done instead of it."""

    source: str  # section of the rules
    rule: str
    instead: str
    change: Change
    masks: bool = False  # it shows in what is legal
    held_by: str = ""  # the unit test of a rule that no tape exercises


def entry(module: ModuleType, table: str, index: Any, value: Any) -> Change:
    """A table of a module with another value at ``index``."""

    def patch() -> tuple[Any, str, Any]:
        array = np.array(getattr(module, table))
        array[index] = value
        return module, table, array

    name = module.__name__.removeprefix("garrison.worlds.")
    place = ", ".join(getattr(i, "name", str(i)) for i in index)
    return Change(f"{name}.{table}[{place}] = {value}", patch)


NOTHING = "jnp.zeros((), bool)"
TIME = (
    Wrong(
        "§2.2",
        "of events due at one time the first in the order comes first",
        "the last comes first",
        edit(step.advance, ("jnp.argmin(times)", "(times.shape[0] - 1 - jnp.argmin(times[::-1]))")),
    ),
    Wrong(
        "§2.4",
        "a restore takes the host down when it starts",
        "it takes the host down when it ends",
        edit(start.start, ("down = restores & (", f"down = restores & {NOTHING} & (")),
    ),
    Wrong(
        "§2.4",
        "the preset scales how long red lies low",
        "it always lies low for the time of medium",
        edit(start._duration, ("dwell, time)", "time, time)")),
    ),
    Wrong(
        "§4.3",
        "a restore of a PLC has a law of its own",
        "it takes as long as that of other hosts",
        edit(start._duration, ("(state.host_role[host] == T.Role.PLC).astype(jnp.uint32)", "jnp.uint32(0)")),
    ),
    Wrong(
        "§2.4",
        "isolation aborts the attacks that touch the host",
        "isolation leaves them alone",
        edit(blue.cancels_host, ("(done.blue(K.ISOLATE) | done.blue(K.REMOVE))", "done.blue(K.REMOVE)")),
    ),
    Wrong(
        "§2.4",
        "an attack whose source is isolated is aborted",
        "only attacks on the isolated host are",
        edit(cancel.cancel_at, ("(source[:, None] == slots[None]) | ", "")),
    ),
    Wrong(
        "§2.4",
        "closing a zone aborts what crosses its border",
        "closing aborts nothing",
        edit(blue.closes_zone, ("& strict", f"& {NOTHING}")),
        held_by="test_time.py::test_closing_a_zone_aborts_what_crosses_its_border",
    ),
    Wrong(
        "§3.5",
        "clocks strike at least 2 s apart",
        "they may strike sooner",
        edit(
            clock.gap,
            (
                "jnp.maximum(mean.astype(jnp.int32) * draw(L.EXP_LAW, u), L.CLOCK_LEAST_MS)",
                "mean.astype(jnp.int32) * draw(L.EXP_LAW, u)",
            ),
        ),
    ),
    Wrong(
        "§4.1",
        "energy is refilled by 1/20,000 per millisecond",
        "by twice that",
        edit(integrate.refill, ("A.ENERGY_RATE * dt", "2 * A.ENERGY_RATE * dt")),
    ),
    Wrong(
        "§4.1",
        "funds are capped",
        "they grow without end",
        edit(integrate.refill, ("jnp.minimum(jnp.asarray(A.FUNDS_CAP), funds)", "funds")),
    ),
)
REACH = (
    Wrong(
        "§3.3",
        "a session in the target's zone is the source before others",
        "the higher privilege decides alone",
        edit(start.plan, ("score = 4 * (", "score = 0 * (")),
    ),
    Wrong(
        "§3.2",
        "the S7 zero-day costs 1,000 funds a time",
        "it is free",
        edit(start.start, ("jnp.where(acts_red & approach.zero_day, ZERO_DAY, 0)", "0")),
        held_by="test_actions.py::test_the_zero_day_costs_funds",
    ),
    Wrong(
        "§3.3",
        "sessions in a closed zone are dormant",
        "they can be used",
        edit(access.usable, (" & open_zone", "")),
    ),
    Wrong(
        "§3.4",
        "a session on an engineering workstation opens ot",
        "only a credential does",
        edit(access.passes, (" | (jnp.any(engineer) & (zones == T.Zone.OT))", "")),
    ),
    Wrong(
        "§3.3",
        "red takes all levels for normal",
        "red knows the levels",
        edit(
            access.believed,
            (
                "jnp.full(T.NUM_ZONES, routes.Level.NORMAL, jnp.int32)",
                "state.zone_level.astype(jnp.int32)",
            ),
        ),
        masks=True,
    ),
    Wrong(
        "§4.2",
        "a mail may go to the lowest unknown workstation of corporate",
        "only known hosts get mail",
        edit(legal.red_places, ("known | unseen", "known")),
        masks=True,
    ),
    Wrong(
        "§3.4",
        "the gate is asked at completion",
        "a route is enough",
        edit(attempt.attempt, ("~(open_port & gate)", "~open_port")),
    ),
    Wrong(
        "§3.3",
        "data cannot leave ot, nor a strict secure zone",
        "data leaves from everywhere",
        edit(attempt.attempt, ("\n        | done.red(K.EXFILTRATE_DATA) & ~_egress(done)", "")),
        held_by="test_actions.py::test_each_prerequisite_counts",
    ),
    Wrong(
        "§4.2",
        "a strict zone counts as normal for fragmented traffic",
        "it stays strict",
        edit(attempt._route, ("jnp.where(fragmented, softer, level)", "level")),
        held_by="test_actions.py::test_fragmented_traffic_passes_a_strict_zone",
    ),
    Wrong(
        "§3.3",
        "the source has to be usable at completion",
        "it only had to be at the start",
        edit(attempt._have, ("mine | (came_from == T.NO_HOST)", "jnp.ones((), bool)")),
    ),
    Wrong(
        "§4.4",
        "a scan of a host that got a new address is gone",
        "it finds the host",
        edit(
            attempt._have,
            ("state.host_lease[done.slot] == state.agent_lease[done.agent]", "jnp.ones((), bool)"),
        ),
        held_by="test_time.py::test_a_scan_of_a_host_with_a_new_address_finds_nothing",
    ),
)
ATTACKS = (
    Wrong(
        "§4.4",
        "a decoy catches by chance",
        "a decoy always catches",
        edit(
            attempt.attempt,
            (
                "trapped = trapped & (permille(done.row.ot[0]) < jnp.asarray(B.DECOY_CHANCE)[decoy])",
                "",
            ),
        ),
    ),
    Wrong(
        "§4.4",
        "a decoy catches on its ports",
        "it catches on all ports",
        edit(attempt.attempt, ("(jnp.asarray(B.DECOY_PORTS)[decoy] & used.bit > 0)", "(decoy > 0)")),
    ),
    Wrong(
        "§4.4",
        "an alert of EDR stops Impact",
        "it stops nothing",
        edit(attempt.attempt, (" | done.red(K.IMPACT) & alert", "")),
    ),
    Wrong(
        "§4.4",
        "a ticket while a honeytoken is held is caught",
        "it is used like any other",
        edit(attempt.attempt, ("(ticket & state.token_honey[done.actor], Outcome.", f"({NOTHING}, Outcome.")),
    ),
    Wrong(
        "§3.4",
        "a credential of an old epoch is refused",
        "it works",
        edit(attempt.attempt, ("(ticket & ~credential, Outcome.", f"({NOTHING}, Outcome.")),
    ),
    Wrong(
        "§4.2",
        "corp_user opens workstations of corporate alone",
        "it opens all of corporate's hosts and more",
        edit(attempt._credential, ("valid[T.Scope.CORP_USER] & desk", "valid[T.Scope.CORP_USER]")),
    ),
    Wrong(
        "§4.2",
        "corp_user opens a workstation where the admin scope's credential is stale",
        "a stale credential bars the way",
        edit(
            attempt._credential,
            (
                "admin | valid[T.Scope.CORP_USER] & desk",
                "admin | valid[T.Scope.CORP_USER] & desk "
                "& ~access.held(done.state, done.actor)[jnp.asarray(T.ZONE_ADMIN)[done.zone]]",
            ),
        ),
        held_by="test_actions.py::test_a_ticket_takes_the_best_good_credential",
    ),
    Wrong(
        "§4.2",
        "an exploit needs its weakness",
        "chance alone decides",
        edit(attempt.attempt, (" | ~_weakness_there(done, used)", "")),
    ),
    Wrong(
        "§4.2",
        "the severity of the host scales R1's chance",
        "it does not",
        edit(attempt._chance, ("chance * severity // 100", "chance")),
    ),
    Wrong(
        "§4.4",
        "live EDR reduces the chance to 800 thousandths",
        "it reduces nothing",
        edit(attempt._chance, ("chance * B.EDR_FACTOR // 1000", "chance")),
    ),
    Wrong(
        "§4.2",
        "a mail succeeds by the users' phishability",
        "a mail always succeeds",
        edit(attempt._chance, ("jnp.where(done.red(K.SPEAR_PHISHING), phish, chance)", "chance")),
    ),
    Wrong(
        "§4.2",
        "corp_user gives User",
        "corp_user gives Root",
        edit(
            red.on_host,
            ("jnp.where(person, T.Privilege.USER, host[Field.host_priv])", "host[Field.host_priv]"),
        ),
    ),
    Wrong(
        "§4.2",
        "who takes a host of the other attacker owns it",
        "the first owner keeps it",
        edit(red.on_host, ("host = put(gains, host, Field.host_owner, done.actor)", "")),
    ),
    Wrong(
        "§4.2",
        "R4 and R5 crash the host with chance 250 when they fail",
        "they always crash it",
        edit(red.on_host, ("crashes = crashes & (permille(done.row.pick) < R.PANIC_CHANCE)", "")),
    ),
    Wrong(
        "§4.2",
        "data is taken one unit at a time",
        "two units count at a time",
        edit(red.on_state, ("state.loot + taken", "state.loot + 2 * taken")),
    ),
    Wrong(
        "§4.3",
        "Misinform works for two scans",
        "it works forever",
        edit(
            red._scanned,
            ("state.host_false_scans - (covered & false).astype(jnp.uint8)", "state.host_false_scans"),
        ),
    ),
    Wrong(
        "§4.4",
        "a scan sees a decoy's port and a weakness",
        "a scan sees no decoys",
        edit(red._scanned, ("true = true | jnp.asarray(pictures)[decoy, windows]", "")),
    ),
    Wrong(
        "§4.2",
        "R16 finds each online host with chance 800",
        "it finds all of them",
        edit(red._scanned, (" & (permille(done.row.host) < R.DISCOVER_CHANCE)", "")),
    ),
    Wrong(
        "§4.4",
        "a picture that proved false is forgotten",
        "it stays",
        edit(red._learned, ("jnp.where(exposed, jnp.uint16(0), state.red_scan)", "state.red_scan")),
    ),
    Wrong(
        "§6.5",
        "red remembers which ports were blocked",
        "it remembers them as open",
        edit(red._learned, ("jnp.where(made.open, 1, 2)", "jnp.where(made.open, 1, 1)")),
    ),
    Wrong(
        "§4.2",
        "R8 takes a honeytoken with chance 700",
        "it always takes it",
        edit(red.on_state, (" & (permille(done.row.pick) < R.HONEYTOKEN_TAKEN_CHANCE)", "")),
        held_by="test_actions.py::test_a_dump_takes_a_honeytoken_by_chance",
    ),
    Wrong(
        "§4.4",
        "a honeytoken that was used is spent",
        "it stays",
        edit(red.on_state, ("state.token_honey & ~(spent & actor)", "state.token_honey")),
    ),
    Wrong(
        "§4.2",
        "a mail leaves an implant",
        "it leaves none",
        entry(effects, "EFFECTS", (SIDE + Red.SPEAR_PHISHING, Field.host_implant), KEEP),
    ),
)
DEFENSE = (
    Wrong(
        "§4.3",
        "Remove fails where red has Root",
        "it removes Root too",
        edit(
            blue.outcome, ("done.blue(K.REMOVE) & (done.host[Field.host_priv] == T.Privilege.ROOT)", NOTHING)
        ),
    ),
    Wrong(
        "§4.3",
        "RestoreFromBackup needs a backup",
        "it needs none",
        edit(blue.outcome, (" | done.blue(K.RESTORE_FROM_BACKUP) & ~_has_backup(done.state)", "")),
    ),
    Wrong(
        "§4.3",
        "an owned backup is of no use",
        "it is",
        edit(blue._has_backup, (" & (state.host_priv == 0)", "")),
    ),
    Wrong(
        "§4.3",
        "a restored host has its users' scopes in memory",
        "its memory stays as it was",
        edit(
            blue.on_host,
            ("host = put(restored, host, Field.host_cached, done.state.host_home[done.slot])", ""),
        ),
    ),
    Wrong(
        "§4.3",
        "Analyse finds a sensor that was killed",
        "it does not",
        edit(blue.on_host, ("analyzed & (host[Field.host_sensor_killed] > 0)", NOTHING)),
    ),
    Wrong(
        "§4.3",
        "with EDR Analyse sees a session with chance 950",
        "EDR does not help it",
        edit(
            blue._verdict, ("jnp.where(done.live_edr & (priv > 0), B.ANALYSE_EDR_CHANCE, chance)", "chance")
        ),
    ),
    Wrong(
        "§4.3",
        "Analyse always sees encryption",
        "it does not see it",
        edit(
            blue._verdict,
            ("jnp.where(done.host[Field.host_encrypted] > 0, B.Verdict.ENCRYPTED, verdict)", "verdict"),
        ),
    ),
    Wrong(
        "§4.3",
        "Awareness makes users fall for mails less often",
        "it changes nothing",
        edit(blue.on_state, (" * B.AWARENESS_FACTOR // 1000", "")),
    ),
    Wrong(
        "§4.3",
        "EDR helps Monitor",
        "it does not",
        edit(blue._monitored, ("jnp.where(more, B.MONITOR_EDR, 0)", "0")),
    ),
    Wrong(
        "§4.3",
        "a dead sensor hinders Monitor",
        "it does not",
        edit(blue._monitored, (" - jnp.where(less, B.MONITOR_SENSOR_OFF, 0)", "")),
    ),
    Wrong(
        "§3.6",
        "restoring a PLC resets the setpoints",
        "they stay as they are",
        edit(
            blue.on_state,
            (
                "jnp.where(plc, done.game.topology.plant_nominal, state.plant_setpoint)",
                "state.plant_setpoint",
            ),
        ),
    ),
    Wrong(
        "§4.3",
        "a restore takes a decoy away",
        "decoys survive it",
        entry(effects, "EFFECTS", (Blue.RESTORE, Field.host_decoy), KEEP),
    ),
    Wrong(
        "§4.3",
        "EDR survives a restore",
        "a restore takes it away",
        entry(effects, "EFFECTS", (Blue.RESTORE, Field.host_edr), 0),
    ),
    Wrong(
        "§4.3",
        "DeployEDR repairs the sensor",
        "the sensor stays dead",
        entry(effects, "EFFECTS", (Blue.DEPLOY_EDR, Field.host_sensor_killed), KEEP),
    ),
)
IDENTITY = (
    Wrong(
        "§3.4",
        "a rotation empties the scope from all memories",
        "memories keep it",
        edit(identity.rotate, ("state.host_cached & kept", "state.host_cached")),
    ),
    Wrong(
        "§3.4",
        "a rotation costs a re-logon phase",
        "it costs none",
        edit(
            identity.rotate,
            ("jnp.where(chosen, state.time + T.REAUTH_MS, state.reauth_until)", "state.reauth_until"),
        ),
    ),
    Wrong(
        "§3.4",
        "a stolen credential lapses after its lifetime",
        "it lives twice as long",
        edit(identity.steal, ("1000 * jnp.asarray", "2000 * jnp.asarray")),
    ),
    Wrong(
        "§4.2",
        "who lost the last session still knows the dmz",
        "it knows what C2 has alone",
        edit(identity.fall_back, ("state.c2_known | first", "state.c2_known")),
    ),
    Wrong(
        "§4.2",
        "R17 tells the other attacker",
        "it tells C2 alone",
        edit(identity.share, ("state.red_known | other & state.red_known[red][None]", "state.red_known")),
    ),
    Wrong(
        "§3.5",
        "a logon brings the host's scopes back into memory",
        "it does not",
        edit(
            dynamics.tick,
            ("jnp.where(logs_on & here, state.host_home, 0)", "jnp.zeros_like(state.host_home)"),
        ),
    ),
    Wrong(
        "§3.5",
        "red does not lose sight of a host with its own session",
        "a new address hides that too",
        edit(dynamics._new_addresses, ("new[None] & ~sees", "new[None] & jnp.ones_like(sees)")),
    ),
    Wrong(
        "§3.5",
        "a session with an implant survives a device being switched off",
        "it ends",
        edit(dynamics._toggle, (" & ~state.host_implant", "")),
    ),
    Wrong(
        "§3.5",
        "a migration swaps roles",
        "roles stay",
        edit(dynamics._migrate, ("for name in _WORKLOAD", "for name in _WORKLOAD[1:]")),
    ),
    Wrong(
        "§3.5",
        "an arriving device brings a session with chance 200",
        "it always does",
        edit(dynamics._arrive, (" & (permille(row.chance) < L.ARRIVE_SESSION_CHANCE)", "")),
    ),
    Wrong(
        "§3.6",
        "the plant has noise",
        "it has none",
        edit(dynamics.relax, ("state.plant_value + towards + noise", "state.plant_value + towards")),
    ),
)
LOSSES = (
    Wrong(
        "§7.2",
        "Root on a domain controller costs 200 % of its weight in iot_grid",
        "it costs as much as elsewhere",
        edit(
            integrate.losses,
            ("jnp.where(controller, S.LOSS_ROOT_CONTROLLER, ", "jnp.where(controller, owned, "),
        ),
    ),
    Wrong(
        "§7.2",
        "levels above normal cost friction",
        "they are free",
        edit(integrate.losses, ("by_zone * level[:, 0] // level[:, 1]", "0 * by_zone")),
    ),
    Wrong(
        "§7.2",
        "a re-logon phase costs friction",
        "it is free",
        edit(integrate.losses, ("S.LOSS_REAUTH * jnp.sum(", "0 * jnp.sum(")),
    ),
    Wrong(
        "§7.2",
        "an encrypted host that is down counts once",
        "it counts twice",
        edit(integrate.losses, ("[state.host_status] & ~encrypted", "[state.host_status]")),
    ),
    Wrong(
        "§7.1",
        "a goal has to be held without a break",
        "breaks do not matter",
        edit(
            goals.check,
            (
                "jnp.where(met & (hold > 0), since, L.NEVER)",
                "jnp.where(met & (hold > 0), since, state.hold_until)",
            ),
        ),
    ),
)
LOGS = (
    Wrong(
        "§5.1",
        "sensors lose tokens",
        "they lose none",
        edit(
            telemetry.sensed,
            (
                "tokens.chance * jnp.asarray(_KEPT)[type, tokens.failed.astype(jnp.uint32)] // 1000",
                "tokens.chance",
            ),
        ),
    ),
    Wrong(
        "§5.1",
        "network sensors see 300 thousandths of the flows within a zone",
        "they see all of them",
        edit(telemetry.sensed, ("chance * K.INSIDE_SEEN // 1000", "chance")),
    ),
    Wrong(
        "§4.2",
        "network sensors see little of fragmented traffic",
        "they see all of it",
        edit(telemetry.sensed, ("chance * K.FRAGMENTED_SEEN // 1000", "chance")),
    ),
    Wrong(
        "§5.1",
        "the preset scales the delays of tokens",
        "delays are those of medium",
        edit(telemetry.sensed, (" * scale // 1000", "")),
    ),
    Wrong(
        "§5.1",
        "directory tokens need a domain controller that is online",
        "they need none",
        edit(
            telemetry.sensors,
            ("jnp.any(in_charge & controller[None], axis=1)", "jnp.ones_like(managed)"),
        ),
    ),
    Wrong(
        "§5.3",
        "counters lose a part of themselves, rounded up",
        "rounded down",
        edit(telemetry._counted, ("(old + (decay - 1)) // decay", "old // decay")),
    ),
    Wrong(
        "§2.4",
        "a severe token of a host ends its defender's Watch",
        "it ends whatever the defender does",
        edit(telemetry.deliver, (" & (state.agent_kind[: T.NUM_BLUE] == B.Blue.WATCH)", "")),
    ),
    Wrong(
        "§4.5",
        "encrypted hosts give no sign of life",
        "they do",
        edit(telemetry.deliver, (" & ~state.host_encrypted", "")),
    ),
    Wrong(
        "§5.1",
        "what is overwritten before its delivery counts as lost",
        "whatever is overwritten counts",
        edit(telemetry.push, ("new & waiting", "new")),
    ),
    Wrong(
        "§5.2",
        "nights are quieter than days",
        "it is always day",
        edit(emitted.of_batch, ("night.astype(jnp.uint32)]", "0 * night.astype(jnp.uint32)]")),
    ),
    Wrong(
        "§7.4",
        "the preset scales severe noise apart from the rest",
        "one scale serves both",
        edit(
            emitted.of_batch,
            (
                "jnp.where(severe, game.options.alarm_scale, game.options.noise_scale)",
                "jnp.broadcast_to(game.options.noise_scale, severe.shape)",
            ),
        ),
    ),
    Wrong(
        "§4.5",
        "a host that stops being online leaves a host_down",
        "it leaves nothing",
        edit(
            emitted.of_event,
            ("down = first(left, T.NO_HOST)[None]", "down = jnp.full(1, T.NO_HOST, jnp.int32)"),
        ),
    ),
    Wrong(
        "§3.6",
        "a variable below its limits alarms too",
        "only one above them does",
        edit(emitted.of_batch, ("(plant < bounds[:, 0]) | (plant", "(plant")),
    ),
)
_EVERY: tuple[Wrong, ...] = (*TIME, *REACH, *ATTACKS, *DEFENSE, *IDENTITY, *LOSSES, *LOGS)
RULES = tuple(wrong for wrong in _EVERY if not wrong.held_by)
UNEXERCISED = tuple(wrong for wrong in _EVERY if wrong.held_by)
