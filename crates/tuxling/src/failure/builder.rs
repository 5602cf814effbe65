//! Failures of having sources and of building from them.

use builder::configuration_error::ConfigurationError;
use builder::error::{Error, FetchProblem, is_of_full_disk};
use builder::kernel::contract::Broken;
use builder::start_error::StartError;
use host::error::Kind;
use host::process::ProcessError;

use super::Failure;

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let failure = Failure::new(error.kind(), error.to_string());
        match error {
            Error::Host(error) => error.into(),
            Error::Kernel { error, log } => {
                let failure = Failure::from(*error);
                match failure.kind {
                    Kind::Build => failure.help(format!("the whole log: {}", log.display())),
                    _ => failure,
                }
            }
            Error::Kconfig(errors) => failure.detail(errors.join("\n")),
            Error::Dropped { dropped } => failure.detail(dropped.join("\n")).help(
                "ask for what is missing, too, or leave the request out; --allow-dropped goes on \
                 all the same",
            ),
            Error::Contract { broken, .. } => failure.detail(lines(&broken)).help(
                "`tuxling config RECIPE check` says what to ask for so that the contract holds; \
                     else change `must` and `must-not`",
            ),
            Error::NoModules => failure.help(
                "ask for drivers by m: options = \"CONFIG_E1000=m\" in [kernel]; or leave \
                 `modules` out",
            ),
            Error::ModulesLacking(lacking) => failure.detail(lacking.join("\n")).help(
                "what is m in the configuration is made: `tuxling why RECIPE CONFIG_NAME` says \
                 what a symbol is, and why",
            ),
            Error::NoDeviceTree { name, below } => failure
                .detail(format!("there is no {name}.dts below {}", below.display()))
                .help(
                    "`device-tree` in the board's file is the name of a .dts file without its \
                     ending",
                ),
            Error::SeveralDeviceTrees { found, .. } => {
                let lines = found.iter().map(|path| format!("{}\n", path.display()));
                failure.detail(lines.collect::<String>())
            }
            error => of_userland(failure, error),
        }
    }
}

fn lines(all: &[Broken]) -> String {
    let lines: Vec<String> = all.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

fn of_userland(failure: Failure, error: Error) -> Failure {
    match error {
        Error::Foreseen(finding) => failure.help(finding.mend),
        Error::NoApplet {
            nearest: Some(nearest),
            ..
        } => failure.help(format!("did you mean \"{nearest}\"?")),
        Error::BusyboxConfig(wrong) => failure.detail(wrong.join("\n")),
        Error::Folder { errors, .. } if errors.all().len() != 1 => {
            failure.detail(errors.to_string())
        }
        Error::NotPlaced(wrong) if wrong.len() != 1 => failure.detail(wrong.join("\n")),
        Error::Rootfs(error) => failure.detail(chain(&*error)).help(
            "`from` names a tar of a root file system, an archive of `docker save`, or an OCI \
             layout: oci:DIR:TAG",
        ),
        Error::Start(StartError::User(error)) => failure
            .detail(error.to_string())
            .help("name the user by number in the image, or give /etc/passwd by [[userland.file]]"),
        Error::Start(StartError::NoInit { .. }) => failure.help(
            "name the program: command = [\"PROGRAM\"] in [userland]; or add busybox = [\"sh\"]",
        ),
        Error::Pack(error) if is_of_full_disk(&error) => failure.help("free some disk space"),
        error => of_source(failure, error),
    }
}

/// An error with all that stands behind it.
fn chain(error: &dyn std::error::Error) -> String {
    let all = std::iter::successors(Some(error), |error| error.source());
    let all: Vec<String> = all.map(ToString::to_string).collect();
    all.join(": ")
}

fn of_source(failure: Failure, error: Error) -> Failure {
    match error {
        Error::NotATree { .. } => {
            failure.help("`path` names the top folder of the unpacked sources")
        }
        Error::BuiltInPlace { path, .. } => failure.help(format!(
            "clean it: make -C {} mrproper (this removes its .config: keep a copy if you need it)",
            path.display()
        )),
        Error::OtherSeries { .. } => {
            failure.help("change the version in the recipe, or the address")
        }
        Error::Patch { error, .. } => failure.detail(said_by(*error)).help(
            "refresh the patch against this version; its paths need one leading folder (-p1)",
        ),
        Error::Unpinned { sha256, .. } => failure
            .detail(format!(
                "what came has the SHA-256\n  sha256 = \"{sha256}\""
            ))
            .help(
                "compare it with what upstream publishes, and put it into the recipe beside the \
                 address; or let the lock file record it: tuxling fetch RECIPE --trust-new (it is \
                 not downloaded again)",
            ),
        Error::NoOrigin { tried, .. } => failure.detail(of_origins(tried)),
        error => of_lock(failure, error),
    }
}

/// What the lock file and the sources say of one another.
fn of_lock(failure: Failure, error: Error) -> Failure {
    match error {
        Error::Lock { name, problem } => failure.detail(problem).help(format!(
            "restore {name} from version control, or delete it: it is written anew"
        )),
        Error::Locked { lock, .. } => failure.help(format!(
            "leave out --locked once; then commit the new {lock}"
        )),
        Error::NoLongerOffered { .. } => failure.help(
            "leave out --locked to take the newer one, or put the archive back into tuxling's \
             cache (archives/SHA256/FILE)",
        ),
        Error::Replaced {
            package,
            lock,
            entry,
            offered: (sha256, origin),
        } => failure
            .detail(format!(
                "recorded: {} from {}\noffered:  {sha256} from {origin}",
                entry.sha256, entry.origin
            ))
            .help(format!(
                "find out who replaced it; to accept it, remove [{package}] from {lock}"
            )),
        Error::CommitChanged {
            package,
            lock,
            recorded,
            came,
            ..
        } => failure
            .detail(format!("recorded: {recorded}\ncame:     {came}"))
            .help(format!("to accept it, remove [{package}] from {lock}")),
        error => of_transfer(failure, error),
    }
}

/// What does not come, or not as it should.
fn of_transfer(failure: Failure, error: Error) -> Failure {
    match error {
        Error::NoDebian(_) => {
            failure.help("name a source tree of your own in the recipe: `path = \"../linux\"`")
        }
        Error::AskDebian(error) => failure
            .detail(said_by(error))
            .help("check the network; a source tree of your own needs none: `path = \"…\"`"),
        Error::AptIndex(error) => failure.detail(said_by(error)),
        Error::Git { error, .. } => failure.detail(said_by(*error)),
        Error::Configuration(error) => of_configuration(failure, *error),
        Error::NotInDebian {
            package: "linux-config",
            ..
        } => failure.help(
            "config = \"file:PATH\" takes a .config of your own (/proc/config.gz, \
             /boot/config-VERSION); or ask for a series that this release has: apt-cache search \
             linux-config",
        ),
        Error::NotInDebian { package, .. } => failure.help(format!(
            "ask for a series that this release has (`apt-cache search linux-source`, \
             `apt-cache showsrc {package}`), or name a source tree of your own: `path = \"…\"`"
        )),
        Error::Download { error, .. } => failure
            .detail(said_by(error))
            .help("call again when the network is there; nothing half downloaded is kept"),
        Error::Fetch { problem, .. } => of_fetch(failure, problem),
        Error::NotAsOffered { seen, .. } => failure.detail(seen).help(
            "what came was removed; call again, and if it stays so, look at the network's proxies",
        ),
        Error::GoneAgain(_) => {
            failure.help("another program removes files from tuxling's cache folder")
        }
        Error::Unpack { archive, .. } => failure.help(format!(
            "nothing was unpacked; the archive is {}",
            archive.display()
        )),
        Error::GitFetch { error, .. } => {
            let of_network = failure.kind == Kind::Source;
            let failure = failure.detail(said_by(*error));
            if of_network {
                failure.help("check the network and the address")
            } else {
                failure
            }
        }
        Error::NoCommit { refused, .. } => failure
            .detail(refused)
            .help("no branch and no tag leads to it: check the digits, or push it"),
        _ => failure,
    }
}

/// The configuration of the distribution's own kernel.
fn of_configuration(failure: Failure, error: ConfigurationError) -> Failure {
    match error {
        ConfigurationError::NoFlavour { known, .. } => {
            failure.help(format!("it has {}", known.join(", ")))
        }
        ConfigurationError::Unreadable { .. } => {
            failure.help("remove that archive from tuxling's cache: it is fetched anew")
        }
        ConfigurationError::NotObtained => failure,
    }
}

/// A file that can't be fetched.
fn of_fetch(failure: Failure, problem: FetchProblem) -> Failure {
    match problem {
        FetchProblem::Broke { here, proxy, .. } if here.0 == 0 => {
            let proxy = proxy.map_or_else(String::new, |p| format!(" and the proxy {p}"));
            failure.help(format!("check the network{proxy}, and call again"))
        }
        FetchProblem::Broke { here, .. } => failure.help(format!(
            "call again: the {here} that came are kept, and it goes on from there"
        )),
        FetchProblem::Status(status) => match status {
            404 | 410 => failure.help("it isn't there: check the address and the version"),
            401 | 403 => failure.help("the server doesn't give it to everyone"),
            407 => {
                failure.help("the proxy wants a password: https_proxy=http://USER:PASSWORD@HOST")
            }
            500.. => failure.help("the server is in trouble: call again later"),
            _ => failure,
        },
        FetchProblem::TooLong => {
            failure.help("what came was removed; look at the network's proxies")
        }
        FetchProblem::Certificate(_) => failure.help(
            "set SSL_CERT_FILE to your authority's certificate if this network has one of its \
             own; else someone stands between",
        ),
        FetchProblem::Redirects(_) => failure.help("check the address"),
        FetchProblem::WithoutTls(_) => failure.help("give an address that stays with https://"),
        FetchProblem::UnknownHost => {
            failure.help("check the network and the address; behind a proxy, set https_proxy")
        }
        FetchProblem::Refused { .. } => {
            failure.help("check https_proxy and http_proxy; no_proxy spares hosts")
        }
        FetchProblem::ProxyAddress => {
            failure.help("https_proxy and http_proxy are written as in http://HOST:PORT")
        }
        FetchProblem::Other(_) => failure,
    }
}

/// All origins failed: each with its reason and its mend.
fn of_origins(tried: Vec<(String, Error)>) -> String {
    let mut detail = String::new();
    for (at, (origin, error)) in tried.into_iter().enumerate() {
        detail.push_str(&format!("{}. {origin}\n", at + 1));
        let failure = Failure::from(error);
        let mut lines = vec![failure.message];
        let evidence = failure.detail.unwrap_or_default();
        lines.extend(evidence.lines().map(str::to_owned));
        lines.extend(failure.help.map(|help| format!("help: {help}")));
        for line in lines {
            detail.push_str(&format!("   {line}\n"));
        }
    }
    detail
}

/// What is known of a command that failed.
fn said_by(error: ProcessError) -> String {
    match error {
        ProcessError::Failed { line, status, tail } => format!("{tail}\n({line}: {status})"),
        ProcessError::Stalled { line, tail } => {
            format!("{tail}\n({line}: did not get on any more, and was ended)")
        }
        error => error.to_string(),
    }
}
