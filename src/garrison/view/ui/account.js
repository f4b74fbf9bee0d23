// What a replay amounts to: incidents, rewards by part and phase, events. Pure: no page, no time.

/**
 * @typedef {import("./model.js").Replay} Replay
 * @typedef {{host: number, start: number, noticed: number | null, ended: number | null, how: string}} Incident
 * @typedef {{t: number, kind: string, host: number | null}} Event
 */

/** @type {WeakMap<Replay, {last: number, found: Incident[]}>} */
const KNOWN = new WeakMap();

/**
 * Unbroken runs of ticks in which an attacker holds a host of a zone with a defender, in order of their start.
 * `noticed` is the first tick with a sign for the defender, `ended` the first without the attacker; null: never.
 * @param {Replay} replay
 */
export function incidents(replay) {
  const known = KNOWN.get(replay);
  if (known?.last === replay.last) return known.found;
  const { held = "", noticed = ["", ""], hosts, zones, views, happenings } = replay.header;
  /** @type {Incident[]} */
  const found = [];
  if (!held || !views.true) return found;
  /** @type {string[]} */
  const truth = hosts.map(() => ""), signs = hosts.map(() => "");
  /** @type {Map<number, Incident>} */
  const open = new Map();
  for (const tick of replay.ticks) {
    for (const [host, letters] of Object.entries(tick.marks?.true ?? {})) truth[Number(host)] = letters;
    for (const [host, letters] of Object.entries(tick.marks?.[noticed[0]] ?? {})) signs[Number(host)] = letters;
    hosts.forEach((/** @type {any} */ one, /** @type {number} */ host) => {
      const now = [...held].some((letter) => truth[host].includes(letter));
      let incident = open.get(host);
      if (now && !incident && zones[one.zone].owner) {
        incident = { host, start: tick.t, noticed: null, ended: null, how: "" };
        open.set(host, incident);
        found.push(incident);
      }
      if (!incident) return;
      if (!now) {
        incident.ended = tick.t;
        incident.how = ends(tick, host, happenings);
        open.delete(host);
      } else if (incident.noticed === null && [...noticed[1]].some((letter) => signs[host].includes(letter))) {
        incident.noticed = tick.t;
      }
    });
  }
  KNOWN.set(replay, { last: replay.last, found });
  return found;
}

/** What ended an incident: the calm happening on its host. @param {any} tick @param {number} host @param {any} kinds */
function ends(tick, host, kinds) {
  const one = (tick.happened ?? []).find((/** @type {any[]} */ [kind, where]) =>
    where === host && kinds[kind]?.tone === "calm");
  return one ? kinds[one[0]].meaning : "";
}

/** Ticks in which an incident began, in order; in replays without incidents those with a happening of danger. @param {Replay} replay @returns {number[]} */
export function compromises(replay) {
  const found = incidents(replay).map((one) => one.start);
  if (replay.header.held) return [...new Set(found)];
  return eventsOf(replay).filter((one) => replay.header.happenings[one.kind]?.tone === "danger").map((one) => one.t);
}

/** All events. @param {Replay} replay @returns {Event[]} */
export function eventsOf(replay) {
  return replay.ticks.flatMap((tick) =>
    (tick.happened ?? []).map((/** @type {[string, number | null]} */ [kind, host]) => ({ t: tick.t, kind, host })));
}

/**
 * Sums of rewards up to a tick, by part and phase. Where a world has no parts there is one, the whole.
 * @param {Replay} replay @param {number} until
 * @returns {{phases: number[], rows: {part: string, sums: number[], total: number}[]}}
 */
export function byPart(replay, until) {
  /** @type {number[]} */
  const phases = [];
  /** @type {Map<string, Map<number, number>>} */
  const sums = new Map();
  replay.ticks.slice(1, until + 1).forEach((tick, index) => {
    const phase = replay.ticks[index].phase; // a step belongs to the phase in which it began
    if (!phases.includes(phase)) phases.push(phase);
    const parts = tick.parts ?? (tick.reward ? { reward: tick.reward } : {});
    for (const [part, value] of Object.entries(parts)) {
      const row = sums.get(part) ?? new Map();
      row.set(phase, (row.get(phase) ?? 0) + value);
      sums.set(part, row);
    }
  });
  const rows = [...sums].map(([part, row]) => ({
    part,
    sums: phases.map((phase) => row.get(phase) ?? 0),
    total: [...row.values()].reduce((a, b) => a + b, 0),
  }));
  rows.sort((a, b) => a.total - b.total || (a.part < b.part ? -1 : 1));
  return { phases, rows };
}

/** A host as people read it. @param {any} header @param {number | null} host */
export function hostName(header, host) {
  if (host === null || !header.hosts[host]) return "";
  const { label, zone } = header.hosts[host];
  return `${header.zones[zone].label}, ${label}`;
}
