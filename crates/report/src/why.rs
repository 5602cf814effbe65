//! Why something is in a kernel, as text.

use std::fmt::Write;

use host::units::grouped;
use measure::answer::{Kind, Retained, Step, Why};

fn step_text(step: &Step) -> String {
    match (&step.object, &step.section) {
        (Some(object), Some(section)) => format!("{} ({section} of {object})", step.name),
        (Some(object), None) => format!("{} ({object})", step.name),
        (None, Some(section)) => format!("{} ({section})", step.name),
        (None, None) => step.name.clone(),
    }
}

/// The answer for people. Writing to a String can't fail.
pub fn text(why: &Why) -> String {
    let mut out = format!(
        "{}: {} B, {} B of the image\n",
        why.name,
        grouped(why.size),
        grouped(why.share)
    );
    compiled(&mut out, why);
    let section = |out: &mut String, title: &str, steps: &[Step], deeper: bool| {
        let _ = writeln!(out, "\n{title}");
        for (depth, step) in steps.iter().enumerate() {
            let indent = if deeper { 2 + 2 * depth.min(20) } else { 2 };
            let _ = writeln!(out, "{:indent$}{}", "", step_text(step));
        }
    };
    if why.way.is_empty() {
        let _ = writeln!(
            out,
            "\nNo reference from what the kernel enters by itself leads to it: it is linked because its object is."
        );
    } else {
        section(&mut out, "The shortest way to it", &why.way, true)
    }
    if !why.through.is_empty() {
        section(&mut out, "Every way to it goes through", &why.through, true);
    }
    if why.referrer_count > 0 {
        let title = match why.referrer_count {
            n if n > why.referrers.len() => {
                format!("Referred to by {n}, among them")
            }
            n => format!("Referred to by {n}"),
        };
        section(&mut out, &title, &why.referrers, false);
    }
    let Retained {
        count,
        size,
        share,
        largest,
    } = &why.retained;
    if *count > 0 {
        let _ = writeln!(
            out,
            "\nNothing else needs {} B ({} B of the image) in {count} pieces; the largest",
            grouped(*size),
            grouped(*share)
        );
        for step in largest {
            let _ = writeln!(out, "  {:>9} {}", grouped(step.size), step_text(step));
        }
    }
    out
}

fn compiled(out: &mut String, why: &Why) {
    let how = match (&why.makefile, why.kind) {
        (Some(makefile), _) if why.library => format!(" in a library ({makefile})"),
        (Some(makefile), _) => format!(" ({makefile})"),
        (None, Kind::Option) => String::new(),
        (None, _) => ": no Makefile was found that names it".to_owned(),
    };
    let _ = match (why.options.is_empty(), why.kind) {
        (true, Kind::Option) => Ok(()),
        (true, _) if why.makefile.is_some() => {
            writeln!(out, "\nAlways compiled{how}")
        }
        (true, _) => writeln!(out, "\nCompiled{how}"),
        (false, Kind::Option) => writeln!(out, "\nIts value"),
        (false, _) => writeln!(out, "\nCompiled for{how}"),
    };
    for step in &why.options {
        let _ = writeln!(out, "  {}={}  {}", step.option, step.value, step.because);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use measure::answer::OptionStep;

    fn why() -> Why {
        let step = |name: &str| Step {
            name: name.to_owned(),
            object: Some("net/a.o".to_owned()),
            section: Some(".text".to_owned()),
            size: 7,
        };
        Why {
            name: "tcp_send".to_owned(),
            kind: Kind::Symbol,
            size: 1234,
            share: 600,
            options: vec![OptionStep {
                option: "INET".to_owned(),
                value: "y".to_owned(),
                because: "asked for by the recipe".to_owned(),
            }],
            makefile: Some("net/Makefile".to_owned()),
            library: false,
            way: vec![step("inet_init"), step("tcp_send")],
            through: Vec::new(),
            referrers: vec![step("inet_init")],
            referrer_count: 3,
            retained: Retained {
                count: 1,
                size: 1234,
                share: 600,
                largest: vec![step("tcp_send")],
            },
        }
    }

    #[test]
    fn an_answer_tells_options_the_way_and_what_goes_along() {
        assert_eq!(
            text(&why()),
            "\
tcp_send: 1,234 B, 600 B of the image

Compiled for (net/Makefile)
  INET=y  asked for by the recipe

The shortest way to it
  inet_init (.text of net/a.o)
    tcp_send (.text of net/a.o)

Referred to by 3, among them
  inet_init (.text of net/a.o)

Nothing else needs 1,234 B (600 B of the image) in 1 pieces; the largest
          7 tcp_send (.text of net/a.o)
"
        );
    }

    #[test]
    fn what_nothing_refers_to_says_so() {
        let mut why = why();
        why.way.clear();
        assert!(text(&why).contains("it is linked because its object is"));
    }
}
