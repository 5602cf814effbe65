//! The values of constant expressions in tables: numbers and texts.

use super::lex::Token;

/// A number as C would have it, in 64 bits; none where a name stands in it that
/// is no macro.
pub(super) fn number(tokens: &[Token]) -> Option<u64> {
    let mut reader = Reader {
        tokens,
        at: 0,
        depth: 0,
    };
    let value = reader.choice()?;
    (reader.at == tokens.len()).then_some(value)
}

/// A text: one or more in a row, perhaps in parentheses.
pub(super) fn text(tokens: &[Token]) -> Option<String> {
    let mut inner = tokens;
    while let [first, middle @ .., last] = inner
        && first.is("(")
        && last.is(")")
    {
        inner = middle;
    }
    if inner.is_empty() {
        return None;
    }
    inner.iter().map(of_text).collect()
}

fn of_text(token: &Token) -> Option<&str> {
    match token {
        Token::Text(text) => Some(text),
        _ => None,
    }
}

/// How deep parentheses may stand in each other.
const DEPTH: usize = 64;

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
}

/// The operators of two operands, by how firmly they bind.
const LEVELS: [&[&str]; 10] = [
    &["||"],
    &["&&"],
    &["|"],
    &["^"],
    &["&"],
    &["==", "!="],
    &["<", ">", "<=", ">="],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
];

impl Reader<'_> {
    fn take(&mut self, mark: &str) -> bool {
        let there = self.tokens.get(self.at).is_some_and(|token| token.is(mark));
        self.at += usize::from(there);
        there
    }

    fn choice(&mut self) -> Option<u64> {
        let condition = self.level(0)?;
        if !self.take("?") {
            return Some(condition);
        }
        let yes = self.choice()?;
        if !self.take(":") {
            return None;
        }
        let no = self.choice()?;
        Some(if condition != 0 { yes } else { no })
    }

    fn level(&mut self, level: usize) -> Option<u64> {
        let Some(marks) = LEVELS.get(level) else {
            return self.single();
        };
        let mut value = self.level(level + 1)?;
        while let Some(mark) = marks.iter().find(|mark| self.take(mark)) {
            let other = self.level(level + 1)?;
            value = apply(mark, value, other)?;
        }
        Some(value)
    }

    fn single(&mut self) -> Option<u64> {
        self.depth += 1;
        let value = (self.depth < DEPTH).then(|| self.nested()).flatten();
        self.depth -= 1;
        value
    }

    fn nested(&mut self) -> Option<u64> {
        for mark in ["~", "-", "+", "!"] {
            if self.take(mark) {
                let value = self.single()?;
                return Some(match mark {
                    "~" => !value,
                    "-" => value.wrapping_neg(),
                    "!" => u64::from(value == 0),
                    _ => value,
                });
            }
        }
        if self.take("(") {
            if self.is_type() {
                return self.single();
            }
            let value = self.choice()?;
            return self.take(")").then_some(value);
        }
        let value = match self.tokens.get(self.at)? {
            Token::Number(text) => literal(text)?,
            Token::Char(number) => u64::from(*number),
            _ => return None,
        };
        self.at += 1;
        Some(value)
    }

    /// Passes over the type of a cast and its `)`: words alone.
    fn is_type(&mut self) -> bool {
        let rest = self.tokens.get(self.at..).unwrap_or_default();
        let words = rest
            .iter()
            .take_while(|token| token.word().is_some() || token.is("*"))
            .count();
        let ends = rest.get(words).is_some_and(|token| token.is(")"));
        let is_type = words > 0 && ends;
        if is_type {
            self.at += words + 1;
        }
        is_type
    }
}

fn apply(mark: &str, a: u64, b: u64) -> Option<u64> {
    let shift = u32::try_from(b).unwrap_or(u32::MAX);
    Some(match mark {
        "||" => u64::from(a != 0 || b != 0),
        "&&" => u64::from(a != 0 && b != 0),
        "|" => a | b,
        "^" => a ^ b,
        "&" => a & b,
        "==" => u64::from(a == b),
        "!=" => u64::from(a != b),
        "<" => u64::from(a < b),
        ">" => u64::from(a > b),
        "<=" => u64::from(a <= b),
        ">=" => u64::from(a >= b),
        "<<" => a.checked_shl(shift).unwrap_or(0),
        ">>" => a.checked_shr(shift).unwrap_or(0),
        "+" => a.wrapping_add(b),
        "-" => a.wrapping_sub(b),
        "*" => a.wrapping_mul(b),
        "/" => a.checked_div(b)?,
        _ => a.checked_rem(b)?,
    })
}

/// A number as it is written: decimal, `0x`, octal, with `U` and `L` behind it.
fn literal(text: &str) -> Option<u64> {
    let bare = text.trim_end_matches(['u', 'U', 'l', 'L']);
    if let Some(hex) = bare.strip_prefix("0x").or_else(|| bare.strip_prefix("0X")) {
        return u64::from_str_radix(hex, 16).ok();
    }
    match bare.strip_prefix('0') {
        Some(octal) if !octal.is_empty() => u64::from_str_radix(octal, 8).ok(),
        _ => bare.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::lex::tokens;
    use super::*;

    #[test]
    fn expressions_have_the_values_that_c_gives_them() {
        for (text, value) in [
            ("0x8086", 0x8086),
            ("(~0)", u64::MAX),
            ("0x0001 | 0x0002 << 4", 0x21),
            ("(0x01 << 16) | (6 << 8) | 1U", 0x01_0601),
            ("1 + 2 * 3 - 4 / 2", 5),
            ("(unsigned long)(7)", 7),
            ("3 > 2 ? 010 : 9", 8),
            ("'A'", 65),
            ("-1 & 0xff", 0xff),
        ] {
            assert_eq!(number(&tokens(text)), Some(value), "{text}");
        }
        for text in ["", "A", "1 2", "(1", "1 / 0", "&x", "(kernel_ulong_t)&x"] {
            assert_eq!(number(&tokens(text)), None, "{text}");
        }
    }

    #[test]
    fn texts_in_a_row_are_one() {
        assert_eq!(text(&tokens("(\"a\" \"b\")")).as_deref(), Some("ab"));
        assert_eq!(text(&tokens("\"a\" B")), None);
        assert_eq!(text(&tokens("")), None);
    }
}
