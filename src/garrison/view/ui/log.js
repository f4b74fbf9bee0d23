// All events in words, which says the same as the bars of the time line, and what is left out of both.

import { eventsOf, hostName } from "./account.js";
import { el } from "./dom.js";

/** Which events are shown: kinds that are left out, and a zone. */
export class Filter {
  constructor() {
    /** @type {Set<string>} */
    this.hidden = new Set();
    /** @type {number | null} */
    this.zone = null;
  }

  /** Whether an event is shown. @param {any} header @param {string} kind @param {number | null} host */
  shows(header, kind, host) {
    if (this.hidden.has(kind)) return false;
    return this.zone === null || (host !== null && header.hosts[host]?.zone === this.zone);
  }
}

export class Log {
  /**
   * @param {import("./model.js").Replay[]} replays @param {Filter} filter
   * @param {(t: number) => void} onSeek @param {() => void} onFilter
   */
  constructor(replays, filter, onSeek, onFilter) {
    this.replays = replays;
    this.filter = filter;
    this.onSeek = onSeek;
    this.t = 0;
    this.list = el("ol", { class: "log", tabindex: 0, "aria-label": "events" });
    const { happenings, zones } = replays[0].header;
    const kinds = Object.entries(happenings).map(([kind, { meaning, tone }]) => el("label", {},
      el("input", { type: "checkbox", checked: true, onchange: (/** @type {any} */ event) => {
        if (event.target.checked) filter.hidden.delete(kind);
        else filter.hidden.add(kind);
        this.changed(onFilter);
      } }), el("span", { class: `dot ${tone}`, "aria-hidden": "true" }), meaning));
    const zone = el("select", { onchange: (/** @type {any} */ event) => {
      filter.zone = event.target.value === "" ? null : Number(event.target.value);
      this.changed(onFilter);
    } }, el("option", { value: "" }, "all zones"),
    zones.map((/** @type {any} */ one, /** @type {number} */ index) => el("option", { value: index }, one.label)));
    this.element = /** @type {HTMLDetailsElement} */ (el("details", { class: "events", ontoggle: () => this.fill() },
      el("summary", {}, "Events in words, and which are shown"),
      el("fieldset", { class: "filters" }, el("legend", {}, "Shown on the time line and below"), kinds, el("label", {}, "zone", zone)),
      this.list));
  }

  /** @param {() => void} onFilter */
  changed(onFilter) {
    this.fill();
    onFilter();
  }

  /** Write the list, if it can be seen. */
  fill() {
    if (!this.element.open) return;
    const several = this.replays.length > 1;
    const rows = this.replays.flatMap((replay, number) => eventsOf(replay)
      .filter((one) => this.filter.shows(replay.header, one.kind, one.host))
      .map((one) => ({ ...one, header: replay.header, number })));
    rows.sort((a, b) => a.t - b.t || a.number - b.number);
    this.list.replaceChildren(...rows.map((one) => {
      const where = hostName(one.header, one.host), meaning = one.header.happenings[one.kind]?.meaning ?? one.kind;
      return el("li", { "data-t": one.t },
        el("button", { type: "button", class: "link", onclick: () => this.onSeek(one.t) }, `tick ${one.t}`),
        ` ${several ? `${"AB"[one.number]}: ` : ""}${meaning}${where ? `: ${where}` : ""}`);
    }));
    if (!rows.length) this.list.replaceChildren(el("li", { class: "soft" }, "No events."));
    this.draw(this.t);
  }

  /** Mark the tick that is shown, and bring it into view. @param {number} t */
  draw(t) {
    this.t = t;
    if (!this.element.open) return;
    /** @type {HTMLElement | undefined} */
    let last;
    for (const row of /** @type {NodeListOf<HTMLElement>} */ (this.list.querySelectorAll("[data-t]"))) {
      const now = Number(row.dataset.t) === t;
      if (now) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
      if (Number(row.dataset.t) <= t) last = row;
    }
    if (last) this.list.scrollTop = last.offsetTop - this.list.clientHeight / 2;
  }
}
