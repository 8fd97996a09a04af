//! Why a server is not reached or not trusted.

use std::fmt;
use std::time::Duration;

/// The reason why a license server was not reached.
///
/// ```
/// use license_client::UnreachableReason;
///
/// assert_eq!(UnreachableReason::Refused.to_string(), "the connection was refused");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnreachableReason {
    /// The name of the host has no address.
    NameNotFound,
    /// No program listens at the address.
    Refused,
    /// The connection ended without an answer.
    Closed,
    /// The time limit ended.
    TimedOut {
        /// The step that took too long, such as `connecting`.
        step: &'static str,
        /// The time limit.
        limit: Duration,
    },
    /// The system reports another error, such as a missing route.
    System(String),
}

impl fmt::Display for UnreachableReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameNotFound => f.write_str("the name of the host has no address (DNS)"),
            Self::Refused => f.write_str("the connection was refused"),
            Self::Closed => f.write_str("the connection ended without an answer"),
            Self::TimedOut { step, limit } => {
                write!(f, "{step} took longer than {} s", limit.as_secs_f32())
            }
            Self::System(reason) => f.write_str(reason),
        }
    }
}

/// The step of a request in which the server may have it.
pub(in crate::online) const WAITING: &str = "waiting for the answer";

impl UnreachableReason {
    /// Returns whether the connection failed before the request was sent.
    pub(in crate::online) fn is_before_request(&self) -> bool {
        match self {
            Self::NameNotFound | Self::Refused => true,
            Self::TimedOut { step, .. } => *step != WAITING,
            Self::Closed | Self::System(_) => false,
        }
    }

    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::NameNotFound => "check the host name in the URL, and the DNS",
            Self::Refused => "check the port in the URL, and whether the server runs",
            Self::Closed => {
                "check whether the URL needs https, or the server needs the certificate of this \
                 client"
            }
            Self::TimedOut { .. } | Self::System(_) => {
                "check the network, the firewall and the proxy settings (HTTPS_PROXY, NO_PROXY)"
            }
        }
    }
}

/// The reason why a certificate is not accepted.
///
/// ```
/// use license_client::CertificateFault;
///
/// assert_eq!(CertificateFault::Expired.to_string(), "its certificate has expired");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateFault {
    /// No trusted authority has signed the certificate of the server.
    UnknownIssuer,
    /// The certificate of the server has expired, by the clock of this machine.
    Expired,
    /// The certificate of the server is not valid yet, by the clock of this machine.
    NotYetValid,
    /// The certificate of the server is for other names than that in the URL.
    WrongName {
        /// The names in the certificate.
        names: Vec<String>,
    },
    /// The certificate of the server is that of a certificate authority.
    Authority,
    /// The server requires a certificate of this client, or refuses it.
    Client,
    /// Another reason, such as a protocol version that is too old.
    Other(String),
}

impl fmt::Display for CertificateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongName { names } if !names.is_empty() => {
                return write!(
                    f,
                    "its certificate is for another host name: {}",
                    names.join(", ")
                );
            }
            Self::UnknownIssuer => "no trusted authority has signed its certificate",
            Self::Expired => "its certificate has expired",
            Self::NotYetValid => "its certificate is not valid yet",
            Self::WrongName { .. } => "its certificate is for another host name",
            Self::Authority => "its certificate is that of an authority (CA:TRUE), not of a server",
            Self::Client => "it does not accept the certificate of this client, or none was sent",
            Self::Other(reason) => reason,
        })
    }
}

impl CertificateFault {
    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::UnknownIssuer => {
                "set `ca-file` to the certificate of your authority, or of the server itself"
            }
            Self::Expired | Self::NotYetValid => {
                "check the clock of this machine; otherwise the server needs a new certificate"
            }
            Self::WrongName { .. } => {
                "use the host name of the certificate in the URL of the server"
            }
            Self::Authority => {
                "the server needs a certificate with `basicConstraints=critical,CA:FALSE`, such as \
                 from `openssl req -x509 -addext basicConstraints=critical,CA:FALSE`"
            }
            Self::Client => {
                "set `client-certificate` and `client-key` to the files for this client"
            }
            Self::Other(_) => {
                "check what answers at this address, and whether it uses TLS 1.2 or 1.3"
            }
        }
    }
}
