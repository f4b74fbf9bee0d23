// Replays in a folder: a list to choose one or two from, and their page. By itself it is the page of a folder.

import { App, address } from "./app.js";
import { el } from "./dom.js";
import { Replay, shown, unzip } from "./model.js";

const COLUMNS = ["", "file", "world", "policy", "against", "seed", "steps", "return"];

/** The replays that the address names. @returns {string[]} */
export function named() {
  return (new URLSearchParams(location.hash.slice(1)).get("replays") ?? "").split(",").filter(Boolean).slice(0, 2);
}

/**
 * A list of replays with a button that opens those that are chosen.
 * @param {any[]} rows @param {(files: string[]) => void} onOpen
 */
export function list(rows, onOpen) {
  if (!rows.length) return el("p", { class: "soft" }, "No replays.");
  /** @type {string[]} */
  let chosen = [];
  const open = /** @type {HTMLButtonElement} */ (el("button", { type: "button", disabled: true, onclick: () => onOpen(chosen) }, "Open"));
  const body = rows.map((row) => {
    const box = /** @type {HTMLInputElement} */ (el("input", { type: "checkbox", "aria-label": `choose ${row.file}`, onchange: () => {
      chosen = box.checked ? [...chosen, row.file] : chosen.filter((file) => file !== row.file);
      open.disabled = !chosen.length || chosen.length > 2;
      open.textContent = chosen.length === 2 ? "Open side by side" : "Open";
    } }));
    const one = el("button", { type: "button", class: "link", onclick: () => onOpen([row.file]) }, row.file.replace(".replay.jsonl.gz", ""));
    return el("tr", {}, el("td", {}, box), el("td", {}, one), el("td", {}, row.world), el("td", {}, row.policy),
      el("td", {}, row.against ?? ""), el("td", {}, row.seed ?? ""), el("td", {}, row.steps),
      el("td", {}, row.return === null ? "" : shown(row.return)));
  });
  return el("div", {}, el("div", { class: "scroll" }, el("table", { class: "words" }, el("thead", {},
    el("tr", {}, COLUMNS.map((name) => (name ? el("th", { scope: "col" }, name) : el("td"))))), el("tbody", {}, body))),
  el("p", {}, open, el("span", { class: "soft" }, " Choose two to compare them.")));
}

/**
 * Show replays of the folder `replays`; what goes wrong is said.
 * @param {HTMLElement} root @param {string[]} files @param {() => void} onBack
 */
export async function show(root, files, onBack) {
  const back = el("p", {}, el("button", { type: "button", onclick: onBack }, "Back")), box = el("div");
  root.replaceChildren(back, box);
  address(`#${new URLSearchParams([...new URLSearchParams(location.hash.slice(1))].filter(([key]) => key !== "replays")
    .concat([["replays", files.join(",")]]))}`);
  try {
    const texts = await Promise.all(files.map(async (file) => {
      const answer = await fetch(`replays/${encodeURIComponent(file)}`);
      if (!answer.ok) throw new Error(`${file} is not here (status ${answer.status})`);
      return unzip(new Uint8Array(await answer.arrayBuffer()));
    }));
    return new App(box, texts.map((text) => Replay.of(text)));
  } catch (error) {
    box.replaceChildren(el("p", { class: "problem", role: "alert" }, `This cannot be shown: ${/** @type {Error} */ (error).message}`));
  }
}

/** The page of a folder. @param {HTMLElement} root */
export async function folder(root) {
  const rows = await (await fetch("replays.json")).json();
  /** @type {App | undefined} */
  let app;
  const open = async (/** @type {string[]} */ files) => {
    app = await show(root, files, home);
  };
  const home = () => {
    app?.leave();
    address("");
    root.replaceChildren(el("header", {}, el("div", { class: "eyebrow" }, "Garrison"), el("h1", {}, "Replays")),
      el("section", {}, list(rows, open)));
  };
  if (named().length) await open(named());
  else home();
}
