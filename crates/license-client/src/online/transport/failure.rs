//! Errors of the HTTP client as errors of a server.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError};
use ureq::{Error, Timeout};

use super::super::error::{CertificateFault, OnlineError, UnreachableReason, WAITING, one_line};

/// The number of names of a certificate in an error.
const MAX_NAMES: usize = 5;

/// An attempt to reach a server.
pub(super) struct ServerAttempt<'a> {
    /// The URL of the server, with its proxy.
    pub(super) server: &'a str,
    pub(super) connect: Duration,
    pub(super) total: Duration,
    pub(super) ca_file: Option<&'a Path>,
}

impl ServerAttempt<'_> {
    /// Converts an error that occurred before the answer.
    pub(super) fn before_answer(&self, error: &Error) -> OnlineError {
        let server = self.server.to_owned();
        if let Some(fault) = tls_error(error).map(certificate_fault) {
            return OnlineError::Certificate {
                server,
                fault,
                ca_file: self.ca_file.map(Path::to_owned),
            };
        }
        let reason = match error {
            Error::Timeout(timeout) => self.timed_out(*timeout),
            Error::HostNotFound => UnreachableReason::NameNotFound,
            Error::Io(error) => self.io(error),
            Error::ConnectProxyFailed(reason) => {
                let reason = one_line(reason);
                return OnlineError::ProxyRefused { server, reason };
            }
            Error::LargeResponseHeader(_, limit) => {
                let limit = u64::try_from(*limit).unwrap_or(u64::MAX);
                return OnlineError::Oversized { server, limit };
            }
            Error::Protocol(error) => {
                let tls = if server.starts_with("http://") {
                    "; if the port speaks TLS, the URL needs https"
                } else {
                    ""
                };
                let reason = format!("expected HTTP, found something else ({error}){tls}");
                return OnlineError::NotALicenseServer {
                    server,
                    reason: one_line(&reason),
                };
            }
            other => UnreachableReason::System(one_line(&other.to_string())),
        };
        OnlineError::Unreachable { server, reason }
    }

    /// Converts an error that occurred while the body of the answer was read.
    pub(super) fn while_reading(&self, error: &Error, limit: u64) -> OnlineError {
        let server = self.server.to_owned();
        match error {
            Error::Timeout(_) => self.before_answer(error),
            Error::BodyExceedsLimit(_) => OnlineError::Oversized { server, limit },
            _ => OnlineError::Truncated {
                server,
                reason: "the connection ended early".to_owned(),
            },
        }
    }

    fn timed_out(&self, timeout: Timeout) -> UnreachableReason {
        let (step, limit) = match timeout {
            Timeout::Resolve => ("looking up the name", self.connect),
            Timeout::Connect => ("connecting", self.connect),
            _ => (WAITING, self.total),
        };
        UnreachableReason::TimedOut { step, limit }
    }

    fn io(&self, error: &io::Error) -> UnreachableReason {
        match error.kind() {
            ErrorKind::ConnectionRefused => UnreachableReason::Refused,
            ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof => UnreachableReason::Closed,
            ErrorKind::TimedOut => self.timed_out(Timeout::Connect),
            _ => UnreachableReason::System(one_line(&error.to_string())),
        }
    }
}

/// Returns the error of TLS in an error, if there is one.
fn tls_error(error: &Error) -> Option<&rustls::Error> {
    match error {
        Error::Rustls(error) => Some(error),
        Error::Io(error) => error.get_ref()?.downcast_ref(),
        _ => None,
    }
}

/// Returns a name of a certificate, which rustls presents as `DnsName("localhost")`.
fn presented_name(name: &str) -> String {
    let content = name.split_once('(').map_or(name, |(_, content)| content);
    one_line(content.trim_end_matches(')').trim_matches('"'))
}

fn certificate_fault(error: &rustls::Error) -> CertificateFault {
    use rustls::Error::{AlertReceived, InvalidCertificate};
    match error {
        InvalidCertificate(CertificateError::UnknownIssuer) => CertificateFault::UnknownIssuer,
        InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            CertificateFault::Expired
        }
        InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        ) => CertificateFault::NotYetValid,
        InvalidCertificate(CertificateError::NotValidForName) => {
            CertificateFault::WrongName { names: Vec::new() }
        }
        InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. }) => {
            let names = presented.iter().take(MAX_NAMES);
            CertificateFault::WrongName {
                names: names.map(|name| presented_name(name)).collect(),
            }
        }
        // rustls passes on this error of its verifier without a name of its own.
        InvalidCertificate(CertificateError::Other(other))
            if format!("{other:?}").contains("CaUsedAsEndEntity") =>
        {
            CertificateFault::Authority
        }
        AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied,
        ) => CertificateFault::Client,
        other => CertificateFault::Other(one_line(&other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_a_certificate_are_plain() {
        assert_eq!(presented_name("DnsName(\"localhost\")"), "localhost");
        assert_eq!(presented_name("IpAddress(127.0.0.1)"), "127.0.0.1");
    }
}
