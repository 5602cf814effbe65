// The page, from the data that stands in it.

const data = JSON.parse(document.getElementById("data").textContent);
const record = data.record;

function header() {
  const outcome = record.outcome ? record.outcome.replaceAll("_", " ") : "built";
  const tone = record.outcome === "passed" ? "good" : record.outcome ? "bad" : "plain";
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const theme = (name) => { document.documentElement.dataset.theme = name; };
  theme(dark.matches ? "dark" : "light");
  dark.addEventListener("change", () => theme(dark.matches ? "dark" : "light"));
  const toggle = () => theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
  document.getElementById("head").append(
    el("div", {}, el("h1", {}, data.recipe),
      el("p", { class: "lead" }, `${record.board}${data.description ? `: ${data.description}` : ""}`)),
    el("span", { class: `badge ${tone}`, id: "outcome" }, outcome),
    el("button", { type: "button", class: "plain end", id: "theme", onclick: toggle }, "Dark / light"));
  if (record.reason) document.getElementById("head").after(el("p", { class: "card" }, record.reason));
}

function tile(name, value, unit, note, before) {
  if (value === null || value === undefined) return null;
  const delta = before === null || before === undefined ? null : change(value - before);
  return el("div", { class: "tile" }, el("div", { class: "name" }, name),
    el("div", { class: "value" }, digits(value), " ", el("span", { class: "unit" }, unit)),
    el("div", { class: "note" }, delta ? el("span", { class: delta.tone }, `${delta.text} against ${data.against_name}`) : note || ""));
}

function tiles() {
  const against = data.against || { image: {}, ram: {}, boot: {} };
  const { image, ram, boot } = record;
  return el("div", { class: "tiles" },
    tile("Kernel and ramdisk", image.total_bytes, "B", "what a boot loader loads", against.image.total_bytes),
    tile("Kernel", image.kernel_bytes, "B", image.payload_bytes === null ? "" : `${digits(image.payload_bytes)} B of it compressed`, against.image.kernel_bytes),
    tile("Ramdisk", image.ramdisk_bytes, "B", image.ramdisk_bytes ? `${record.ramdisk.compression}, ${digits(record.ramdisk.archive_bytes)} B unpacked` : "built into the kernel", against.image.ramdisk_bytes),
    tile("RAM in use", ram.used_kib, "KiB", ram.total_kib === null ? "" : `of ${digits(ram.total_kib)} KiB that the kernel manages`, against.ram.used_kib),
    tile("Smallest RAM", ram.smallest_kib, "KiB", "that all checks pass with", against.ram.smallest_kib),
    tile("Boot", millions(boot.instructions), "million instr.", boot.seconds === null ? "until the first check passed" : `${boot.seconds.toFixed(1)} s under ${record.accelerator || "QEMU"}`, millions(against.boot.instructions)));
}

function millions(number) {
  return number === null || number === undefined ? number : Math.round(number / 1e6);
}

function checks() {
  if (!record.checks.length) return null;
  const columns = [
    { title: "Check", value: (row) => row.name },
    { title: "Outcome", value: (row) => row.outcome, show: (row) => el("span", { class: row.outcome === "passed" ? "ok" : "not-ok" }, row.outcome.replaceAll("_", " ")) },
    { title: "Seconds", number: true, value: (row) => row.seconds ?? -1, show: (row) => (row.seconds === null ? "–" : row.seconds.toFixed(2)) },
    { title: "Seen", value: (row) => row.detail },
  ];
  return section("checks", "Checks", table("Each was done by the booted system itself.", columns, record.checks, -1, 50));
}

function memory() {
  if (!data.ledger || !data.ledger.length) return null;
  const total = data.ledger.reduce((sum, row) => sum + row.kib, 0);
  const tone = (i) => `var(--t${i % 10})`;
  const rows = data.ledger.map((row, i) => ({ ...row, i }));
  return section("ram", "RAM",
    el("div", { class: "stack", role: "img", "aria-label": `RAM: ${data.ledger.map((row) => `${row.name} ${row.kib} KiB`).join(", ")}` },
      rows.map((row) => el("i", { style: `width:${(100 * row.kib) / total}%;background:${tone(row.i)}`, title: `${row.name}: ${digits(row.kib)} KiB` }))),
    table(`All of the machine's ${digits(total)} KiB, after the last check.`, [
      { title: "What", value: (row) => row.name, show: (row) => [el("i", { class: "swatch", style: `background:${tone(row.i)}` }), row.name] },
      bytes("KiB", (row) => row.kib),
      { title: "of all", number: true, value: (row) => row.kib, show: (row) => percent(row.kib, total) },
    ], rows, -1, 40));
}

function against() {
  if (!data.difference) return null;
  const { figures, sections, files, inputs } = data.difference;
  const rows = [...figures, ...sections, ...files].filter((row) => (row.a ?? 0) !== (row.b ?? 0));
  return section("diff", `Against ${data.against_name}`,
    rows.length ? table("Figures, sections and files that differ.", [
      { title: "What", value: (row) => row.name }, { title: "Unit", value: (row) => row.unit },
      bytes("Before", (row) => row.a ?? 0), bytes("Now", (row) => row.b ?? 0),
      changes("Change", (row) => (row.b ?? 0) - (row.a ?? 0)),
    ], rows, -1, 20) : el("p", {}, "No figure differs."),
    inputs.length ? table("Inputs that differ.", [
      { title: "What", value: (row) => row.name },
      { title: "Before", value: (row) => row.a ?? "–" }, { title: "Now", value: (row) => row.b ?? "–" },
    ], inputs) : null);
}

function origin() {
  const sources = Object.entries(record.inputs.sources);
  const tools = Object.entries(record.inputs.toolchain);
  return section("origin", "How it was made",
    data.commands.map(([what, line]) => [el("p", { class: "lead" }, what), el("pre", { class: "command" }, line)]),
    sources.length ? table("Sources.", [
      { title: "Source", value: ([name]) => name }, { title: "Version", value: ([, source]) => source.version },
      { title: "From", value: ([, source]) => source.origin },
      { title: "SHA-256", value: ([, source]) => source.sha256, show: ([, source]) => el("code", {}, source.sha256) },
    ], sources) : null,
    el("dl", { class: "facts" }, [...tools, ["QEMU", record.qemu_version], ["tuxling", record.inputs.tuxling],
      ["build_id", record.ids.build_id], ["image_id", record.ids.image_id], ["trial_id", record.ids.trial_id]]
      .filter(([, value]) => value).flatMap(([name, value]) => [el("dt", {}, name), el("dd", { class: "mono" }, value)])));
}

header();
const parts = [data.leaves.length ? treemap(data) : null, against(), checks(), memory(), ...tables(data), trend(data), origin()].filter(Boolean);
document.getElementById("main").append(
  el("nav", { class: "toc", "aria-label": "On this page" },
    parts.map((part) => el("a", { href: `#${part.id}` }, part.querySelector("h2").textContent))),
  tiles(), ...parts);
document.getElementById("foot").append(el("p", {}, `Made by tuxling ${record.inputs.tuxling}. Sums are exact: the parts of the map add up to the files. This page is one file and loads nothing.`));
