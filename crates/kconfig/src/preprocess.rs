//! The macro language: variables, user functions, built-in functions,
//! environment variables (Documentation/kbuild/kconfig-macro-language.rst).

use rustc_hash::FxHashMap;

use crate::bytes::text_of;
use crate::diagnostic::Severity;
use crate::probe::{Environment, Shell};

/// How deep references may nest in all. `conf` allows a thousand levels of
/// recursion per function and nothing real passes twenty.
const MAX_DEPTH: usize = 200;
/// How many references one token, string or assignment may expand to.
const MAX_STEPS: usize = 100_000;
/// How long an expansion may get, in bytes.
const MAX_LENGTH: usize = 1 << 20;
/// How much all expansions of a tree may come to, in bytes.
const MAX_VOLUME: usize = 1 << 28;
/// What `conf` accepts in one call, the function's name included.
const MAX_ARGUMENTS: usize = 16;
/// How much of a command's output `conf` reads, in bytes.
const SHELL_OUTPUT: usize = 4095;

/// How an assignment is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavor {
    /// `:=`, expanded once, at the assignment.
    Simple,
    /// `=`, expanded at each use.
    Recursive,
    /// `+=`, with the flavor the variable has.
    Append,
}

struct Variable {
    value: String,
    recursive: bool,
    active: usize,
}

/// Something to tell that doesn't stop the expansion.
pub(crate) struct Note {
    pub(crate) severity: Severity,
    pub(crate) message: String,
}

/// Where the text that is being expanded stands.
#[derive(Clone, Copy)]
pub(crate) struct Site<'s> {
    pub(crate) file: &'s str,
    pub(crate) line: u32,
}

type Expanded = Result<String, String>;

/// The state of the macro language over one load.
pub(crate) struct Preprocessor<'a> {
    variables: FxHashMap<String, Variable>,
    env: &'a Environment,
    shell: &'a dyn Shell,
    /// The environment variables that were looked at, with their values.
    pub(crate) used_env: Environment,
    /// What came up while expanding; the scanner takes it and adds the place.
    pub(crate) notes: Vec<Note>,
    depth: usize,
    steps: usize,
    volume: usize,
}

impl<'a> Preprocessor<'a> {
    pub(crate) fn new(env: &'a Environment, shell: &'a dyn Shell) -> Self {
        Self {
            variables: FxHashMap::default(),
            env,
            shell,
            used_env: Environment::new(),
            notes: Vec::new(),
            depth: 0,
            steps: 0,
            volume: 0,
        }
    }

    /// Carries out `name flavor value`.
    pub(crate) fn assign(
        &mut self,
        name: &str,
        value: &str,
        flavor: Flavor,
        site: Site<'_>,
    ) -> Result<(), String> {
        let known = self.variables.get(name).map(|variable| variable.recursive);
        let recursive = match flavor {
            Flavor::Simple => false,
            Flavor::Recursive => true,
            Flavor::Append => known.unwrap_or(true),
        };
        let value = if recursive {
            value.to_owned()
        } else {
            self.expand_string(value, site)?
        };
        match self.variables.get_mut(name) {
            Some(variable) => {
                if flavor == Flavor::Append {
                    if variable.value.len() + value.len() > MAX_LENGTH {
                        return Err(format!("variable '{name}' is too long"));
                    }
                    variable.value.push(' ');
                    variable.value.push_str(&value);
                } else {
                    variable.value = value;
                }
                variable.recursive = recursive;
            }
            None => {
                self.variables.insert(
                    name.to_owned(),
                    Variable {
                        value,
                        recursive,
                        active: 0,
                    },
                );
            }
        }
        Ok(())
    }

    /// Expands all references in `text`.
    pub(crate) fn expand_string(&mut self, text: &str, site: Site<'_>) -> Expanded {
        self.steps = 0;
        self.expand_with(text, &[], site)
    }

    /// Expands a token that contains a `$`: up to the first character outside
    /// of a reference that no word can contain. Gives the expansion and how
    /// many bytes of `line` it stands for.
    pub(crate) fn expand_token(
        &mut self,
        line: &str,
        site: Site<'_>,
    ) -> (Result<String, String>, usize) {
        self.steps = 0;
        let bytes = line.as_bytes();
        let mut out = String::new();
        let mut at = 0;
        let mut copied = 0;
        loop {
            match bytes.get(at) {
                Some(b'$') => {
                    out.push_str(&line[copied..at]);
                    match self.expand_dollar(&line[at + 1..], &[], site) {
                        Ok((text, used)) => {
                            out.push_str(&text);
                            at += 1 + used;
                            copied = at;
                        }
                        Err(message) => return (Err(message), line.len()),
                    }
                }
                Some(&c) if c.is_ascii_alphanumeric() || c == b'_' || c == b'-' => at += 1,
                _ => break,
            }
        }
        out.push_str(&line[copied..at]);
        (Ok(out), at)
    }

    /// Expands what follows a `$` in a quoted string. Gives the expansion and
    /// how many bytes of `rest` it stands for.
    pub(crate) fn expand_reference(
        &mut self,
        rest: &str,
        site: Site<'_>,
    ) -> (Result<String, String>, usize) {
        self.steps = 0;
        match self.expand_dollar(rest, &[], site) {
            Ok((text, used)) => (Ok(text), used),
            Err(message) => (Err(message), rest.len()),
        }
    }

    fn expand_with(&mut self, text: &str, arguments: &[String], site: Site<'_>) -> Expanded {
        let mut out = String::new();
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            out.push_str(&rest[..dollar]);
            let (expansion, used) = self.expand_dollar(&rest[dollar + 1..], arguments, site)?;
            out.push_str(&expansion);
            if out.len() > MAX_LENGTH {
                return Err("the expansion is too long".to_owned());
            }
            rest = &rest[dollar + 1 + used..];
        }
        out.push_str(rest);
        Ok(out)
    }

    fn expand_dollar(
        &mut self,
        rest: &str,
        arguments: &[String],
        site: Site<'_>,
    ) -> Result<(String, usize), String> {
        if !rest.starts_with('(') {
            return Ok(("$".to_owned(), 0));
        }
        let mut nesting = 0_usize;
        for (at, byte) in rest.bytes().enumerate().skip(1) {
            match byte {
                b'(' => nesting += 1,
                b')' if nesting == 0 => {
                    let text = self.expand_clause(&rest[1..at], arguments, site)?;
                    return Ok((text, at + 1));
                }
                b')' => nesting -= 1,
                _ => {}
            }
        }
        Err(format!(
            "unterminated reference to '{}': missing ')'",
            &rest[1..]
        ))
    }

    fn expand_clause(&mut self, clause: &str, arguments: &[String], site: Site<'_>) -> Expanded {
        if let Ok(position) = clause.trim_start().parse::<usize>()
            && (1..=arguments.len()).contains(&position)
        {
            return Ok(arguments[position - 1].clone());
        }
        self.steps += 1;
        if self.depth >= MAX_DEPTH {
            return Err("Too deep recursive expansion".to_owned());
        }
        if self.steps > MAX_STEPS {
            return Err("too many references in one expansion".to_owned());
        }
        if self.volume > MAX_VOLUME {
            return Err("the tree's expansions are too long in all".to_owned());
        }
        self.depth += 1;
        let result = self.call(clause, arguments, site);
        self.depth -= 1;
        self.volume += result.as_ref().map_or(0, String::len);
        result
    }

    fn call(&mut self, clause: &str, arguments: &[String], site: Site<'_>) -> Expanded {
        let parts = split_arguments(clause);
        if parts.len() > MAX_ARGUMENTS {
            return Err("too many function arguments".to_owned());
        }
        let mut expanded = Vec::with_capacity(parts.len());
        for part in parts {
            expanded.push(self.expand_with(part, arguments, site)?);
        }
        let name = expanded.remove(0);
        if self.variables.contains_key(&name) {
            return self.expand_variable(&name, &expanded, site);
        }
        if let Some(result) = self.builtin(&name, &expanded, site) {
            return result;
        }
        if expanded.is_empty()
            && let Some(value) = self.env.get(&name)
        {
            let value = value.clone();
            self.used_env.insert(name, value.clone());
            return Ok(value);
        }
        Ok(String::new())
    }

    fn expand_variable(&mut self, name: &str, arguments: &[String], site: Site<'_>) -> Expanded {
        let Some(variable) = self.variables.get_mut(name) else {
            return Ok(String::new());
        };
        if arguments.is_empty() && variable.active > 0 {
            return Err(format!(
                "Recursive variable '{name}' references itself (eventually)"
            ));
        }
        if !variable.recursive {
            return Ok(variable.value.clone());
        }
        variable.active += 1;
        let value = variable.value.clone();
        let result = self.expand_with(&value, arguments, site);
        if let Some(variable) = self.variables.get_mut(name) {
            variable.active -= 1;
        }
        result
    }

    fn builtin(&mut self, name: &str, arguments: &[String], site: Site<'_>) -> Option<Expanded> {
        let arity = match name {
            "error-if" | "warning-if" => 2,
            "info" | "shell" => 1,
            "filename" | "lineno" => 0,
            _ => return None,
        };
        if arguments.len() < arity {
            return Some(Err(format!(
                "too few function arguments passed to '{name}'"
            )));
        }
        if arguments.len() > arity {
            return Some(Err(format!(
                "too many function arguments passed to '{name}'"
            )));
        }
        Some(match name {
            "error-if" if arguments[0] == "y" => Err(arguments[1].clone()),
            "warning-if" if arguments[0] == "y" => {
                self.note(Severity::Warning, &arguments[1]);
                Ok(String::new())
            }
            "info" => {
                self.note(Severity::Info, &arguments[0]);
                Ok(String::new())
            }
            "filename" => Ok(site.file.to_owned()),
            "lineno" => Ok(site.line.to_string()),
            "shell" => self.run(&arguments[0]),
            _ => Ok(String::new()),
        })
    }

    fn note(&mut self, severity: Severity, message: &str) {
        self.notes.push(Note {
            severity,
            message: message.to_owned(),
        });
    }

    fn run(&mut self, command: &str) -> Expanded {
        let output = self
            .shell
            .shell(command, self.env)
            .map_err(|error| error.to_string())?;
        let mut stdout = &output.stdout[..output.stdout.len().min(SHELL_OUTPUT)];
        while let [rest @ .., b'\n'] = stdout {
            stdout = rest;
        }
        Ok(text_of(stdout).replace('\n', " "))
    }
}

/// Splits `name,argument,…` at the commas outside of parentheses.
fn split_arguments(clause: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut nesting = 0_isize;
    let mut start = 0;
    for (at, byte) in clause.bytes().enumerate() {
        match byte {
            b',' if nesting == 0 => {
                parts.push(&clause[start..at]);
                start = at + 1;
            }
            b'(' => nesting += 1,
            b')' => nesting -= 1,
            _ => {}
        }
    }
    parts.push(&clause[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::{ProbeError, ProbeOutput, SilentShell};

    const SITE: Site<'static> = Site {
        file: "Kconfig",
        line: 7,
    };

    struct Echo;

    impl Shell for Echo {
        fn shell(&self, command: &str, _: &Environment) -> Result<ProbeOutput, ProbeError> {
            Ok(ProbeOutput {
                stdout: format!("<{command}>\n\n").into_bytes(),
            })
        }
    }

    fn with<R>(
        assignments: &[(&str, Flavor, &str)],
        then: impl FnOnce(&mut Preprocessor<'_>) -> R,
    ) -> R {
        let env = Environment::from([("ARCH".to_owned(), "i386".to_owned())]);
        let mut preprocessor = Preprocessor::new(&env, &Echo);
        for (name, flavor, value) in assignments {
            preprocessor
                .assign(name, value, *flavor, SITE)
                .expect("assignment");
        }
        then(&mut preprocessor)
    }

    #[test]
    fn user_functions_take_arguments() {
        let greeting = with(
            &[("hello", Flavor::Recursive, "hello, $(2)$(1)$(3)")],
            |p| p.expand_string("$(hello,a,b)", SITE),
        );
        assert_eq!(greeting.as_deref(), Ok("hello, ba"));
    }

    #[test]
    fn append_keeps_the_flavor() {
        let assignments = [
            ("X", Flavor::Simple, "1"),
            ("S", Flavor::Simple, "$(X)"),
            ("S", Flavor::Append, "$(X)"),
            ("R", Flavor::Append, "$(X)"),
            ("X", Flavor::Simple, "2"),
        ];
        assert_eq!(
            with(&assignments, |p| p.expand_string("$(S)/$(R)", SITE)).as_deref(),
            Ok("1 1/2")
        );
    }

    #[test]
    fn references_nest_and_reach_the_environment() {
        let assignments = [("AR", Flavor::Simple, "AR")];
        assert_eq!(
            with(&assignments, |p| p.expand_string("$($(AR)CH)$", SITE)).as_deref(),
            Ok("i386$")
        );
    }

    #[test]
    fn the_shell_sees_expanded_commands_and_loses_trailing_newlines() {
        let assignments = [
            ("comma", Flavor::Simple, ","),
            ("run", Flavor::Recursive, "$(shell,{ $(1); } $(comma)x)"),
        ];
        assert_eq!(
            with(&assignments, |p| p.expand_string("$(run,(a,b))", SITE)).as_deref(),
            Ok("<{ (a,b); } ,x>")
        );
    }

    #[test]
    fn recursion_is_an_error() {
        let loops = [
            ("X", Flavor::Recursive, "$(Y)"),
            ("Y", Flavor::Recursive, "$(X)"),
        ];
        let error = with(&loops, |p| p.expand_string("$(X)", SITE));
        assert_eq!(
            error,
            Err("Recursive variable 'X' references itself (eventually)".to_owned())
        );
        let endless = [("f", Flavor::Recursive, "$(f,$(1))")];
        assert!(with(&endless, |p| p.expand_string("$(f,a)", SITE)).is_err());
        let doubling = [("g", Flavor::Recursive, "$(g,$(1)$(1))$(g,$(1)$(1))")];
        assert!(with(&doubling, |p| p.expand_string("$(g,abc)", SITE)).is_err());
    }

    #[test]
    fn a_token_ends_at_the_first_character_no_word_has() {
        with(&[], |p| {
            assert_eq!(
                p.expand_token("$(ARCH)-x y", SITE),
                (Ok("i386-x".to_owned()), 9)
            );
            assert_eq!(p.expand_token("$(nothing)", SITE), (Ok(String::new()), 10));
        });
    }

    #[test]
    fn an_unterminated_reference_is_an_error() {
        let env = Environment::new();
        let mut preprocessor = Preprocessor::new(&env, &SilentShell);
        assert!(preprocessor.expand_string("$(shell,(", SITE).is_err());
    }
}
