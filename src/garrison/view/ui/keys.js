// The keyboard: one table of keys, from which the help is made too.

import { el } from "./dom.js";

/** @typedef {{keys: string[], shown: string, what: string, act: (event: KeyboardEvent) => void}} Key */

/** A dialog with the keys. @param {Key[]} keys */
export function help(keys) {
  return /** @type {HTMLDialogElement} */ (el("dialog", { "aria-label": "keys" }, el("h2", {}, "Keys"),
    el("dl", { class: "keys" }, keys.map((key) => el("div", {}, el("dt", {}, key.shown), el("dd", {}, key.what)))),
    el("form", { method: "dialog" }, el("button", {}, "Close"))));
}

/** Carry out what a key means, but not within fields and on what takes the key itself. @param {KeyboardEvent} event @param {Key[]} keys */
export function pressed(event, keys) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const target = /** @type {HTMLElement} */ (event.target);
  if (target.closest?.("input, select, textarea, dialog")) return;
  if (target.closest?.("button, summary, a, [role=button]") && (event.key === " " || event.key === "Enter")) return;
  const found = keys.find((one) => one.keys.includes(event.key));
  if (!found) return;
  event.preventDefault();
  found.act(event);
}

const NEXT = /** @type {Record<string, string>} */ ({ auto: "dark", dark: "light", light: "auto" });

/** A button that switches between light, dark, and what the system prefers. */
export function schemeButton() {
  const button = el("button", { type: "button", class: "scheme", onclick: () => set(NEXT[now]) });
  let now = "auto";
  const set = (/** @type {string} */ scheme) => {
    now = scheme;
    if (scheme === "auto") delete document.documentElement.dataset.scheme;
    else document.documentElement.dataset.scheme = scheme;
    button.textContent = `Colors: ${scheme}`;
    remembered(scheme);
  };
  set(NEXT[remembered()] ? remembered() : "auto");
  return button;
}

/** The scheme that was chosen, where the browser lets the page keep it. @param {string} [scheme] */
function remembered(scheme) {
  try {
    if (scheme) localStorage.setItem("garrison-scheme", scheme);
    return localStorage.getItem("garrison-scheme") ?? "auto";
  } catch {
    return scheme ?? "auto"; // within a notebook there is no storage
  }
}
