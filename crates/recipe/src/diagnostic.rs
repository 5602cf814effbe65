//! What is wrong with a recipe: every problem with its place, and how they are
//! shown.
//!
//! Reading goes on after a problem, so that one run tells them all. A problem
//! may stand in the recipe itself, in a fragment it names or in its board's
//! file; each of these texts is kept here as a [`SourceId`].

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

/// A line that is longer, in bytes, is shown in part: so much around what is
/// wrong.
const LONG_LINE: usize = 1_000;
const AROUND: usize = 60;

/// One of the texts that belong to a recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceId(usize);

/// A range of bytes in one of the texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which text.
    pub source: SourceId,
    /// Which bytes of it.
    pub span: Range<usize>,
}

/// A value and where it was typed.
#[derive(Clone, Debug)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Where it was typed.
    pub place: Place,
}

/// Why a value is not what it should be, before it is known where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
}

/// One thing that is wrong.
#[derive(Clone, Debug)]
pub struct Problem {
    place: Option<Place>,
    message: String,
    label: Option<String>,
    help: Option<String>,
    /// Whether the recipe can be used all the same.
    warning: bool,
}

#[derive(Clone, Debug)]
struct SourceText {
    name: String,
    text: String,
}

/// Collects the problems of one recipe while it is read.
#[derive(Debug, Default)]
pub struct Problems {
    sources: RefCell<Vec<SourceText>>,
    list: RefCell<Vec<Problem>>,
}

/// All that is wrong with one recipe.
#[derive(Clone, Debug, Default)]
pub struct RecipeErrors {
    subject: String,
    sources: Vec<SourceText>,
    problems: Vec<Problem>,
}

impl Place {
    /// The start of a text: where something is missing as a whole.
    pub fn start_of(source: SourceId) -> Place {
        Place { source, span: 0..0 }
    }
}

impl Wrong {
    /// A wrong value with what is wrong about it.
    pub fn new(message: impl Into<String>) -> Wrong {
        Wrong {
            message: message.into(),
            help: None,
        }
    }

    /// Adds how to mend it.
    pub fn help(mut self, help: impl Into<String>) -> Wrong {
        self.help = Some(help.into());
        self
    }
}

impl Problem {
    /// A problem at a place.
    pub fn at(place: &Place, message: impl Into<String>) -> Problem {
        Problem {
            place: Some(place.clone()),
            message: message.into(),
            label: None,
            help: None,
            warning: false,
        }
    }

    /// A problem with the recipe as a whole.
    pub fn general(message: impl Into<String>) -> Problem {
        Problem {
            place: None,
            message: message.into(),
            label: None,
            help: None,
            warning: false,
        }
    }

    /// The recipe can be used all the same.
    pub fn warning(mut self) -> Problem {
        self.warning = true;
        self
    }

    /// Adds what is written beside the underlined text.
    pub fn label(mut self, label: impl Into<String>) -> Problem {
        self.label = Some(label.into());
        self
    }

    /// Adds how to mend it.
    pub fn help(mut self, help: impl Into<String>) -> Problem {
        self.help = Some(help.into());
        self
    }
}

impl Problems {
    /// Keeps a text so that problems can be shown in it. `name` is how the user
    /// knows it: the path as typed.
    pub fn add_source(&self, name: &str, text: &str) -> SourceId {
        let mut sources = self.sources.borrow_mut();
        sources.push(SourceText {
            name: name.to_owned(),
            text: text.to_owned(),
        });
        SourceId(sources.len() - 1)
    }

    /// The name of a text.
    pub fn source_name(&self, source: SourceId) -> String {
        let sources = self.sources.borrow();
        sources
            .get(source.0)
            .map_or_else(String::new, |s| s.name.clone())
    }

    /// What is typed at a place.
    pub fn typed(&self, place: &Place) -> String {
        let sources = self.sources.borrow();
        let source = sources.get(place.source.0);
        source
            .and_then(|s| s.text.get(place.span.clone()))
            .unwrap_or_default()
            .to_owned()
    }

    /// Where a place is, for messages of later phases: `job.toml:7:9`.
    pub fn position(&self, place: &Place) -> String {
        let sources = self.sources.borrow();
        let Some(source) = sources.get(place.source.0) else {
            return String::new();
        };
        let before = source.text.get(..place.span.start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let within = before.rsplit('\n').next().unwrap_or_default();
        format!("{}:{line}:{}", source.name, within.chars().count() + 1)
    }

    /// Adds a problem.
    pub fn push(&self, problem: Problem) {
        self.list.borrow_mut().push(problem);
    }

    /// Adds a wrong value at its place.
    pub fn wrong(&self, place: &Place, wrong: Wrong) {
        let mut problem = Problem::at(place, wrong.message);
        problem.help = wrong.help;
        self.push(problem);
    }

    /// Takes the value, or adds why it is none.
    pub fn take<T>(&self, place: &Place, result: Result<T, Wrong>) -> Option<T> {
        result.map_err(|wrong| self.wrong(place, wrong)).ok()
    }

    /// Whether nothing is wrong so far. Warnings don't count.
    pub fn is_empty(&self) -> bool {
        self.list.borrow().iter().all(|problem| problem.warning)
    }

    /// All problems of `subject`, in the order of the texts.
    pub fn into_errors(self, subject: &str) -> RecipeErrors {
        let mut problems = self.list.into_inner();
        let key = |p: &Problem| p.place.as_ref().map(|p| (p.source, p.span.start));
        problems.sort_by_key(key);
        RecipeErrors {
            subject: subject.to_owned(),
            sources: self.sources.into_inner(),
            problems,
        }
    }
}

impl RecipeErrors {
    /// One problem with `subject` as a whole.
    pub fn general(subject: &str, problem: Problem) -> RecipeErrors {
        let problems = Problems::default();
        problems.push(problem);
        problems.into_errors(subject)
    }

    /// How many errors there are. Warnings don't count.
    pub fn count(&self) -> usize {
        self.problems.iter().filter(|one| !one.warning).count()
    }

    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// All problems as a text for people: each with file, line and column, the
    /// text underlined, and the mend. With ANSI colours if `colour`.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let renderer = renderer.decor_style(DecorStyle::Ascii);
        let lines: Vec<Vec<usize>> = self.sources.iter().map(|s| line_starts(&s.text)).collect();
        let shown: Vec<String> = self
            .problems
            .iter()
            .map(|p| self.render_one(&renderer, p, &lines))
            .collect();
        shown.join("\n\n")
    }

    /// Shows one problem. The renderer is given the one line that is shown: it
    /// looks through all that it is given.
    fn render_one(&self, renderer: &Renderer, problem: &Problem, lines: &[Vec<usize>]) -> String {
        let level = if problem.warning {
            Level::WARNING
        } else {
            Level::ERROR
        };
        let title = level.primary_title(&problem.message);
        let mut group = Group::with_title(title);
        if let Some(place) = &problem.place
            && let Some(source) = self.sources.get(place.source.0)
            && let Some(starts) = lines.get(place.source.0)
        {
            let span = shown_span(&source.text, &place.span);
            let line = starts.partition_point(|start| *start <= span.start).max(1) - 1;
            let start = starts.get(line).copied().unwrap_or(0);
            let end = starts.get(line + 1).copied().unwrap_or(source.text.len());
            let part = window(&source.text, start..end, &span);
            let mark = AnnotationKind::Primary.span(span.start - part.start..span.end - part.start);
            let mark = mark.label(problem.label.as_deref());
            let mut snippet = Snippet::source(&source.text[part.clone()]).line_start(line + 1);
            if part == (start..end) {
                snippet = snippet.path(&source.name);
            } else {
                let column = source.text[start..span.start].chars().count() + 1;
                let origin = Origin::path(&source.name).line(line + 1);
                group = group.element(origin.char_column(column));
            }
            group = group.element(snippet.annotation(mark));
        }
        if let Some(help) = &problem.help {
            group = group.element(Level::HELP.message(help));
        }
        let shown = renderer.render(&[group]);
        // The part of a long line has no name of its own.
        let lines = shown.lines().filter(|line| line.trim() != ":::");
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The only problem, where it stands nowhere in a file: there is no recipe, or
    /// it can't be read.
    pub fn without_place(&self) -> Option<Wrong> {
        match &self.problems[..] {
            [only] if only.place.is_none() => Some(Wrong {
                message: only.message.clone(),
                help: only.help.clone(),
            }),
            _ => None,
        }
    }

    /// How many there are, in a sentence.
    pub fn summary(&self) -> String {
        match self.count() {
            1 => format!("the recipe {} can't be used", self.subject),
            n => format!("the recipe {} has {n} errors", self.subject),
        }
    }
}

impl fmt::Display for RecipeErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for RecipeErrors {}

/// The part of a line that is shown of one that is very long.
fn window(text: &str, line: Range<usize>, span: &Range<usize>) -> Range<usize> {
    if line.len() <= LONG_LINE {
        return line;
    }
    let mut start = span.start.saturating_sub(AROUND).max(line.start);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    let mut end = (span.end.min(span.start + LONG_LINE) + AROUND).clamp(span.end, line.end);
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

/// Where the lines of a text begin.
fn line_starts(text: &str) -> Vec<usize> {
    let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
    std::iter::once(0)
        .chain(ends.map(|(at, _)| at + 1))
        .collect()
}

/// The part of a span that is underlined: its first line, within the text, on
/// character boundaries.
fn shown_span(text: &str, span: &Range<usize>) -> Range<usize> {
    let floor = |mut i: usize| {
        i = i.min(text.len());
        while !text.is_char_boundary(i) {
            i -= 1;
        }
        i
    };
    let start = floor(span.start);
    let end = floor(span.end).max(start);
    let first = text[start..end].split(['\n', '\r']).next();
    start..start + first.map_or(0, str::len)
}
