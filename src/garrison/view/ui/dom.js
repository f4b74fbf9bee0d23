// Making elements. Text is set as text, never as markup, so nothing in a replay can become part of the page.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element with attributes and children; a child that is no element is text.
 * @param {string} name @param {Record<string, any>} attributes @param {...any} children
 * @returns {HTMLElement}
 */
export function el(name, attributes = {}, ...children) {
  return /** @type {HTMLElement} */ (filled(document.createElement(name), attributes, children));
}

/** The same in SVG. @param {string} name @param {Record<string, any>} attributes @param {...any} children */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

/** @param {Element} element @param {Record<string, any>} attributes @param {any[]} children */
function filled(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== false && value !== undefined) element.setAttribute(key, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}
