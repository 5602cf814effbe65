//! Requests, as lines of a `.config` and beside what one says. What such a file
//! is, [`kconfig::dotconfig`] knows.

use std::collections::BTreeMap;

use kconfig::dotconfig::{line_of, quoted};
use serde::{Serialize, Serializer};

use crate::asker::Asker;

pub use kconfig::dotconfig::ConfigValues as Values;

/// One symbol that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Request {
    /// Without `CONFIG_`.
    pub symbol: String,
    /// `y`, `m`, `n`, a number, or a text without its quotes and escapes.
    pub value: String,
    /// Whether `value` is a text (and quoted in `.config`).
    pub quoted: bool,
    /// Who asks.
    pub by: Asker,
    /// Whether `n` also stands for "there is no such symbol": what tuxling asks
    /// for by itself is for kernels of many versions.
    pub lenient: bool,
    /// Whether it may be let go of: the fragment that it stands in is shared by
    /// several systems, and says so.
    pub optional: bool,
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
        quoted(&request.value)
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

/// What of a request decides what is built, for identities: not who asks.
///
/// It is written as a list of the three, as it was before they had names: what
/// is in caches keeps its identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey<'a> {
    /// The option.
    pub symbol: &'a str,
    /// Its value.
    pub value: &'a str,
    /// Whether that is a text.
    pub quoted: bool,
}

impl<'a> From<&'a Request> for RequestKey<'a> {
    fn from(request: &'a Request) -> Self {
        RequestKey {
            symbol: &request.symbol,
            value: &request.value,
            quoted: request.quoted,
        }
    }
}

impl Serialize for RequestKey<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        (self.symbol, self.value, self.quoted).serialize(to)
    }
}

/// A request as a line of a `.config`.
pub fn line(request: &Request) -> String {
    line_of(&request.symbol, &spelled(request))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(symbol: &str, value: &str, quoted: bool) -> Request {
        Request {
            symbol: symbol.into(),
            value: value.into(),
            quoted,
            by: Asker::CommandLine,
            lenient: false,
            optional: false,
        }
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
