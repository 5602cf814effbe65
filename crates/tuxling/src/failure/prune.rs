//! Failures of tracing, pruning and proving.

use prune::error::Error;

use super::Failure;

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let failure = Failure::new(error.kind(), error.to_string());
        match error {
            Error::Host(error) => error.into(),
            Error::Builder(error) => error.into(),
            Error::Vm(error) => error.into(),
            Error::Record(error) => error.into(),
            Error::Trial(error) => error.into(),
            Error::Boot(boot) => boot.into(),
            Error::Lost { boot, .. } => Failure {
                message: failure.message,
                ..boot.into()
            }
            .help(KEEP_MORE),
            Error::NotSurvived { console_log, .. } => failure
                .detail(format!(
                    "the whole kernel survives it\nthe whole console: {}",
                    console_log.display()
                ))
                .help(KEEP_MORE),
            Error::Unsupported { refused } => {
                let lines = refused.iter().map(|u| format!("{}: {}", u.option, u.why));
                let first = refused.first().map_or("", |first| first.option);
                failure
                    .detail(lines.collect::<Vec<_>>().join("\n"))
                    .help(format!(
                        "turn it off in the recipe: options = \"{first}=n\" under [kernel]"
                    ))
            }
            Error::NoLoader { .. } => {
                failure.help("missing = \"stop\" under [prune] stops the machine there")
            }
            Error::NoColdCode { option, .. } => failure.help(format!(
                "turn it off in the recipe: options = \"{option}=n\" under [kernel]"
            )),
            Error::NotPruned(_) => failure.help(
                "a configuration without the option that makes this section can be pruned; \
                 see docs/prune.md",
            ),
            Error::NothingTranslated => {
                failure.help("tuxling trace needs QEMU's TCG with a disassembler")
            }
            error => of_certificate(failure, error),
        }
    }
}

/// Failures of what a certificate says, and what has no mend.
fn of_certificate(failure: Failure, error: Error) -> Failure {
    match error {
        Error::NoCertificate { .. } => failure.help(
            "restore it from version control; `tuxling prune` and `tuxling shrink` write one",
        ),
        Error::FunctionsLacking { lacking } => failure.detail(lacking.join("\n")),
        Error::OtherTools { differ } => failure
            .detail(differ.join("\n"))
            .help("install the tools that the certificate names, or prune anew"),
        Error::OtherKernel => failure
            .help("use the recipe and the lock file that belong to the certificate, or prune anew"),
        Error::OtherBytes {
            certified,
            made,
            image,
        } => failure.detail(format!(
            "certified: {certified}\nmade here: {made}, {}",
            image.display()
        )),
        _ => failure,
    }
}

/// What helps where a pruned kernel lacks something that no trap tells.
const KEEP_MORE: &str =
    "keep = [\"NAME\"] under [prune] keeps a function; a level that keeps more helps, too";

#[cfg(test)]
mod tests {
    use host::error::Kind;
    use prune::subject::refuse_unsupported;
    use recipe::arch::Arch;

    use super::*;

    #[test]
    fn what_cant_be_pruned_is_refused_with_its_reason_and_the_fix() {
        let refused = refuse_unsupported("CONFIG_SMP=y\nCONFIG_KALLSYMS=y\n", Arch::Arm);
        let failure = Failure::from(refused.expect_err("both are unsupported"));
        assert_eq!(failure.kind, Kind::Config);
        assert_eq!(
            failure.message,
            "a kernel with CONFIG_SMP can't be pruned yet"
        );
        let detail = failure.detail.expect("all of them, with reasons");
        assert!(detail.contains("CONFIG_KALLSYMS: "), "{detail}");
        assert!(failure.help.expect("a fix").contains("CONFIG_SMP=n"));
    }
}
