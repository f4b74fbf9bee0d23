// The picture of each tick of a replay, from its header and differences. Pure: no page, no time.

/**
 * @typedef {{letter: string, meaning: string, tone: string}} Mark
 * @typedef {{name: string, label: string, at: [number, number], owner: string}} Zone
 * @typedef {{name: string, label: string, zone: number, kind: string}} Host
 * @typedef {{kind: string, host: number | null}} Happening
 * @typedef {{agent: string, label: string, host: number | null, steps: number}} Order
 * @typedef {{t: number, phase: number, marks: Record<string, string[]>, blocks: [number, number][],
 *   orders: Order[], reward: number, total: number, parts: Record<string, number>,
 *   happened: Happening[], lines: string[]}} Picture
 */

const SNAPSHOT = 25; // ticks from one whole picture to the next, so that seeking is fast

/** The text of a replay file, of base64 of gzip. @param {string} base64 @returns {Promise<string>} */
export async function unpack(base64) {
  const bytes = Uint8Array.from(atob(base64.trim()), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

/** A replay that can be asked for the picture of any tick. */
export class Replay {
  /** @param {any} header @param {any[]} ticks @param {any} end empty while the episode goes on */
  constructor(header, ticks, end) {
    this.header = header;
    this.end = end;
    /** @type {any[]} */
    this.ticks = [];
    /** @type {number[]} */
    this.totals = [];
    /** @type {Picture[]} */
    this.snapshots = [];
    this.newest = this.blank();
    ticks.forEach((tick) => this.push(tick));
  }

  /** @param {string} text the unpacked file */
  static of(text) {
    const lines = text.trimEnd().split("\n").map((line) => JSON.parse(line));
    return new Replay(lines[0], lines.slice(1, -1), lines[lines.length - 1]);
  }

  /** Add a tick. @param {any} tick */
  push(tick) {
    const t = this.ticks.length;
    this.ticks.push(tick);
    this.totals.push((this.totals[t - 1] ?? 0) + (tick.reward ?? 0));
    this.newest = this.after(this.newest, tick);
    if (t % SNAPSHOT === 0) this.snapshots.push(this.newest);
  }

  get last() {
    return this.ticks.length - 1;
  }

  /** @param {number} t @returns {Picture} */
  at(t) {
    const start = Math.floor(t / SNAPSHOT);
    let picture = this.snapshots[start];
    for (let i = start * SNAPSHOT + 1; i <= t; i++) picture = this.after(picture, this.ticks[i]);
    return picture;
  }

  /** Ticks in which something of a kind happened, in order. @param {string} kind @returns {number[]} */
  when(kind) {
    return this.ticks
      .filter((tick) => (tick.happened ?? []).some((/** @type {any[]} */ one) => one[0] === kind))
      .map((tick) => tick.t);
  }

  /** The ticks with the lowest rewards, worst first. @param {number} count @returns {number[]} */
  worst(count) {
    const lost = this.ticks.filter((tick) => (tick.reward ?? 0) < 0);
    lost.sort((a, b) => a.reward - b.reward || a.t - b.t);
    return lost.slice(0, count).map((tick) => tick.t);
  }

  /** @returns {Picture} */
  blank() {
    const marks = Object.fromEntries(
      Object.keys(this.header.views).map((view) => [view, this.header.hosts.map(() => "")]),
    );
    return {
      t: -1, phase: 0, marks, blocks: [], orders: [], reward: 0, total: 0, parts: {}, happened: [], lines: [],
    };
  }

  /** @param {Picture} before @param {any} tick @returns {Picture} */
  after(before, tick) {
    const marks = { ...before.marks };
    for (const [view, changed] of Object.entries(tick.marks ?? {})) {
      marks[view] = [...marks[view]];
      for (const [host, letters] of Object.entries(/** @type {Record<string, string>} */ (changed))) {
        marks[view][Number(host)] = letters;
      }
    }
    return {
      t: tick.t,
      phase: tick.phase,
      marks,
      blocks: tick.blocks ?? before.blocks,
      orders: tick.orders ? tick.orders.map(orderOf) : before.orders,
      reward: tick.reward ?? 0,
      total: this.totals[tick.t],
      parts: tick.parts ?? {},
      happened: (tick.happened ?? []).map((/** @type {any[]} */ one) => ({ kind: one[0], host: one[1] })),
      lines: tick.lines ?? [],
    };
  }
}

/** @param {[string, string, number | null, number]} row @returns {Order} */
function orderOf([agent, label, host, steps]) {
  return { agent, label, host, steps };
}

/** A number as people read it: with a minus sign, and no more digits than needed. @param {number} value */
export function shown(value) {
  const rounded = Math.round(value * 100) / 100;
  return String(rounded).replace("-", "−");
}
