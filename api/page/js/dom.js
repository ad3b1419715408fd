// Elements without markup in strings: nothing that a label says can ever become markup.

const SVG = "http://www.w3.org/2000/svg";

// h("button", { class: "x", onclick: f, "aria-label": "…", data: { id: 1 }, vars: { "--hue": 3 } }, "text", child)
export function h(tag, props, ...children) {
  return fill(document.createElement(tag), props, children);
}

export function svg(tag, props, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") node.setAttribute("class", value);
    else if (name === "data") Object.assign(node.dataset, value);
    else if (name === "vars") for (const [key, one] of Object.entries(value)) node.style.setProperty(key, one);
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    // Properties of SVG elements are objects that can't be assigned.
    else if (node instanceof HTMLElement && name in node && typeof value !== "string") node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter(child => child !== null && child !== undefined && child !== false));
  return node;
}

// Children of `parent` become one node an item, in the order of `items`; a node is made once for each key and
// kept while the key stays, so that focus, drags and pictures outlive an update.
export function keyed(parent, items, keyOf, create, update) {
  const before = new Map([...parent.children].map(node => [node.dataset.key, node]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    let node = before.get(key);
    if (node) before.delete(key);
    else {
      node = create(item);
      node.dataset.key = key;
    }
    update?.(node, item);
    if (node === place) place = place.nextElementSibling;
    else parent.insertBefore(node, place);
  }
  for (const gone of before.values()) gone.remove();
}

// Sets text only where it changed: a screen reader says a live region again when it is written again.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// Runs `render` only when `value` differs from the last one in JSON.
export function onChange(render) {
  let last;
  return value => {
    const now = JSON.stringify(value);
    if (now === last) return;
    last = now;
    render(value);
  };
}
