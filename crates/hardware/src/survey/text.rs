//! A survey as the script writes it on a machine without tuxling (`save.sh`): one
//! line for each thing, its kind and a tab in front. The lines of /proc are read
//! here as they are there.

use super::{SCHEMA, Survey, SurveyedDevice, cmdline, cpu, interrupts, modules, mounts};
use crate::personal::scrubbed;

/// What such a file begins with.
pub(super) const HEAD: &str = "tuxling.hw.text/1";

/// The survey of the lines behind the head. What can't be read is passed over; what
/// is personal is taken out once more.
pub(super) fn read(lines: &str) -> Survey {
    let clean = |text: &str| scrubbed(text.trim(), &[]);
    let of = |kind: &str| -> Vec<&str> {
        let rest = |line| str::strip_prefix(line, kind)?.strip_prefix('\t');
        lines.lines().filter_map(rest).collect()
    };
    let all = |kind: &str| of(kind).join("\n");
    let pair = |line: &&str| {
        let (name, word) = line.split_once('\t')?;
        Some((name.to_owned(), clean(word)))
    };
    Survey {
        schema: SCHEMA.to_owned(),
        kernel: clean(&all("kernel")),
        dmi: of("dmi").iter().filter_map(pair).collect(),
        cpu: cpu(&all("cpu")),
        cmdline: cmdline(&all("cmdline"), &clean),
        devices: devices(lines, &clean),
        modules: modules(&all("module")),
        // /proc/interrupts has a head, and a number before each line.
        interrupts: interrupts(
            &of("interrupt")
                .iter()
                .fold(String::new(), |text, line| text + "\n0: " + line),
            &clean,
        ),
        mounts: mounts(&all("mount"), &clean),
        firmware: of("firmware").into_iter().map(str::to_owned).collect(),
        config: of("config").into_iter().map(str::to_owned).collect(),
    }
}

/// `at` and, in the line below it, `alias` with driver and module.
fn devices(lines: &str, clean: &dyn Fn(&str) -> String) -> Vec<SurveyedDevice> {
    let mut found = Vec::new();
    let mut at = None;
    for line in lines.lines() {
        match line.split_once('\t') {
            Some(("at", place)) => at = Some(clean(place)),
            Some(("alias", rest)) => {
                let mut words = rest.split('\t').map(str::trim);
                let mut word = || words.next().filter(|word| !word.is_empty());
                let Some(modalias) = word() else { continue };
                found.push(SurveyedDevice {
                    at: at.take().unwrap_or_default(),
                    modalias: modalias.to_owned(),
                    driver: word().map(str::to_owned),
                    module: word().map(str::to_owned),
                });
            }
            _ => {}
        }
    }
    found.sort();
    found.dedup();
    found
}
