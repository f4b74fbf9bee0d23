// The server's page: choose a game and play it, or watch one.

import { address } from "./app.js";
import { el } from "./dom.js";
import { schemeButton } from "./keys.js";
import { list, named, show } from "./library.js";
import { Play } from "./play.js";
import { Session } from "./socket.js";
import { watch } from "./watch.js";

const KEPT = "garrison-session"; // in this tab, so that a reload goes on
const NAME = "garrison-player"; // in this browser
const root = /** @type {HTMLElement} */ (document.getElementById("app"));
/** @type {{leave: () => void} | undefined} */
let page;

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
  page = new Play(root, session, tools, first, () => {
    sessionStorage.removeItem(KEPT);
    home();
  });
}

/** A session that makes its first request, and the game of it. @param {string} type @param {any} data */
async function begin(type, data) {
  const { session_id: id } = await ask("api/sessions", { method: "POST" });
  const session = new Session(id);
  try {
    const first = await session.ask(type, data);
    sessionStorage.setItem(KEPT, id);
    address("");
    await play(session, first);
  } catch (error) {
    session.end();
    throw error;
  }
}

/** @param {HTMLFormElement} form @param {HTMLElement} problem */
async function start(form, problem) {
  problem.textContent = "Starting; a first game may compile for a minute.";
  const { second, ...fields } = Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ""));
  if (fields.player) localStorage.setItem(NAME, String(fields.player));
  /** @type {Record<string, any>} */
  const data = { ...fields, frames: true, plan: fields.plan === "on" };
  for (const name of ["seed", "clock"]) if (data[name] !== undefined) data[name] = Number(data[name]);
  if (second) data.seat = [data.seat, second];
  try {
    await begin("reset", data);
  } catch (error) {
    problem.textContent = /** @type {Error} */ (error).message;
  }
}

/** Take the seat of a link. @param {string} token */
async function join(token) {
  const problem = el("p", { class: "problem", role: "status" }), player = playerField();
  const form = el("form", { class: "form", onsubmit: async (/** @type {Event} */ event) => {
    event.preventDefault();
    try {
      await begin("join", { token, ...(player.value ? { player: player.value } : {}) });
    } catch (error) {
      problem.textContent = /** @type {Error} */ (error).message;
    }
  } }, field("player", "name on the leaderboard (none, if empty)", player), el("button", {}, "Join"));
  root.replaceChildren(el("header", {}, el("div", { class: "eyebrow" }, "Garrison"), el("h1", {}, "Join a game")),
    el("section", {}, form, problem), el("p", {}, el("button", { type: "button", onclick: home }, "Back")));
}

/** Leave what is shown, and go back to the lobby. */
function home() {
  page?.leave();
  page = undefined;
  address("");
  lobby();
}

/** @param {string[]} files */
async function open(files) {
  page = await show(root, files, home);
}

function playerField() {
  return /** @type {HTMLInputElement} */ (el("input", { maxlength: 40, autocomplete: "nickname", value: localStorage.getItem(NAME) ?? "" }));
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

/** The form of a new game. @param {any} choices */
function newGame(choices) {
  const problem = el("p", { class: "problem", role: "status" });
  const seat = /** @type {HTMLSelectElement} */ (choice(choices.seats)), second = /** @type {HTMLSelectElement} */ (el("select", {}));
  const opponent = /** @type {HTMLSelectElement} */ (el("select", {})), teammates = /** @type {HTMLSelectElement} */ (el("select", {}));
  const clock = el("input", { type: "number", min: 5, max: 600, value: 120 });
  const side = (/** @type {string} */ name) => (name.startsWith("red") ? "red" : "blue");
  const fill = (/** @type {HTMLElement} */ select, /** @type {string[]} */ values, /** @type {string} */ usual) =>
    select.replaceChildren(...["", ...values].map((value) => el("option", { value }, value || usual)));
  const follow = () => {
    const own = side(seat.value), other = own === "red" ? "blue" : "red", both = second.value && side(second.value) === other;
    fill(opponent, both ? [] : choices.players[other], both ? "the other person" : "as usual");
    fill(teammates, seat.value === own || both ? [] : choices.players[own], seat.value === own ? "none" : "as usual");
    clock.toggleAttribute("disabled", !second.value);
  };
  const seats = () => {
    const own = side(seat.value);
    fill(second, choices.seats.filter((/** @type {string} */ name) => name !== seat.value && !(side(name) === own && (name === own || seat.value === own))), "nobody");
    follow();
  };
  seat.addEventListener("change", seats);
  second.addEventListener("change", follow);
  seats();
  const form = /** @type {HTMLFormElement} */ (el("form", { class: "form", onsubmit: (/** @type {Event} */ event) => {
    event.preventDefault();
    start(form, problem);
  } },
  field("scenario", "size", choice(Object.keys(choices.scenarios))), field("seat", "seat", seat),
  field("opponent", "opponent", opponent), field("teammates", "teammates", teammates),
  field("second", "seat of a second person", second), field("clock", "seconds for the other's turn", clock),
  field("seed", "seed (any, if empty)", el("input", { type: "number", min: 0, max: 2147483647 })),
  field("player", "name on the leaderboard (none, if empty)", playerField()),
  field("plan", "recovery plan", el("input", { type: "checkbox", checked: true })), el("button", {}, "Play")));
  return el("section", {}, el("h2", {}, "Play"), form, problem);
}

/** Leaderboards: mean scores with how sure they are. @param {any[]} boards */
function leaderboards(boards) {
  if (!boards.length) return el("p", { class: "soft" }, "No finished game of a player with a name.");
  const names = ["player", "games", "mean score", "95% interval"];
  return el("div", {}, boards.map((board) => el("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "leaderboard" }, el("h3", {},
    [board.scenario, board.seat, `against ${board.opponent}`, board.teammates ? `with ${board.teammates}` : null, board.plan ? "with the plan" : null]
      .filter(Boolean).join(", ")),
  el("table", {}, el("thead", {}, el("tr", {}, names.map((name) => el("th", { scope: "col" }, name)))),
    el("tbody", {}, board.players.map((/** @type {any} */ row) => el("tr", {},
      el("th", { scope: "row" }, row.hints ? `${row.player}, with hints` : row.player), el("td", {}, row.n), el("td", {}, row.mean.toFixed(3)),
      el("td", {}, row.low === null ? "–" : `${row.low.toFixed(3)} to ${row.high.toFixed(3)}`))))))),
  el("p", { class: "soft" }, "Each seed counts once for a player, by the first game that was finished. Names are not checked."));
}

/** @param {any[]} games */
function running(games) {
  if (!games.length) return el("p", { class: "soft" }, "Nobody plays.");
  return el("ul", { class: "lines" }, games.map((game) => el("li", {},
    el("button", { type: "button", class: "link", onclick: () => (page = watch(root, game.id, home)) },
      `${game.players.join(" and ")} in ${game.scenario}`), ` tick ${game.tick} of ${game.ticks}`)));
}

/** @param {any} choices */
function policies(choices) {
  return el("ul", { class: "lines" }, Object.entries(choices.players).map(([side, names]) =>
    el("li", {}, `${side}: ${/** @type {string[]} */ (names).join(", ")}`)));
}

async function lobby() {
  const [choices, games, boards, replays] = await Promise.all(
    ["api/choices", "api/games", "api/board", "api/replays"].map((path) => ask(path)));
  root.replaceChildren(
    el("header", {}, el("div", { class: "eyebrow" }, "Garrison"), el("h1", {}, "Defend a network, or attack it"), schemeButton()),
    newGame(choices),
    el("section", {}, el("h2", {}, "Games now"), running(games)),
    el("section", {}, el("h2", {}, "Leaderboard"), leaderboards(boards)),
    el("section", {}, el("h2", {}, "Saved replays"), list(replays, open)),
    el("section", {}, el("h2", {}, "Policies of this server"), policies(choices)));
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

const kept = sessionStorage.getItem(KEPT), asked = new URLSearchParams(location.hash.slice(1));
const watched = asked.get("watch"), token = asked.get("join");
if (token) await join(token);
else if (watched) page = watch(root, watched, home);
else if (named().length) await open(named());
else if (kept) await resume(kept);
else await lobby();
