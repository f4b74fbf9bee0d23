// What stands beside the map: what happened in this tick, actions in progress, one host, incidents, all marks.

import { hostName, incidents } from "./account.js";
import { el } from "./dom.js";

/** What happened in the tick, in words. @param {import("./model.js").Picture} picture */
export function events(picture) {
  const told = picture.lines.length
    ? el("ul", { class: "lines long", tabindex: 0, "aria-label": "what happened" }, picture.lines.map((line) => el("li", {}, line)))
    : el("p", { class: "soft" }, picture.t ? "Nothing to tell." : "The start.");
  return picture.logs.length ? el("div", {}, told, logs(picture)) : told;
}

/** The log entries that reached the defenders. @param {import("./model.js").Picture} picture */
function logs(picture) {
  return el("details", { open: true }, el("summary", {}, `${picture.logs.length} log entries arrived`),
    el("ul", { class: "logs", tabindex: 0, "aria-label": "log entries" }, picture.logs.map((line) => el("li", {}, el("code", {}, line)))));
}

/** Actions that take longer than a tick. @param {import("./model.js").Picture} picture */
export function orders(picture) {
  if (!picture.orders.length) return el("p", { class: "soft" }, "Nobody is busy.");
  return el("ul", { class: "lines" }, picture.orders.map((order) =>
    el("li", {}, `${order.agent}: ${order.label}, ${order.steps} more`)));
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
  return el("table", { class: "words" }, el("thead", {}, el("tr", {}, ["host", "zone", "marks"].map((name) => el("th", { scope: "col" }, name)))),
    el("tbody", {}, rows.map((/** @type {any[]} */ [host, letters]) => el("tr", {}, el("td", {}, host.label),
      el("td", {}, zones[host.zone].label),
      el("td", {}, views[view].filter((/** @type {any} */ mark) => letters.includes(mark.letter))
        .map((/** @type {any} */ mark) => mark.meaning).join(", "))))));
}

/** Runs of ticks in which an attacker held a host. @param {any} replay @param {number} now @param {(t: number) => void} onSeek */
export function incidentTable(replay, now, onSeek) {
  const found = incidents(replay);
  if (!found.length) return el("p", { class: "soft" }, "No incidents.");
  const link = (/** @type {number} */ t) =>
    el("button", { type: "button", class: "link", onclick: () => onSeek(t) }, String(t));
  const open = found.filter((one) => one.ended === null).length;
  const unseen = found.filter((one) => one.noticed === null).length;
  return el("div", {}, el("p", { class: "soft" },
    `${found.length} in the episode; ${unseen} without a sign, ${open} not over at the end.`),
  el("table", { class: "dense words" }, el("thead", {}, el("tr", {},
    ["host", "start", "first sign", "end", "ticks"].map((name) => el("th", { scope: "col" }, name)))),
  el("tbody", {}, found.map((one) => el("tr", { class: one.start <= now && (one.ended ?? Infinity) > now ? "marked" : "" },
    el("td", {}, hostName(replay.header, one.host)), el("td", {}, link(one.start)),
    el("td", {}, one.noticed === null ? "none" : link(one.noticed)),
    el("td", { class: "words" }, one.ended === null ? "still held" : link(one.ended), one.how ? ` ${one.how}` : ""),
    el("td", {}, one.ended === null ? `> ${replay.last - one.start}` : String(one.ended - one.start)))))));
}
