//! The settings of billing.

use std::path::PathBuf;

use license_cli_support::Failure;
use license_core::chrono::TimeDelta;

use super::reader::Reader;

/// The access to Stripe, and the rules of billing.
#[derive(Clone, Debug)]
pub(crate) struct BillingConfig {
    pub(crate) key_file: PathBuf,
    pub(crate) webhook_secret_file: PathBuf,
    pub(crate) api_url: String,
    /// How long a late payment has no effect.
    pub(crate) grace: TimeDelta,
}

impl Reader<'_> {
    /// Returns the settings of billing, which need each other and a vendor's server.
    pub(super) fn billing(&self, is_vendor: bool) -> Result<Option<BillingConfig>, Failure> {
        let api_url = self.parsed("stripe_api_url", api_url)?;
        let days = self.parsed("billing_grace_days", |text| {
            let days = text.parse().ok().filter(|days| (1..=90).contains(days));
            days.ok_or("expected a whole number of days from 1 to 90")
        })?;
        let (key, secret) = (
            self.path("stripe_key_file"),
            self.path("stripe_webhook_secret_file"),
        );
        let missing = |expected: &str, given: &str| {
            Err(
                Failure::usage(format!("expected {expected} with {given}, found none"))
                    .hint(format!("name the file with {expected}, or remove {given}")),
            )
        };
        match (key, secret) {
            (None, None) => Ok(None),
            (Some(_), None) => missing("stripe_webhook_secret_file", "stripe_key_file"),
            (None, Some(_)) => missing("stripe_key_file", "stripe_webhook_secret_file"),
            (Some(_), Some(_)) if !is_vendor => Err(Failure::usage(
                "expected ledger and signing_key with stripe_key_file, found none",
            )
            .hint("only a vendor's server sells licenses: name its ledger and its key, or remove the settings of Stripe")),
            (Some(key_file), Some(webhook_secret_file)) => Ok(Some(BillingConfig {
                key_file,
                webhook_secret_file,
                api_url,
                grace: TimeDelta::days(days),
            })),
        }
    }
}

/// Accepts an `https` URL without a path, or an `http` URL of this machine, where tests have a
/// double.
fn api_url(text: &str) -> Result<String, &'static str> {
    let expected =
        "expected a URL such as https://api.stripe.com, or http:// with a loopback address";
    let (scheme, rest) = text.split_once("://").ok_or(expected)?;
    let place = rest.strip_suffix('/').unwrap_or(rest);
    let is_place = !place.is_empty()
        && place
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
    let host = match place.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => host,
        _ => place,
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_local = host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    let is_accepted = scheme == "https" || (scheme == "http" && is_local);
    (is_place && is_accepted)
        .then(|| format!("{scheme}://{place}"))
        .ok_or(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_sent_over_https_or_to_this_machine_only() {
        for (text, expected) in [
            ("https://api.stripe.com", Some("https://api.stripe.com")),
            ("https://api.stripe.com/", Some("https://api.stripe.com")),
            ("http://127.0.0.1:8420", Some("http://127.0.0.1:8420")),
            ("http://[::1]:8420", Some("http://[::1]:8420")),
            ("http://localhost", Some("http://localhost")),
            ("http://api.stripe.com", None),
            ("http://127.0.0.1.example.com", None),
            ("https://", None),
            ("https://user@api.stripe.com", None),
            ("https://api.stripe.com/v1", None),
            ("https://api.stripe.com?x", None),
            ("ftp://127.0.0.1", None),
            ("api.stripe.com", None),
        ] {
            assert_eq!(api_url(text).ok().as_deref(), expected, "{text}");
        }
    }
}
