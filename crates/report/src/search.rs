//! A search for a smaller system, as one HTML page: what each step won, what
//! stays and the check that fails without it, what pruning took away and had to
//! put back. Nothing in it needs a script; while the search runs, the page
//! loads itself again.

use std::fmt::Write as _;

use host::units::grouped;

use super::html::{escaped, fill};

const PAGE: &str = include_str!("html/search.html");
const STYLE: &str = concat!(
    include_str!("html/page.css"),
    include_str!("html/search.css")
);

/// How often the page of a search that runs is loaded again, in seconds.
const REFRESH: u32 = 5;

/// Everything that the page shows.
#[derive(Clone, Debug, Default)]
pub struct SearchPage {
    /// The recipe that the search began with.
    pub recipe: String,
    /// The board's name.
    pub board: String,
    /// Whether it still runs.
    pub state: State,
    /// The system as it was given.
    pub before: SystemSize,
    /// What the search has come to, before pruning.
    pub searched: SystemSize,
    /// The result.
    pub after: SystemSize,
    /// Each search, in order.
    pub rounds: Vec<Round>,
    /// What protects and stays: options, with the bytes of their files where
    /// they bring in any.
    pub security: Vec<(String, Option<u64>)>,
    /// The smallest RAM before and after, KiB, where it was the goal.
    pub smallest_ram: Option<(Option<u64>, Option<u64>)>,
    /// What pruning did, where the result was pruned.
    pub pruned: Option<Pruning>,
    /// Wall-clock seconds.
    pub seconds: f64,
}

/// Whether a search still runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// It has come to its end.
    #[default]
    Ended,
    /// It runs; how it stands, in words.
    Running(String),
    /// It was cut off; how it stood.
    CutOff(String),
}

/// What a system takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SystemSize {
    /// The kernel's image file.
    pub kernel_bytes: u64,
    /// The compressed kernel and the ramdisk.
    pub payload_bytes: u64,
    /// The ramdisk's file.
    pub ramdisk_bytes: u64,
    /// RAM that isn't free after the last check, KiB.
    pub ram_kib: Option<u64>,
}

/// One search.
#[derive(Clone, Debug, Default)]
pub struct Round {
    /// Its name.
    pub name: String,
    /// Payload bytes before.
    pub before_bytes: u64,
    /// The steps that were taken.
    pub steps: Vec<TakenStep>,
    /// What stays.
    pub kept: Vec<KeptChange>,
    /// What it took, and why it ended, in words; empty while it runs.
    pub effort: String,
}

/// A step that was taken.
#[derive(Clone, Debug, Default)]
pub struct TakenStep {
    /// The pass that found it.
    pub pass: String,
    /// What changed.
    pub changes: Vec<String>,
    /// Payload bytes that it won.
    pub won_bytes: u64,
}

/// A change that was not taken.
#[derive(Clone, Debug, Default)]
pub struct KeptChange {
    /// Which.
    pub change: String,
    /// The check that fails without it, or what else was seen.
    pub because: String,
    /// Payload bytes that it would win, foretold.
    pub predicted_bytes: u64,
    /// Whether it was tried on the result itself.
    pub on_result: bool,
}

/// What pruning did.
#[derive(Clone, Debug, Default)]
pub struct Pruning {
    /// The level.
    pub level: String,
    /// How long and how wide the proof is, in words.
    pub proof: String,
    /// Bytes of code before and after.
    pub code: (u64, u64),
    /// Bytes of code that stay, by what they stay for.
    pub price: Vec<(String, u64)>,
    /// Bytes of code that the rules of each level keep; empty where that wasn't
    /// foretold.
    pub levels: Vec<(String, u64)>,
    /// Boots that stopped or failed, and what was put back.
    pub stops: Vec<Stop>,
    /// What this and earlier prunings had to put back.
    pub fixes: Vec<PutBack>,
    /// Under which conditions it was booted.
    pub conditions: Vec<ConditionRow>,
    /// The cases of adversity: name, whether it survived, and how.
    pub cases: Vec<(String, Option<bool>, String)>,
}

/// A boot that did not pass.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// The boot's number.
    pub boot: u32,
    /// Under which condition.
    pub condition: String,
    /// What was missed, or why it failed.
    pub why: String,
    /// The functions that were put back.
    pub added: Vec<String>,
}

/// A function that had to be put back.
#[derive(Clone, Debug, Default)]
pub struct PutBack {
    /// The function.
    pub symbol: String,
    /// Its object.
    pub object: String,
    /// Where it was missed.
    pub missed_in: String,
}

/// The boots under one condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConditionRow {
    /// The condition.
    pub condition: String,
    /// Boots that passed.
    pub passed: usize,
    /// Boots that did not.
    pub failed: usize,
}

/// The page as HTML.
pub fn html(page: &SearchPage) -> String {
    let refresh = match page.state {
        State::Running(_) => format!("<meta http-equiv=\"refresh\" content=\"{REFRESH}\">"),
        State::Ended | State::CutOff(_) => String::new(),
    };
    let main = [
        tiles(page),
        waterfall(page),
        levels(page),
        kept(page),
        pruned(page),
        security(page),
    ];
    let parts = [
        ("title", escaped(&format!("{}: the search", page.recipe))),
        ("refresh", refresh),
        ("style", STYLE.to_owned()),
        ("head", head(page)),
        ("main", main.concat()),
    ];
    fill(PAGE, &parts)
}

fn head(page: &SearchPage) -> String {
    let (badge, lead) = match &page.state {
        State::Running(standing) => (("plain", "is running"), standing.clone()),
        State::CutOff(standing) => (("bad", "cut off"), standing.clone()),
        State::Ended => {
            let lead = format!("{} on the board {}", took(page.seconds), page.board);
            (("good", "ended"), lead)
        }
    };
    let badge = format!("<span class=\"badge {}\">{}</span>", badge.0, badge.1);
    format!(
        "<h1>{} made smaller</h1>{badge}<p class=\"lead\">{}</p>",
        escaped(&page.recipe),
        escaped(&lead)
    )
}

fn took(seconds: f64) -> String {
    let minutes = (seconds / 60.0).round() as u64;
    match minutes {
        0..2 => format!("{seconds:.0} s"),
        2..120 => format!("{minutes} min"),
        _ => format!("{:.1} h", seconds / 3600.0),
    }
}

fn tiles(page: &SearchPage) -> String {
    let (before, after) = (page.before, page.after);
    let mut tiles = vec![
        (
            "Kernel",
            Some(before.kernel_bytes),
            Some(after.kernel_bytes),
            "B",
        ),
        (
            "Ramdisk",
            Some(before.ramdisk_bytes),
            Some(after.ramdisk_bytes),
            "B",
        ),
        (
            "Payload",
            Some(before.payload_bytes),
            Some(after.payload_bytes),
            "B",
        ),
        ("RAM in use", before.ram_kib, after.ram_kib, "KiB"),
    ];
    if let Some((before, after)) = page.smallest_ram {
        tiles.push(("Smallest RAM", before, after, "KiB"));
    }
    let tile = |(name, before, after, unit): (&str, Option<u64>, Option<u64>, &str)| {
        let Some(after) = after else {
            return String::new();
        };
        let note = match before {
            Some(before) if before > 0 => format!(
                "<span class=\"{}\">{}</span> of {} {unit}",
                if after <= before { "less" } else { "more" },
                change(before, after),
                grouped(before)
            ),
            _ => String::new(),
        };
        format!(
            "<div class=\"tile\"><div class=\"name\">{name}</div><div class=\"value\">{} \
             <span class=\"unit\">{unit}</span></div><div class=\"note\">{note}</div></div>",
            grouped(after)
        )
    };
    let tiles: String = tiles.into_iter().map(tile).collect();
    format!("<div class=\"tiles\">{tiles}</div>")
}

fn change(before: u64, after: u64) -> String {
    let percent = (after as f64 / before as f64 - 1.0) * 100.0;
    format!("{percent:+.1} %").replace('-', "−")
}

fn section(id: &str, title: &str, content: &str) -> String {
    format!("<section class=\"card\" id=\"{id}\"><h2>{title}</h2>{content}</section>")
}

/// One bar of the waterfall: what is left of the payload, and what went.
struct Bar {
    name: String,
    detail: Vec<String>,
    left: u64,
    won: u64,
}

fn bars(page: &SearchPage) -> Vec<Bar> {
    let mut left = page.before.payload_bytes;
    let mut bars = vec![Bar {
        name: "as it was given".to_owned(),
        detail: Vec::new(),
        left,
        won: 0,
    }];
    let mut add = |name: String, detail: Vec<String>, to: u64| {
        bars.push(Bar {
            name,
            detail,
            left: to,
            won: left.saturating_sub(to),
        });
        left = to;
    };
    for round in &page.rounds {
        let mut at = round.before_bytes;
        for step in &round.steps {
            at = at.saturating_sub(step.won_bytes);
            let changes = match &step.changes[..] {
                [one] => one.clone(),
                all => format!("{} changes", all.len()),
            };
            let name = format!("{}, {}: {changes}", round.name, step.pass);
            let detail = match step.changes.len() {
                0 | 1 => Vec::new(),
                _ => step.changes.clone(),
            };
            add(name, detail, at);
        }
    }
    if let Some(pruned) = &page.pruned {
        let name = format!("pruned at the level {}", pruned.level);
        add(name, Vec::new(), page.after.payload_bytes);
    }
    bars
}

fn waterfall(page: &SearchPage) -> String {
    let bars = bars(page);
    let whole = bars
        .iter()
        .map(|bar| bar.left + bar.won)
        .max()
        .unwrap_or(1)
        .max(1);
    let percent = |bytes: u64| bytes as f64 * 100.0 / whole as f64;
    let mut rows = String::new();
    for bar in &bars {
        let won = match bar.won {
            0 => String::new(),
            won => format!("<span class=\"less\">−{} B</span> ", grouped(won)),
        };
        let detail = match bar.detail.len() {
            0 => String::new(),
            n => format!(
                "<details><summary>the {n} changes</summary><p class=\"mono\">{}</p></details>",
                escaped(&bar.detail.join(", "))
            ),
        };
        // Writing to a String can't fail.
        let _ = write!(
            rows,
            "<li><div class=\"step\"><span class=\"what\">{}</span><span class=\"amount\">{won}{} \
             B</span></div><div class=\"fall\" aria-hidden=\"true\"><i class=\"left\" \
             style=\"width:{:.2}%\"></i><i class=\"won\" style=\"width:{:.2}%\"></i></div>{detail}\
             </li>",
            escaped(&bar.name),
            grouped(bar.left),
            percent(bar.left),
            percent(bar.won)
        );
    }
    let efforts: String = page
        .rounds
        .iter()
        .filter(|round| !round.effort.is_empty())
        .map(|round| {
            format!(
                "<p class=\"hint\">{}: {}</p>",
                escaped(&round.name),
                escaped(&round.effort)
            )
        })
        .collect();
    let content = format!(
        "<p class=\"hint\">Payload: the compressed kernel and the ramdisk, after each step that \
         was taken.</p><ol class=\"waterfall\">{rows}</ol>{efforts}"
    );
    section("steps", "Bytes, step by step", &content)
}

/// What each level would weigh, by the code that its rules keep.
fn levels(page: &SearchPage) -> String {
    let mut rows = vec![vec![
        "not pruned".to_owned(),
        grouped(page.searched.payload_bytes),
        "built and booted".to_owned(),
    ]];
    let Some(pruned) = &page.pruned else {
        let content = table(&["Level", "#Payload (B)", "How it is known"], &rows);
        let more = "<p class=\"hint\">`tuxling prune` measures a level.</p>";
        return section("levels", "What each level weighs", &(content + more));
    };
    let own = pruned
        .levels
        .iter()
        .find(|(level, _)| *level == pruned.level);
    // Bytes of payload for a byte of code, by the code that went.
    let gone = pruned.code.0.saturating_sub(pruned.code.1);
    let won = page
        .searched
        .payload_bytes
        .saturating_sub(page.after.payload_bytes);
    let rate = won as f64 / gone.max(1) as f64;
    for (level, code) in &pruned.levels {
        let Some((_, own)) = own else { break };
        if *level != pruned.level {
            let more = (*code as f64 - *own as f64) * rate;
            let bytes = (page.after.payload_bytes as f64 + more).max(0.0) as u64;
            rows.push(vec![
                level.clone(),
                format!("about {}", grouped(bytes)),
                format!("foretold: its rules keep {} B of code", grouped(*code)),
            ]);
        }
    }
    rows.push(vec![
        pruned.level.clone(),
        grouped(page.after.payload_bytes),
        format!("the result: {}", pruned.proof),
    ]);
    let mut content = table(&["Level", "#Payload (B)", "How it is known"], &rows);
    if pruned.levels.is_empty() {
        content.push_str(
            "<p class=\"hint\">This certificate foretells no other level: <code>tuxling prune \
             --level</code> measures one.</p>",
        );
    }
    let price: Vec<Vec<String>> = pruned
        .price
        .iter()
        .map(|(reason, bytes)| vec![reason.clone(), grouped(*bytes)])
        .collect();
    if !price.is_empty() {
        content.push_str("<h3>Code that stays, by its reason</h3>");
        content.push_str(&table(&["It stays because", "#Code (B)"], &price));
    }
    section("levels", "What each level weighs", &content)
}

fn kept(page: &SearchPage) -> String {
    let mut rows = Vec::new();
    for round in &page.rounds {
        for kept in &round.kept {
            let tried = if kept.on_result {
                "on the result"
            } else {
                "before"
            };
            rows.push(vec![
                kept.change.clone(),
                kept.because.clone(),
                grouped(kept.predicted_bytes),
                tried.to_owned(),
            ]);
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    let heads = [
        "What stays",
        "Because without it",
        "#Would win (B)",
        "~Tried",
    ];
    section("kept", "What stays, and why", &table(&heads, &rows))
}

fn pruned(page: &SearchPage) -> String {
    let Some(pruned) = &page.pruned else {
        return String::new();
    };
    let stops: Vec<Vec<String>> = pruned
        .stops
        .iter()
        .map(|stop| {
            let why = stop.why.clone();
            let added = if stop.added.is_empty() {
                "nothing: it was booted again".to_owned()
            } else {
                stop.added.join(", ")
            };
            vec![stop.boot.to_string(), stop.condition.clone(), why, added]
        })
        .collect();
    let fixes: Vec<Vec<String>> = pruned
        .fixes
        .iter()
        .map(|fix| {
            vec![
                fix.symbol.clone(),
                fix.object.clone(),
                fix.missed_in.clone(),
            ]
        })
        .collect();
    let stops = if stops.is_empty() {
        "<p>No boot of this pruning stopped.</p>".to_owned()
    } else {
        table(&["#Boot", "Condition", "What was seen", "Put back"], &stops)
    };
    let mut content = format!("<p>{}</p>{stops}", escaped(&pruned.proof));
    if !fixes.is_empty() {
        content.push_str("<h3>Put back by this and earlier prunings</h3>");
        content.push_str(&table(&["Function", "Object", "Missed in"], &fixes));
    }
    content.push_str(&conditions(pruned));
    section("stops", "Stops, fixes and conditions", &content)
}

/// Under which conditions it was booted, and what it survived.
fn conditions(pruned: &Pruning) -> String {
    let conditions: Vec<Vec<String>> = pruned
        .conditions
        .iter()
        .map(|row| {
            let (passed, failed) = (row.passed.to_string(), row.failed.to_string());
            vec![row.condition.clone(), passed, failed]
        })
        .collect();
    let cases: Vec<Vec<String>> = pruned
        .cases
        .iter()
        .map(|(name, survived, detail)| {
            let survived = match survived {
                Some(true) => "survived",
                Some(false) => "not survived",
                None => "left out",
            };
            vec![name.clone(), survived.to_owned(), detail.clone()]
        })
        .collect();
    let mut content = "<h3>Conditions of its boots</h3>".to_owned();
    content.push_str(&table(
        &["Condition", "#Passed", "#Not passed"],
        &conditions,
    ));
    if !cases.is_empty() {
        content.push_str("<h3>Adversity</h3>");
        content.push_str(&table(&["Case", "How it went", "Detail"], &cases));
    }
    content
}

fn security(page: &SearchPage) -> String {
    let rows: Vec<Vec<String>> = page
        .security
        .iter()
        .map(|(option, bytes)| {
            let bytes = bytes.map_or("acts inside others".to_owned(), grouped);
            vec![option.clone(), bytes]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let table = table(&["Option", "#Its files (B)"], &rows);
    section("security", "What protects, and stays", &table)
}

/// A table; `#` before a heading: its column holds numbers, `~`: it may be left
/// out on a phone.
fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let class = |head: &str| match head.as_bytes().first() {
        Some(b'#') => " class=\"number\"",
        Some(b'~') => " class=\"spare\"",
        _ => " class=\"name\"",
    };
    let mut out = String::from("<div class=\"scroll\"><table><thead><tr>");
    for head in heads {
        let name = head.trim_start_matches(['#', '~']);
        out.push_str(&format!("<th scope=\"col\"{}>{name}</th>", class(head)));
    }
    out.push_str("</tr></thead><tbody>");
    for row in rows {
        out.push_str("<tr>");
        for (head, cell) in heads.iter().zip(row) {
            out.push_str(&format!("<td{}>{}</td>", class(head), escaped(cell)));
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> SearchPage {
        let size = |payload_bytes| SystemSize {
            kernel_bytes: payload_bytes - 100,
            payload_bytes,
            ramdisk_bytes: 100,
            ram_kib: Some(6000),
        };
        SearchPage {
            recipe: "job".to_owned(),
            board: "pc".to_owned(),
            before: size(10_000),
            searched: size(8000),
            after: size(5000),
            rounds: vec![Round {
                name: "round 1".to_owned(),
                before_bytes: 10_000,
                steps: vec![
                    TakenStep {
                        pass: "all at once".to_owned(),
                        changes: vec!["CONFIG_A".to_owned(), "CONFIG_B".to_owned()],
                        won_bytes: 1500,
                    },
                    TakenStep {
                        pass: "user land".to_owned(),
                        changes: vec!["applet ps".to_owned()],
                        won_bytes: 500,
                    },
                ],
                kept: vec![KeptChange {
                    change: "CONFIG_NET".to_owned(),
                    because: "check dhcp failed: <no> offer".to_owned(),
                    predicted_bytes: 300_000,
                    on_result: true,
                }],
                effort: String::new(),
            }],
            pruned: Some(Pruning {
                level: "tight".to_owned(),
                code: (6000, 3000),
                levels: vec![("safe".to_owned(), 4000), ("tight".to_owned(), 3000)],
                ..Pruning::default()
            }),
            ..SearchPage::default()
        }
    }

    #[test]
    fn the_bars_fall_from_what_was_given_to_the_result() {
        let told: Vec<(String, u64, u64)> = bars(&page())
            .into_iter()
            .map(|bar| (bar.name, bar.left, bar.won))
            .collect();
        let expected = [
            ("as it was given", 10_000, 0),
            ("round 1, all at once: 2 changes", 8500, 1500),
            ("round 1, user land: applet ps", 8000, 500),
            ("pruned at the level tight", 5000, 3000),
        ];
        assert_eq!(
            told,
            expected.map(|(name, left, won)| (name.to_owned(), left, won))
        );
    }

    #[test]
    fn a_level_that_was_not_taken_is_foretold_from_the_code_that_it_keeps() {
        let html = html(&page());
        assert!(
            html.contains("about 6,000"),
            "1,000 bytes of code more, at one byte each"
        );
        assert!(html.contains("−50.0 %"), "{html}");
    }

    #[test]
    fn a_page_loads_itself_again_only_while_the_search_runs() {
        let mut page = page();
        assert!(!html(&page).contains("http-equiv=\"refresh\""));
        page.state = State::Running("best 8,000 B".to_owned());
        let running = html(&page);
        assert!(running.contains("http-equiv=\"refresh\"") && running.contains("best 8,000 B"));
    }

    #[test]
    fn what_a_check_printed_is_text_and_nothing_comes_from_outside() {
        let html = html(&page());
        assert!(html.contains("&lt;no&gt; offer") && !html.contains("<no>"));
        for outside in ["http:", "https:", "<script", "@import", "url("] {
            assert!(!html.contains(outside), "{outside}");
        }
    }
}
