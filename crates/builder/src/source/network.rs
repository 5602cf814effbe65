//! How servers are reached: proxies, time limits, whom to trust.

use std::time::Duration;

use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Proxy};

/// How servers are reached.
#[derive(Clone, Debug)]
pub struct Network {
    /// The proxy for `http://`.
    pub http_proxy: Option<String>,
    /// The proxy for `https://`.
    pub https_proxy: Option<String>,
    /// Hosts that are reached without a proxy.
    pub no_proxy: Vec<String>,
    /// How long a connection may take to be made.
    pub connect: Duration,
    /// How long a server may be silent.
    pub silence: Duration,
}

/// How many redirects are followed.
pub(crate) const MOST_REDIRECTS: u32 = 10;

impl Default for Network {
    fn default() -> Self {
        Network {
            http_proxy: None,
            https_proxy: None,
            no_proxy: Vec::new(),
            connect: Duration::from_secs(20),
            silence: Duration::from_secs(30),
        }
    }
}

impl Network {
    /// What the user's environment says: `https_proxy`, `http_proxy`,
    /// `all_proxy`, `no_proxy`, in either case but for `HTTP_PROXY`, which a
    /// web server sets from a request's header (as curl has it).
    pub fn of_user() -> Network {
        Network::of(&|key| std::env::var(key).ok().filter(|v| !v.trim().is_empty()))
    }

    fn of(set: &dyn Fn(&str) -> Option<String>) -> Network {
        let first = |keys: &[&str]| keys.iter().find_map(|key| set(key));
        let no_proxy = first(&["no_proxy", "NO_PROXY"]).unwrap_or_default();
        Network {
            http_proxy: first(&["http_proxy", "all_proxy", "ALL_PROXY"]),
            https_proxy: first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
            no_proxy: no_proxy
                .split(',')
                .map(|host| host.trim().to_owned())
                .filter(|host| !host.is_empty())
                .collect(),
            ..Network::default()
        }
    }

    /// The proxy that stands before an address.
    pub(super) fn proxy_for(&self, url: &str) -> Option<&str> {
        let (proxy, rest) = match url.strip_prefix("https://") {
            Some(rest) => (&self.https_proxy, rest),
            None => (&self.http_proxy, url.strip_prefix("http://")?),
        };
        let host = host_of(rest);
        let spared = self.no_proxy.iter().any(|entry| spares(entry, host));
        proxy.as_deref().filter(|_| !spared)
    }

    /// A client for one address.
    pub(super) fn agent(&self, url: &str) -> Result<Agent, ureq::Error> {
        let proxy = self.proxy_for(url).map(Proxy::new).transpose()?;
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier);
        let config = Agent::config_builder()
            .https_only(url.starts_with("https://"))
            .proxy(proxy)
            .tls_config(tls.build())
            .http_status_as_error(false)
            .max_redirects(MOST_REDIRECTS)
            .max_redirects_will_error(true)
            .user_agent(concat!("tuxling/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(self.connect))
            .timeout_connect(Some(self.connect))
            .timeout_per_read(Some(self.silence))
            .timeout_per_write(Some(self.silence));
        Ok(config.build().into())
    }
}

/// The host of what follows `://`.
fn host_of(rest: &str) -> &str {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, h)| h);
    match host.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or(six),
        None => host.split(':').next().unwrap_or(host),
    }
}

/// Whether an entry of `no_proxy` names a host: itself, a domain that it is
/// in, or all of them.
fn spares(entry: &str, host: &str) -> bool {
    let (entry, host) = (entry.to_ascii_lowercase(), host.to_ascii_lowercase());
    let entry = entry.trim_start_matches('*').trim_start_matches('.');
    let inside = host.strip_suffix(entry);
    entry.is_empty() || inside.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(pairs: &'static [(&str, &str)]) -> Network {
        let find = |key: &str| pairs.iter().find(|(k, _)| *k == key);
        Network::of(&|key| find(key).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn the_scheme_chooses_the_proxy_and_no_proxy_spares_hosts() {
        let network = network(&[
            ("https_proxy", "http://s:1"),
            ("http_proxy", "http://p:2"),
            ("HTTP_PROXY", "http://evil:3"),
            ("no_proxy", "localhost, .example.org,127.0.0.1"),
        ]);
        for (url, proxy) in [
            ("https://cdn.kernel.org/a", Some("http://s:1")),
            ("http://cdn.kernel.org/a", Some("http://p:2")),
            ("https://example.org/", None),
            ("https://a.example.org:8443/", None),
            ("https://notexample.org/", Some("http://s:1")),
            ("http://127.0.0.1:80/x", None),
            ("http://user@localhost/x", None),
            ("file:///x", None),
        ] {
            assert_eq!(network.proxy_for(url), proxy, "{url}");
        }
    }

    #[test]
    fn a_variable_of_a_web_request_is_not_taken() {
        let network = network(&[("HTTP_PROXY", "http://evil:3"), ("no_proxy", "*")]);
        assert_eq!(network.http_proxy, None);
        assert_eq!(network.proxy_for("http://x/"), None);
    }
}
