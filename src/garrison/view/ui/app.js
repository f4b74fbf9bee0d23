// The page: one state (tick, view, host, speed), and everything that is drawn from it.

import { compromises } from "./account.js";
import { el } from "./dom.js";
import { help, pressed } from "./keys.js";
import { NAMES, button, fill, layout, lead, seen, slots } from "./layout.js";
import { Filter, Log } from "./log.js";
import { NetworkMap, legend } from "./map.js";
import { shown } from "./model.js";
import { Timeline } from "./timeline.js";
import { events, history, incidentTable, orders, table } from "./panels.js";
import { accounts, parts, score, worst } from "./score.js";
import { plan, turns } from "./turns.js";

const SPEEDS = [0.5, 1, 2, 4, 8, 16, 32]; // ticks per second

export class App {
  /** @param {HTMLElement} root @param {import("./model.js").Replay[]} replays */
  constructor(root, replays) {
    this.replays = replays;
    this.views = Object.keys(replays[0].header.views);
    this.last = Math.max(...replays.map((replay) => replay.last));
    this.t = 0;
    this.view = this.views[0];
    /** @type {number | null} */
    this.selected = null;
    this.speed = 2;
    /** @type {number | undefined} */
    this.timer = undefined;
    const several = replays.length > 1;
    /** @type {number | undefined} */
    this.writing = undefined;
    this.maps = replays.map((replay, number) =>
      new NetworkMap(replay, (host) => this.select(host), several ? number : undefined));
    this.filter = new Filter();
    this.timeline = new Timeline(replays, this.filter, (t) => this.seek(t));
    this.log = new Log(replays, this.filter, (t) => this.seek(t), () => this.timeline.mark());
    this.time = el("div", { class: "scroll", tabindex: -1 }, this.timeline.element);
    this.slots = replays.map(() => slots("score", "parts", "worst", "accounts", "events", "orders", "host", "turns", "plan",
      "incidents", "table"));
    this.clock = el("output", { class: "clock" });
    this.ahead = el("p", { class: "soft ahead" });
    this.live = el("p", { class: "unseen", "aria-live": "polite" });
    this.play = button("Play", () => this.toggle());
    this.rate = el("output", { class: "soft rate" });
    this.switch = el("div", { role: "group", "aria-label": "view", class: "views" },
      this.views.map((view) => el("button", {
        type: "button", "aria-pressed": false, "data-view": view, onclick: () => this.look(view),
      }, NAMES[/** @type {"true"} */ (view)] ?? view)));
    this.search = /** @type {HTMLInputElement} */ (el("input", {
      type: "search", list: "hosts", class: "search", placeholder: "find a host", "aria-label": "find a host",
      onchange: () => this.find(),
    }));
    this.legend = el("div");
    this.keys = this.table();
    this.help = help(this.keys);
    root.replaceChildren(...layout(this));
    this.restore();
    this.listeners = new AbortController();
    const { signal } = this.listeners;
    window.addEventListener("hashchange", () => this.restore(), { signal });
    document.addEventListener("keydown", (event) => pressed(event, this.keys), { signal });
  }

  /** Ticks were added to the only replay: follow if the last one was shown. */
  grow() {
    const follows = this.t === this.last, focused = this.time.contains(document.activeElement);
    this.last = this.replays[0].last;
    this.timeline = new Timeline(this.replays, this.filter, (t) => this.seek(t));
    this.time.replaceChildren(this.timeline.element);
    if (focused) this.timeline.element.focus();
    this.log.fill();
    this.seek(follows ? this.last : this.t);
  }

  /** The page shows something else now. */
  leave() {
    this.stop();
    clearTimeout(this.writing);
    this.listeners.abort();
  }

  /** @returns {import("./keys.js").Key[]} */
  table() {
    const key = (/** @type {string} */ shownAs, /** @type {string[]} */ keys, /** @type {string} */ what,
      /** @type {(event: KeyboardEvent) => void} */ act) => ({ shown: shownAs, keys, what, act });
    const step = (/** @type {KeyboardEvent} */ event) => (event.shiftKey ? 10 : 1);
    return [
      key("←", ["ArrowLeft"], "a tick back; with Shift ten", (event) => this.seek(this.t - step(event))),
      key("→", ["ArrowRight"], "a tick on; with Shift ten", (event) => this.seek(this.t + step(event))),
      key(",", [","], "last tick with an event that is shown", () => this.event(-1)),
      key(".", ["."], "next tick with an event that is shown", () => this.event(1)),
      key("c", ["c"], "next compromise of a host", () => this.compromise()),
      key("w", ["w"], "the costliest tick", () => this.seek(this.replays[0].worst(1)[0] ?? this.t)),
      key("Home", ["Home"], "start", () => this.seek(0)),
      key("End", ["End"], "end", () => this.seek(this.last)),
      key("Space", [" "], "play or stop", () => this.toggle()),
      key("+ −", ["+", "-"], "faster, slower", (event) => this.faster(event.key === "+" ? 1 : -1)),
      ...this.views.map((view, number) =>
        key(String(number + 1), [String(number + 1)], `view: ${NAMES[/** @type {"true"} */ (view)] ?? view}`, () => this.look(view))),
      key("/", ["/"], "find a host", () => this.search.focus()),
      key("m", ["m"], "go to the map; there arrows go from host to host, Enter chooses one", () => this.toMap()),
      key("t", ["t"], "go to the time line", () => this.timeline.element.focus()),
      key("?", ["?"], "this help", () => this.help.showModal()),
    ];
  }

  // ------------------------------------------------------------ what can be done

  /** @param {number} t */
  seek(t) {
    this.t = Math.max(0, Math.min(this.last, t));
    this.draw();
  }

  /** @param {string} view */
  look(view) {
    this.view = view;
    this.draw();
  }

  /** @param {number | null} host */
  select(host) {
    this.selected = this.selected === host ? null : host;
    this.draw();
  }

  find() {
    const host = this.replays[0].header.hosts.findIndex((/** @type {any} */ one) => one.name === this.search.value);
    if (host < 0) return;
    this.selected = host;
    this.draw();
    this.maps[0].focus(host);
  }

  toMap() {
    const zone = this.maps[0].inside.find((hosts) => hosts.length) ?? [0];
    this.maps[0].focus(this.selected ?? zone[0]);
  }

  toggle() {
    if (this.timer !== undefined) return this.stop();
    if (this.t === this.last) this.t = 0;
    this.timer = setInterval(() => {
      if (this.t >= this.last) this.stop();
      else this.seek(this.t + 1);
    }, 1000 / this.speed);
    this.play.textContent = "Stop";
  }

  stop() {
    clearInterval(this.timer);
    this.timer = undefined;
    this.play.textContent = "Play";
  }

  /** @param {number} step */
  faster(step) {
    const place = SPEEDS.indexOf(this.speed) + step;
    this.speed = SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, place))];
    if (this.timer !== undefined) {
      this.stop();
      this.toggle();
    }
    this.draw();
  }

  /** To the nearest tick in that direction with an event that is shown. @param {1 | -1} step */
  event(step) {
    for (let t = this.t + step; t >= 0 && t <= this.last; t += step) {
      const found = this.replays.some((replay) => (replay.ticks[t]?.happened ?? [])
        .some((/** @type {any[]} */ [kind, host]) => this.filter.shows(replay.header, kind, host)));
      if (found) return this.seek(t);
    }
  }

  /** To the next tick in which an attacker gets a host. */
  compromise() {
    const ticks = this.replays.flatMap(compromises).filter((t) => t > this.t);
    if (ticks.length) this.seek(Math.min(...ticks));
  }

  // ------------------------------------------------------------ drawing

  draw() {
    const pictures = this.replays.map((replay) => replay.at(Math.min(this.t, replay.last)));
    const onSeek = (/** @type {number} */ t) => this.seek(t);
    pictures.forEach((picture, number) => {
      const replay = this.replays[number], slot = this.slots[number], t = Math.min(this.t, replay.last);
      this.maps[number].draw(picture, this.view, this.selected);
      fill(slot.score, score(replay, picture));
      fill(slot.parts, parts(replay, t));
      fill(slot.events, events(picture));
      fill(slot.orders, orders(picture));
      fill(slot.host, history(replay, this.selected, this.view, this.t, onSeek));
      if (seen(slot.table)) fill(slot.table, table(replay, picture, this.view));
      if (slot.turns.isConnected) fill(slot.turns, turns(replay, t, onSeek));
      if (slot.plan.isConnected) fill(slot.plan, plan(replay, picture));
      if (seen(slot.incidents)) fill(slot.incidents, incidentTable(replay, t, onSeek));
      this.once(slot, replay, onSeek);
    });
    this.clock.textContent = `tick ${this.t} of ${this.last}`;
    this.rate.textContent = `${this.speed} per second`;
    for (const choice of this.switch.children) {
      choice.setAttribute("aria-pressed", String(/** @type {HTMLElement} */ (choice).dataset.view === this.view));
    }
    if (this.legend.dataset.view !== this.view) {
      this.legend.dataset.view = this.view;
      this.legend.replaceChildren(legend(this.replays[0].header, this.view));
    }
    const words = `tick ${this.t}, return ${pictures.map((picture) => shown(picture.total)).join(" and ")}`;
    this.timeline.draw(this.t, words);
    this.log.draw(this.t);
    if (pictures.length > 1) this.ahead.textContent = lead(pictures.map((picture) => picture.total));
    if (this.timer === undefined) {
      this.live.textContent = `${words}. ${pictures.map((picture) => picture.lines.join(". ")).join(" | ")}`;
    }
    clearTimeout(this.writing); // naming each moment of a drag in the address would take most of its time
    this.writing = setTimeout(() => this.remember(), 100);
  }

  /** What changes with the number of ticks and at the end alone. @param {Record<string, HTMLElement>} slot @param {any} replay @param {(t: number) => void} onSeek */
  once(slot, replay, onSeek) {
    const now = `${replay.last} ${replay.end.return}`;
    if (slot.worst.dataset.of === now) return;
    slot.worst.dataset.of = now;
    slot.worst.replaceChildren(worst(replay, onSeek));
    slot.accounts.replaceChildren(...accounts(replay));
  }

  /** Name the moment in the address, beside what it names already. */
  remember() {
    const named = new URLSearchParams(location.hash.slice(1));
    named.set("t", String(this.t));
    named.set("view", this.view);
    if (this.selected === null) named.delete("host");
    else named.set("host", String(this.selected));
    address(`#${named}`);
  }

  /** The state that the address names. */
  restore() {
    const named = new URLSearchParams(location.hash.slice(1));
    const view = named.get("view") ?? this.view, host = Number(named.get("host") ?? NaN);
    if (this.views.includes(view)) this.view = view;
    if (Number.isInteger(host) && host >= 0 && host < this.replays[0].header.hosts.length) this.selected = host;
    const t = Number(named.get("t") ?? this.t);
    this.seek(Number.isInteger(t) ? t : 0);
  }
}

/** @param {string} hash */
export function address(hash) {
  try {
    if (location.hash !== hash) window.history.replaceState(null, "", hash || location.pathname);
  } catch {
    // within a notebook the page has no address of its own
  }
}
