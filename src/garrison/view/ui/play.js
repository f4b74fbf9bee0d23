// A game that is played: what the seat knows, what it reads, and forms for its tools.

import { App } from "./app.js";
import { el } from "./dom.js";
import { NetworkMap, legend } from "./map.js";
import { Replay, unpack } from "./model.js";
import { events, history, orders, table } from "./panels.js";

const KEYS = [
  ["e", "end the turn"], ["t", "choose a tool"], ["h", "a hint"], ["Enter", "give the order of the form"],
  ["1 … 9", "end the turn for so many ticks, at most 5"],
];

export class Play {
  /**
   * @param {HTMLElement} root @param {import("./socket.js").Session} session @param {any[]} tools of the seat
   * @param {any} first the first answer, with frames @param {() => void} onLeave
   */
  constructor(root, session, tools, first, onLeave) {
    this.root = root;
    this.session = session;
    this.tools = tools;
    this.busy = false;
    this.replay = new Replay(first.frames.header, first.frames.ticks, {});
    this.view = Object.keys(this.replay.header.views)[0];
    /** @type {number | null} */
    this.selected = null;
    this.map = new NetworkMap(this.replay, (host) => this.select(host));
    this.clock = el("output", { class: "clock" });
    this.text = el("pre", { class: "text", tabindex: 0, "aria-label": "what the seat reads" });
    this.problem = el("p", { class: "problem", role: "alert" });
    this.live = el("p", { class: "unseen", "aria-live": "polite" });
    this.events = el("div");
    this.orders = el("div");
    this.plan = el("div");
    this.host = el("div");
    this.table = el("div");
    this.tool = /** @type {HTMLSelectElement} */ (el("select", { "aria-label": "tool", onchange: () => this.form() },
      tools.filter((tool) => tool.name !== "end_turn").map((tool) => el("option", { value: tool.name }, tool.name))));
    this.effect = el("p", { class: "soft" });
    this.fields = el("div", { class: "form" });
    this.controls = el("form", { onsubmit: (/** @type {Event} */ event) => {
      event.preventDefault();
      this.order();
    } }, el("label", {}, this.tool), this.effect, this.fields, el("p", {}, el("button", { "data-do": "order" }, "Give the order")));
    this.listeners = new AbortController();
    document.addEventListener("keydown", (event) => this.key(event), { signal: this.listeners.signal });
    root.replaceChildren(...this.layout(onLeave));
    this.form();
    this.answered(first);
  }

  /** @param {() => void} onLeave */
  layout(onLeave) {
    const { header } = this.replay;
    this.game = el("div", { class: "one" }, el("div", { class: "replay" },
      el("section", { class: "board" }, el("div", { class: "scroll" }, this.map.element), legend(header, this.view)),
      el("div", { class: "side" },
        el("section", {}, el("h2", {}, "Tools"), this.controls, this.problem,
          el("h3", {}, "In progress"), this.orders, this.plan),
        el("section", {}, el("h2", {}, "What a model would read"), this.text),
        el("section", {}, el("h2", {}, "This tick"), this.events),
        el("section", {}, el("h2", {}, "Host"), this.host),
        el("section", {}, el("details", {}, el("summary", {}, "All marks as a table"), this.table)))));
    this.end = el("div");
    return [
      el("header", {}, el("div", { class: "eyebrow" }, "Garrison"), el("h1", {}, `${header.seat} in ${header.scenario}`)),
      el("section", { class: "controls" }, el("div", { class: "bar" }, this.clock,
        button("End turn", "end", () => this.finish(1)), button("End turn, 5 ticks", "end5", () => this.finish(5)),
        button("Hint", "hint", () => this.hint()), button("Leave", "leave", onLeave),
        el("span", { class: "soft" }, KEYS.map(([key, what]) => `${key}: ${what}`).join("; "))), this.live),
      this.end, this.game,
    ];
  }

  leave() {
    this.listeners.abort();
    this.app?.leave();
    this.session.end();
  }

  // ------------------------------------------------------------ what can be done

  /** @param {number | null} host */
  select(host) {
    this.selected = this.selected === host ? null : host;
    this.form();
    this.draw();
  }

  /** The fields of the chosen tool, from its schema. */
  form() {
    const tool = this.tools.find((one) => one.name === this.tool.value);
    const { properties, required } = tool.parameters;
    this.effect.textContent = `${tool.description} Ticks: ${tool.ticks}.`;
    this.fields.replaceChildren(...Object.entries(properties).filter(([, schema]) => schema.type !== "object")
      .map(([name, schema]) => el("label", {}, required.includes(name) ? name : `${name} (optional)`,
        this.field(name, schema, required.includes(name)))));
  }

  /** @param {string} name @param {any} schema @param {boolean} required */
  field(name, schema, required) {
    const { hosts, zones } = this.replay.header;
    const host = this.selected === null ? null : hosts[this.selected];
    if (schema.enum || name === "zone" || name === "from_zone") {
      const values = schema.enum ?? zones.map((/** @type {any} */ zone) => zone.name);
      const chosen = name === "zone" && host ? zones[host.zone].name : null;
      return el("select", { name }, required ? null : el("option", { value: "" }, "any"), values.map((/** @type {string} */ value) =>
        el("option", { value, selected: value === chosen }, value)));
    }
    if (schema.type === "integer") {
      return el("input", { name, type: "number", min: schema.minimum, max: schema.maximum, required });
    }
    return el("input", { name, required, autocomplete: "off", value: name === "host" && host ? host.name : "" });
  }

  /** Call the chosen tool with what the form says. */
  order() {
    /** @type {Record<string, any>} */
    const params = {};
    for (const field of /** @type {NodeListOf<HTMLInputElement>} */ (this.fields.querySelectorAll("[name]"))) {
      if (field.value) params[field.name] = field.type === "number" ? Number(field.value) : field.value;
    }
    return this.act({ tool_name: this.tool.value, params });
  }

  /** @param {number} ticks */
  finish(ticks) {
    return this.act({ tool_name: "end_turn", params: { ticks } });
  }

  async hint() {
    await this.ask(async () => {
      const { action } = await this.session.ask("hint");
      const calls = action.calls ?? [action];
      this.problem.textContent = "";
      this.text.textContent = `A scripted player would now call:\n${calls.map((/** @type {any} */ call) =>
        `${call.tool_name} ${Object.values(call.params ?? {}).join(" ")}`).join("\n")}\n\n${this.read}`;
    });
  }

  /** @param {any} action */
  act(action) {
    return this.ask(async () => this.answered(await this.session.ask("step", action)));
  }

  /** One request at a time; what goes wrong is said. @param {() => Promise<void>} request */
  async ask(request) {
    if (this.busy || this.over) return;
    this.busy = true;
    try {
      await request();
    } catch (error) {
      this.problem.textContent = /** @type {Error} */ (error).message;
    }
    this.busy = false;
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || this.over) return;
    if (/** @type {HTMLElement} */ (event.target).closest("input, select, textarea")) return;
    const digit = Number(event.key);
    if (event.key === "e") this.finish(1);
    else if (digit >= 1 && digit <= 9) this.finish(Math.min(5, digit));
    else if (event.key === "h") this.hint();
    else if (event.key === "t") this.tool.focus();
    else return;
    event.preventDefault();
  }

  // ------------------------------------------------------------ drawing

  /** @param {any} answer */
  answered(answer) {
    const { observation, frames } = answer;
    if (!frames.header) frames.ticks.forEach((/** @type {any} */ tick) => this.replay.push(tick));
    this.over = answer.done;
    this.read = observation.text;
    this.text.textContent = this.read;
    this.problem.textContent = observation.errors.map((/** @type {any} */ error) => `${error.message} ${error.hint}`).join(" ");
    if (observation.facts.plan) this.planned(observation.facts.plan);
    this.turn = observation.turn;
    this.draw();
    if (answer.done) this.finished(answer);
  }

  draw() {
    const picture = this.replay.newest, t = this.replay.last, { steps } = this.replay.header;
    this.map.draw(picture, this.view, this.selected);
    this.clock.textContent = `tick ${t} of ${steps}, turn ${this.turn}`;
    this.events.replaceChildren(events(picture));
    this.orders.replaceChildren(orders(picture));
    this.host.replaceChildren(history(this.replay, this.selected, this.view, t, () => {}));
    this.table.replaceChildren(table(this.replay, picture, this.view));
    this.live.textContent = `tick ${t}. ${picture.lines.join(". ")} ${this.problem.textContent}`;
  }

  /** @param {Record<string, any>} plan */
  planned(plan) {
    this.plan.replaceChildren(el("h3", {}, "Plan"), el("ul", { class: "lines" }, Object.entries(plan).map(([agent, part]) =>
      el("li", {}, `${agent}: ${part.coming[0] ?? "nothing to do"}${part.checkpoint_open ? "; a checkpoint is open" : ""}`))));
  }

  /** The game is over: its account, and all that was true. @param {any} answer */
  async finished(answer) {
    const { scores, ratio } = answer.metadata;
    const rows = Object.entries({ ...scores, "loss relative to the reference": ratio, hints: answer.metadata.hints });
    const truth = el("div", { class: "truth" });
    this.end.replaceChildren(el("section", {}, el("h2", {}, `Over: ${answer.observation.outcome}`),
      el("table", {}, el("tbody", {}, rows.map(([name, value]) =>
        el("tr", {}, el("td", {}, name), el("td", {}, Number(value).toFixed(3))))))), truth);
    try {
      const { replay } = await this.session.ask("replay");
      this.listeners.abort();
      this.game.remove();
      this.app = new App(truth, [Replay.of(await unpack(replay))]);
    } catch (error) {
      truth.append(el("p", { class: "problem" }, /** @type {Error} */ (error).message));
    }
  }
}

/** @param {string} text @param {string} name @param {() => void} onclick */
function button(text, name, onclick) {
  return el("button", { type: "button", "data-do": name, onclick }, text);
}
