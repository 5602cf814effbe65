//! Prunes the objects of a link, from the command line: for trying the engine
//! by hand on a kernel's object tree.
//!
//! ```text
//! relink SCRIPT SIZES VERDICTS OUT.a OBJECT... [--library OBJECT...]
//! ```
//!
//! `SIZES` holds lines `structure bytes`. `VERDICTS` is `whole`, `all`, or a
//! file with the index of a function to keep on each line; all others trap.

use std::time::Instant;

use vmlinux::prune::{EntrySizes, FunctionIndex, Input, Program, Role, Verdict, Wish};

fn main() {
    if let Err(error) = relink() {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

fn relink() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [script, sizes, verdicts, out, objects @ ..] = arguments.as_slice() else {
        return Err("relink SCRIPT SIZES VERDICTS OUT.a OBJECT... [--library OBJECT...]".into());
    };
    let start = Instant::now();
    let mut files = Vec::new();
    let mut role = Role::Always;
    for name in objects {
        match name.as_str() {
            "--library" => role = Role::Library,
            _ => files.push((name.as_str(), std::fs::read(name)?, role)),
        }
    }
    let inputs: Vec<Input> = files
        .iter()
        .map(|(name, bytes, role)| Input {
            name,
            bytes,
            role: *role,
        })
        .collect();
    let mut entries = EntrySizes::default();
    for line in std::fs::read_to_string(sizes)?.lines() {
        let (name, bytes) = line.split_once(' ').ok_or("a line without a size")?;
        entries.0.insert(name.to_owned(), bytes.parse()?);
    }
    let read = start.elapsed();
    let program = Program::load(&inputs, &std::fs::read_to_string(script)?, &entries)?;
    let loaded = start.elapsed();
    let wish = wish(&program, verdicts)?;
    let pruned = program.prune(&wish)?;
    let done = start.elapsed();
    let verified = vmlinux::prune::verify::check(&program, &pruned)?;
    let checked = start.elapsed();
    std::fs::write(out, pruned.archive())?;
    std::fs::write(
        format!("{out}.functions"),
        functions(&program, &pruned.report.functions),
    )?;
    eprintln!(
        "{} functions, {} traps",
        program.functions().len(),
        pruned.traps.len()
    );
    for (kind, bytes) in &pruned.report.kinds {
        eprintln!("{kind:<30} {:>9} {:>9}", bytes.before, bytes.after);
    }
    eprintln!(
        "{} relocations, {} + {} traps, {} names left to the script",
        verified.relocations,
        verified.traps,
        verified.in_place,
        verified.left_to_script.len()
    );
    eprintln!(
        "read {read:?}, load until {loaded:?}, prune until {done:?}, verify until {checked:?}"
    );
    Ok(())
}

fn wish(program: &Program, verdicts: &str) -> Result<Wish, Box<dyn std::error::Error>> {
    let mut wish = Wish {
        marks: true,
        ..Wish::default()
    };
    match verdicts {
        "whole" => wish.whole = true,
        "all" => {}
        file => {
            wish.marks = false;
            wish.command_line = std::env::var("COMMAND_LINE").ok();
            wish.verdicts = vec![Verdict::Trap; program.functions().len()];
            for line in std::fs::read_to_string(file)?.lines() {
                let FunctionIndex(index) = FunctionIndex(line.trim().parse()?);
                wish.verdicts[index as usize] = Verdict::Keep;
            }
        }
    }
    Ok(wish)
}

fn functions(program: &Program, fates: &[vmlinux::prune::Fate]) -> String {
    let lines = program.functions().iter().zip(fates).enumerate();
    lines
        .map(|(index, (f, fate))| {
            let (id, unit) = (&f.id, f.unit);
            format!(
                "{index} {} {} {} {} {unit:?} {fate:?}\n",
                id.object, id.symbol, f.section, f.bytes
            )
        })
        .collect()
}
