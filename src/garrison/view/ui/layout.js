// How the parts of the page are put together.

import { el } from "./dom.js";
import { schemeButton } from "./keys.js";
import { shown } from "./model.js";
import { fold, hasTurns } from "./turns.js";

/** @typedef {import("./app.js").App} App */

export const NAMES = { true: "True", blue: "Blue knows", red: "Red knows", difference: "Difference" };

/** The elements of the page. @param {App} app */
export function layout(app) {
  const both = app.replays.length > 1, { hosts } = app.replays[0].header;
  const names = [...new Set(hosts.map((/** @type {any} */ host) => host.name))];
  return [
    el("header", {}, el("div", { class: "eyebrow" }, "Garrison replay"), el("h1", {}, title(app.replays)),
      el("p", { class: "soft" }, about(app.replays[0]))),
    el("section", { class: "controls", "aria-label": "time" },
      el("div", { class: "bar" }, app.play,
        button("Back", () => app.seek(app.t - 1)), button("On", () => app.seek(app.t + 1)),
        button("Next event", () => app.event(1)), button("Next compromise", () => app.compromise()),
        app.clock, app.rate, app.switch, app.search, schemeButton(), button("Keys", () => app.help.showModal())),
      app.time, both ? app.ahead : null, app.live),
    el("section", { class: "happened" }, app.log.element),
    el("datalist", { id: "hosts" }, names.map((name) => el("option", { value: name }))),
    el("div", { class: both ? "pair" : "one" }, app.replays.map((_, number) => half(app, number, both))),
    app.help,
  ];
}

/** The map and the panels of a replay. @param {App} app @param {number} number @param {boolean} both */
function half(app, number, both) {
  const replay = app.replays[number], slot = app.slots[number], { header } = replay;
  const called = hasTurns(replay) || (header.game && replay.end.return === undefined);
  const prompts = Object.entries(header.game?.prompts ?? {});
  return el("div", { class: "replay", "data-replay": number },
    el("section", { class: "board" }, both ? el("h2", {}, `${"AB"[number]}: ${who(replay)}`) : null,
      scroll(app.maps[number].element), number === 0 ? app.legend : null),
    el("div", { class: "side" },
      panel("Score", slot.score, el("h3", {}, "By part"), scroll(slot.parts, "rewards by part"),
        el("h3", {}, "Costliest ticks"), slot.worst, slot.accounts),
      panel("This tick", slot.events, el("h3", {}, "In progress"), slot.orders),
      panel("Host", slot.host)),
    el("div", { class: "rest" },
      called ? panel("Calls", slot.turns,
        prompts.map(([seat, text]) => fold(`The rules that ${seat} is given`, /** @type {string} */ (text)))) : null,
      header.game?.plan ? panel("Plan", slot.plan) : null,
      header.held ? closed(app, "Incidents", slot.incidents) : null,
      closed(app, "All marks as a table", slot.table)));
}

/** A panel that is closed at first, and written when it is open. @param {App} app @param {string} name @param {HTMLElement} content */
function closed(app, name, content) {
  return el("section", {}, el("details", { class: "panel", ontoggle: () => app.draw() }, el("summary", {}, name), scroll(content, name)));
}

/** A box that scrolls sideways; where nothing in it takes the focus, it does itself. @param {Element} content @param {string} [name] */
function scroll(content, name) {
  return el("div", { class: "scroll", ...(name ? { tabindex: 0, role: "group", "aria-label": name } : {}) }, content);
}

const FOCUSABLE = "button, summary, [tabindex]";

/** Replace what a box holds; what was open stays open, and what had the focus keeps it. @param {HTMLElement} box @param {...HTMLElement} content */
export function fill(box, ...content) {
  const focused = [...box.querySelectorAll(FOCUSABLE)].indexOf(/** @type {Element} */ (document.activeElement));
  const open = [...box.querySelectorAll("details")].map((one) => one.open);
  box.replaceChildren(...content);
  box.querySelectorAll("details").forEach((one, index) => (one.open = open[index] ?? one.open));
  if (focused >= 0) /** @type {HTMLElement | undefined} */ (box.querySelectorAll(FOCUSABLE)[focused])?.focus();
}

/** Whether a box is on the page, and in no closed panel. @param {HTMLElement} box */
export function seen(box) {
  return box.isConnected && box.closest("details.panel:not([open])") === null;
}

/** @param {...string} names @returns {Record<string, HTMLElement>} */
export function slots(...names) {
  return Object.fromEntries(names.map((name) => [name, el("div")]));
}

/** @param {number[]} totals */
export function lead([a, b]) {
  if (a === b) return "A and B are level.";
  return `${a > b ? "A" : "B"} is ahead by ${shown(Math.abs(a - b))}.`;
}

/** @param {string} name @param {...any} children */
function panel(name, ...children) {
  return el("section", {}, el("h2", {}, name), ...children);
}

/** @param {string} text @param {() => void} onclick */
export function button(text, onclick) {
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
