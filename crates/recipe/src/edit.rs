//! Changes to a recipe's text that leave its comments and its layout alone.

use kconfig::dotconfig;
use toml_edit::{Array, DocumentMut, Item, Table, TableLike, Value};

use crate::builtin;
use crate::config::{Request, line};
use crate::plan::{Plan, RecipeOrigin};

/// The recipe's text with these symbols asked for in its own `kernel.options`:
/// the line that asks for one already is replaced, the others follow at the
/// end. What it can't be is told in one sentence.
pub fn set_options(recipe: &str, requests: &[Request]) -> Result<String, String> {
    let mut document: DocumentMut = recipe.parse().map_err(|e| format!("{e}"))?;
    let kernel = document
        .entry("kernel")
        .or_insert_with(|| Item::Table(Table::new()))
        .as_table_like_mut()
        .ok_or("`kernel` is not a table")?;
    match kernel.get_mut("options") {
        None => {
            let value = options_value(&edited("", requests), "")?;
            kernel.insert("options", Item::Value(value));
        }
        Some(item) => replace_text(item, |text| edited(text, requests))?,
    }
    Ok(document.to_string())
}

/// The recipe's text without some of the requests in its own
/// `kernel.options`, counted from 0 in the order of their lines. Comments and
/// layout stay. What it can't be is told in one sentence.
pub fn remove_options(recipe: &str, requests: &[usize]) -> Result<String, String> {
    let mut document: DocumentMut = recipe.parse().map_err(|e| format!("{e}"))?;
    let options = document
        .get_mut("kernel")
        .and_then(|kernel| kernel.as_table_like_mut()?.get_mut("options"))
        .ok_or("it has no `kernel.options`")?;
    replace_text(options, |text| without(text, requests))?;
    Ok(document.to_string())
}

/// Sets a key, and makes the tables around it. What stands around its value
/// stays. What can't be is told in one sentence.
pub fn set<K: AsRef<str>>(
    document: &mut DocumentMut,
    path: &[K],
    mut value: Value,
) -> Result<(), String> {
    let Some((key, tables)) = path.split_last() else {
        return Ok(());
    };
    let key = key.as_ref();
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for name in tables {
        let name = name.as_ref();
        let item = table
            .entry(name)
            .or_insert_with(|| Item::Table(Table::new()));
        table = item
            .as_table_like_mut()
            .ok_or_else(|| format!("`{name}` is not a table"))?;
    }
    if let Some(old) = table.get(key).and_then(Item::as_value) {
        *value.decor_mut() = old.decor().clone();
    }
    table.insert(key, Item::Value(value));
    Ok(())
}

/// The text that a plan was read from.
///
/// # Errors
/// When its file can't be read any more.
pub fn original_text(plan: &Plan) -> host::error::Result<String> {
    match &plan.origin {
        RecipeOrigin::File(path) => {
            std::fs::read_to_string(path).map_err(|e| host::Error::file("read", path, e))
        }
        RecipeOrigin::BuiltIn => Ok(builtin::recipe(&plan.name).unwrap_or_default().to_owned()),
    }
}

/// Makes a built-in recipe's text one that may stand in a folder: what it names
/// is called by `builtin:`.
pub fn out_of_builtin(document: &mut DocumentMut) {
    let kernel = document.get_mut("kernel").and_then(Item::as_table_like_mut);
    let fragments = kernel.and_then(|kernel| kernel.get_mut("fragments")?.as_array_mut());
    for name in fragments.into_iter().flat_map(Array::iter_mut) {
        if let Some(text) = name.as_str().filter(|text| !text.starts_with("builtin:")) {
            let mut with = Value::from(format!("builtin:{text}"));
            *with.decor_mut() = name.decor().clone();
            *name = with;
        }
    }
}

/// The lines of an options text without some of its requests.
fn without(text: &str, requests: &[usize]) -> String {
    let asking = super::fragment::parse(text, super::fragment::Form::Typed).lines;
    let gone: Vec<usize> = requests
        .iter()
        .filter_map(|&at| Some(asking.get(at)?.number))
        .collect();
    let kept = text.lines().zip(1..).filter(|(_, at)| !gone.contains(at));
    kept.map(|(line, _)| format!("{line}\n")).collect()
}

/// Changes a text and leaves the quotes and what stands around it.
fn replace_text(item: &mut Item, change: impl FnOnce(&str) -> String) -> Result<(), String> {
    let old = item
        .as_value_mut()
        .ok_or("`kernel.options` is not a text")?;
    let text = old.as_str().ok_or("`kernel.options` is not a text")?;
    let raw = match &*old {
        Value::String(text) => text.display_repr().into_owned(),
        _ => String::new(),
    };
    let mut value = options_value(&change(text), &raw)?;
    *value.decor_mut() = old.decor().clone();
    *old = value;
    Ok(())
}

/// The lines of an options text with the requests in it.
fn edited(text: &str, requests: &[Request]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for request in requests {
        let new = line(request);
        let mut asks = lines.iter_mut().filter(|l| asks_for(l, &request.symbol));
        match asks.next() {
            Some(old) => {
                let indent = old.len() - old.trim_start().len();
                old.replace_range(indent.., &new);
            }
            None => {
                let last = lines.iter().rposition(|l| !l.trim().is_empty());
                let at = last.map_or(0, |at| at + 1);
                lines.insert(at, new);
            }
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Whether a line of a `.config` asks for this symbol.
fn asks_for(line: &str, symbol: &str) -> bool {
    dotconfig::lines(line).any(|line| line.option() == Some(symbol))
}

/// A text of several lines as a value, in the quotes that `before` had if it
/// can keep them.
fn options_value(text: &str, before: &str) -> Result<Value, String> {
    let literal = before.starts_with('\'') && !text.contains("'''");
    let typed = if literal {
        format!("'''\n{text}'''")
    } else {
        let text = text.replace('\\', r"\\").replace("\"\"\"", "\"\"\\\"");
        format!("\"\"\"\n{text}\"\"\"")
    };
    typed.parse().map_err(|e| format!("{e}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asker::Asker;

    fn asked(symbol: &str, value: &str, quoted: bool) -> Request {
        Request {
            symbol: symbol.into(),
            value: value.into(),
            quoted,
            by: Asker::CommandLine,
            lenient: false,
            optional: false,
        }
    }

    const RECIPE: &str = r#"# My system.
name  = "mine"   # the name
board = "pc"

[kernel]
version   = "6.12"
options   = """
# The network card.
CONFIG_E1000=y

# CONFIG_VT is not set
CONFIG_CMDLINE="a \\"b\\""
"""  # as few as can be

[machine]
memory = "32MiB"
"#;

    #[test]
    fn a_change_leaves_comments_and_layout_alone() {
        let requests = [
            asked("E1000", "n", false),
            asked("VT", "y", false),
            asked("LOG_BUF_SHIFT", "12", false),
        ];
        let text = set_options(RECIPE, &requests).expect("edits");
        let expected = RECIPE
            .replace("CONFIG_E1000=y", "# CONFIG_E1000 is not set")
            .replace("# CONFIG_VT is not set", "CONFIG_VT=y")
            .replace(
                "b\\\\\"\"\n\"\"\"",
                "b\\\\\"\"\nCONFIG_LOG_BUF_SHIFT=12\n\"\"\"",
            );
        assert_eq!(text, expected);
    }

    #[test]
    fn what_is_removed_leaves_comments_and_layout_alone() {
        let text = remove_options(RECIPE, &[0, 1]).expect("edits");
        let expected = RECIPE
            .replace("CONFIG_E1000=y\n", "")
            .replace("# CONFIG_VT is not set\n", "");
        assert_eq!(text, expected);
        assert_eq!(remove_options(RECIPE, &[]).expect("edits"), RECIPE);
        assert!(remove_options("[kernel]\n", &[0]).is_err());
    }

    #[test]
    fn of_two_lines_for_a_symbol_the_one_that_is_named_goes() {
        let recipe = "[kernel]\noptions = '''\nCONFIG_A=y\n# why\nCONFIG_A=y\n'''\n";
        assert_eq!(
            remove_options(recipe, &[1]).expect("edits"),
            "[kernel]\noptions = '''\nCONFIG_A=y\n# why\n'''\n"
        );
    }

    #[test]
    fn a_symbol_is_not_taken_for_another_that_begins_with_its_name() {
        let recipe = "[kernel]\noptions = '''\nCONFIG_E1000E=y\n'''\n";
        let text = set_options(recipe, &[asked("E1000", "y", false)]).expect("edits");
        assert_eq!(
            text,
            "[kernel]\noptions = '''\nCONFIG_E1000E=y\nCONFIG_E1000=y\n'''\n"
        );
    }

    #[test]
    fn options_are_made_where_there_are_none() {
        let text = set_options(
            "name = \"mine\"\n\n[kernel]\nversion = \"6.12\" # the newest\n\n[machine]\n",
            &[asked("CMDLINE", "say \"hi\"", true)],
        )
        .expect("edits");
        assert_eq!(
            text,
            "name = \"mine\"\n\n[kernel]\nversion = \"6.12\" # the newest\noptions = \"\"\"\n\
             CONFIG_CMDLINE=\"say \\\\\"hi\\\\\"\"\n\"\"\"\n\n[machine]\n"
        );
        let value: DocumentMut = text.parse().expect("valid");
        assert_eq!(
            value["kernel"]["options"].as_str(),
            Some("CONFIG_CMDLINE=\"say \\\"hi\\\"\"\n")
        );
        assert!(set_options("name = \"mine\"\n", &[asked("A", "y", false)]).is_ok());
        assert!(set_options("kernel = 3\n", &[asked("A", "y", false)]).is_err());
    }
}
