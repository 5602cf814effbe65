// Elements and figures.

/** An element: attributes (`on…` are listeners), then children. */
function el(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined) node.append(child);
  }
  return node;
}

/** The same for SVG. */
function svg(name, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes || {})) node.setAttribute(key, value);
  node.append(...children.flat());
  return node;
}

const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** 1167872 as "1,167,872". */
function digits(number) {
  return grouped.format(number);
}

/** A part of a whole: "12.3 %". */
function percent(part, whole) {
  if (!whole) return "–";
  const value = (100 * part) / whole;
  return `${value >= 10 ? value.toFixed(1) : value.toFixed(2)} %`;
}

/** A change with its sign, and whether it is one for the better. */
function change(delta) {
  const sign = delta > 0 ? "+" : delta < 0 ? "−" : "±";
  return { text: `${sign}${digits(Math.abs(delta))}`, tone: delta < 0 ? "less" : delta > 0 ? "more" : "" };
}

/** A section of the page with its heading; nothing where there is no content. */
function section(id, title, ...children) {
  return el("section", { class: "card", id, "aria-labelledby": `${id}-title` },
    el("h2", { id: `${id}-title` }, title), ...children);
}
