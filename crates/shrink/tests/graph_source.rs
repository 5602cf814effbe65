//! That the graph of the benchmark is what 6.12's Kconfig says. `KCONFIG_TEST_TREES`
//! names a folder with `linux-6.12`; with `SHRINK_GRAPH=write` the file is
//! written anew.

use std::collections::BTreeMap;
use std::path::Path;

use kconfig::{
    Answer, Configuration, Dialect, DiskTree, Environment, Expr, ExprId, Kconfig, LoadOptions,
    SilentShell, SymbolId, SymbolKind, Tristate,
};

const OPTIONS: usize = 2_000;

fn load() -> Kconfig {
    let trees = std::env::var("KCONFIG_TEST_TREES").expect("KCONFIG_TEST_TREES names the trees");
    let source = Path::new(&trees).join("linux-6.12");
    let env: Environment = [
        ("srctree", source.display().to_string()),
        ("ARCH", "x86".into()),
        ("SRCARCH", "x86".into()),
        ("KERNELVERSION", "6.12".into()),
        ("CC", "gcc".into()),
        ("LD", "ld".into()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    Kconfig::load(&LoadOptions {
        root: "Kconfig",
        tree: &DiskTree::new(&source),
        env: &env,
        shell: &SilentShell,
        dialect: Dialect::Linux6_12,
    })
    .expect("the tree")
}

/// What must be on for an expression to hold, whatever else is: the symbols
/// that it joins by `&&`.
fn demanded(tree: &Kconfig, expr: ExprId, found: &mut Vec<SymbolId>) {
    match tree.expr(expr) {
        Expr::Symbol(symbol) => found.push(*symbol),
        Expr::And(operands) => {
            for &operand in operands {
                demanded(tree, operand, found);
            }
        }
        _ => {}
    }
}

/// FNV-1a: an order that has nothing to do with where an option stands.
fn scatter(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Options with a prompt that can be on, picked all over the tree, each with
/// all that it depends on.
fn graph(tree: &Kconfig) -> String {
    let all = Configuration::all(tree, Answer::Yes, None);
    let is_option = |id: SymbolId| {
        let symbol = tree.symbol(id);
        symbol.kind == SymbolKind::Option
            && symbol.ty.is_logical()
            && symbol.prompts().next().is_some()
            && all.tristate(id) != Tristate::No
    };
    let dependencies = |id: SymbolId| {
        let mut on = Vec::new();
        demanded(tree, tree.symbol(id).direct_dependency, &mut on);
        on.retain(|&other| other != id && is_option(other));
        on.sort_by_key(|&other| tree.display_name(other));
        on.dedup();
        on
    };
    let mut names: Vec<SymbolId> = tree.symbol_ids().filter(|&id| is_option(id)).collect();
    names.sort_by_key(|&id| scatter(tree.display_name(id)));
    let mut picked = BTreeMap::new();
    for id in names {
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            let name = tree.display_name(id);
            if picked.len() < OPTIONS && !picked.contains_key(name) {
                let on = dependencies(id);
                open.extend(&on);
                picked.insert(name, on);
            }
        }
    }
    let lines = picked.iter().map(|(name, on)| {
        let on = on.iter().map(|&id| tree.display_name(id));
        let on: Vec<&str> = on.filter(|name| picked.contains_key(name)).collect();
        format!("{name}: {}", on.join(" ")).trim_end().to_owned() + "\n"
    });
    lines.collect()
}

#[test]
fn the_graph_of_the_benchmark_is_what_the_kernel_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/graph/linux-6.12-x86.txt");
    let graph = graph(&load());
    if std::env::var("SHRINK_GRAPH").is_ok_and(|wish| wish == "write") {
        std::fs::write(&file, &graph).expect("the file is written");
    }
    let kept = std::fs::read_to_string(&file).expect("the file is there");
    assert_eq!(graph.lines().count(), OPTIONS);
    assert!(
        graph == kept,
        "the tree says something else than {}",
        file.display()
    );
}
