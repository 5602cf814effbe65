// Every stored record of the recipe, as a line.

const TRENDS = [
  ["total_bytes", "Image", "B"], ["kernel_bytes", "Kernel", "B"], ["ramdisk_bytes", "Ramdisk", "B"],
  ["used_kib", "RAM in use", "KiB"], ["instructions", "Boot instructions", ""],
];

function trend(data) {
  if (!data.history || data.history.length < 2) return null;
  const kinds = TRENDS.filter(([key]) => data.history.some((row) => row[key] !== null));
  const chart = el("div");
  const draw = (key, title, unit) => chart.replaceChildren(line(data.history, key, title, unit));
  draw(...kinds[0]);
  const choice = el("fieldset", {}, el("legend", {}, "show"), kinds.map((kind, i) => el("label", {},
    el("input", { type: "radio", name: "trend", checked: i === 0, onchange: () => draw(...kind) }),
    el("span", {}, kind[1]))));
  const when = (row) => new Date(row.at * 1000).toISOString().slice(0, 16).replace("T", " ");
  const columns = [
    { title: "When (UTC)", value: (row) => row.at, show: when },
    { title: "Outcome", value: (row) => row.outcome || "built" },
    ...kinds.map(([key, title, unit]) => ({ title: unit ? `${title} (${unit})` : title, number: true,
      value: (row) => row[key] ?? -1, show: (row) => (row[key] === null ? "–" : digits(row[key])) })),
  ];
  return section("trend", "Over time", el("div", { class: "bar" }, choice), chart,
    table("Every stored record of this recipe.", columns, data.history, 0, 8));
}

function line(rows, key, title, unit) {
  const values = rows.map((row) => row[key]).filter((value) => value !== null);
  const [width, height, left, bottom, top] = [800, 208, 86, 22, 12];
  let [low, high] = [Math.min(...values), Math.max(...values)];
  if (low === high) { low -= 1; high += 1; }
  const x = (i) => left + ((width - left - 14) * i) / Math.max(1, rows.length - 1);
  const y = (value) => top + (height - top - bottom) * (1 - (value - low) / (high - low));
  const points = rows.map((row, i) => (row[key] === null ? null : [x(i), y(row[key]), row])).filter(Boolean);
  const label = `${title}: from ${digits(values[0])} to ${digits(values[values.length - 1])} ${unit} in ${rows.length} records`;
  return svg("svg", { class: "trend", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, preserveAspectRatio: "none" },
    [low, (low + high) / 2, high].flatMap((value) => [
      svg("line", { class: "axis", x1: left, x2: width, y1: y(value), y2: y(value) }),
      svg("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, digits(value))]),
    svg("path", { d: points.map(([px, py], i) => `${i ? "L" : "M"}${px.toFixed(1)} ${py.toFixed(1)}`).join("") }),
    points.map(([px, py, row]) => svg("circle", { cx: px, cy: py, r: 3.5, class: row.outcome === "passed" || !row.outcome ? "" : "bad" },
      svg("title", {}, `${digits(row[key])} ${unit}, ${row.outcome || "built"}`))));
}
