//! The card: a record on one screen.

use std::fmt::Write;
use std::time::Duration;

use host::process::shell_line;
use host::units::{grouped, show_duration};
use recipe::plan::Via;
use record::{CheckOutcome, MemEntry, MemOwner, MemRecord, Record};

/// The card of a record, in plain text. `interactive` is the command that boots
/// the system with its console on the terminal.
pub fn card(record: &Record, interactive: Option<&str>) -> String {
    let mut out = String::new();
    // Writing to a String can't fail.
    let _ = write_card(&mut out, record, interactive);
    out
}

fn write_card(out: &mut String, record: &Record, interactive: Option<&str>) -> std::fmt::Result {
    let verdict = record.outcome.map_or("built", |outcome| outcome.words());
    writeln!(out, "{} on {}: {}", record.recipe, record.board, verdict)?;
    if let Some(reason) = record.reason.as_deref().filter(|r| !r.is_empty()) {
        writeln!(out, "  {}", reason.trim().replace('\n', "\n  "))?;
    }
    if !record.diagnoses.is_empty() {
        writeln!(out, "\nDiagnosis")?;
        writeln!(out, "{}", record::diagnoses_text(&record.diagnoses))?;
    }
    sizes(out, record)?;
    if !record.checks.is_empty() {
        checks(out, record)?;
    }
    if record.ram.total_kib.is_some() {
        ram(out, record)?;
    }
    if let Some(memory) = &record.mem {
        ledger(out, memory)?;
    }
    if record.boot.seconds.is_some() || record.boot.instructions.is_some() {
        boot(out, record)?;
    }
    phases(out, record)?;
    if let Some(command) = interactive {
        writeln!(out, "\nBoot it (Ctrl-A X leaves)\n  {command}")?;
    } else if !record.qemu.is_empty() {
        writeln!(out, "\nBooted by\n  {}", shell_line(&record.qemu))?;
    }
    Ok(())
}

fn row(out: &mut String, name: &str, bytes: u64, remark: &str) -> std::fmt::Result {
    let line = format!("  {name:<26}{:>13} B  {remark}", grouped(bytes));
    writeln!(out, "{}", line.trim_end())
}

fn sizes(out: &mut String, record: &Record) -> std::fmt::Result {
    let image = &record.image;
    writeln!(out, "\nImage")?;
    row(out, "kernel", image.kernel_bytes, "")?;
    if let Some(payload) = image.payload_bytes {
        row(out, "  compressed payload", payload, "")?;
        let name = "  setup, header, padding";
        match image.kernel_bytes.checked_sub(payload) {
            Some(bytes) => row(out, name, bytes, "")?,
            // A payload larger than its kernel: the record is wrong somewhere.
            None => writeln!(out, "  {name:<26}{:>13}    not told", "-")?,
        }
    }
    let vmlinux = &record.vmlinux;
    row(out, "  text (uncompressed)", vmlinux.text_bytes, "")?;
    row(out, "  data", vmlinux.data_bytes, "read-only data included")?;
    row(out, "  bss", vmlinux.bss_bytes, "")?;
    row(out, "  init", vmlinux.init_bytes, "freed after boot")?;
    if let Some(bytes) = image.device_tree_bytes {
        row(out, "device tree", bytes, "")?;
    }
    let remark = match record.ramdisk.compression.as_str() {
        "none" => "not compressed".to_owned(),
        compression => format!(
            "{compression}, {} B unpacked",
            grouped(record.ramdisk.archive_bytes)
        ),
    };
    match image.root_bytes {
        Some(bytes) => row(out, "root file system", bytes, &remark)?,
        None => row(out, "ramdisk", image.ramdisk_bytes, &remark)?,
    }
    let mut files: Vec<_> = record
        .ramdisk
        .files
        .iter()
        .filter(|(_, bytes)| **bytes > 0)
        .collect();
    files.sort_by_key(|(path, bytes)| (std::cmp::Reverse(**bytes), *path));
    for (path, bytes) in files.iter().take(3) {
        row(out, &format!("  {path}"), **bytes, "")?;
    }
    if files.len() > 3 {
        let rest = files[3..].iter().map(|(_, bytes)| **bytes);
        let rest = rest.fold(0, u64::saturating_add);
        row(out, &format!("  {} other files", files.len() - 3), rest, "")?;
    }
    row(out, "together", image.total_bytes, "")
}

fn checks(out: &mut String, record: &Record) -> std::fmt::Result {
    writeln!(out, "\nChecks")?;
    for check in &record.checks {
        let took = check.seconds.map_or("-".to_owned(), shown_seconds);
        let mark = match check.outcome {
            CheckOutcome::Passed => "ok",
            CheckOutcome::Skipped => "--",
            CheckOutcome::Failed | CheckOutcome::TimedOut => "!!",
        };
        let typed = match check.via {
            Via::Console => "typed: ",
            Via::Channel => "",
        };
        let detail = check.detail.lines().next().unwrap_or_default();
        writeln!(
            out,
            "  {mark} {:<14}{:<11}{took:>9}  {typed}{detail}",
            check.name,
            check.outcome.words()
        )?;
    }
    Ok(())
}

fn ram(out: &mut String, record: &Record) -> std::fmt::Result {
    let ram = &record.ram;
    writeln!(out, "\nRAM (KiB)")?;
    let mut row = |name: &str, kib: Option<u64>, remark: &str| match kib {
        Some(kib) => writeln!(
            out,
            "{}",
            format!("  {name:<26}{:>13}    {remark}", grouped(kib)).trim_end()
        ),
        None => Ok(()),
    };
    row("machine", Some(ram.machine_kib), "")?;
    row("managed by the kernel", ram.total_kib, "MemTotal")?;
    row(
        "used",
        ram.used_kib,
        "after the last check, caches included",
    )?;
    row(
        "  page cache",
        ram.cache_kib,
        "the unpacked ramdisk included",
    )?;
    row(
        "  the checks' own agent",
        ram.agent_kib,
        "not part of the shipped system",
    )?;
    row("free", ram.free_kib, "")?;
    row(
        "smallest machine that passes",
        ram.smallest_kib,
        "tuxling ram",
    )
}

/// All of the RAM; entries of nothing are left out.
fn ledger(out: &mut String, memory: &MemRecord) -> std::fmt::Result {
    writeln!(out, "\nAll of the RAM (KiB)")?;
    let show = |kib: i64| {
        let sign = if kib < 0 { "-" } else { "" };
        format!("{sign}{}", grouped(kib.unsigned_abs()))
    };
    for (owner, title) in [
        (MemOwner::Firmware, "never the kernel's"),
        (MemOwner::Reserved, "reserved by the kernel at boot"),
        (MemOwner::Managed, "managed by the kernel"),
    ] {
        let own = memory.entries.iter().filter(|e| e.owner == owner);
        let sum = total(own.clone());
        writeln!(out, "  {title:<32}{:>7}", show(sum))?;
        for entry in own {
            match entry.kib {
                Some(0) => {}
                Some(kib) => writeln!(out, "    {:<30}{:>7}", entry.name, show(kib))?,
                None => writeln!(out, "    {:<30}{:>7}    not told", entry.name, "-")?,
            }
        }
    }
    writeln!(
        out,
        "  {:<32}{:>7}",
        "together",
        show(total(memory.entries.iter()))
    )?;
    for entry in &memory.within {
        if let Some(kib) = entry.kib {
            let name = format!("of these: {}", entry.name);
            writeln!(out, "  {name:<32}{:>7}    {}", show(kib), entry.source)?;
        }
    }
    Ok(())
}

fn total<'m>(entries: impl Iterator<Item = &'m MemEntry>) -> i64 {
    let figures = entries.filter_map(|entry| entry.kib);
    figures.fold(0, i64::saturating_add)
}

/// A time of a record, which may be none that there can be.
fn shown_seconds(seconds: f64) -> String {
    let duration = Duration::try_from_secs_f64(seconds.max(0.0));
    duration.map_or_else(|_| "not told".to_owned(), show_duration)
}

fn boot(out: &mut String, record: &Record) -> std::fmt::Result {
    let accelerator = record.accelerator.as_deref().unwrap_or("?");
    writeln!(out, "\nBoot until the first check passed")?;
    if let Some(seconds) = record.boot.seconds {
        let took = shown_seconds(seconds);
        writeln!(out, "  {:<26}{took:>13}    {accelerator}", "wall clock")?;
    }
    if let Some(instructions) = record.boot.instructions {
        writeln!(
            out,
            "  {:<26}{:>13}    icount, a boot of its own",
            "instructions",
            grouped(instructions)
        )?;
    }
    Ok(())
}

fn phases(out: &mut String, record: &Record) -> std::fmt::Result {
    writeln!(out, "\nPhases")?;
    let mut sum = 0.0;
    for phase in &record.phases {
        sum += phase.seconds;
        let cached = if phase.cached {
            "was there already"
        } else {
            ""
        };
        let took = shown_seconds(phase.seconds);
        writeln!(
            out,
            "{}",
            format!("  {:<26}{took:>13}    {cached}", phase.name).trim_end()
        )?;
    }
    writeln!(out, "  {:<26}{:>13}", "together", shown_seconds(sum))
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::session::PhaseRecord;
    use record::CheckRecord;
    use record::fixture::record;

    #[test]
    fn sizes_checks_and_the_way_to_boot_are_on_the_card() {
        let mut record = record();
        record.checks.push(CheckRecord {
            name: "shell".to_owned(),
            via: Via::Console,
            outcome: CheckOutcome::TimedOut,
            seconds: None,
            detail: "no answer".to_owned(),
        });
        let card = card(&record, Some("qemu-system-i386 -kernel k"));
        assert!(card.starts_with("tiny on pc: passed\n"), "{card}");
        assert!(
            card.contains("  kernel                            1,000 B\n"),
            "{card}"
        );
        assert!(
            card.contains("!! shell         timed out          -  typed: no answer\n"),
            "{card}"
        );
        assert!(card.ends_with("  qemu-system-i386 -kernel k\n"), "{card}");
    }

    #[test]
    fn figures_that_cannot_be_are_not_told_and_end_nothing() {
        let mut record = record();
        record.image.kernel_bytes = 1;
        record.image.payload_bytes = Some(2);
        for file in ["a", "b", "c", "d", "e"] {
            record.ramdisk.files.insert(file.to_owned(), u64::MAX);
        }
        record.boot.seconds = Some(1e300);
        for seconds in [1e300, f64::MAX, -1e300] {
            record.phases.push(PhaseRecord {
                name: "build".to_owned(),
                seconds,
                cached: false,
            });
        }
        let entry = |kib| MemEntry {
            owner: MemOwner::Reserved,
            name: "text".to_owned(),
            kib: Some(kib),
            source: String::new(),
        };
        record.mem = Some(MemRecord {
            machine_kib: u64::MAX,
            entries: [i64::MAX, i64::MAX, i64::MIN].map(entry).to_vec(),
            within: vec![entry(i64::MIN)],
        });
        let card = card(&record, None);
        let padding = "    setup, header, padding              -    not told\n";
        assert!(card.contains(padding), "{card}");
        let clock = "  wall clock                     not told";
        assert!(card.contains(clock), "{card}");
    }
}
