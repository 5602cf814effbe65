//! What a `.config` says: the values that the kernel's tools wrote, and
//! requests as lines of it.

use std::collections::BTreeMap;

use serde::Serialize;

/// One symbol that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Request {
    /// Without `CONFIG_`.
    pub symbol: String,
    /// `y`, `m`, `n`, a number, or a text without its quotes and escapes.
    pub value: String,
    /// Whether `value` is a text (and quoted in `.config`).
    pub quoted: bool,
    /// Who asks: `pc-net.config:12`, `kernel.options`, `ramdisk.compress = "xz"`.
    pub by: String,
    /// Whether `n` also stands for "there is no such symbol": what tuxling asks
    /// for by itself is for kernels of many versions.
    pub lenient: bool,
}

/// The values of a `.config`: `n` for what is not set, texts with their quotes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values {
    /// By symbol, without `CONFIG_`.
    pub values: BTreeMap<String, String>,
}

impl Values {
    /// A symbol's value; `n` when the file says nothing of it, as
    /// scripts/kconfig/confdata.c reads it.
    pub fn get(&self, symbol: &str) -> &str {
        self.values.get(symbol).map_or("n", String::as_str)
    }
}

/// Reads a `.config` that the kernel's tools wrote.
pub fn parse(text: &str) -> Values {
    let mut values = BTreeMap::new();
    for line in text.lines() {
        if let Some(symbol) = line
            .strip_prefix("# CONFIG_")
            .and_then(|l| l.strip_suffix(" is not set"))
        {
            values.insert(symbol.to_owned(), "n".to_owned());
        } else if let Some((symbol, value)) =
            line.strip_prefix("CONFIG_").and_then(|l| l.split_once('='))
        {
            values.insert(symbol.to_owned(), value.to_owned());
        }
    }
    Values { values }
}

/// Whether a request has the value that it asks for.
pub fn met(request: &Request, values: &Values) -> bool {
    values.get(&request.symbol) == spelled(request)
}

/// The requests that count: of several for one symbol, the last.
pub fn effective(requests: &[Request]) -> Vec<&Request> {
    let mut last: BTreeMap<&str, (usize, &Request)> = BTreeMap::new();
    for (at, request) in requests.iter().enumerate() {
        last.insert(&request.symbol, (at, request));
    }
    let mut kept: Vec<_> = last.into_values().collect();
    kept.sort_by_key(|(at, _)| *at);
    kept.into_iter().map(|(_, request)| request).collect()
}

/// A request's value as `.config` spells it.
pub fn spelled(request: &Request) -> String {
    if request.quoted {
        format!(
            "\"{}\"",
            request.value.replace('\\', "\\\\").replace('"', "\\\"")
        )
    } else {
        request.value.clone()
    }
}

/// The requests as lines of a `.config`.
pub fn lines(requests: &[Request]) -> String {
    effective(requests)
        .iter()
        .map(|request| format!("{}\n", line(request)))
        .collect()
}

/// A request as a line of a `.config`.
pub fn line(request: &Request) -> String {
    match (&*request.value, request.quoted) {
        ("n", false) => format!("# CONFIG_{} is not set", request.symbol),
        _ => format!("CONFIG_{}={}", request.symbol, spelled(request)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(symbol: &str, value: &str, quoted: bool) -> Request {
        Request {
            symbol: symbol.into(),
            value: value.into(),
            quoted,
            by: "test".into(),
            lenient: false,
        }
    }

    #[test]
    fn what_a_config_does_not_mention_is_n() {
        let values = parse("# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_C=\"a b\"\n# a comment\n");
        assert_eq!(
            (values.get("A"), values.get("B"), values.get("D")),
            ("n", "y", "n")
        );
        assert_eq!(values.get("C"), "\"a b\"");
    }

    #[test]
    fn the_last_request_for_a_symbol_counts() {
        let requests = [
            request("A", "y", false),
            request("B", "y", false),
            request("A", "n", false),
        ];
        let kept: Vec<_> = effective(&requests)
            .iter()
            .map(|r| (&*r.symbol, &*r.value))
            .collect();
        assert_eq!(kept, [("B", "y"), ("A", "n")]);
    }

    #[test]
    fn texts_are_quoted_as_the_kernel_quotes_them() {
        assert_eq!(
            spelled(&request("A", "say \"hi\"", true)),
            r#""say \"hi\"""#
        );
        assert_eq!(spelled(&request("A", "17", false)), "17");
    }
}
