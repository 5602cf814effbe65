//! The lines of a Makefile: assignments, conditions, includes. Rules are
//! passed over.

use super::Tree;
use super::expand::{Text, Variables, split_arguments};

/// How deep Makefiles may include each other.
const DEPTH: usize = 4;

/// A condition that is open.
struct Condition {
    /// Whether its lines count now.
    active: bool,
    /// Whether a branch of it was taken.
    taken: bool,
    /// The options that the active branch rests on.
    options: Vec<String>,
}

/// Evaluates a Makefile's text over these variables.
pub(super) fn evaluate(text: &str, tree: &dyn Tree, variables: &mut Variables) {
    evaluate_at(text, tree, variables, 0);
}

fn evaluate_at(text: &str, tree: &dyn Tree, variables: &mut Variables, depth: usize) {
    let mut conditions: Vec<Condition> = Vec::new();
    for line in joined(text) {
        // A line of a rule's commands; conditions may be indented by spaces.
        if line.starts_with('\t') && !is_directive(line.trim()) {
            continue;
        }
        let line = line.trim();
        if condition(line, variables, &mut conditions) {
            continue;
        }
        if conditions.iter().any(|c| !c.active) {
            continue;
        }
        let options: Vec<String> = conditions
            .iter()
            .flat_map(|c| c.options.iter().cloned())
            .collect();
        let included = line
            .strip_prefix("include ")
            .or_else(|| line.strip_prefix("-include "));
        if let Some(paths) = included {
            for path in variables.expand(paths).text.split_whitespace() {
                let path = path.trim_start_matches("./");
                if let Some(text) = tree.read(path).filter(|_| depth < DEPTH) {
                    evaluate_at(&text, tree, variables, depth + 1);
                }
            }
            continue;
        }
        assign(line, &options, variables);
    }
}

/// Lines without comments, those that end in a backslash joined.
fn joined(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open = String::new();
    for line in text.lines() {
        let line = match line.find('#') {
            // `\#` is a character, in a Makefile as elsewhere.
            Some(at) if !line[..at].ends_with('\\') => &line[..at],
            _ => line,
        };
        match line.strip_suffix('\\') {
            Some(head) => {
                open.push_str(head);
                open.push(' ');
            }
            None => {
                open.push_str(line);
                lines.push(std::mem::take(&mut open));
            }
        }
    }
    lines.push(open);
    lines
}

fn is_directive(line: &str) -> bool {
    ["ifeq", "ifneq", "ifdef", "ifndef", "else", "endif"]
        .iter()
        .any(|word| line.split(['(', ' ', '\t']).next() == Some(*word))
}

/// Whether a line is one of a condition; opens, turns or closes it.
fn condition(line: &str, variables: &Variables, open: &mut Vec<Condition>) -> bool {
    if !is_directive(line) {
        return false;
    }
    if line.starts_with("endif") {
        open.pop();
        return true;
    }
    if let Some(rest) = line.strip_prefix("else") {
        if let Some(last) = open.last_mut() {
            let (holds, options) = match rest.trim() {
                "" => (true, Vec::new()),
                test => holds(test, variables),
            };
            last.active = !last.taken && holds;
            last.taken |= last.active;
            last.options = options;
        }
        return true;
    }
    let (active, options) = holds(line, variables);
    open.push(Condition {
        active,
        taken: active,
        options,
    });
    true
}

/// Whether a test holds, and on which options that rests.
fn holds(line: &str, variables: &Variables) -> (bool, Vec<String>) {
    let word = line.split(['(', ' ', '\t']).next().unwrap_or_default();
    let rest = line[word.len()..].trim();
    match word {
        "ifdef" | "ifndef" => {
            let there = variables.has(rest);
            let option = rest.strip_prefix("CONFIG_").filter(|_| there);
            let options = option.map(str::to_owned).into_iter().collect();
            match word {
                "ifdef" => (there, options),
                _ => (!there, Vec::new()),
            }
        }
        _ => {
            let inner = rest.strip_prefix('(').and_then(|r| r.strip_suffix(')'));
            let arguments = split_arguments(inner.unwrap_or_default());
            let text = |n: usize| variables.expand(arguments.get(n).map_or("", |a| a.trim()));
            let (a, b) = (text(0), text(1));
            let equal = a.text.trim() == b.text.trim();
            // To be set is what rests on an option; to be unset rests on none.
            let options = [a.options, b.options].concat();
            match word {
                "ifneq" => (!equal, options),
                _ => (equal, options),
            }
        }
    }
}

fn assign(line: &str, options: &[String], variables: &mut Variables) {
    let Some(at) = line.find('=') else {
        return;
    };
    let (head, value) = (&line[..at], line[at + 1..].trim());
    let (name, kind) = match head.as_bytes().last() {
        Some(kind @ (b'+' | b':' | b'?')) => (&head[..head.len() - 1], *kind),
        _ => (head, b'='),
    };
    let name = name.trim_end_matches(':').trim();
    let name = name.strip_prefix("export ").unwrap_or(name).trim();
    // A rule with a variable of its own, or no variable at all.
    if name.contains(':') || name.is_empty() {
        return;
    }
    let key = variables.expand(name);
    if key.text.contains(char::is_whitespace) {
        return;
    }
    if kind == b'?' && variables.has(&key.text) {
        return;
    }
    let mut pieces = variables.pieces(value);
    for piece in &mut pieces {
        let own = std::mem::take(&mut piece.options);
        for option in options.iter().chain(&key.options).chain(&own) {
            if !piece.options.contains(option) {
                piece.options.push(option.clone());
            }
        }
    }
    if kind != b'+' {
        variables.set(
            &key.text,
            pieces.first().cloned().unwrap_or_else(|| Text::plain("")),
        );
        pieces.drain(..pieces.len().min(1));
    }
    for piece in pieces {
        variables.append(&key.text, piece);
    }
}
