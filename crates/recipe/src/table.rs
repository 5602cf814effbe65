//! Tables of a TOML text, read key by key: each value with its place, every
//! problem collected, no unknown key left unseen.

use std::ops::Range;

use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Place, Placed, Problem, Problems, SourceId, Wrong};
use super::words;

/// The keys of one kind of table.
#[derive(Debug)]
pub struct Schema {
    /// How the table is written: `[kernel]`, `[[check]]`; empty for the
    /// outermost.
    pub header: &'static str,
    /// All keys that it knows.
    pub keys: &'static [&'static str],
}

/// A table that is being read.
#[derive(Clone, Debug)]
pub(crate) struct Table<'a> {
    problems: &'a Problems,
    schema: &'static Schema,
    family: Family,
    place: Place,
    entries: &'a DeTable<'a>,
}

/// An item of a list.
#[derive(Clone, Debug)]
pub(crate) enum TextOrTable<'a> {
    /// A text.
    Text(Placed<String>),
    /// A table.
    Table(Table<'a>),
}

/// All kinds of tables of a file: a key that is unknown in one may belong to
/// another.
pub(crate) type Family = &'static [&'static Schema];

/// Parses a text and hands its outermost table to `read`, if it is TOML at all.
/// Errors of syntax are added to the problems; what could be read is read.
pub(crate) fn parse<T>(
    problems: &Problems,
    source: SourceId,
    text: &str,
    read: impl FnOnce(&Problems, &DeTable<'_>) -> T,
) -> Option<T> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let span = error.span().unwrap_or_default();
        problems.push(
            Problem::at(&Place { source, span }, error.message())
                .label("this is not TOML")
                .help("the syntax is described on https://toml.io"),
        );
    }
    // After an error of syntax keys end up in the wrong table: what else would
    // be reported then is noise.
    errors.is_empty().then(|| read(problems, table.get_ref()))
}

impl<'a> Table<'a> {
    /// Begins to read a table; its unknown keys are problems.
    pub(crate) fn new(
        problems: &'a Problems,
        schema: &'static Schema,
        family: Family,
        place: Place,
        entries: &'a DeTable<'a>,
    ) -> Table<'a> {
        let table = Table {
            problems,
            schema,
            family,
            place,
            entries,
        };
        for key in table.entries.keys() {
            if !schema.keys.contains(&key.get_ref().as_ref()) {
                table.unknown(key.get_ref(), key.span());
            }
        }
        table
    }

    fn unknown(&self, key: &str, span: Range<usize>) {
        let elsewhere = self.family.iter().find(|s| s.keys.contains(&key));
        let near = words::nearest(key, self.schema.keys.iter().copied());
        let help = match (near, elsewhere) {
            (None, Some(schema)) if schema.header.is_empty() => {
                format!("`{key}` belongs to the top, before the first [table]")
            }
            (None, Some(schema)) => format!("`{key}` belongs to {}", schema.header),
            _ => words::suggestion(key, self.schema.keys),
        };
        let label = match self.schema.header {
            "" => "not a key of a recipe's top".to_owned(),
            header => format!("not a key of {header}"),
        };
        let place = self.at(span);
        self.problems.push(
            Problem::at(&place, format!("unknown key `{key}`"))
                .label(label)
                .help(help),
        );
    }

    fn at(&self, span: Range<usize>) -> Place {
        Place {
            source: self.place.source,
            span,
        }
    }

    /// Where the table stands.
    pub(crate) fn place(&self) -> Place {
        self.place.clone()
    }

    /// Whether a key is there, whatever its value.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    fn get(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        debug_assert!(
            self.schema.keys.contains(&key),
            "{key} is not in the schema"
        );
        self.entries.get(key)
    }

    fn mismatch(&self, value: &Spanned<DeValue<'_>>, expected: &str, help: &str) {
        let message = format!("expected {expected}, found {}", kind(value.get_ref()));
        let problem = Problem::at(&self.at(value.span()), message);
        self.problems.push(match help {
            "" => problem,
            help => problem.help(help),
        });
    }

    /// A text.
    pub(crate) fn text(&self, key: &str) -> Option<Placed<String>> {
        self.text_of(self.get(key)?)
    }

    /// Where a value stands, when it is this text.
    pub(crate) fn says(&self, key: &str, text: &str) -> Option<Place> {
        let value = self.get(key)?;
        (value.get_ref().as_str() == Some(text)).then(|| self.at(value.span()))
    }

    fn text_of(&self, value: &Spanned<DeValue<'_>>) -> Option<Placed<String>> {
        let place = self.at(value.span());
        let Some(text) = value.get_ref().as_str() else {
            let typed = self.problems.typed(&place);
            let help = match value.get_ref() {
                DeValue::Array(_) | DeValue::Table(_) => String::new(),
                _ => format!("write \"{typed}\""),
            };
            self.mismatch(value, "a text in quotes", &help);
            return None;
        };
        if text.contains('\0') {
            let wrong = Wrong::new("a text can't have a NUL byte here");
            self.problems.wrong(&place, wrong);
            return None;
        }
        Some(Placed {
            value: text.to_owned(),
            place,
        })
    }

    /// A text that means something.
    pub(crate) fn parsed<T>(
        &self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Option<Placed<T>> {
        let text = self.text(key)?;
        let value = self.problems.take(&text.place, parse(&text.value))?;
        Some(Placed {
            value,
            place: text.place,
        })
    }

    /// A text that is one of several words.
    pub(crate) fn word<T: Copy>(&self, key: &str, known: &[(&str, T)]) -> Option<Placed<T>> {
        self.parsed(key, |text| words::word(text, known))
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&self, key: &str) -> Option<Placed<bool>> {
        let value = self.get(key)?;
        match value.get_ref().as_bool() {
            Some(boolean) => Some(Placed {
                value: boolean,
                place: self.at(value.span()),
            }),
            None => {
                self.mismatch(value, "true or false", "");
                None
            }
        }
    }

    /// A whole number within limits.
    pub(crate) fn integer(&self, key: &str, limits: Range<u32>) -> Option<Placed<u32>> {
        let value = self.get(key)?;
        let place = self.at(value.span());
        let Some(integer) = value.get_ref().as_integer() else {
            self.mismatch(value, "a whole number", "");
            return None;
        };
        let number = u32::from_str_radix(integer.as_str(), integer.radix()).ok();
        let Some(number) = number.filter(|n| limits.contains(n)) else {
            let message = format!("`{integer}` is out of range");
            let help = format!("from {} to {}", limits.start, limits.end - 1);
            self.problems.wrong(&place, Wrong::new(message).help(help));
            return None;
        };
        Some(Placed {
            value: number,
            place,
        })
    }

    /// A list of texts.
    pub(crate) fn texts(&self, key: &str) -> Option<Placed<Vec<Placed<String>>>> {
        let value = self.get(key)?;
        let Some(list) = value.get_ref().as_array() else {
            let typed = self.problems.typed(&self.at(value.span()));
            let help = match value.get_ref() {
                DeValue::String(_) if !typed.contains('\n') => format!("write [{typed}]"),
                _ => String::new(),
            };
            self.mismatch(value, "a list of texts", &help);
            return None;
        };
        Some(Placed {
            value: list.iter().filter_map(|v| self.text_of(v)).collect(),
            place: self.at(value.span()),
        })
    }

    /// Whether the value of a key is a list.
    pub(crate) fn is_list(&self, key: &str) -> bool {
        self.get(key).is_some_and(|v| v.get_ref().is_array())
    }

    /// Whether the value of a key is `true` or `false`.
    pub(crate) fn is_boolean(&self, key: &str) -> bool {
        self.get(key).is_some_and(|v| v.get_ref().is_bool())
    }

    /// Whether the value of a key is a table.
    pub(crate) fn is_table(&self, key: &str) -> bool {
        self.get(key).is_some_and(|v| v.get_ref().is_table())
    }

    fn inner(&self, schema: &'static Schema, place: Place, entries: &'a DeTable<'a>) -> Table<'a> {
        Table::new(self.problems, schema, self.family, place, entries)
    }

    /// A table: `[key]` or `key = { … }`.
    pub(crate) fn table(&self, key: &str, schema: &'static Schema) -> Option<Table<'a>> {
        let value = self.get(key)?;
        let Some(entries) = value.get_ref().as_table() else {
            let help = match value.get_ref() {
                DeValue::Array(_) => format!("write it once, as {}", schema.header),
                _ => format!("it has the keys {}", words::list(schema.keys)),
            };
            self.mismatch(value, "a table", &help);
            return None;
        };
        let place = self.at(value.span());
        Some(self.inner(schema, place, entries))
    }

    /// A list whose items are each a text or a table.
    pub(crate) fn texts_or_tables(
        &self,
        key: &str,
        schema: &'static Schema,
    ) -> Option<Placed<Vec<TextOrTable<'a>>>> {
        let value = self.get(key)?;
        let Some(list) = value.get_ref().as_array() else {
            self.mismatch(value, "a list", "write [ … ] around it");
            return None;
        };
        let read = |item: &'a Spanned<DeValue<'a>>| match item.get_ref().as_table() {
            Some(entries) => {
                let place = self.at(item.span());
                Some(TextOrTable::Table(self.inner(schema, place, entries)))
            }
            None => self.text_of(item).map(TextOrTable::Text),
        };
        Some(Placed {
            value: list.iter().filter_map(read).collect(),
            place: self.at(value.span()),
        })
    }

    /// All tables of a list: `[[key]]`.
    pub(crate) fn tables(&self, key: &str, schema: &'static Schema) -> Vec<Table<'a>> {
        let Some(value) = self.get(key) else {
            return Vec::new();
        };
        let help = format!("write {}", schema.header);
        let Some(list) = value.get_ref().as_array() else {
            self.mismatch(value, "a list of tables", &help);
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in list.iter() {
            match item.get_ref().as_table() {
                Some(entries) => {
                    let place = self.at(item.span());
                    tables.push(self.inner(schema, place, entries));
                }
                None => self.mismatch(item, "a table", &help),
            }
        }
        tables
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Where the parts of a text's value stand. Where the text was typed with
/// escapes, that is the place of the whole text.
pub(crate) struct Within<'a> {
    text: &'a Placed<String>,
    start: Option<usize>,
}

impl<'a> Within<'a> {
    pub(crate) fn new(problems: &Problems, text: &'a Placed<String>) -> Self {
        let typed = problems.typed(&text.place);
        // The value stands between the quotes as it is, unless there are escapes
        // or line ends that TOML rewrites.
        let start = typed.find(text.value.as_str());
        let start = start.filter(|_| !text.value.is_empty());
        Within {
            text,
            start: start.map(|start| text.place.span.start + start),
        }
    }

    /// The place of a part.
    pub(crate) fn place(&self, part: Range<usize>) -> Place {
        match self.start {
            Some(start) => Place {
                source: self.text.place.source,
                span: start + part.start..start + part.end,
            },
            None => self.text.place.clone(),
        }
    }
}
