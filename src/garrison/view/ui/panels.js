// What stands beside the map: the score, what happened in this tick, the costliest moments, one host's history.

import { el } from "./dom.js";
import { shown } from "./model.js";

const WORST = 5;

/** Return so far and this tick's reward by part. @param {any} replay @param {import("./model.js").Picture} picture */
export function score(replay, picture) {
  const parts = Object.entries(picture.parts).map(([name, value]) => `${name} ${shown(value)}`).join(", ");
  return el("dl", { class: "score" },
    el("div", {}, el("dt", {}, "return so far"), el("dd", { class: "big" }, shown(picture.total))),
    el("div", {}, el("dt", {}, "at the end"), el("dd", { class: "big" }, shown(replay.end.return))),
    el("div", { class: "wide" }, el("dt", {}, "this tick"),
      el("dd", {}, picture.reward ? `${shown(picture.reward)}${parts ? ` (${parts})` : ""}` : "0")));
}

/** What happened in the tick, in words. @param {import("./model.js").Picture} picture */
export function events(picture) {
  if (!picture.lines.length) return el("p", { class: "soft" }, picture.t ? "Nothing to tell." : "The start.");
  return el("ul", { class: "lines" }, picture.lines.map((line) => el("li", {}, line)));
}

/** Actions that take longer than a tick. @param {import("./model.js").Picture} picture */
export function orders(picture) {
  if (!picture.orders.length) return el("p", { class: "soft" }, "Nobody is busy.");
  return el("ul", { class: "lines" }, picture.orders.map((order) =>
    el("li", {}, `${order.agent}: ${order.label}, ${order.steps} more`)));
}

/** Links to the ticks that cost most. @param {any} replay @param {(t: number) => void} onSeek */
export function worst(replay, onSeek) {
  const ticks = replay.worst(WORST);
  if (!ticks.length) return el("p", { class: "soft" }, "No tick cost anything.");
  return el("ol", { class: "worst" }, ticks.map((/** @type {number} */ t) => {
    const tick = replay.ticks[t];
    const kinds = new Map();
    for (const [kind] of tick.happened ?? []) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    const parts = Object.entries(tick.parts ?? {}).map(([name, value]) => `${name} ${shown(value)}`);
    const what = [...parts, ...[...kinds].map(([kind, count]) => (count > 1 ? `${count} × ${kind}` : kind))].join(", ");
    return el("li", {}, el("button", { type: "button", class: "link", onclick: () => onSeek(t) }, `tick ${t}`),
      ` ${shown(tick.reward)}${what ? ` (${what})` : ""}`);
  }));
}

/** When the marks of a host changed. @param {any} replay @param {number | null} host @param {string} view @param {number} now @param {(t: number) => void} onSeek */
export function history(replay, host, view, now, onSeek) {
  if (host === null || host >= replay.header.hosts.length) {
    return el("p", { class: "soft" }, "Choose a host on the map.");
  }
  const { hosts, zones, views } = replay.header;
  /** @type {Record<string, string>} */
  const meanings = Object.fromEntries(views[view].map((/** @type {any} */ mark) => [mark.letter, mark.meaning]));
  const rows = replay.ticks.filter((/** @type {any} */ tick) => tick.marks?.[view]?.[host] !== undefined);
  return el("div", {}, el("p", {}, `${zones[hosts[host].zone].label}, ${hosts[host].label}`),
    rows.length ? el("ol", { class: "history" }, rows.map((/** @type {any} */ tick) => {
      const letters = [...tick.marks[view][host]];
      const words = letters.map((letter) => meanings[letter] ?? letter).join(", ") || "nothing to see any more";
      return el("li", { class: tick.t <= now ? "" : "soft" },
        el("button", { type: "button", class: "link", onclick: () => onSeek(tick.t) }, `tick ${tick.t}`), ` ${words}`);
    })) : el("p", { class: "soft" }, "Nothing to see in the whole episode."));
}

/** The map as a table. @param {any} replay @param {import("./model.js").Picture} picture @param {string} view */
export function table(replay, picture, view) {
  const { hosts, zones, views } = replay.header;
  const rows = hosts.map((/** @type {any} */ host, /** @type {number} */ index) => [host, picture.marks[view][index]])
    .filter((/** @type {any[]} */ row) => row[1]);
  if (!rows.length) return el("p", { class: "soft" }, "No host has a mark.");
  return el("table", {}, el("thead", {}, el("tr", {}, ["host", "zone", "marks"].map((name) => el("th", { scope: "col" }, name)))),
    el("tbody", {}, rows.map((/** @type {any[]} */ [host, letters]) => el("tr", {}, el("td", {}, host.label),
      el("td", {}, zones[host.zone].label),
      el("td", {}, views[view].filter((/** @type {any} */ mark) => letters.includes(mark.letter))
        .map((/** @type {any} */ mark) => mark.meaning).join(", "))))));
}
