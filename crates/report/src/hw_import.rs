//! What is told of an import: the fragment, the report, JSON.

use std::path::Path;

use hardware::inventory::Inventory;
use schemars::JsonSchema;
use serde::Serialize;

use hardware::ask::{Answer, Found, Overruled, State};

/// The version of the format.
pub const SCHEMA: &str = "tuxling.hw.import/1";

/// How many firmware files of one driver are shown.
const FIRMWARE: usize = 6;

/// What is told.
#[derive(Serialize, JsonSchema)]
pub struct ImportJson<'a> {
    schema: &'static str,
    /// The recipe whose kernel and configuration the lines are for.
    recipe: &'a str,
    /// The kernel's version.
    version: &'a str,
    devices: &'a [Found],
    /// The classes that were asked for besides.
    also: &'a [Found],
    /// What the recipe asks for and can't have any more beside these drivers.
    overruled: &'a [Overruled],
    /// Lines that speak of devices and don't say enough.
    unclear: &'a [String],
    /// All lines, as the fragment has them.
    lines: Vec<&'a str>,
    /// The fragment, when it was written.
    written: Option<&'a Path>,
}

impl<'a> ImportJson<'a> {
    /// Of an import: what was asked of which kernel, and where the lines were written.
    pub fn new(
        recipe: &'a str,
        version: &'a str,
        answer: &'a Answer,
        inventory: &'a Inventory,
        written: Option<&'a Path>,
    ) -> Self {
        let all = answer.devices.iter().chain(&answer.classes);
        ImportJson {
            schema: SCHEMA,
            recipe,
            version,
            devices: &answer.devices,
            also: &answer.classes,
            unclear: &inventory.unclear,
            lines: all
                .flat_map(|one| &one.lines)
                .chain(answer.overruled.iter().map(|one| &one.line))
                .map(String::as_str)
                .collect(),
            overruled: &answer.overruled,
            written,
        }
    }
}

/// The lines as a fragment, above each the device that it is for.
pub fn fragment(answer: &Answer, version: &str, recipe: &str) -> String {
    let mut text = format!(
        "# Made by `tuxling hw import` for Linux {version} and the configuration of {}.\n",
        plain(recipe)
    );
    for found in answer.devices.iter().chain(&answer.classes) {
        if found.lines.is_empty() {
            continue;
        }
        let driver = found.driver.as_ref().map(|driver| format!(" ({driver})"));
        text.push_str(&format!(
            "\n# for {}: {}{}\n",
            plain(&found.at),
            plain(&found.name),
            driver.unwrap_or_default()
        ));
        for line in &found.lines {
            text.push_str(&format!("{line}\n"));
        }
    }
    for one in &answer.overruled {
        let (by, reason) = (plain(&one.by), plain(&one.reason));
        text.push_str(&format!(
            "\n# {by} asks for something else, but: {reason}\n{}\n",
            one.line
        ));
    }
    text
}

/// A text of a list in one line.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// What became of each device, as comments.
pub fn report(told: &ImportJson<'_>) -> String {
    let mut lines = Vec::new();
    let mut section = |title: &str, all: Vec<String>| {
        if !all.is_empty() {
            lines.push(format!("# {title}"));
            lines.extend(all);
        }
    };
    let of = |state: State| {
        let all = told.devices.iter().filter(move |one| one.state == state);
        all.map(row).collect::<Vec<_>>()
    };
    section("devices whose driver is asked for:", of(State::Asked));
    section("devices whose driver is on already:", of(State::There));
    section("devices without a driver:", of(State::LeftOut));
    let failed = told.also.iter().filter(|one| one.why.is_some());
    section(
        "classes that can't be had as a whole:",
        failed.map(row).collect(),
    );
    let firmware = told.devices.iter().filter(|one| !one.firmware.is_empty());
    let firmware = firmware.map(|one| {
        let (first, rest) = one.firmware.split_at(one.firmware.len().min(FIRMWARE));
        let more = match rest.len() {
            0 => String::new(),
            n => format!(" and {n} more (all with --json)"),
        };
        format!("#   {}: {}{more}", plain(&one.at), first.join(", "))
    });
    section("firmware that drivers may ask for:", firmware.collect());
    let unclear = told
        .unclear
        .iter()
        .map(|line| format!("#   {}", plain(line)));
    section("lines that don't say enough:", unclear.collect());
    lines.push(format!(
        "# {} devices, {} lines",
        told.devices.len(),
        told.lines.len()
    ));
    if let Some(path) = told.written {
        lines.push(format!("# written to {}", path.display()));
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn row(found: &Found) -> String {
    let what = format!("#   {}: {}", plain(&found.at), plain(&found.name));
    let end = match (&found.option, &found.why) {
        (Some(option), _) => format!(": {option}"),
        (None, Some(why)) => format!(": {}", plain(why)),
        (None, None) => String::new(),
    };
    what + &end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(state: State, lines: &[&str], why: Option<&str>) -> Found {
        Found {
            at: "00:1f.2".to_owned(),
            name: "SATA\ncontroller".to_owned(),
            modalias: "pci:x".to_owned(),
            state,
            in_use: false,
            option: why.is_none().then(|| "SATA_AHCI".to_owned()),
            driver: Some("drivers/ata/ahci.c".to_owned()),
            pattern: None,
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
            why: why.map(str::to_owned),
            firmware: Vec::new(),
            others: Vec::new(),
        }
    }

    #[test]
    fn the_fragment_is_one_and_each_line_has_its_device_above_it() {
        let answer = Answer {
            devices: vec![
                found(State::Asked, &["CONFIG_ATA=y", "CONFIG_SATA_AHCI=y"], None),
                found(State::There, &[], None),
                found(State::LeftOut, &[], Some("it needs no driver")),
            ],
            classes: Vec::new(),
            overruled: vec![Overruled {
                line: "CONFIG_SERIO=y".to_owned(),
                by: "pc-base.config:36".to_owned(),
                reason: "selected by KEYBOARD_ATKBD".to_owned(),
            }],
        };
        let text = fragment(&answer, "6.12.1", "pc-shell");
        let parsed = recipe::fragment::parse(&text, recipe::fragment::Form::Typed);
        assert!(parsed.remarks.is_empty(), "{:?}", parsed.remarks);
        assert_eq!(parsed.lines.len(), 3);
        let end = "# pc-base.config:36 asks for something else, but: selected by KEYBOARD_ATKBD\nCONFIG_SERIO=y\n";
        assert!(text.ends_with(end), "{text}");
        let head = "# for 00:1f.2: SATA controller (drivers/ata/ahci.c)\nCONFIG_ATA=y\n";
        assert!(text.contains(head), "{text}");

        let inventory = Inventory {
            unclear: vec!["x: numbers are missing".to_owned()],
            ..Inventory::default()
        };
        let told = ImportJson::new("pc-shell", "6.12.1", &answer, &inventory, None);
        let report = report(&told);
        assert!(
            report.contains(
                "# devices without a driver:\n#   00:1f.2: SATA controller: it needs no driver\n"
            ),
            "{report}"
        );
        assert!(report.contains("# devices whose driver is on already:\n"));
        assert!(report.ends_with("#   x: numbers are missing\n# 3 devices, 3 lines\n"));
    }
}
