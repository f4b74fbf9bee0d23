// Why the score is what it is: return, rewards by part and phase, the parts of a game's score, the costliest ticks.

import { byPart, hostName } from "./account.js";
import { el } from "./dom.js";
import { shown } from "./model.js";

const WORST = 5;

/** Return so far and this tick's reward by part. @param {any} replay @param {import("./model.js").Picture} picture */
export function score(replay, picture) {
  const parts = Object.entries(picture.parts).map(([name, value]) => `${name} ${shown(value)}`).join(", ");
  return el("dl", { class: "score" },
    el("div", {}, el("dt", {}, "return so far"), el("dd", { class: "big" }, shown(picture.total))),
    el("div", {}, el("dt", {}, "at the end"),
      el("dd", { class: "big" }, replay.end.return === undefined ? "–" : shown(replay.end.return))),
    el("div", { class: "wide" }, el("dt", {}, "this tick"),
      el("dd", {}, picture.reward ? `${shown(picture.reward)}${parts ? ` (${parts})` : ""}` : "0")));
}

/** Rewards so far, by part and phase. @param {any} replay @param {number} t */
export function parts(replay, t) {
  const { phases, rows } = byPart(replay, t);
  if (!rows.length) return el("p", { class: "soft" }, "Nothing was paid or cost yet.");
  const several = phases.length > 1;
  const names = ["part", ...(several ? phases.map((phase) => `phase ${phase}`) : []), "so far"];
  return el("table", { class: "dense" },
    el("thead", {}, el("tr", {}, names.map((name) => el("th", { scope: "col" }, name)))),
    el("tbody", {}, rows.map((row) => el("tr", {}, el("th", { scope: "row" }, row.part),
      several ? row.sums.map((sum) => el("td", {}, shown(sum))) : null, el("td", {}, shown(row.total))))));
}

/** The parts of a score, with what they mean. @param {{name: string, value: number, meaning: string}[]} rows */
export function account(rows) {
  return el("table", { class: "dense" }, el("tbody", {}, rows.map((row, index) =>
    el("tr", { class: index === rows.length - 1 ? "marked" : "" }, el("th", { scope: "row" }, row.name),
      el("td", {}, row.value.toFixed(3)), el("td", { class: "words" }, row.meaning)))));
}

/** The score of each seat of a game that is over. @param {any} replay */
export function accounts(replay) {
  const seats = Object.entries(replay.end.account ?? {});
  return seats.map(([seat, rows]) => el("div", {}, el("h3", {}, `Score of ${seat}`), account(rows)));
}

/** Links to the ticks that cost most. @param {any} replay @param {(t: number) => void} onSeek */
export function worst(replay, onSeek) {
  const ticks = replay.worst(WORST);
  if (!ticks.length) return el("p", { class: "soft" }, "No tick cost anything.");
  return el("ol", { class: "worst" }, ticks.map((/** @type {number} */ t) => {
    const tick = replay.ticks[t];
    const paid = Object.entries(tick.parts ?? {}).map(([name, value]) => `${name} ${shown(value)}`);
    return el("li", {}, el("button", { type: "button", class: "link", onclick: () => onSeek(t) }, `tick ${t}`),
      ` ${shown(tick.reward)}${paid.length ? ` (${paid.join(", ")})` : ""}${because(replay, tick)}`);
  }));
}

/** What happened in a tick, in short. @param {any} replay @param {any} tick */
function because(replay, tick) {
  const { happenings } = replay.header, found = new Map();
  for (const [kind, host] of tick.happened ?? []) {
    const { count, first } = found.get(kind) ?? { count: 0, first: host };
    found.set(kind, { count: count + 1, first });
  }
  const words = [...found].map(([kind, { count, first }]) => {
    const where = hostName(replay.header, first), meaning = happenings[kind]?.meaning ?? kind;
    return count > 1 ? `${meaning}, ${count} times` : where ? `${meaning} (${where})` : meaning;
  });
  return words.length ? `: ${words.join("; ")}` : "";
}
