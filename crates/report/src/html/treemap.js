// The map of bytes: squarified (Bruls, Huizing, van Wijk: "Squarified
// Treemaps", 2000), one button for each child of the node that is shown.

/** Rectangles for amounts (largest first) that fill x, y, width, height. */
function squarify(amounts, x, y, width, height) {
  const total = amounts.reduce((sum, amount) => sum + amount, 0);
  const places = [];
  if (total <= 0 || width <= 0 || height <= 0) return amounts.map(() => [x, y, 0, 0]);
  const scale = (width * height) / total;
  let at = 0;
  while (at < amounts.length) {
    const side = Math.min(width, height);
    let end = at;
    let sum = 0;
    let worst = Infinity;
    while (end < amounts.length) {
      const area = amounts[end] * scale;
      const next = sum + area;
      const largest = amounts[at] * scale;
      const ratio = Math.max((side * side * largest) / (next * next), (next * next) / (side * side * area || 1e-9));
      if (ratio > worst) break;
      worst = ratio;
      sum = next;
      end += 1;
    }
    end = Math.max(end, at + 1);
    const thick = sum / side;
    let along = 0;
    for (let i = at; i < end; i += 1) {
      const long = thick > 0 ? (amounts[i] * scale) / thick : 0;
      places.push(width >= height ? [x, y + along, thick, long] : [x + along, y, long, thick]);
      along += long;
    }
    if (width >= height) { x += thick; width -= thick; } else { y += thick; height -= thick; }
    at = end;
  }
  return places;
}

/** The colour of what stands directly below the images, by its rank there. */
function colour(node) {
  const steps = lineage(node);
  const top = steps[2] || steps[1] || node;
  if (top.rank === undefined) {
    [...(top.parent ? top.parent.children : [top])].sort((a, b) => b.amounts.size - a.amounts.size)
      .forEach((sibling, i) => { sibling.rank = i; });
  }
  return `var(--t${(top.rank ?? 8) % 10})`;
}

/** The largest children; the rest as one tile that can't be opened. */
function shown(node, measure, most) {
  const all = node.children.filter((child) => child.amounts[measure] > 0)
    .sort((a, b) => b.amounts[measure] - a.amounts[measure]);
  if (all.length <= most) return all;
  const rest = branch(`${digits(all.length - most + 1)} smaller`, node);
  rest.children = [];
  for (const child of all.slice(most - 1)) {
    for (const key of Object.keys(MEASURES)) rest.amounts[key] += child.amounts[key];
  }
  return [...all.slice(0, most - 1), rest].sort((a, b) => b.amounts[measure] - a.amounts[measure]);
}

/** The map, its crumbs and its search. */
function treemap(data) {
  const state = { axis: "directory", measure: "share", node: null, hits: null };
  const trees = {};
  const root = () => (trees[state.axis] ||= grow(data, state.axis));
  state.node = root();

  const map = el("div", { class: "map", role: "group", "aria-label": "Map of bytes" });
  const crumbs = el("nav", { class: "crumbs", "aria-label": "Place in the map" });
  const hits = el("ul", { class: "hits", "aria-label": "Search results" });
  const live = el("p", { class: "hidden-text", role: "status", "aria-live": "polite" });
  const search = el("input", { type: "search", id: "search", placeholder: "Search: tcp, e1000, INET …",
    "aria-label": "Search by name", autocomplete: "off", oninput: () => lookFor() });

  function open(node, focus) {
    if (!node.children.length) return;
    state.node = node;
    draw();
    if (focus) map.querySelector(".frame")?.focus();
    live.textContent = `${place(node) || data.recipe}: ${describe(node)}`;
  }
  function describe(node) {
    const measure = MEASURES[state.measure];
    return `${digits(node.amounts[state.measure])} ${measure.long}, ${percent(node.amounts[state.measure], root().amounts[state.measure])} of all`;
  }
  function draw() {
    drawCrumbs();
    const width = map.clientWidth;
    const height = map.clientHeight;
    const children = shown(state.node, state.measure, 160);
    const places = squarify(children.map((child) => child.amounts[state.measure]), 0, 0, width, height);
    map.replaceChildren(...children.flatMap((child, i) => tiles(child, places[i], 0, 0)));
    map.classList.toggle("searching", Boolean(state.hits && state.hits.nodes.size));
  }
  function drawCrumbs() {
    const steps = lineage(state.node);
    crumbs.replaceChildren(...steps.flatMap((step, i) => {
      const last = i === steps.length - 1;
      return [i ? el("span", { "aria-hidden": "true" }, "›") : null,
        last ? el("span", { class: "here", "aria-current": "true" }, step.name)
          : el("button", { type: "button", onclick: () => open(step, true) }, step.name)];
    }).filter(Boolean), el("span", { class: "sum" }, describe(state.node)));
  }
  // A tile and, where there is room, what is in it.
  function tiles(node, at, depth, shade) {
    const [x, y, width, height] = at;
    const own = tile(node, at, depth === 0 ? "frame" : `inner shade${shade}`);
    if (depth === 2 || !node.children.length || width < 44 || height < 48) return [own];
    const children = shown(node, state.measure, 60);
    const places = squarify(children.map((child) => child.amounts[state.measure]), x + 3, y + 19, width - 6, height - 22);
    return [own, ...children.map((child, i) => [child, places[i]])
      .filter(([, [, , w, h]]) => w > 3 && h > 3)
      .flatMap(([child, place], i) => tiles(child, place, depth + 1, i % 3))];
  }
  // Frames are reached by the keyboard; what stands in them by opening them.
  function tile(node, [x, y, width, height], kind) {
    const leaf = node.children.length === 0;
    const button = el("button", {
      type: "button", class: leaf ? `${kind} leaf` : kind, title: `${place(node)}\n${describe(node)}`,
      tabindex: kind === "frame" ? null : "-1", "aria-hidden": kind === "frame" ? null : "true",
      "aria-label": `${node.name}, ${describe(node)}${leaf ? "" : ", opens"}`,
      style: `left:${x}px;top:${y}px;width:${width}px;height:${height}px;background-color:${colour(node)}`,
      onclick: () => open(node, true),
    });
    if (state.hits && holds(node, state.hits.nodes)) button.classList.add("hit");
    if (width > 26 && height > 16) {
      button.append(el("span", { class: "label" }, el("b", {}, node.name), ` ${digits(node.amounts[state.measure])}`));
    }
    return button;
  }
  function holds(node, wanted) {
    return wanted.has(node) || node.children.some((child) => holds(child, wanted));
  }
  function lookFor() {
    const words = search.value.trim();
    state.hits = words ? find(root(), words, state.measure, 40) : null;
    hits.replaceChildren(...(state.hits ? state.hits.first : []).map((node) => el("li", {},
      el("button", { type: "button", onclick: () => open(node.children.length ? node : node.parent, true) },
        el("span", { class: "where" }, place(node)),
        el("span", { class: "amount" }, `${digits(node.amounts[state.measure])} ${MEASURES[state.measure].unit}`)))));
    live.textContent = state.hits ? `${digits(state.hits.nodes.size)} found` : "";
    draw();
  }
  function choose(key, value) {
    state[key] = value;
    if (key === "axis") state.node = root();
    lookFor();
  }
  // Arrows go to the nearest tile in that direction; Backspace and Escape go up.
  function step(event) {
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if ((event.key === "Backspace" || event.key === "Escape") && state.node.parent) {
      event.preventDefault();
      open(state.node.parent, true);
    } else if (ways[event.key] && event.target.parentNode === map) {
      event.preventDefault();
      nearest(event.target, ways[event.key])?.focus();
    }
  }
  function nearest(from, [dx, dy]) {
    const centre = (tile) => [tile.offsetLeft + tile.offsetWidth / 2, tile.offsetTop + tile.offsetHeight / 2];
    const [x, y] = centre(from);
    let best = null;
    let least = Infinity;
    for (const tile of map.querySelectorAll(".frame")) {
      const [tx, ty] = centre(tile);
      const ahead = (tx - x) * dx + (ty - y) * dy;
      const aside = Math.abs((tx - x) * dy) + Math.abs((ty - y) * dx);
      const cost = ahead + 2 * aside;
      if (tile !== from && ahead > 0.5 && cost < least) { best = tile; least = cost; }
    }
    return best;
  }
  map.addEventListener("keydown", step);
  new ResizeObserver(() => draw()).observe(map);

  const radios = (name, legend, choices) => el("fieldset", {}, el("legend", {}, legend),
    choices.map(([value, title]) => el("label", {},
      el("input", { type: "radio", name, value, checked: state[name] === value, onchange: () => choose(name, value) }),
      el("span", {}, title))));
  const axes = data.units.some((unit) => unit[2])
    ? radios("axis", "by", [["directory", "Directory"], ["option", "Option"]]) : null;
  const measures = Object.entries(MEASURES)
    .filter(([key]) => root().amounts[key] > 0).map(([key, measure]) => [key, measure.title]);
  return section("where", "Where the bytes are",
    el("div", { class: "bar" }, radios("measure", "show", measures), axes, search),
    crumbs, map, hits, live,
    el("p", { class: "hint" }, "Click or Enter goes in, Backspace or Escape goes out, the arrow keys move. ", data.share_note || ""));
}
