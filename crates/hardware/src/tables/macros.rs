//! `#define`s, and what becomes of tokens by them: enough of the preprocessor
//! (ISO C 6.10.3) for tables of devices: arguments, `#`, `##`, `...`.

use std::collections::HashMap;
use std::rc::Rc;

use super::lex::{Token, tokens};

/// How deep macros may call each other.
const DEPTH: usize = 48;

/// How many tokens one expansion may come to.
const MOST: usize = 200_000;

/// One definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Macro {
    /// The names of its parameters; none for one without parentheses.
    pub parameters: Option<Vec<String>>,
    /// What stands in its place, not yet taken apart.
    pub body: String,
}

/// What knows macros.
pub(super) trait Macros {
    /// The definition of a name.
    fn find(&self, name: &str) -> Option<Rc<Macro>>;
}

impl Macros for HashMap<String, Rc<Macro>> {
    fn find(&self, name: &str) -> Option<Rc<Macro>> {
        self.get(name).cloned()
    }
}

/// The name and the definition that stand behind `#define`.
pub(super) fn definition(text: &str) -> Option<(String, Macro)> {
    let text = text.trim();
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        return None;
    }
    let (parameters, body) = match rest.strip_prefix('(') {
        Some(rest) => {
            let (list, body) = rest.split_once(')')?;
            let list = list.split(',').map(|one| one.trim().to_owned());
            (Some(list.filter(|one| !one.is_empty()).collect()), body)
        }
        None => (None, rest),
    };
    let body = body.trim().to_owned();
    Some((name.to_owned(), Macro { parameters, body }))
}

/// Tokens with all macros replaced, but for the names that are `opaque`.
pub(super) fn expand(input: &[Token], macros: &dyn Macros, opaque: &[&str]) -> Vec<Token> {
    let mut expansion = Expansion {
        macros,
        active: opaque.iter().map(|name| (*name).to_owned()).collect(),
        left: MOST,
    };
    expansion.run(input)
}

struct Expansion<'a> {
    macros: &'a dyn Macros,
    /// The macros that are being replaced: none is replaced inside itself.
    active: Vec<String>,
    left: usize,
}

impl Expansion<'_> {
    fn run(&mut self, input: &[Token]) -> Vec<Token> {
        let mut out = Vec::new();
        let mut at = 0;
        while let Some(token) = input.get(at) {
            at += 1;
            if self.left == 0 {
                break;
            }
            let found = token.word().filter(|name| !self.is_active(name));
            let found = found.and_then(|name| Some((name, self.macros.find(name)?)));
            let Some((name, found)) = found.filter(|_| self.active.len() < DEPTH) else {
                self.left -= 1;
                out.push(token.clone());
                continue;
            };
            let arguments = match &found.parameters {
                None => Vec::new(),
                Some(_) => match arguments(input, at) {
                    Some((arguments, end)) => {
                        at = end;
                        arguments
                    }
                    None => {
                        out.push(token.clone());
                        continue;
                    }
                },
            };
            let body = self.substituted(&found, &arguments);
            self.active.push(name.to_owned());
            out.extend(self.run(&body));
            self.active.pop();
        }
        out
    }

    fn is_active(&self, name: &str) -> bool {
        self.active.iter().any(|active| active == name)
    }

    /// A macro's body with the arguments in their places.
    fn substituted(&mut self, of: &Macro, given: &[Vec<Token>]) -> Vec<Token> {
        let body = tokens(&of.body);
        let parameters = of.parameters.as_deref().unwrap_or_default();
        let mut out: Vec<Token> = Vec::new();
        let mut at = 0;
        while let Some(token) = body.get(at) {
            at += 1;
            let follows = |offset: usize, mark: &str| {
                let there = body.get((at + offset).wrapping_sub(1));
                there.is_some_and(|token| token.is(mark))
            };
            if token.is("#")
                && let Some(argument) = body
                    .get(at)
                    .and_then(|next| argument(next, parameters, given))
            {
                at += 1;
                let spelled: Vec<String> = argument.iter().map(Token::spelled).collect();
                out.push(Token::Text(spelled.join(" ").trim_matches('"').to_owned()));
                continue;
            }
            if token.is("##") {
                let next = body.get(at).cloned();
                at += 1;
                let next = next.map(|next| match argument(&next, parameters, given) {
                    Some(argument) => argument,
                    None => vec![next],
                });
                glue(&mut out, next.unwrap_or_default());
                continue;
            }
            match argument(token, parameters, given) {
                Some(argument) if follows(1, "##") => out.extend(argument),
                Some(argument) => out.extend(self.run(&argument)),
                None => out.push(token.clone()),
            }
        }
        out
    }
}

/// Makes one token of the last before `##` and the first behind it.
fn glue(out: &mut Vec<Token>, next: Vec<Token>) {
    let mut next = next.into_iter();
    match (out.pop(), next.next()) {
        (Some(last), Some(first)) => {
            out.extend(tokens(&format!("{}{}", last.spelled(), first.spelled())));
        }
        (last, first) => out.extend(last.into_iter().chain(first)),
    }
    out.extend(next);
}

/// What was given for a parameter; nothing when the token is none.
fn argument(token: &Token, parameters: &[String], given: &[Vec<Token>]) -> Option<Vec<Token>> {
    let word = token.word()?;
    let rest = |at: usize| given.get(at..).unwrap_or_default().join(&Token::Mark(","));
    for (at, parameter) in parameters.iter().enumerate() {
        if parameter == word {
            return Some(given.get(at).cloned().unwrap_or_default());
        }
        let named = parameter.strip_suffix("...");
        if named.is_some_and(|name| {
            if name.is_empty() {
                word == "__VA_ARGS__"
            } else {
                word == name.trim()
            }
        }) {
            return Some(rest(at));
        }
    }
    None
}

/// The arguments of a call whose `(` stands at `at`, and where it ends.
pub(super) fn arguments(input: &[Token], at: usize) -> Option<(Vec<Vec<Token>>, usize)> {
    if !input.get(at)?.is("(") {
        return None;
    }
    let mut arguments = vec![Vec::new()];
    let mut depth = 0usize;
    for (offset, token) in input[at..].iter().enumerate() {
        match token {
            Token::Mark("(" | "{" | "[") => depth += 1,
            Token::Mark(")" | "}" | "]") => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return Some((arguments, at + offset + 1));
        }
        if offset == 0 {
            continue;
        }
        if depth == 1 && token.is(",") {
            arguments.push(Vec::new());
        } else if let Some(last) = arguments.last_mut() {
            last.push(token.clone());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(defines: &[&str], text: &str) -> String {
        let macros: HashMap<String, Rc<Macro>> = defines
            .iter()
            .map(|define| definition(define).expect("a definition"))
            .map(|(name, one)| (name, Rc::new(one)))
            .collect();
        let out = expand(&tokens(text), &macros, &["OPAQUE"]);
        let spelled: Vec<String> = out.iter().map(Token::spelled).collect();
        spelled.join(" ")
    }

    #[test]
    fn macros_are_replaced_as_c_does() {
        let pci = [
            "PCI_VENDOR_ID_INTEL 0x8086",
            "PCI_VDEVICE(vend, dev) .vendor = PCI_VENDOR_ID_##vend, .device = (dev)",
        ];
        assert_eq!(
            expanded(&pci, "{ PCI_VDEVICE(INTEL, 0x10d3) }"),
            "{ . vendor = 0x8086 , . device = ( 0x10d3 ) }"
        );
        let text = ["S(x...) S1(x)", "S1(x...) #x", "T 0x00"];
        assert_eq!(expanded(&text, "S(T)"), "\"0x00\"");
        assert_eq!(
            expanded(&["V(a, ...) a(__VA_ARGS__)"], "V(f, 1, 2)"),
            "f ( 1 , 2 )"
        );
        assert_eq!(expanded(&["OPAQUE(x) gone"], "OPAQUE(1)"), "OPAQUE ( 1 )");
    }

    #[test]
    fn what_names_itself_or_is_not_called_stays() {
        assert_eq!(expanded(&["A A + B", "B A"], "A"), "A + A");
        assert_eq!(expanded(&["F(x) x"], "F + F(1)"), "F + 1");
        assert_eq!(expanded(&["F(x) x"], "F(1"), "F ( 1");
    }

    #[test]
    fn a_bomb_of_macros_ends() {
        let mut defines = vec!["A0 1 1 1 1 1 1 1 1".to_owned()];
        defines.extend((1..20).map(|n| {
            let before = format!("A{} ", n - 1);
            format!("A{n} {}", before.repeat(8))
        }));
        let defines: Vec<&str> = defines.iter().map(String::as_str).collect();
        assert!(expanded(&defines, "A19").len() <= 2 * MOST);
    }
}
