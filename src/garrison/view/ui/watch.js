// Watching a game as it is played, or at its end.

import { App } from "./app.js";
import { el } from "./dom.js";
import { Replay } from "./model.js";
import { socketTo } from "./socket.js";

/**
 * @param {HTMLElement} root @param {string} name of the game @param {() => void} onBack
 * @returns {{leave: () => void}}
 */
export function watch(root, name, onBack) {
  const socket = socketTo(`watch/${name}`), box = el("div");
  const said = el("p", { class: "soft", role: "status" }, "Waiting for the game; without spectators it is shown at its end.");
  root.replaceChildren(el("p", {}, el("button", { type: "button", onclick: onBack }, "Back")), said, box);
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
        app = new App(box, [replay]);
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
  return {
    leave: () => {
      socket.close();
      app?.leave();
    },
  };
}
