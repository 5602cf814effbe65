//! `tuxling report`: the page in a real browser, as a reader uses it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::browser::Browser;
use crate::fixture::{folder, pc_net, run, tuxling};

/// The page of pc-net, compared with itself, with all of its records.
fn page(dir: &Path) -> PathBuf {
    let pc_net = pc_net();
    let out = dir.join("page.html");
    let mut report = tuxling();
    report
        .current_dir(&pc_net.dir)
        .args(["report", "pc-net", "--history", "--json", "--against"])
        .arg(pc_net.outputs())
        .arg("--out")
        .arg(&out);
    let told = run(&mut report).ends_with(0).json();
    assert_eq!(told["schema"], "tuxling.report/1");
    assert!(told["leaves"].as_u64() > Some(10_000), "{told}");
    out
}

fn here(browser: &mut Browser) -> String {
    let here = browser.eval("document.querySelector('.crumbs .here').textContent");
    here.as_str().expect("is a text").to_owned()
}

fn tile(browser: &mut Browser) -> String {
    let label = browser.eval("document.activeElement.getAttribute('aria-label')");
    label.as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_reader_zooms_searches_sorts_and_switches_without_a_complaint() {
    let dir = folder();
    let file = page(dir.path());
    let mut browser = Browser::start(1280, 900);
    browser.open(&file);

    // By mouse: into the kernel, and back by the crumbs.
    assert_eq!(here(&mut browser), "pc-net");
    browser.click(".map .frame .label");
    assert_eq!(here(&mut browser), "kernel");
    browser.click(".crumbs button");
    assert_eq!(here(&mut browser), "pc-net");

    // By keyboard: Enter goes in, arrows move, Escape goes out.
    browser.eval("document.querySelector('.map .frame').focus()");
    browser.key("Enter");
    assert_eq!(here(&mut browser), "kernel");
    let first = tile(&mut browser);
    browser.key("ArrowRight");
    let second = tile(&mut browser);
    assert_ne!(first, second, "the arrow moved");
    browser.key("ArrowLeft");
    browser.key("Escape");
    assert_eq!(here(&mut browser), "pc-net");

    // Searching marks what is found and lists it; a hit is a way in.
    browser.eval("document.querySelector('#search').focus()");
    browser.type_text("tcp_sendmsg");
    let hits = browser.eval("document.querySelectorAll('.hits button').length");
    assert!(hits.as_u64() > Some(0), "{hits}");
    assert!(
        browser
            .eval("document.querySelectorAll('.map .hit').length")
            .as_u64()
            > Some(0)
    );
    browser.click(".hits button");
    assert!(
        here(&mut browser).ends_with("tcp.o"),
        "{}",
        here(&mut browser)
    );
    browser.eval("{ const s = document.querySelector('#search'); s.value = ''; s.dispatchEvent(new Event('input')); }");

    // The measures and the axes.
    let mut sums = Vec::new();
    for measure in ["size", "share", "ram"] {
        browser.click(&format!("input[value={measure}]"));
        browser.eval("document.querySelector('.crumbs button')?.click()");
        sums.push(browser.eval("document.querySelector('.crumbs .sum').textContent"));
    }
    assert!(sums[0] != sums[1] && sums[1] != sums[2], "{sums:?}");
    browser.click("input[value=option]");
    browser.eval("document.querySelector('.map .frame').click()");
    let labels = browser.eval(
        "[...document.querySelectorAll('.map .frame b')].map((b) => b.textContent).join(' ')",
    );
    assert!(
        labels.as_str().is_some_and(|l| l.contains("NET")),
        "{labels}"
    );

    // A column sorts, and the other way.
    let heads = "#symbols th:first-of-type";
    for direction in ["ascending", "descending"] {
        browser.click(&format!("{heads} button"));
        assert_eq!(
            browser.eval(&format!(
                "document.querySelector('{heads}').getAttribute('aria-sort')"
            )),
            direction
        );
    }
    assert_eq!(browser.complaints(&file), Vec::<String>::new());
}

/// Keeps a picture where `TUXLING_PICTURES` says; docs/images come from there.
fn keep(browser: &mut Browser, name: &str) {
    let picture = browser.picture();
    assert!(picture.starts_with(b"\x89PNG"));
    if let Some(folder) = std::env::var_os("TUXLING_PICTURES") {
        fs::write(Path::new(&folder).join(name), picture).expect("is written");
    }
}

/// What reaches beyond the right edge of a phone, outside of what scrolls by itself.
const BEYOND: &str = "[...document.querySelectorAll('body *')]
    .filter((e) => e.getBoundingClientRect().right > 391 && !e.closest('.scroll, .map, .skip'))
    .map((e) => `${e.tagName} ${e.className} ${e.textContent.slice(0, 40)}`).slice(0, 5).join('; ')";

#[test]
fn the_page_fits_a_phone_and_a_desk_in_dark_and_light() {
    let dir = folder();
    let file = page(dir.path());
    let mut browser = Browser::start(390, 844);
    let mut grounds = Vec::new();
    for (dark, tone) in [(false, "light"), (true, "dark")] {
        browser.prefer_dark(dark);
        browser.resize(1280, 1000);
        browser.open(&file);
        if dark {
            browser.click("input[value=option]");
        }
        keep(&mut browser, &format!("report-desktop-{tone}.png"));
        browser.resize(390, 844);
        browser.open(&file);
        assert_eq!(browser.eval(BEYOND), "", "reaches beyond the edge");
        let wide = browser.eval("document.documentElement.scrollWidth");
        assert!(wide.as_u64() <= Some(390), "{wide} pixels wide");
        grounds.push(browser.eval("getComputedStyle(document.body).backgroundColor"));
        let part = if dark { "#options" } else { "#where" };
        browser.eval(&format!(
            "document.querySelector('{part}').scrollIntoView()"
        ));
        keep(&mut browser, &format!("report-phone-{tone}.png"));
    }
    assert_ne!(grounds[0], grounds[1]);
    // Nothing is reached by the mouse alone.
    let unreachable = browser.eval(
        "[...document.querySelectorAll('button, input, a')].filter((e) => e.tabIndex < 0 && !e.closest('.map')).length",
    );
    assert_eq!(unreachable, 0);
    assert_eq!(browser.complaints(&file), Vec::<String>::new());
}

#[test]
fn the_parts_of_the_map_add_up_to_the_files() {
    let dir = folder();
    let text = fs::read_to_string(page(dir.path())).expect("is there");
    let (_, behind) = text.split_once("id=\"data\">").expect("has data");
    let (data, _) = behind.split_once("</script>").expect("ends");
    let data: Value = serde_json::from_str(data).expect("is JSON");
    let share: u64 = data["leaves"]
        .as_array()
        .expect("leaves")
        .iter()
        .filter_map(|leaf| leaf[3].as_u64())
        .sum();
    assert_eq!(data["record"]["image"]["total_bytes"], share);
}

#[test]
fn the_page_of_a_search_needs_no_build_and_fits_a_phone_and_a_desk() {
    let dir = folder();
    let file = dir.path().join("pc-net.tiny.html");
    let mut report = tuxling();
    // A cache without anything: nothing is fetched and nothing is built.
    report
        .current_dir(dir.path())
        .env("TUXLING_CACHE", dir.path().join("cache"))
        .args(["report", "pc-net.tiny", "--json"]);
    let told = run(&mut report).ends_with(0).json();
    assert_eq!(told["schema"], "tuxling.report.search/1");
    assert_eq!(told["file"], file.to_str().expect("a plain path"));
    let mut browser = Browser::start(390, 844);
    let mut grounds = Vec::new();
    for (dark, tone) in [(false, "light"), (true, "dark")] {
        browser.prefer_dark(dark);
        browser.resize(1280, 1000);
        browser.open(&file);
        keep(&mut browser, &format!("search-desktop-{tone}.png"));
        browser.resize(390, 844);
        browser.open(&file);
        assert_eq!(browser.eval(BEYOND), "", "reaches beyond the edge");
        let wide = browser.eval("document.documentElement.scrollWidth");
        assert!(wide.as_u64() <= Some(390), "{wide} pixels wide");
        grounds.push(browser.eval("getComputedStyle(document.body).backgroundColor"));
        keep(&mut browser, &format!("search-phone-{tone}.png"));
    }
    assert_ne!(grounds[0], grounds[1]);
    // The bars fall: each is as long as what is left, beside what went.
    let bars = browser.eval(
        "[...document.querySelectorAll('.fall')].map((bar) =>
            [...bar.children].map((i) => i.getBoundingClientRect().width))",
    );
    let bars = bars.as_array().expect("bars");
    assert!(bars.len() > 2, "{bars:?}");
    let left: Vec<f64> = bars.iter().filter_map(|bar| bar[0].as_f64()).collect();
    assert!(left.is_sorted_by(|a, b| a >= b), "{left:?}");
    let open = "document.querySelector('details summary').click()";
    browser.eval(open);
    let shown = browser.eval("document.querySelector('details').open");
    assert_eq!(shown, true, "without a script");
    assert_eq!(browser.complaints(&file), Vec::<String>::new());
}
