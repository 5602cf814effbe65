//! What is shown of the phases under way: the text, from what was told and the
//! time that passed.

use std::time::{Duration, Instant};

use host::session::{Step, Unit};
use host::units::{about, grouped, show_duration};

/// Nothing is foretold from less than this.
const LEAST: Duration = Duration::from_secs(2);

/// More of a tool's line isn't shown: compilers and `ar` have lines of kilobytes.
const LONGEST_LINE: usize = 100;

/// The phases under way, the innermost last.
#[derive(Debug, Default)]
pub(super) struct Shown {
    open: Vec<Phase>,
}

#[derive(Debug)]
struct Phase {
    name: String,
    begun: Instant,
    /// Lines that tools have printed.
    lines: usize,
    /// The last of them, shortened.
    line: String,
    count: Option<Count>,
}

/// What was told of how far a phase is.
#[derive(Debug)]
struct Count {
    what: String,
    unit: Unit,
    done: u64,
    total: Option<u64>,
    /// When this was first told, and how much was done then.
    since: (Instant, u64),
}

impl Shown {
    pub(super) fn begin(&mut self, name: &str, now: Instant) {
        self.open.push(Phase {
            name: name.to_owned(),
            begun: now,
            lines: 0,
            line: String::new(),
            count: None,
        });
    }

    /// The innermost phase has ended.
    pub(super) fn end(&mut self) {
        self.open.pop();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(super) fn tool_line(&mut self, line: &str) {
        if let Some(phase) = self.open.last_mut() {
            phase.lines += 1;
            let words = line.split_whitespace().collect::<Vec<_>>().join(" ");
            phase.line = words.chars().take(LONGEST_LINE).collect();
        }
    }

    pub(super) fn step(&mut self, step: &Step<'_>, now: Instant) {
        let Some(phase) = self.open.last_mut() else {
            return;
        };
        // The same work goes on while as much of the same is to be done.
        let same = |count: &&Count| {
            let alike = count.what == step.what || count.total == step.total;
            // Before the first of them is done, other things are made.
            let begun = count.since.1 > 0 || step.done == 0;
            count.unit == step.unit && alike && count.since.1 <= step.done && begun
        };
        let since = phase.count.as_ref().filter(same).map(|count| count.since);
        phase.count = Some(Count {
            what: step.what.to_owned(),
            unit: step.unit,
            done: step.done,
            total: step.total,
            since: since.unwrap_or((now, step.done)),
        });
    }

    /// The line of a terminal, which says how long it has taken by itself.
    pub(super) fn changing(&self, now: Instant) -> String {
        let lines = self.open.last().filter(|phase| !phase.line.is_empty());
        let lines = lines.map(|phase| format!("  {}", phase.line));
        format!("{}{}", self.text(now), lines.unwrap_or_default())
    }

    /// A line of its own.
    pub(super) fn line(&self, now: Instant) -> String {
        let begun = self.open.first().map_or(now, |phase| phase.begun);
        let took = show_duration(now.duration_since(begun));
        let last = self.open.last().filter(|phase| !phase.line.is_empty());
        let last = last.map(|phase| format!(": {}", phase.line));
        format!(
            "  {} after {took}{}",
            self.text(now),
            last.unwrap_or_default()
        )
    }

    fn text(&self, now: Instant) -> String {
        let phases = self.open.iter().map(|phase| phase.text(now));
        phases.collect::<Vec<_>>().join(" · ")
    }
}

impl Phase {
    fn text(&self, now: Instant) -> String {
        match &self.count {
            Some(count) => format!("{}: {}", self.name, count.text(now)),
            None if self.lines > 0 => format!("{} ({} lines)", self.name, self.lines),
            None => self.name.clone(),
        }
    }
}

impl Count {
    fn text(&self, now: Instant) -> String {
        let number = |n: u64| match self.unit {
            Unit::Bytes => format!("{:.1}", n as f64 / f64::from(1 << 20)),
            Unit::Of(_) => grouped(n),
        };
        let unit = match self.unit {
            Unit::Bytes => "MiB",
            Unit::Of(plural) => plural,
        };
        let mut text = self.what.clone();
        if !text.is_empty() {
            if self.done == 0 && self.total.is_none() {
                return text;
            }
            text.push_str(", ");
        }
        text.push_str(&match self.total {
            Some(total) => format!("{} of {} {unit}", number(self.done), number(total)),
            None => format!("{} {unit}", number(self.done)),
        });
        if let Some(left) = self.left(now) {
            text.push_str(&format!(", about {} left", about(left)));
        }
        text
    }

    /// The time left, if it goes on as it did.
    fn left(&self, now: Instant) -> Option<Duration> {
        let (since, from) = self.since;
        let rest = self
            .total?
            .checked_sub(self.done)
            .filter(|rest| *rest > 0)?;
        let done = self.done.checked_sub(from).filter(|done| *done > 0)?;
        let took = Some(now.duration_since(since)).filter(|took| *took >= LEAST)?;
        Some(took.mul_f64(rest as f64 / done as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(done: u64) -> Step<'static> {
        Step {
            what: "",
            done,
            total: Some(400),
            unit: Unit::Of("objects"),
        }
    }

    #[test]
    fn a_phase_says_how_far_it_is_and_how_long_it_will_take() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut shown = Shown::default();
        shown.begin("kernel", begun);
        assert_eq!(shown.line(at(6)), "  kernel after 6.00 s");
        shown.tool_line("  GEN     Makefile");
        assert_eq!(
            shown.line(at(7)),
            "  kernel (1 lines) after 7.00 s: GEN Makefile"
        );
        shown.step(&objects(0), at(10));
        assert_eq!(
            shown.line(at(11)),
            "  kernel: 0 of 400 objects after 11.00 s: GEN Makefile"
        );
        shown.step(&objects(10), at(20));
        shown.step(&objects(110), at(50));
        shown.tool_line("  CC      net/ipv4/tcp.o");
        assert_eq!(
            shown.changing(at(50)),
            "kernel: 110 of 400 objects, about 87 s left  CC net/ipv4/tcp.o"
        );
        shown.tool_line(&"ar rc libc.a a.lo ".repeat(1000));
        assert!(shown.changing(at(50)).chars().count() < 50 + LONGEST_LINE);
        shown.tool_line("  CC      net/ipv4/tcp.o");
        shown.step(&objects(400), at(130));
        assert_eq!(
            shown.line(at(131)),
            "  kernel: 400 of 400 objects after 2:11 min: CC net/ipv4/tcp.o"
        );
    }

    #[test]
    fn what_stands_in_another_phase_is_shown_behind_it() {
        let now = Instant::now();
        let mut shown = Shown::default();
        shown.begin("repair", now);
        let boots = Step {
            what: "icount 7",
            done: 3,
            total: None,
            unit: Unit::Of("boots"),
        };
        shown.step(&boots, now);
        shown.begin("flood", now);
        assert_eq!(shown.changing(now), "repair: icount 7, 3 boots · flood");
        shown.end();
        assert_eq!(shown.changing(now), "repair: icount 7, 3 boots");
        shown.end();
        assert!(shown.is_empty());
    }

    #[test]
    fn the_time_left_begins_anew_with_what_is_done() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let step = |what, done| Step {
            what,
            done,
            total: Some(10 << 20),
            unit: Unit::Bytes,
        };
        let mut shown = Shown::default();
        shown.begin("sources", begun);
        shown.step(&step("fetching linux", 5 << 20), begun);
        shown.step(&step("unpacking linux", 0), at(90));
        shown.step(&step("unpacking linux", 1 << 20), at(101));
        shown.step(&step("unpacking linux", 5 << 20), at(105));
        let text = shown.changing(at(105));
        assert_eq!(
            text,
            "sources: unpacking linux, 5.0 of 10.0 MiB, about 5 s left"
        );
    }
}
