//! What a search changes in a plan, as it is written down and sent along.

use initramfs::Compression;
use recipe::asker::Asker;
use recipe::config::Request;
use recipe::plan::BusyboxPlan;
use recipe::{Plan, fragment, init};
use serde::{Deserialize, Serialize};

/// What one alternative of a change does to a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Edit {
    /// Asks for these values in the kernel's configuration.
    Options(#[serde(with = "asked")] Vec<Request>),
    /// Leaves these applets out.
    WithoutApplets(Vec<String>),
    /// Asks for this value in BusyBox's configuration.
    Busybox(#[serde(with = "one_asked")] Request),
    /// BusyBox without its own defaults: with these applets alone.
    OnlyApplets(Vec<String>),
    /// BusyBox's applets without their usual options: with what is asked for.
    BareApplets,
    /// Packs the ramdisk so, and gives the kernel what unpacks it.
    Ramdisk(Compression, #[serde(with = "asked")] Vec<Request>),
}

impl Edit {
    /// Its content in words, for identities and for people.
    #[must_use]
    pub fn key(&self) -> String {
        let line = |r: &Request| format!("{}={}", r.symbol, r.value);
        match self {
            Edit::Options(requests) => requests.iter().map(line).collect::<Vec<_>>().join(" "),
            Edit::WithoutApplets(names) => format!("without {}", names.join(" ")),
            Edit::Busybox(request) => line(request),
            Edit::OnlyApplets(names) => format!("only {}", names.join(" ")),
            Edit::BareApplets => "bare".to_owned(),
            Edit::Ramdisk(compression, _) => format!("{compression:?}").to_lowercase(),
        }
    }

    /// Changes a plan.
    pub fn apply(&self, plan: &mut Plan) {
        match self {
            Edit::Options(requests) => plan.kernel.requests.extend(requests.iter().cloned()),
            Edit::WithoutApplets(names) => {
                if let Some(busybox) = &mut plan.userland.busybox {
                    busybox.applets.retain(|applet| !names.contains(applet));
                    let of_them = |r: &Request| match &r.by {
                        Asker::Applet(applet) => names.contains(applet),
                        _ => false,
                    };
                    busybox.requests.retain(|r| !of_them(r));
                }
            }
            Edit::Busybox(request) => {
                if let Some(busybox) = &mut plan.userland.busybox {
                    // Its numbers go with it: FEATURE_EDITING_MAX_LEN.
                    let below = format!("{}_", request.symbol);
                    let gone = |r: &Request| {
                        r.symbol == request.symbol
                            || (request.value == "n" && r.symbol.starts_with(&below))
                    };
                    busybox.requests.retain(|r| !gone(r));
                    // What isn't asked for is off, unless defaults stand beneath.
                    if busybox.defconfig || busybox.usual || request.value != "n" {
                        busybox.requests.push(request.clone());
                    }
                }
            }
            Edit::BareApplets => {
                if let Some(busybox) = &mut plan.userland.busybox {
                    busybox.usual = false;
                }
            }
            Edit::OnlyApplets(names) => {
                if let Some(busybox) = &mut plan.userland.busybox {
                    busybox.defconfig = false;
                    busybox.applets.clone_from(names);
                    ask_for_applets(busybox);
                }
            }
            Edit::Ramdisk(compression, requests) => {
                plan.ramdisk.compress = *compression;
                plan.kernel.requests.extend(requests.iter().cloned());
            }
        }
    }
}

/// What BusyBox's defaults had, its applets now need by name; what was asked for
/// besides comes later and wins.
fn ask_for_applets(busybox: &mut BusyboxPlan) {
    let mut requests = Vec::new();
    for applet in &busybox.applets {
        let by = Asker::Applet(applet.clone());
        requests.extend(fragment::trusted(init::applet_options(applet), &by));
    }
    requests.retain(|r| !busybox.implied.contains(&r.symbol));
    busybox
        .implied
        .extend(requests.iter().map(|r| r.symbol.clone()));
    requests.append(&mut busybox.requests);
    busybox.requests = requests;
}

/// A request that the search makes.
pub fn request(symbol: &str, value: &str) -> Request {
    Request {
        symbol: symbol.to_owned(),
        value: value.to_owned(),
        quoted: false,
        by: Asker::Shrink,
        lenient: true,
        optional: false,
    }
}

/// Requests are written as what they ask for: they are all the search's own.
mod asked {
    use super::{Request, request};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(of: &[Request], to: S) -> Result<S::Ok, S::Error> {
        let pairs: Vec<_> = of.iter().map(|r| (&r.symbol, &r.value)).collect();
        pairs.serialize(to)
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Vec<Request>, D::Error> {
        let pairs = Vec::<(String, String)>::deserialize(from)?;
        Ok(pairs
            .iter()
            .map(|(symbol, value)| request(symbol, value))
            .collect())
    }
}

/// The same of a single one.
mod one_asked {
    use super::{Request, request};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(of: &Request, to: S) -> Result<S::Ok, S::Error> {
        (&of.symbol, &of.value).serialize(to)
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Request, D::Error> {
        let (symbol, value) = <(String, String)>::deserialize(from)?;
        Ok(request(&symbol, &value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_back_is_what_was_written() {
        let edits = vec![
            Edit::Options(vec![request("UNIX", "n"), request("LOG_BUF_SHIFT", "12")]),
            Edit::WithoutApplets(vec!["ps".into()]),
            Edit::Busybox(request("FEATURE_EDITING", "n")),
            Edit::OnlyApplets(vec!["sh".into()]),
            Edit::BareApplets,
            Edit::Ramdisk(Compression::Lzma, vec![request("RD_XZ", "n")]),
        ];
        let json = serde_json::to_string(&edits).expect("is written");
        assert!(json.starts_with(r#"[{"options":[["UNIX","n"],["LOG_BUF_SHIFT","12"]]},"#));
        assert_eq!(
            serde_json::from_str::<Vec<Edit>>(&json).expect("is read"),
            edits
        );
    }
}
