// A game that is played: what the seat knows, what it reads, and forms for its tools.

import { el } from "./dom.js";
import { help, pressed, schemeButton } from "./keys.js";
import { NetworkMap, legend } from "./map.js";
import { Replay } from "./model.js";
import { events, history, orders, table } from "./panels.js";
import { Results } from "./results.js";

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
    this.acts = el("span", { class: "bar" }, button("End turn", "end", () => this.finish(1)),
      button("End turn, 5 ticks", "end5", () => this.finish(5)), button("Hint", "hint", () => this.hint()));
    this.waiting = el("span", { class: "soft", role: "status" });
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
    this.keys = this.shortcuts();
    this.help = help(this.keys);
    this.listeners = new AbortController();
    document.addEventListener("keydown", (event) => pressed(event, this.keys), { signal: this.listeners.signal });
    this.game = el("div", { class: "one" });
    this.end = el("div");
    root.replaceChildren(...this.layout(onLeave, first.metadata?.join ?? {}));
    this.form();
    this.answered(first);
  }

  /** @returns {import("./keys.js").Key[]} */
  shortcuts() {
    return [
      { keys: ["e"], shown: "e", what: "end the turn", act: () => this.finish(1) },
      { keys: [..."123456789"], shown: "1 … 5", what: "end the turn for so many ticks", act: (event) => this.finish(Math.min(5, Number(event.key))) },
      { keys: ["t"], shown: "t", what: "choose a tool", act: () => this.tool.focus() },
      { keys: ["h"], shown: "h", what: "a hint: what a scripted player would do; it is counted", act: () => this.hint() },
      { keys: ["m"], shown: "m", what: "go to the map; there arrows go from host to host, Enter chooses one", act: () => this.toMap() },
      { keys: ["?"], shown: "?", what: "this help", act: () => this.help.showModal() },
    ];
  }

  /** @param {() => void} onLeave @param {Record<string, string>} tokens of seats that wait for somebody */
  layout(onLeave, tokens) {
    const { header } = this.replay;
    this.game.append(el("div", { class: "replay" },
      el("section", { class: "board" }, el("div", { class: "scroll" }, this.map.element), legend(header, this.view)),
      el("div", { class: "side" },
        el("section", {}, el("h2", {}, "Tools"), this.controls, this.problem,
          el("h3", {}, "In progress"), this.orders, this.plan),
        el("section", {}, el("h2", {}, "This tick"), this.events),
        el("section", {}, el("h2", {}, "Host"), this.host)),
      el("div", { class: "rest" },
        el("section", {}, el("h2", {}, "What a model would read"), this.text),
        el("section", {}, el("details", { class: "panel" }, el("summary", {}, "All marks as a table"), el("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "all marks" }, this.table))))));
    return [
      el("header", {}, el("div", { class: "eyebrow" }, "Garrison"), el("h1", {}, `${header.seat} in ${header.scenario}`)),
      ...Object.entries(tokens).map(([seat, token]) => invitation(seat, token)),
      el("section", { class: "controls", "aria-label": "turn" }, el("div", { class: "bar" }, this.clock,
        this.acts, button("Leave", "leave", onLeave),
        schemeButton(), button("Keys", "keys", () => this.help.showModal()), this.waiting), this.live),
      this.end, this.game, this.help,
    ];
  }

  leave() {
    this.listeners.abort();
    this.results?.leave();
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
    const late = setTimeout(() => (this.waiting.textContent = "Waiting for the world or the other seat."), 1000);
    try {
      await request();
    } catch (error) {
      this.problem.textContent = /** @type {Error} */ (error).message;
    }
    clearTimeout(late);
    this.waiting.textContent = "";
    this.busy = false;
  }

  toMap() {
    const zone = this.map.inside.find((hosts) => hosts.some((host) => this.seen(host))) ?? [0];
    this.map.focus(this.selected ?? zone.find((host) => this.seen(host)) ?? zone[0]);
  }

  /** Whether a host is drawn. @param {number} host */
  seen(host) {
    return !this.replay.header.sparse || Boolean(this.replay.newest.marks[this.view][host]);
  }

  // ------------------------------------------------------------ drawing

  /** @param {any} answer */
  answered(answer) {
    const { observation, frames } = answer;
    if (!frames.header) frames.ticks.forEach((/** @type {any} */ tick) => this.replay.push(tick));
    this.over = answer.done;
    // within a turn only answers to calls come: what the turn began with stays below them
    if (Object.keys(observation.facts).length) this.began = observation.text;
    this.read = this.began === observation.text || !this.began ? observation.text : `${observation.text}\n\n${this.began}`;
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
    this.plan.replaceChildren(el("h3", {}, "Plan"), el("div", { class: "lanes" }, Object.entries(plan).map(([agent, part]) => {
      const count = (/** @type {string} */ state) => part[state] ?? 0;
      const total = ["open", "done", "sealed", "missed"].reduce((sum, state) => sum + count(state), 0);
      const head = `${agent}: ${count("done") + count("sealed")} of ${total} done, ${count("sealed")} sealed`;
      return el("div", {}, el("p", {}, head, part.checkpoint_open && count("done") ? "; a checkpoint is open" : ""),
        el("ol", { class: "lines" }, part.coming.map((/** @type {string} */ text, /** @type {number} */ index) =>
          this.instruction(text, index === 0 && part.current !== null))));
    })));
  }

  /** An instruction; the current one can be carried out. @param {string} text @param {boolean} current */
  instruction(text, current) {
    const id = Number(text.match(/^#(\d+)/)?.[1]);
    const run = current ? el("button", { type: "button", class: "link", onclick: () =>
      this.act({ tool_name: "execute_instruction", params: { id } }) }, "carry out") : null;
    return el("li", {}, current ? "▶ " : "", text, " ", run);
  }

  /** The game is over: its account, and all that was true. @param {any} answer */
  async finished(answer) {
    this.acts.remove();
    this.results = new Results(this.end, this.session, answer);
    await this.results.load(() => {
      this.listeners.abort();
      this.game.remove();
    });
  }
}

/** A link by which somebody takes another seat. @param {string} seat @param {string} token */
function invitation(seat, token) {
  const url = new URL(location.href);
  url.hash = `join=${token}`;
  const field = /** @type {HTMLInputElement} */ (el("input", { readonly: true, value: url.href, "aria-label": `link for ${seat}` }));
  const copy = el("button", { type: "button", onclick: async () => {
    field.select();
    await navigator.clipboard.writeText(url.href);
    copy.textContent = "Copied";
  } }, "Copy");
  return el("section", { class: "invitation" }, el("p", {}, `Whoever opens this link plays ${seat}; it works once.`),
    el("div", { class: "bar" }, field, copy));
}

/** @param {string} text @param {string} name @param {() => void} onclick */
function button(text, name, onclick) {
  return el("button", { type: "button", "data-do": name, onclick }, text);
}
