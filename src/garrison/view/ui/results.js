// The end of a game: its account beside what scripted players do with the same seed, and all that was true.

import { App } from "./app.js";
import { el } from "./dom.js";
import { Replay, shown, unpack } from "./model.js";
import { account } from "./score.js";

export class Results {
  /** @param {HTMLElement} root @param {import("./socket.js").Session} session @param {any} answer the last one, of a game that is over */
  constructor(root, session, answer) {
    this.session = session;
    this.truth = el("div", { class: "truth" });
    this.rows = el("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "scores" });
    this.said = el("p", { class: "soft", role: "status" }, "The same game is played by scripted players.");
    /** @type {App | undefined} */
    this.app = undefined;
    const { metadata, observation } = answer;
    this.own = { player: "you", outcome: observation.outcome, hints: metadata.hints, ...metadata };
    root.replaceChildren(el("section", { class: "over" }, el("h2", {}, `Over: ${observation.outcome}`), this.rows, this.said), this.truth);
    this.table([]);
  }

  /** The truth and the comparison; `onReady` is called before the truth is shown. @param {() => void} onReady */
  async load(onReady) {
    try {
      const { replay } = await this.session.ask("replay");
      this.replay = Replay.of(await unpack(replay));
      onReady();
      this.open([this.replay]);
      await this.compare();
    } catch (error) {
      this.said.textContent = /** @type {Error} */ (error).message;
    }
  }

  async compare() {
    const { players } = await this.session.ask("compare");
    this.said.textContent = "Beside yours: the same seed, played by scripted players.";
    this.table(players);
  }

  /** @param {any[]} players */
  table(players) {
    const rows = [this.own, ...players], plan = this.own.plan;
    const names = ["player", "score", "outcome", "loss", "relative loss", ...(plan ? ["plan done", "sealed"] : []), ""];
    const own = this.replay?.end.account, why = own ? Object.values(own)[0] : null;
    this.rows.replaceChildren(el("table", {}, el("thead", {}, el("tr", {}, names.map((name) =>
      (name ? el("th", { scope: "col" }, name) : el("td"))))), el("tbody", {}, rows.map((row) => el("tr", { class: row === this.own ? "marked" : "" },
      el("th", { scope: "row" }, row.hints ? `${row.player}, ${row.hints} hints` : row.player), el("td", {}, row.scores.score.toFixed(3)),
      el("td", {}, row.outcome), el("td", {}, shown(row.loss)), el("td", {}, row.ratio.toFixed(2)),
      plan ? [el("td", {}, `${row.plan.done} of ${row.plan.instructions}`), el("td", {}, row.plan.sealed)] : null,
      el("td", {}, row === this.own ? null : this.beside(row)))))), why ? account(/** @type {any} */ (why)) : "");
  }

  /** A button that shows a scripted player's game beside the own one. @param {any} row */
  beside(row) {
    return el("button", { type: "button", "data-beside": row.player, onclick: async () => {
      if (this.replay) this.open([this.replay, Replay.of(await unpack(row.replay))]);
    } }, "Side by side");
  }

  /** @param {Replay[]} replays */
  open(replays) {
    this.app?.leave();
    this.app = new App(this.truth, replays);
  }

  leave() {
    this.app?.leave();
  }
}
