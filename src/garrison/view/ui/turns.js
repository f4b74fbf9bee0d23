// What seats of a game with tools read and called, and the plan.

import { el } from "./dom.js";

const STATES = /** @type {Record<string, string>} */ ({
  open: "○ to do", current: "▶ now", done: "● done", sealed: "◆ sealed", missed: "✕ missed", undone: "⚠ undone by red",
});

/** Whether anybody's calls are known. @param {any} replay */
export function hasTurns(replay) {
  return replay.ticks.some((/** @type {any} */ tick) => tick.turns) || Boolean(replay.end.turns);
}

/**
 * The turns that led to a tick: what was read, the reply, calls with answers.
 * @param {any} replay @param {number} t @param {(t: number) => void} onSeek
 */
export function turns(replay, t, onSeek) {
  const found = [...(replay.ticks[t]?.turns ?? []), ...(t === replay.last ? replay.end.turns ?? [] : [])];
  const next = replay.ticks.find((/** @type {any} */ tick) => tick.t > t && tick.turns);
  const on = next ? el("button", { type: "button", class: "link", onclick: () => onSeek(next.t) }, `next: tick ${next.t}`) : null;
  if (!found.length) return el("div", {}, el("p", { class: "soft" }, "No calls before this tick."), on);
  return el("div", {}, found.map((turn) => one(turn)), el("p", {}, copy(found), " ", on));
}

/** @param {any} turn */
function one(turn) {
  if (turn.skipped) return el("p", {}, `${turn.seat} did not answer in time.`);
  if (turn.hint) return el("p", {}, `${turn.seat} was shown a hint.`);
  const { action, answers, model = {} } = turn, text = typeof action === "string" ? action : null;
  const calls = text === null ? action?.calls ?? [action] : [];
  const rows = answers.map((/** @type {any} */ answer, /** @type {number} */ index) => {
    const call = calls[index];
    const said = answer.error ? `${answer.error.code}: ${answer.error.message}` : answer.answer;
    return el("li", { class: answer.error ? "problem" : "" }, el("code", {}, call ? written(call) : answer.call ?? "no call"),
      ` → ${said}`, call?.rationale ? el("span", { class: "soft" }, ` (${call.rationale})`) : null);
  });
  const reply = text ?? model.said;
  return el("div", { class: "turn" }, el("p", {}, el("strong", {}, turn.seat), facts(model)),
    el("ul", { class: "lines" }, rows),
    turn.read ? fold("What it read", turn.read) : null, reply ? fold("What it wrote", reply) : null);
}

/** A call in short. @param {any} call */
function written(call) {
  const params = Object.entries({ ...(call.target === undefined ? {} : { target: call.target }), ...call.params });
  return `${call.tool_name}(${params.map(([name, value]) => `${name}=${typeof value === "object" ? JSON.stringify(value) : value}`).join(", ")})`;
}

/** @param {any} model */
function facts(model) {
  const tokens = [["prompt_tokens", "in"], ["completion_tokens", "out"]].filter(([name]) => model[name] !== undefined)
    .map(([name, way]) => `${model[name]} tokens ${way}`);
  const words = [model.model, ...tokens, model.latency_s === undefined ? null : `${model.latency_s} s`].filter(Boolean);
  return words.length ? el("span", { class: "soft" }, ` ${words.join(", ")}`) : null;
}

/** @param {string} name @param {string} text */
export function fold(name, text) {
  return el("details", {}, el("summary", {}, name), el("pre", { class: "text", tabindex: 0 }, text));
}

/** @param {any} data */
function copy(data) {
  const button = el("button", { type: "button", onclick: async () => {
    await navigator.clipboard.writeText(JSON.stringify(data, null, 1));
    button.textContent = "Copied";
  } }, "Copy as JSON");
  return button;
}

/** The plan by agents. @param {any} replay @param {import("./model.js").Picture} picture */
export function plan(replay, picture) {
  /** @type {Map<string, any[]>} */
  const lanes = new Map();
  for (const [id, agent, order] of replay.header.game.plan) {
    lanes.set(agent, [...(lanes.get(agent) ?? []), { order, state: picture.plan[id] ?? "open" }]);
  }
  return el("div", { class: "lanes" }, [...lanes].map(([agent, items]) => lane(agent, items)));
}

/** @param {string} agent @param {{order: string, state: string}[]} items */
function lane(agent, items) {
  const count = (/** @type {string[]} */ ...states) => items.filter((item) => states.includes(item.state)).length;
  const now = items.find((item) => item.state === "current");
  const head = `${agent}: ${count("done", "sealed")} of ${items.length} done, ${count("sealed")} sealed; now ${now?.order ?? "nothing"}`;
  return el("details", {}, el("summary", {}, head), el("ol", { class: "lines" }, items.map((item) =>
    el("li", { class: item.state }, `${STATES[item.state] ?? item.state}: ${item.order}`))));
}
