//! Failures of boot media.

use host::error::Kind;
use host::packages::Distribution;
use host::process::Processes;
use media::Error;
use recipe::medium::Form;

use super::Failure;

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let failure = Failure::new(error.kind(), error.to_string());
        match error {
            Error::Host(error) => error.into(),
            Error::Architecture { arch, .. } => {
                let forms = Form::ALL.into_iter();
                let of = |form: &Form| {
                    let all = recipe::Arch::ALL.iter();
                    let mut named = all.filter(|one| one.facts().name == arch);
                    named.any(|one| form.fits(*one))
                };
                let words: Vec<&str> = forms.filter(of).map(|form| form.word()).collect();
                if words.is_empty() {
                    failure.help("`tuxling build` gives what its boot loader loads")
                } else {
                    failure.help(format!("it has {}", words.join(", ")))
                }
            }
            Error::NoFile { name, .. } => failure.help(install(&[&format!("file:{name}")])),
            Error::TooLarge { .. } => failure.help(
                "`tuxling shrink` makes the system smaller; `--as disk-bios` has room for any",
            ),
            Error::CommandLine { .. } => failure.help("shorten `cmdline` in [kernel]"),
            Error::Kernel { .. } => failure.help("`--as disk-bios` boots it by Syslinux"),
            Error::Fat { .. } => {
                failure.help("this is a mistake of tuxling's, or of a version of mtools")
            }
        }
    }
}

/// All that this machine lacks to make a medium, in one failure.
pub(crate) fn lacking(form: Form, processes: &Processes) -> Option<Failure> {
    let names = media::tools::lacking(form, processes);
    let words: Vec<&str> = names.iter().map(|name| &**name).collect();
    let shown: Vec<&str> = words
        .iter()
        .map(|w| w.trim_start_matches("file:"))
        .collect();
    let message = match &shown[..] {
        [] => return None,
        [one] => format!("{one} is not installed: the {form} image is made with it"),
        [others @ .., last] => format!(
            "{} and {last} are not installed: the {form} image is made with them",
            others.join(", ")
        ),
    };
    let failure = Failure::new(Kind::Machine, message);
    Some(failure.help(install(&words)))
}

/// How to have what a boot medium needs.
pub(super) fn install(names: &[&str]) -> String {
    let all = "`tuxling doctor RECIPE` says all that images need";
    match Distribution::of_this_machine().install_command(names) {
        Some(command) => format!("{command}; {all}"),
        None => all.to_owned(),
    }
}
