//! Why a file can't be fetched from an address.

use host::units::Bytes;

/// Why a file can't be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchProblem {
    /// The connection broke, too often or at once.
    #[error("{why}")]
    Broke {
        /// How.
        why: String,
        /// What has come.
        here: Bytes,
        /// The proxy that stands between, without its password.
        proxy: Option<String>,
    },
    /// The server answers otherwise.
    #[error("the server answers with status {0}")]
    Status(u16),
    /// The server sends more than it says.
    #[error("more came than the server had said")]
    TooLong,
    /// The server's certificate is not trusted.
    #[error("the server can't prove who it is ({0})")]
    Certificate(String),
    /// A circle, or a long way.
    #[error("it is redirected more than {0} times")]
    Redirects(u32),
    /// The way leads out of TLS.
    #[error("it is redirected to {0}, without TLS")]
    WithoutTls(String),
    /// No such host.
    #[error("its host is not known")]
    UnknownHost,
    /// The proxy does not let it through.
    #[error("the proxy {proxy} refuses ({why})")]
    Refused {
        /// The proxy, without its password.
        proxy: String,
        /// What it said.
        why: String,
    },
    /// The proxy's own address is none.
    #[error("the proxy's address can't be read")]
    ProxyAddress,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}
