//! Typed values of settings.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use license_cli_support::{Exit, Failure, Origin, SettingValue, escape};
use license_issuer::signer::KeyLocation;

use super::service_url::without_password;
use super::settings::Settings;
use super::{Limits, LogFormat, LoginConfig, Tls, TokenKey, VendorSettings, host_name};
use crate::issuer::parse_issuer;
use crate::network::Network;

/// The number of days for which a vendor's server keeps telemetry by default.
const TELEMETRY_DAYS: u32 = 400;

/// Reads typed values of settings.
pub(super) struct Reader<'a>(pub(super) &'a Settings);

impl Reader<'_> {
    pub(super) fn text(&self, name: &str) -> String {
        self.0.get(name).value
    }

    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        let text = self.text(name);
        (!text.is_empty()).then(|| text.into())
    }

    /// Returns the key in a token. No message repeats the URI, because it may contain a PIN.
    pub(super) fn token_key(&self) -> Result<Option<TokenKey>, Failure> {
        let value = self.0.get("key");
        let (pin_file, module) = (self.path("pin_file"), self.path("pkcs11_module"));
        if value.value.is_empty() {
            let unused = [("pin_file", &pin_file), ("pkcs11_module", &module)];
            let unused = unused.into_iter().find(|(_, path)| path.is_some());
            return unused.map_or(Ok(None), |(name, _)| {
                let message = format!("expected key with {name}, found none");
                Err(Failure::usage(message)
                    .hint("name the key in the HSM: --key \"pkcs11:token=TOKEN;object=NAME\""))
            });
        }
        match KeyLocation::from(OsString::from(value.value.trim())) {
            location @ KeyLocation::Pkcs11(_) => Ok(Some(TokenKey {
                location,
                pin_file,
                module,
            })),
            _ => {
                let expected = "expected a key in an HSM such as pkcs11:token=TOKEN;object=NAME";
                let value = SettingValue {
                    value: "another text".to_owned(),
                    ..value
                };
                Err(refused("key", expected, &value))
            }
        }
    }

    /// Parses a value. `parse` returns a description of the expected value on error.
    pub(super) fn parsed<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, &'static str>,
    ) -> Result<T, Failure> {
        let value = self.0.get(name);
        parse(value.value.trim()).map_err(|expected| refused(name, expected, &value))
    }

    pub(super) fn optional<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, &'static str>,
    ) -> Result<Option<T>, Failure> {
        if self.text(name).is_empty() {
            return Ok(None);
        }
        self.parsed(name, parse).map(Some)
    }

    pub(super) fn address(&self, name: &str) -> Result<SocketAddr, Failure> {
        self.parsed(name, |text| {
            text.parse()
                .map_err(|_| "expected an IP address and a port such as 0.0.0.0:8443")
        })
    }

    /// Parses an address, or `off`.
    pub(super) fn optional_address(&self, name: &str) -> Result<Option<SocketAddr>, Failure> {
        self.parsed(name, |text| match text {
            "off" => Ok(None),
            _ => text
                .parse()
                .map(Some)
                .map_err(|_| "expected an IP address and a port such as 127.0.0.1:9464, or off"),
        })
    }

    pub(super) fn networks(&self, name: &str) -> Result<Vec<Network>, Failure> {
        self.parsed(name, |text| {
            let items = text.split(',').map(str::trim);
            let items = items.filter(|item| !item.is_empty());
            items.map(Network::from_str).collect()
        })
    }

    /// Parses a setting that is on or off.
    pub(super) fn switch(&self, name: &str) -> Result<bool, Failure> {
        self.parsed(name, |text| match text {
            "on" => Ok(true),
            "off" => Ok(false),
            _ => Err("expected on or off"),
        })
    }

    pub(super) fn number(&self, name: &str) -> Result<u32, Failure> {
        self.parsed(name, |text| {
            let number = text.parse().ok().filter(|number| *number > 0);
            number.ok_or("expected a whole number from 1 to 4294967295")
        })
    }

    pub(super) fn seconds(&self, name: &str) -> Result<Duration, Failure> {
        self.parsed(name, |text| {
            let seconds = text
                .parse()
                .ok()
                .filter(|seconds| (1..=3600).contains(seconds));
            seconds
                .map(Duration::from_secs)
                .ok_or("expected a whole number of seconds from 1 to 3600")
        })
    }

    pub(super) fn rate(&self, name: &str) -> Result<Option<NonZeroU32>, Failure> {
        if self.text(name) == "off" {
            return Ok(None);
        }
        self.parsed(name, |text| {
            let rate = text.parse().map(Some);
            rate.map_err(
                |_| "expected a whole number of requests per second from 1 to 4294967295, or off",
            )
        })
    }

    /// Returns the number of days for which telemetry is kept. By default, a vendor's server keeps
    /// it, and a site server accepts none.
    pub(super) fn telemetry_days(&self) -> Result<u32, Failure> {
        let days = self.optional("telemetry_days", |text| {
            let days = text.parse().ok().filter(|days| *days <= 3650);
            days.ok_or("expected a whole number of days from 0 to 3650")
        })?;
        let is_vendor = !self.text("ledger").is_empty();
        let default = if is_vendor { TELEMETRY_DAYS } else { 0 };
        Ok(days.unwrap_or(default))
    }

    pub(super) fn limits(&self) -> Result<Limits, Failure> {
        Ok(Limits {
            peer_rate: self.rate("peer_rate")?,
            license_rate: self.rate("license_rate")?,
            max_connections: self.number("max_connections")?,
            max_connections_per_peer: self.number("max_connections_per_peer")?,
            handshake_timeout: self.seconds("handshake_timeout")?,
            header_timeout: self.seconds("header_timeout")?,
            body_timeout: self.seconds("body_timeout")?,
            idle_timeout: self.seconds("idle_timeout")?,
            shutdown_timeout: self.seconds("shutdown_timeout")?,
        })
    }

    /// Returns the provider of logins, which needs a client id.
    pub(super) fn login(&self) -> Result<Option<LoginConfig>, Failure> {
        let Some(issuer) = self.optional("login_issuer", |text| {
            parse_issuer(text).map(|_| text.to_owned())
        })?
        else {
            let others = ["login_client_id", "login_keys", "login_ca_file"];
            let unused = others.into_iter().find(|name| !self.text(name).is_empty());
            return unused.map_or(Ok(None), |name| {
                let message = format!("expected login_issuer with {name}, found none");
                Err(Failure::usage(message)
                    .hint("name the OpenID provider with --login-issuer URL"))
            });
        };
        let client_id = self.optional("login_client_id", |text| {
            let is_id = text.bytes().all(|byte| byte.is_ascii_graphic()) && text.len() <= 256;
            let expected = "expected 1 to 256 visible ASCII characters";
            is_id.then(|| text.to_owned()).ok_or(expected)
        })?;
        let client_id = client_id.ok_or_else(|| {
            Failure::usage("expected login_client_id with login_issuer, found none")
                .hint("name the id of the clients at the provider with --login-client-id ID")
        })?;
        Ok(Some(LoginConfig {
            issuer,
            client_id,
            claim: self.parsed("login_claim", |text| {
                let is_name = text.bytes().all(|byte| byte.is_ascii_graphic()) && text.len() <= 64;
                let expected = "expected the name of a claim, such as email or sub";
                (is_name && !text.is_empty())
                    .then(|| text.to_owned())
                    .ok_or(expected)
            })?,
            is_required: self.switch("login_required")?,
            keys: self.path("login_keys"),
            ca_file: self.path("login_ca_file"),
        }))
    }

    /// Returns the settings of a vendor's server, which need each other.
    pub(super) fn vendor(&self) -> Result<Option<VendorSettings>, Failure> {
        let (ledger, key) = (self.path("ledger"), self.path("signing_key"));
        let passphrase_file = self.path("signing_key_passphrase_file");
        match (ledger, key) {
            (Some(ledger), Some(key)) => Ok(Some(VendorSettings {
                ledger,
                signing_key: key.into_os_string().into(),
                passphrase_file,
            })),
            (Some(_), None) => Err(Failure::usage(
                "expected signing_key with ledger, found none",
            )
            .hint("name the key that signs licenses with --signing-key, or remove ledger for a site server")),
            (None, Some(_)) => Err(Failure::usage(
                "expected ledger with signing_key, found none",
            )
            .hint("name the ledger with --ledger FILE, or remove signing_key for a site server")),
            (None, None) if passphrase_file.is_some() => Err(Failure::usage(
                "expected signing_key with signing_key_passphrase_file, found none",
            )
            .hint("name the key with --signing-key, or remove signing_key_passphrase_file")),
            (None, None) => Ok(None),
        }
    }

    /// Returns the use of TLS. A certificate that the server creates is also for the public URL.
    pub(super) fn tls(&self, listen: SocketAddr, url: Option<&str>) -> Result<Tls, Failure> {
        let is_local = listen.ip().is_loopback();
        let mode = self.parsed("tls", |text| match text {
            "auto" | "on" | "off" => Ok(text.to_owned()),
            _ => Err("expected auto, on or off"),
        })?;
        let (cert, key) = (self.path("tls_cert"), self.path("tls_key"));
        match (mode.as_str(), cert, key) {
            ("off", None, None) if is_local || !self.text("trusted_proxies").is_empty() => {
                Ok(Tls::Off)
            }
            ("off", None, None) => Err(no_tls(listen)),
            ("off", ..) => Err(
                Failure::usage("tls is off, but there is a certificate or a key")
                    .hint("remove tls_cert and tls_key, or set tls to auto"),
            ),
            (_, Some(cert), Some(key)) => Ok(Tls::Files { cert, key }),
            (_, Some(_), None) => Err(Failure::usage("expected tls_key with tls_cert, found none")
                .hint("name the private key of the certificate with --tls-key FILE")),
            (_, None, Some(_)) => Err(Failure::usage("expected tls_cert with tls_key, found none")
                .hint("name the certificate chain with --tls-cert FILE")),
            ("auto", None, None) if is_local => Ok(Tls::Off),
            (_, None, None) => Ok(Tls::SelfSigned {
                names: self.tls_names(listen, url),
            }),
        }
    }

    /// Returns the first name of `tls_names`, if the operator has set it.
    pub(super) fn first_tls_name(&self) -> Option<String> {
        let text = self.text("tls_names");
        let mut names = text.split(',').map(str::trim);
        names.find(|name| !name.is_empty()).map(str::to_owned)
    }

    /// Returns the names for the certificate that the server creates. It is always valid on the
    /// machine of the server.
    fn tls_names(&self, listen: SocketAddr, url: Option<&str>) -> Vec<String> {
        let text = self.text("tls_names");
        let names = text
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty());
        let mut names: Vec<String> = names.map(str::to_owned).collect();
        if names.is_empty() {
            names.push(host_name());
            if !listen.ip().is_unspecified() {
                names.push(listen.ip().to_string());
            }
        }
        names.extend(url.and_then(host_of).map(str::to_owned));
        names.extend(["localhost", "127.0.0.1"].map(str::to_owned));
        names.sort();
        names.dedup();
        names
    }
}

pub(super) fn no_tls(listen: SocketAddr) -> Failure {
    let message = format!("tls is off, but {listen} can be reached from other machines");
    Failure::new(Exit::Usage, "NO_TLS", message).hint(
        "set tls to auto; or, if a proxy terminates TLS, name its network with --trusted-proxies",
    )
}

/// Returns the failure of a value that is not acceptable.
pub(super) fn refused(name: &str, expected: &str, value: &SettingValue<String>) -> Failure {
    let shown = match name {
        "database" | "redis" | "mail" => without_password(&value.value),
        _ => value.value.clone(),
    };
    let shown: String = shown.chars().take(60).collect();
    let message = format!("{name}: {expected}, found {}", escape(&shown));
    let failure = match value.origin {
        Origin::File { .. } => Failure::malformed(message),
        _ => Failure::usage(message),
    };
    let hint = "`license-server check-config --help` lists the settings";
    match value.origin {
        Origin::Option | Origin::Default => failure.hint(hint),
        _ => failure
            .with_remark(&format!("from {}", value.origin))
            .hint(hint),
    }
}

pub(super) fn public_url(text: &str) -> Result<String, &'static str> {
    const EXPECTED: &str = "expected a URL such as https://licenses.example.com";
    let rest = text
        .strip_prefix("https://")
        .or(text.strip_prefix("http://"));
    let rest = rest.ok_or(EXPECTED)?;
    let is_plain = |c: char| c.is_ascii_graphic() && !"\"'<>\\^`{|}".contains(c);
    if rest.is_empty() || !rest.chars().all(is_plain) {
        return Err(EXPECTED);
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// Returns the host of a URL, without its port.
fn host_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = match authority.strip_prefix('[') {
        Some(address) => address.split(']').next()?,
        None => authority.split(':').next()?,
    };
    (!host.is_empty()).then_some(host)
}

/// Accepts a filter whose words are levels, or targets of this program. The filter itself takes any
/// other word for a target that nothing logs to.
pub(super) fn log_filter(text: &str) -> Result<String, &'static str> {
    const EXPECTED: &str = "expected off, error, warn, info, debug or trace, or a filter such as \
                            info,license_server=debug";
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let directive = |directive: &str| {
        let directive = directive.trim();
        let (target, word) = match directive.rsplit_once('=') {
            Some((target, word)) => (Some(target), word),
            None => (None, directive),
        };
        let word = word.to_ascii_lowercase();
        let level = if word == "warning" { "warn" } else { &word };
        match target {
            Some(target) if LEVELS.contains(&level) => Ok(format!("{target}={level}")),
            None if LEVELS.contains(&level) => Ok(level.to_owned()),
            None if directive.starts_with("license_") => Ok(directive.to_owned()),
            _ => Err(EXPECTED),
        }
    };
    let directives: Result<Vec<_>, _> = text.split(',').map(directive).collect();
    Ok(directives?.join(","))
}

pub(super) fn server_name(text: &str) -> Result<String, &'static str> {
    match text.chars().count() {
        1..=128 if !text.chars().any(char::is_control) => Ok(text.to_owned()),
        _ => Err("expected 1 to 128 characters without control characters"),
    }
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, &'static str> {
    match text {
        "auto" => Ok(LogFormat::Auto),
        "json" => Ok(LogFormat::Json),
        "text" => Ok(LogFormat::Text),
        _ => Err("expected auto, json or text"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_url_has_no_port() {
        for (url, host) in [
            ("https://licenses.example.com", Some("licenses.example.com")),
            (
                "https://licenses.example.com:8443/a",
                Some("licenses.example.com"),
            ),
            ("https://[2001:db8::1]:8443", Some("2001:db8::1")),
            ("https://:8443", None),
        ] {
            assert_eq!(host_of(url), host, "{url}");
        }
    }

    #[test]
    fn a_filter_has_levels_and_targets_of_the_program() {
        for (text, filter) in [
            ("info", Some("info")),
            ("warning", Some("warn")),
            (
                "WARN, license_server=Debug",
                Some("warn,license_server=debug"),
            ),
            ("license_server", Some("license_server")),
            ("verbose", None),
            ("license_server=verbose", None),
            ("info,", None),
        ] {
            assert_eq!(log_filter(text).ok().as_deref(), filter, "{text}");
        }
    }
}
