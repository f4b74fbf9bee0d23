// The page: one state (tick, view, host, speed), and everything that is drawn from it.

import { el } from "./dom.js";
import { NetworkMap, legend } from "./map.js";
import { shown } from "./model.js";
import { Timeline } from "./timeline.js";
import { events, history, orders, score, table, worst } from "./panels.js";

const SPEEDS = [0.5, 1, 2, 4, 8, 16, 32]; // ticks per second
const NAMES = { true: "True", blue: "Blue knows", red: "Red knows", difference: "Difference" };
const KEYS = [
  ["← →", "one tick back or on; with Shift ten"], [", .", "last or next tick in which something happened"],
  ["Home End", "start, end"], ["Space", "play or stop"], ["+ −", "faster, slower"],
  ["1 … 4", "views"], ["w", "the costliest tick"], ["?", "this help"],
];

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
    this.maps = replays.map((replay) => new NetworkMap(replay, (host) => this.select(host)));
    this.timeline = new Timeline(replays, (t) => this.seek(t));
    this.time = el("div", { class: "scroll" }, this.timeline.element);
    this.slots = replays.map(() => ({
      score: el("div"), events: el("div"), orders: el("div"), host: el("div"), table: el("div"),
    }));
    this.clock = el("output", { class: "clock" });
    this.live = el("p", { class: "unseen", "aria-live": "polite" });
    this.play = el("button", { type: "button", onclick: () => this.toggle() }, "Play");
    this.rate = el("output", { class: "soft rate" });
    this.switch = el("div", { role: "radiogroup", "aria-label": "view", class: "views" },
      this.views.map((view) => el("button", {
        type: "button", role: "radio", "data-view": view, onclick: () => this.look(view),
      }, NAMES[/** @type {"true"} */ (view)] ?? view)));
    this.legend = el("div");
    this.help = el("dialog", { "aria-label": "keys" }, el("h2", {}, "Keys"),
      el("dl", { class: "keys" }, KEYS.map(([key, what]) => el("div", {}, el("dt", {}, key), el("dd", {}, what)))),
      el("form", { method: "dialog" }, el("button", {}, "Close")));
    root.replaceChildren(...this.layout());
    this.restore();
    this.listeners = new AbortController();
    const { signal } = this.listeners;
    window.addEventListener("hashchange", () => this.restore(), { signal });
    document.addEventListener("keydown", (event) => this.key(event), { signal });
  }

  /** Ticks were added to the only replay: follow if the last one was shown. */
  grow() {
    const follows = this.t === this.last;
    this.last = this.replays[0].last;
    this.timeline = new Timeline(this.replays, (t) => this.seek(t));
    this.time.replaceChildren(this.timeline.element);
    this.seek(follows ? this.last : this.t);
  }

  /** The page shows something else now. */
  leave() {
    this.stop();
    this.listeners.abort();
  }

  layout() {
    const both = this.replays.length > 1;
    return [
      el("header", {}, el("div", { class: "eyebrow" }, "Garrison replay"), el("h1", {}, title(this.replays)),
        el("p", { class: "soft" }, about(this.replays[0]))),
      el("section", { class: "controls" },
        el("div", { class: "bar" }, this.play,
          button("Back", () => this.seek(this.t - 1)), button("On", () => this.seek(this.t + 1)),
          button("Next event", () => this.event(1)), this.clock, this.rate, this.switch,
          button("Keys", () => this.ask())),
        this.time, this.live),
      el("div", { class: both ? "pair" : "one" }, this.replays.map((replay, number) => {
        const slot = this.slots[number];
        return el("div", { class: "replay", "data-replay": number },
          el("section", { class: "board" }, both ? el("h2", {}, `${"AB"[number]}: ${who(replay)}`) : null,
            el("div", { class: "scroll" }, this.maps[number].element), number === 0 ? this.legend : null),
          el("div", { class: "side" },
            panel("Score", slot.score, el("h3", {}, "Costliest ticks"), worst(replay, (t) => this.seek(t))),
            panel("This tick", slot.events, el("h3", {}, "In progress"), slot.orders),
            panel("Host", slot.host),
            el("section", {}, el("details", {}, el("summary", {}, "All marks as a table"), slot.table))));
      })),
      this.help,
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

  /** To the nearest tick in that direction in which something happened. @param {1 | -1} step */
  event(step) {
    for (let t = this.t + step; t >= 0 && t <= this.last; t += step) {
      if (this.replays.some((replay) => (replay.ticks[t]?.happened ?? []).length)) return this.seek(t);
    }
  }

  ask() {
    /** @type {HTMLDialogElement} */ (this.help).showModal();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const pressed = /** @type {HTMLElement} */ (event.target).closest("button, summary, dialog, [role=button]");
    if (pressed && (event.key === " " || event.key === "Enter")) return;
    const step = event.shiftKey ? 10 : 1;
    /** @type {Record<string, () => void>} */
    const actions = {
      ArrowLeft: () => this.seek(this.t - step),
      ArrowRight: () => this.seek(this.t + step),
      ",": () => this.event(-1),
      ".": () => this.event(1),
      Home: () => this.seek(0),
      End: () => this.seek(this.last),
      " ": () => this.toggle(),
      "+": () => this.faster(1),
      "-": () => this.faster(-1),
      w: () => this.seek(this.replays[0].worst(1)[0] ?? this.t),
      "?": () => this.ask(),
    };
    this.views.forEach((view, number) => {
      actions[String(number + 1)] = () => this.look(view);
    });
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  }

  // ------------------------------------------------------------ drawing

  draw() {
    const pictures = this.replays.map((replay) => replay.at(Math.min(this.t, replay.last)));
    pictures.forEach((picture, number) => {
      const replay = this.replays[number], slot = this.slots[number];
      this.maps[number].draw(picture, this.view, this.selected);
      slot.score.replaceChildren(score(replay, picture));
      slot.events.replaceChildren(events(picture));
      slot.orders.replaceChildren(orders(picture));
      slot.host.replaceChildren(history(replay, this.selected, this.view, this.t, (t) => this.seek(t)));
      slot.table.replaceChildren(table(replay, picture, this.view));
    });
    this.clock.textContent = `tick ${this.t} of ${this.last}`;
    this.rate.textContent = `${this.speed} per second`;
    for (const choice of this.switch.children) {
      const chosen = /** @type {HTMLElement} */ (choice).dataset.view === this.view;
      choice.setAttribute("aria-checked", String(chosen));
    }
    if (this.legend.dataset.view !== this.view) {
      this.legend.dataset.view = this.view;
      this.legend.replaceChildren(legend(this.replays[0].header, this.view));
    }
    const words = `tick ${this.t}, return ${pictures.map((picture) => shown(picture.total)).join(" and ")}`;
    this.timeline.draw(this.t, words);
    if (this.timer === undefined) {
      this.live.textContent = `${words}. ${pictures.map((picture) => picture.lines.join(". ")).join(" | ")}`;
    }
    const hash = `#t=${this.t}&view=${this.view}${this.selected === null ? "" : `&host=${this.selected}`}`;
    if (location.hash !== hash) history_(hash);
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
function history_(hash) {
  try {
    window.history.replaceState(null, "", hash);
  } catch {
    // within a notebook the page has no address of its own
  }
}

/** @param {string} name @param {...any} children */
function panel(name, ...children) {
  return el("section", {}, el("h2", {}, name), ...children);
}

/** @param {string} text @param {() => void} onclick */
function button(text, onclick) {
  return el("button", { type: "button", onclick }, text);
}

/** @param {import("./model.js").Replay} replay */
function who({ header }) {
  return header.against ? `${header.policy} against ${header.against}` : header.policy;
}

/** @param {import("./model.js").Replay[]} replays */
function title(replays) {
  return `${replays.map(who).join(" beside ")} in ${replays[0].header.world}`;
}

/** @param {import("./model.js").Replay} replay */
function about({ header, end }) {
  const options = header.options.join(" ");
  const seed = header.seed === null ? "" : `, episode of seed ${header.seed}`;
  const steps = end.steps === undefined ? "being played" : `${end.steps} steps`;
  return `${steps}${seed}${options ? `, ${options}` : ""}; world version ${header.world_version}`;
}
