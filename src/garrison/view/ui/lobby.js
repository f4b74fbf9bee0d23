// The server's page: choose a game and play it, or watch one.

import { App } from "./app.js";
import { el } from "./dom.js";
import { Replay } from "./model.js";
import { Play } from "./play.js";
import { Session } from "./socket.js";

const KEPT = "garrison-session"; // in this tab, so that a reload goes on
const root = /** @type {HTMLElement} */ (document.getElementById("app"));
/** @type {{leave: () => void} | undefined} */
let shown;

/** @param {string} path @param {RequestInit} options */
async function ask(path, options = {}) {
  const answer = await fetch(path, options);
  const data = await answer.json();
  if (!answer.ok) throw new Error(data.detail?.message ?? data.detail ?? `status ${answer.status}`);
  return data;
}

/** @param {Session} session @param {any} first */
async function play(session, first) {
  const side = first.frames.header.seat.startsWith("red") ? "red" : "blue";
  const state = await session.ask("mcp", { jsonrpc: "2.0", method: "tools/list", id: 1 });
  const names = state.result.tools.map((/** @type {any} */ tool) => tool.name);
  const tools = (await ask(`tools?side=${side}`)).filter((/** @type {any} */ tool) => names.includes(tool.name));
  shown = new Play(root, session, tools, first, () => {
    sessionStorage.removeItem(KEPT);
    shown?.leave();
    lobby();
  });
}

/** @param {HTMLFormElement} form @param {HTMLElement} problem */
async function start(form, problem) {
  problem.textContent = "Starting; a first game may compile for a minute.";
  const fields = Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ""));
  try {
    const { session_id: id } = await ask("api/sessions", { method: "POST" });
    const session = new Session(id);
    const first = await session.ask("reset", {
      ...fields, frames: true, plan: fields.plan === "on",
      ...(fields.seed === undefined ? {} : { seed: Number(fields.seed) }),
    });
    sessionStorage.setItem(KEPT, id);
    await play(session, first);
  } catch (error) {
    problem.textContent = /** @type {Error} */ (error).message;
  }
}

/** Watch a game as it is played, or at its end. @param {string} name */
function watch(name) {
  const url = new URL(`watch/${name}`, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  url.hash = "";
  const socket = new WebSocket(url), box = el("div");
  const back = el("button", { type: "button", onclick: () => {
    socket.close();
    shown?.leave();
    lobby();
  } }, "Back");
  const said = el("p", { class: "soft", role: "status" }, "Waiting for the game; without spectators it is shown at its end.");
  root.replaceChildren(el("p", {}, back), said, box);
  /** @type {Replay} */
  let replay;
  /** @type {App | undefined} */
  let app;
  socket.addEventListener("message", (event) => {
    const { type, data } = JSON.parse(event.data);
    if (type === "header") replay = new Replay(data, [], {});
    if (type === "ticks") {
      data.forEach((/** @type {any} */ tick) => replay.push(tick));
      if (app) app.grow();
      else {
        said.textContent = "";
        app = shown = new App(box, [replay]);
        app.seek(replay.last);
      }
    }
    if (type === "end") {
      replay.end = data;
      said.textContent = `Over: ${data.outcome}`;
      app?.draw();
    }
    if (type === "error") said.textContent = data.message;
  });
}

/** @param {string} name @param {string} label @param {HTMLElement} field */
function field(name, label, field) {
  field.setAttribute("name", name);
  return el("label", {}, label, field);
}

/** @param {string[]} values */
function choice(values) {
  return el("select", {}, values.map((value) => el("option", { value }, value || "as usual")));
}

async function lobby() {
  const choices = await ask("api/choices"), games = await ask("api/games");
  const problem = el("p", { class: "problem", role: "status" });
  const seat = /** @type {HTMLSelectElement} */ (choice(choices.seats));
  const opponent = el("select", {}), teammates = el("select", {});
  const follow = () => {
    const side = seat.value.startsWith("red") ? "red" : "blue", other = side === "red" ? "blue" : "red";
    const options = (/** @type {string[]} */ names) => ["", ...names].map((value) => el("option", { value }, value || "as usual"));
    opponent.replaceChildren(...options(choices.players[other]));
    teammates.replaceChildren(...options(seat.value === side ? [] : choices.players[side]));
  };
  seat.addEventListener("change", follow);
  follow();
  const form = /** @type {HTMLFormElement} */ (el("form", { class: "form", onsubmit: (/** @type {Event} */ event) => {
    event.preventDefault();
    start(form, problem);
  } },
  field("scenario", "size", choice(Object.keys(choices.scenarios))), field("seat", "seat", seat),
  field("opponent", "opponent", opponent), field("teammates", "teammates", teammates),
  field("seed", "seed (any, if empty)", el("input", { type: "number", min: 0, max: 2147483647 })),
  field("plan", "recovery plan", el("input", { type: "checkbox", checked: true })), el("button", {}, "Play")));
  root.replaceChildren(
    el("header", {}, el("div", { class: "eyebrow" }, "Garrison"), el("h1", {}, "Defend a network, or attack it")),
    el("section", {}, el("h2", {}, "Play"), form, problem),
    el("section", {}, el("h2", {}, "Games now"), games.length ? el("ul", { class: "lines" }, games.map((/** @type {any} */ game) =>
      el("li", {}, el("button", { type: "button", class: "link", onclick: () => watch(game.id) },
        `${game.seats.join(" and ")} in ${game.scenario}`), ` tick ${game.tick} of ${game.ticks}`)))
      : el("p", { class: "soft" }, "Nobody plays.")));
}

/** Go on with the game of this tab. @param {string} id */
async function resume(id) {
  const session = new Session(id);
  try {
    await play(session, await session.ask("look"));
  } catch {
    sessionStorage.removeItem(KEPT);
    session.close();
    await lobby();
  }
}

const kept = sessionStorage.getItem(KEPT), watched = new URLSearchParams(location.hash.slice(1)).get("watch");
if (watched) watch(watched);
else if (kept) await resume(kept);
else await lobby();
