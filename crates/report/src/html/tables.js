// Tables whose columns sort.

/**
 * A table. `columns`: {title, value(row), show(row), number, spare}. Sorted by the
 * column at `by` first; rows beyond `most` come with a button.
 */
function table(caption, columns, rows, by = -1, most = 25) {
  const state = { by, down: by >= 0 && columns[by].number, all: rows.length <= most };
  const body = el("tbody");
  const heads = columns.map((column, i) => el("th", { scope: "col", class: kind(column, null), "aria-sort": "none" },
    el("button", { type: "button", onclick: () => sort(i) }, column.title)));
  const more = el("button", { type: "button", class: "plain", onclick: () => { state.all = true; draw(); } },
    `Show all ${digits(rows.length)}`);
  function sort(i) {
    state.down = state.by === i ? !state.down : Boolean(columns[i].number);
    state.by = i;
    draw();
  }
  function draw() {
    const sorted = [...rows];
    if (state.by >= 0) {
      const value = columns[state.by].value;
      sorted.sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        const order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
        return state.down ? -order : order;
      });
    }
    heads.forEach((head, i) => head.setAttribute("aria-sort",
      i === state.by ? (state.down ? "descending" : "ascending") : "none"));
    body.replaceChildren(...(state.all ? sorted : sorted.slice(0, most)).map((row) => el("tr", {}, columns.map((column) =>
      el("td", { class: kind(column, "name") }, column.show ? column.show(row) : String(column.value(row)))))));
    more.hidden = state.all;
  }
  draw();
  return el("div", {}, el("div", { class: "scroll" },
    el("table", {}, el("caption", {}, caption), el("thead", {}, el("tr", {}, heads)), body)), more);
}

/** A column's class; a narrow screen leaves out what is spare. */
function kind(column, other) {
  return [column.number ? "number" : other, column.spare ? "spare" : null].filter(Boolean).join(" ") || null;
}

/** A column of bytes. */
function bytes(title, value) {
  return { title, value, number: true, show: (row) => digits(value(row)) };
}

/** A column of changes. */
function changes(title, value) {
  return { title, value, number: true, show: (row) => {
    const { text, tone } = change(value(row));
    return el("span", { class: tone }, text);
  } };
}

/** The leaves added up by what `name` gives for a unit. */
function summed(data, name) {
  const rows = new Map();
  for (const leaf of data.leaves) {
    const key = name(data.units[leaf[0]], leaf);
    if (!key) continue;
    let row = rows.get(key);
    if (!row) rows.set(key, (row = { name: key, size: 0, share: 0, ram: 0 }));
    for (const [measure, { at }] of Object.entries(MEASURES)) row[measure] += leaf[at];
  }
  return [...rows.values()];
}

/** Options, objects, symbols and files, the dearest first. */
function tables(data) {
  const total = data.leaves.reduce((sum, leaf) => sum + leaf[3], 0);
  const columns = (title) => [
    { title, value: (row) => row.name },
    bytes("Size", (row) => row.size),
    { title: "Compressed", number: true, value: (row) => row.share, show: (row) => [digits(row.share),
      el("i", { class: "gauge", style: `width:${Math.min(100, (400 * row.share) / (total || 1))}%` })] },
    { title: "of all", number: true, spare: true, value: (row) => row.share, show: (row) => percent(row.share, total) },
    bytes("RAM", (row) => row.ram),
  ];
  const parts = [
    ["options", "Options", "Option", "What each option brings into the image.", (unit) => unit[2] && unit[2].replaceAll("/", " › ")],
    ["objects", "Objects", "Object", "Each object file of the kernel, each file of the ramdisk.", (unit) => unit[1]],
    ["symbols", "Symbols", "Symbol", "The largest functions and data.", (unit, leaf) => leaf[1] && `${leaf[1]} (${unit[1]})`],
  ];
  return parts.map(([id, title, column, caption, name]) => {
    const rows = summed(data, name);
    if (!rows.length) return null;
    const largest = rows.sort((a, b) => b.share - a.share || b.size - a.size).slice(0, 1000);
    return section(id, title, table(caption, columns(column), largest, 2, 12));
  });
}
