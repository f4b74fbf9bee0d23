// The network: zones as boxes where the world places them, hosts in rows, marks as letters with a tone.

import { el, svg } from "./dom.js";

const BOX = 208, CELL = 26, PAD = 12, HEAD = 46, GAP_X = 22, GAP_Y = 44, PER_ROW = 7;
const RANK = { danger: 3, warning: 2, notice: 1, calm: 0 };

export class NetworkMap {
  /**
   * @param {import("./model.js").Replay} replay
   * @param {(host: number | null) => void} onSelect
   */
  constructor(replay, onSelect) {
    this.replay = replay;
    const { zones, hosts, links } = replay.header;
    /** @type {number[][]} hosts of each zone, servers first */
    this.inside = zones.map((/** @type {any} */ _, /** @type {number} */ zone) =>
      hosts.map((/** @type {any} */ __, /** @type {number} */ host) => host)
        .filter((/** @type {number} */ host) => hosts[host].zone === zone)
        .sort((/** @type {number} */ a, /** @type {number} */ b) => order(hosts[a]) - order(hosts[b]) || a - b));
    const rows = Math.max(1, ...this.inside.map((list) => Math.ceil(list.length / PER_ROW)));
    this.high = HEAD + rows * CELL + 22;
    const left = Math.min(...zones.map((/** @type {any} */ zone) => zone.at[0]));
    const top = Math.min(...zones.map((/** @type {any} */ zone) => zone.at[1]));
    this.places = zones.map((/** @type {any} */ zone, /** @type {number} */ index) => ({
      x: 4 + (zone.at[0] - left) * (BOX + GAP_X),
      y: 4 + (zone.at[1] - top) * (this.high + GAP_Y) + (this.inside[index].length ? 0 : this.high - 30),
    }));
    const width = Math.max(...this.places.map((/** @type {any} */ place) => place.x)) + BOX + 4;
    const height = Math.max(...this.places.map((/** @type {any} */ place, /** @type {number} */ index) =>
      place.y + this.height(index))) + 4;
    const shrink = Math.min(...this.places.map((/** @type {any} */ place) => place.y)) - 4;
    this.element = svg("svg", {
      viewBox: `0 ${shrink} ${width} ${height - shrink}`, class: "map", role: "group", "aria-label": "network",
    });
    this.element.append(...links.map((/** @type {[number, number]} */ pair) => this.link(pair)));
    /** @type {SVGElement[]} */
    this.blocked = [];
    /** @type {SVGElement[]} */
    this.cells = hosts.map(() => null);
    zones.forEach((/** @type {any} */ zone, /** @type {number} */ index) => this.element.append(this.box(zone, index, onSelect)));
  }

  /** @param {number} zone */
  height(zone) {
    return this.inside[zone].length ? this.high : 30;
  }

  /** @param {[number, number]} pair */
  link([a, b]) {
    const [upper, lower] = this.places[a].y < this.places[b].y ? [a, b] : [b, a];
    const from = this.places[upper], to = this.places[lower];
    const x1 = from.x + BOX / 2, y1 = from.y + this.height(upper), x2 = to.x + BOX / 2, y2 = to.y;
    const middle = y2 > y1 ? y2 - GAP_Y / 2 : (y1 + y2) / 2;
    const d = y2 > y1 ? `M${x1} ${y1}V${middle}H${x2}V${y2}` : `M${from.x + BOX} ${from.y + 20}H${to.x}`;
    return svg("path", { d, class: "link" });
  }

  /** @param {any} zone @param {number} index @param {(host: number | null) => void} onSelect */
  box(zone, index, onSelect) {
    const { x, y } = this.places[index];
    const group = svg("g", { transform: `translate(${x} ${y})`, role: "group", "aria-label": zone.label });
    group.append(svg("rect", { width: BOX, height: this.height(index), rx: 8, class: "zone" }));
    group.append(svg("text", { x: PAD, y: 20, class: "zone-name" }, zone.label));
    if (!this.inside[index].length) return group;
    group.append(svg("text", { x: PAD, y: 36, class: "zone-owner" }, zone.owner || "no defender"));
    const blocks = svg("text", { x: PAD, y: this.high - 9, class: "blocks" });
    this.blocked[index] = /** @type {SVGElement} */ (blocks);
    group.append(blocks);
    this.inside[index].forEach((host, place) => {
      const cx = PAD + 12 + (place % PER_ROW) * CELL, cy = HEAD + 12 + Math.floor(place / PER_ROW) * CELL;
      const cell = /** @type {SVGElement} */ (svg("g", {
        transform: `translate(${cx} ${cy})`, class: "host", tabindex: place === 0 ? 0 : -1, role: "button",
        "data-host": host,
        onclick: () => onSelect(host),
        onkeydown: (/** @type {KeyboardEvent} */ event) => {
          if (event.key === "Enter") onSelect(host);
        },
      }));
      this.cells[host] = cell;
      group.append(cell);
    });
    return group;
  }

  /**
   * @param {import("./model.js").Picture} picture @param {string} view @param {number | null} selected
   */
  draw(picture, view, selected) {
    const { hosts, zones, views } = this.replay.header;
    const busy = new Set(picture.orders.map((order) => order.host));
    hosts.forEach((/** @type {any} */ host, /** @type {number} */ index) => {
      const letters = picture.marks[view][index];
      const key = `${letters}|${busy.has(index)}|${selected === index}`;
      const cell = this.cells[index];
      if (cell.dataset.key === key) return;
      cell.dataset.key = key;
      const marks = views[view].filter((/** @type {any} */ mark) => letters.includes(mark.letter));
      marks.sort((/** @type {any} */ a, /** @type {any} */ b) => rank(b) - rank(a));
      const tone = marks.length ? marks[0].tone : "none";
      const words = marks.map((/** @type {any} */ mark) => mark.meaning).join(", ") || "nothing to see";
      const label = `${zones[host.zone].label}, ${host.label}: ${words}`;
      cell.setAttribute("aria-label", label);
      const hidden = this.replay.header.sparse && !letters ? " unknown" : "";
      cell.setAttribute("class", `host ${tone}${selected === index ? " selected" : ""}${hidden}`);
      cell.replaceChildren(svg("title", {}, label), shape(host.kind));
      const main = marks.map((/** @type {any} */ mark) => mark.letter).slice(0, 2).join("");
      if (main) cell.append(svg("text", { y: 4, class: main.length > 1 ? "letters two" : "letters" }, main));
      if (busy.has(index)) cell.append(svg("circle", { cx: 9, cy: -9, r: 3.2, class: "busy" }));
    });
    zones.forEach((/** @type {any} */ _, /** @type {number} */ index) => {
      if (!this.blocked[index]) return;
      const from = picture.blocks.filter((pair) => pair[1] === index).map((pair) => short(zones[pair[0]].label));
      this.blocked[index].textContent = from.length ? `⊘ ${from.join(", ")}` : "";
    });
  }
}

/** The meaning of each mark of a view, as a list. @param {any} header @param {string} view */
export function legend(header, view) {
  return el("ul", { class: "legend", "aria-label": "marks" }, header.views[view].map((/** @type {any} */ mark) =>
    el("li", {}, el("span", { class: `chip ${mark.tone}` }, mark.letter), mark.meaning)));
}

/** @param {any} host */
function order(host) {
  return { server: 0, user: 1, router: 2 }[/** @type {"server"} */ (host.kind)] ?? 3;
}

/** @param {any} mark */
function rank(mark) {
  return RANK[/** @type {"danger"} */ (mark.tone)] ?? 0;
}

/** @param {string} kind */
function shape(kind) {
  if (kind === "server") return svg("rect", { x: -11, y: -9, width: 22, height: 18, rx: 2 });
  if (kind === "router") return svg("path", { d: "M0 -10L10 0L0 10L-10 0Z" });
  if (kind === "device") return svg("path", { d: "M0 -11L11 8L-11 8Z" });
  return svg("circle", { r: 10 });
}

/** Initials of a zone's name, such as "PAZ" of "public access zone". @param {string} label */
function short(label) {
  return label.split(" ").map((word) => word[0]).join("").toUpperCase();
}
