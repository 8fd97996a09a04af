//! The parts of a certificate that clients check: its validity, purpose and names.

use std::net::IpAddr;

use license_core::chrono::{DateTime, Utc};
use license_core::time::{self, rfc3339};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

/// The parts of a certificate that clients check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CertificateContent {
    starts_at: DateTime<Utc>,
    pub(super) ends_at: DateTime<Utc>,
    /// Whether the certificate is that of a certificate authority.
    is_authority: bool,
    /// The host names and addresses.
    names: Vec<String>,
}

impl CertificateContent {
    /// Parses a certificate in DER. Returns `None` if it is malformed.
    pub(super) fn parse(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let validity = certificate.validity();
        let names = certificate.subject_alternative_name().ok()?;
        let names = names.map_or_else(Vec::new, |names| {
            let names = names.value.general_names.iter();
            names.filter_map(name).collect()
        });
        Some(Self {
            starts_at: instant(validity.not_before.timestamp()).unwrap_or(time::MIN),
            ends_at: instant(validity.not_after.timestamp()).unwrap_or(time::MAX),
            is_authority: certificate.is_ca(),
            names,
        })
    }

    /// Returns the reasons why clients will refuse the certificate. `names` are those that the
    /// settings name for a certificate that the server creates.
    pub(super) fn problems(&self, now: DateTime<Utc>, names: &[String]) -> Vec<String> {
        let mut problems = Vec::new();
        if now >= self.ends_at {
            problems.push(format!(
                "the certificate ended at {}; install a new one",
                rfc3339(self.ends_at)
            ));
        }
        if now < self.starts_at {
            problems.push(format!(
                "the certificate is valid from {}; check the clock, or install another one",
                rfc3339(self.starts_at)
            ));
        }
        if self.is_authority {
            problems.push(
                "the certificate is that of a certificate authority, which clients refuse for a \
                 server; create it with `openssl req -x509 -addext \
                 basicConstraints=critical,CA:FALSE`, or let an authority sign one"
                    .to_owned(),
            );
        }
        if self.names.is_empty() {
            problems.push(
                "the certificate has no names, so clients refuse it for each host; create it with \
                 `-addext subjectAltName=DNS:HOST`"
                    .to_owned(),
            );
        }
        let missing = names.iter().filter(|name| !self.names.contains(name));
        let missing: Vec<&str> = missing.map(String::as_str).collect();
        if !missing.is_empty() {
            problems.push(format!(
                "the certificate in the data directory is not for {}; delete tls.crt and tls.key, \
                 and start the server again for a new one, which clients must then trust",
                missing.join(", ")
            ));
        }
        problems
    }
}

fn instant(seconds: i64) -> Option<DateTime<Utc>> {
    time::from_unix_seconds(u64::try_from(seconds).ok()?)
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        _ => None,
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

#[cfg(test)]
mod tests {
    use license_core::chrono::TimeDelta;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

    use super::*;

    fn content(change: impl FnOnce(&mut CertificateParams)) -> CertificateContent {
        let names = vec!["licenses.example.com".to_owned(), "192.0.2.1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2027, 1, 1);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        CertificateContent::parse(certificate.der()).unwrap()
    }

    fn problems(content: &CertificateContent, at: &str, names: &[&str]) -> Vec<String> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        content.problems(at.parse().unwrap(), &names)
    }

    #[test]
    fn a_certificate_in_its_time_with_its_names_has_no_problem() {
        let content = content(|_| {});
        let names = ["192.0.2.1", "licenses.example.com"];
        assert_eq!(problems(&content, "2026-06-01T00:00:00Z", &names), [""; 0]);
    }

    #[test]
    fn each_reason_of_a_client_is_a_problem() {
        let valid = content(|_| {});
        let authority = content(|params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        });
        let nameless = content(|params| params.subject_alt_names.clear());
        for (content, at, names, expected) in [
            (&valid, "2027-01-01T00:00:00Z", &[][..], "ended"),
            (&valid, "2025-12-31T23:59:59Z", &[], "valid from"),
            (
                &valid,
                "2026-06-01T00:00:00Z",
                &["other.example.com"],
                "not for other.example.com",
            ),
            (&authority, "2026-06-01T00:00:00Z", &[], "CA:FALSE"),
            (&nameless, "2026-06-01T00:00:00Z", &[], "no names"),
        ] {
            let found = problems(content, at, names);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(
                found.iter().all(|problem| problem.contains(expected)),
                "{found:?}"
            );
        }
        let last = valid.ends_at - TimeDelta::seconds(1);
        assert_eq!(valid.problems(last, &[]), [""; 0]);
    }
}
