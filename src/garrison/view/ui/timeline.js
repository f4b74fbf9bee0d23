// Time: the return so far of each replay, phases, what happened when, and a cursor to drag.

import { svg } from "./dom.js";

const WIDE = 1000, TOP = 8, CURVE = 66, ROW = 9, LEFT = 40;

export class Timeline {
  /**
   * @param {import("./model.js").Replay[]} replays @param {import("./log.js").Filter} filter
   * @param {(t: number) => void} onSeek
   */
  constructor(replays, filter, onSeek) {
    this.replays = replays;
    this.filter = filter;
    this.last = Math.max(...replays.map((replay) => replay.last));
    const totals = replays.flatMap((replay) => replay.totals);
    this.low = Math.min(0, ...totals);
    this.high = Math.max(0, ...totals);
    if (this.high === this.low) this.low = -1;
    const high = CURVE + 14 + replays.length * (ROW + 4);
    this.cursor = svg("line", { class: "cursor", y1: TOP - 4, y2: high - 4 });
    this.element = /** @type {SVGElement} */ (svg("svg", {
      viewBox: `0 0 ${WIDE} ${high}`, class: "timeline", role: "slider", tabindex: 0, "aria-label": "tick",
      "aria-valuemin": 0, "aria-valuemax": this.last
    }));
    this.element.append(...this.phases(), ...this.axis());
    this.bars = svg("g");
    this.element.append(...replays.map((replay, number) => svg("path", { d: this.curve(replay), class: `curve c${number}` })),
      this.bars, this.cursor);
    this.mark();
    const seek = (/** @type {PointerEvent} */ event) => {
      const box = this.element.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * WIDE;
      onSeek(Math.round(((x - LEFT) / (WIDE - LEFT - 8)) * this.last));
    };
    this.element.addEventListener("pointerdown", (event) => {
      this.element.setPointerCapture(event.pointerId);
      seek(event);
    });
    this.element.addEventListener("pointermove", (event) => {
      if (event.buttons) seek(event);
    });
  }

  /** @param {number} t */
  x(t) {
    return LEFT + (t / Math.max(1, this.last)) * (WIDE - LEFT - 8);
  }

  /** @param {number} total */
  y(total) {
    return TOP + ((this.high - total) / (this.high - this.low)) * (CURVE - TOP);
  }

  phases() {
    const ticks = this.replays[0].ticks, bands = [];
    for (let start = 0, t = 1; t <= ticks.length; t++) {
      if (t < ticks.length && ticks[t].phase === ticks[start].phase) continue;
      const x = this.x(start), width = this.x(Math.min(t, ticks.length - 1)) - x;
      const phase = ticks[start].phase;
      bands.push(svg("rect", { x, y: TOP - 4, width, height: CURVE - TOP + 8, class: `phase p${phase % 2}` }));
      if (ticks[ticks.length - 1].phase !== ticks[0].phase && width > 60) {
        bands.push(svg("text", { x: x + 5, y: TOP + 8, class: "phase-name" }, `phase ${phase}`));
      }
      start = t;
    }
    return bands;
  }

  axis() {
    return [this.high, this.low].map((value) =>
      svg("text", { x: LEFT - 6, y: this.y(value) + 4, class: "axis" }, String(Math.round(value)).replace("-", "−")));
  }

  /** @param {import("./model.js").Replay} replay */
  curve(replay) {
    return replay.totals.map((total, t) => `${t ? "L" : "M"}${this.x(t).toFixed(1)} ${this.y(total).toFixed(1)}`).join("");
  }

  /** Draw the bars of what the filter shows. */
  mark() {
    this.bars.replaceChildren(...this.replays.flatMap((replay, number) => this.happenings(replay, number)));
  }

  /** A small bar for each tick in which something happened, in the tone of the gravest. @param {import("./model.js").Replay} replay @param {number} number */
  happenings(replay, number) {
    const kinds = replay.header.happenings, y = CURVE + 10 + number * (ROW + 4);
    const tones = ["danger", "warning", "notice", "calm"];
    const bars = [svg("text", { x: LEFT - 6, y: y + 8, class: "axis" }, this.replays.length > 1 ? "AB"[number] : "")];
    for (const tick of replay.ticks) {
      const found = (tick.happened ?? [])
        .filter((/** @type {any[]} */ [kind, host]) => this.filter.shows(replay.header, kind, host))
        .map((/** @type {any[]} */ one) => kinds[one[0]]?.tone ?? "calm");
      const tone = tones.find((one) => found.includes(one));
      if (tone) bars.push(svg("rect", { x: this.x(tick.t) - 0.9, y, width: 1.8, height: ROW, class: `bar ${tone}` }));
    }
    return bars;
  }

  /** @param {number} t @param {string} words */
  draw(t, words) {
    this.cursor.setAttribute("x1", String(this.x(t)));
    this.cursor.setAttribute("x2", String(this.x(t)));
    this.element.setAttribute("aria-valuenow", String(t));
    this.element.setAttribute("aria-valuetext", words);
  }
}
