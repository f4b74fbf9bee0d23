// The page of a file: shows the replays that it carries.

import { App } from "./app.js";
import { el } from "./dom.js";
import { Replay, unpack } from "./model.js";

const packed = [...document.querySelectorAll("script.replay")].map((script) => script.textContent ?? "");
const root = /** @type {HTMLElement} */ (document.getElementById("app"));
try {
  new App(root, (await Promise.all(packed.map(unpack))).map((text) => Replay.of(text)));
} catch (error) {
  root.replaceChildren(el("p", {}, `This replay cannot be shown: ${error}`));
  throw error;
}
