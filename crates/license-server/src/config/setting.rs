//! The settings: their names, defaults and meaning.

use license_cli_support::{Origin, SettingValue};

use super::service_url::without_password;
use crate::embedded::{PRODUCT_SOURCE, TRUST_SOURCE};

/// A setting of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// The name of the member in the file. The option has hyphens instead of underscores.
    pub(crate) name: &'static str,
    /// The value if no place sets one. An empty text means that there is none.
    pub(crate) default: &'static str,
    /// The meaning of the empty default.
    pub(crate) absent: &'static str,
    /// Whether the value is the path of a file or directory.
    pub(crate) is_path: bool,
}

/// The value of a setting in effect, as people see it: without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ShownSetting {
    pub(crate) name: &'static str,
    /// The value, or the meaning of its absence.
    pub(crate) value: String,
    /// The place that sets the value.
    pub(crate) origin: String,
    /// Whether no place sets the value.
    pub(crate) is_default: bool,
}

/// Returns the place of a value, without the path of the file.
pub(crate) fn shown_origin(origin: &Origin) -> String {
    match origin {
        Origin::File { line, .. } => format!("file, line {line}"),
        origin => origin.to_string(),
    }
}

/// The start of the name of each environment variable.
pub(crate) const PREFIX: &str = "LICENSE_SERVER_";
/// The variable with the path of the settings file.
pub(crate) const CONFIG_VARIABLE: &str = "LICENSE_SERVER_CONFIG";

impl Setting {
    /// Returns the name of the environment variable, such as `LICENSE_SERVER_LISTEN`.
    pub(crate) fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name.to_ascii_uppercase())
    }

    /// Returns the text of a value, if there is one. Omits the parts of a URI that may contain a
    /// PIN, and the password of a URL.
    pub(crate) fn shown(&self, value: &SettingValue<String>) -> Option<String> {
        let text = &value.value;
        let is_key = matches!(self.name, "key" | "signing_key");
        if is_key && text.to_ascii_lowercase().contains("pin-value") {
            return Some("pkcs11:…".to_owned());
        }
        if text.is_empty() {
            return None;
        }
        Some(match self.name {
            "database" | "redis" | "mail" => without_password(text),
            _ => text.clone(),
        })
    }

    const fn value(name: &'static str, default: &'static str) -> Self {
        Self {
            name,
            default,
            absent: "none",
            is_path: false,
        }
    }

    const fn optional(name: &'static str, absent: &'static str) -> Self {
        Self {
            absent,
            ..Self::value(name, "")
        }
    }

    const fn path(name: &'static str, absent: &'static str) -> Self {
        Self {
            is_path: true,
            ..Self::optional(name, absent)
        }
    }
}

/// All settings, in the order in which `license-server check-config` shows them.
pub(crate) const SETTINGS: [Setting; 64] = [
    Setting::path("data_dir", "license-server in the user data directory"),
    Setting::optional("database", "SQLite in the data directory"),
    Setting::path("database_password_file", "none"),
    Setting::optional("redis", "none"),
    Setting::path("redis_password_file", "none"),
    Setting::optional("key", "server.key in the data directory"),
    Setting::path("pin_file", "the file that the key names"),
    Setting::path("pkcs11_module", "the module that the key names"),
    Setting::value("listen", "127.0.0.1:8443"),
    Setting::optional("public_url", "the address, or the first of tls_names"),
    Setting::value("tls", "auto"),
    Setting::path("tls_cert", "a certificate in the data directory"),
    Setting::path("tls_key", "a key in the data directory"),
    Setting::optional("tls_names", "the host name and the address"),
    Setting::value("metrics_listen", "127.0.0.1:9464"),
    Setting::path("trust", TRUST_SOURCE),
    Setting::path("product_file", PRODUCT_SOURCE),
    Setting::path("ledger", "none: a site server"),
    Setting::path("signing_key", "none: a site server"),
    Setting::path("signing_key_passphrase_file", "none"),
    Setting::optional("name", "the host name"),
    Setting::optional("allowed_networks", "all"),
    Setting::optional("trusted_proxies", "none"),
    Setting::path("enrollment_token_file", "none"),
    Setting::optional("login_issuer", "none: seats need no login"),
    Setting::optional("login_client_id", "none"),
    Setting::value("login_claim", "email"),
    Setting::value("login_required", "on"),
    Setting::path("login_keys", "the keys of the provider"),
    Setting::path("login_ca_file", "the roots of Mozilla"),
    Setting::optional("mail", "none: links are shown to administrators"),
    Setting::path("mail_password_file", "none"),
    Setting::optional("mail_from", "none"),
    Setting::value("registration", "off"),
    Setting::value("session_idle_hours", "12"),
    Setting::value("session_days", "30"),
    Setting::value("peer_rate", "200"),
    Setting::value("license_rate", "2000"),
    Setting::value("max_connections", "4096"),
    Setting::value("max_connections_per_peer", "1024"),
    Setting::value("handshake_timeout", "10"),
    Setting::value("header_timeout", "10"),
    Setting::value("body_timeout", "30"),
    Setting::value("idle_timeout", "75"),
    Setting::value("shutdown_timeout", "10"),
    Setting::optional(
        "telemetry_days",
        "400 on a vendor's server, 0 on a site server",
    ),
    Setting::value("trials", "off"),
    Setting::value("trial_reminders", "7,3,1"),
    Setting::path("invoice_entities", "none: no invoices are issued"),
    Setting::value("invoice_reminders", "1,7,14"),
    Setting::path("meters_file", "none: nothing is metered"),
    Setting::value("metering_grace_hours", "1"),
    Setting::value("anomaly_machines", "10"),
    Setting::value("anomaly_networks", "20"),
    Setting::value("telemetry_group", "5"),
    Setting::optional("webhook_networks", "public addresses only"),
    Setting::value("webhook_http", "off"),
    Setting::path("webhook_ca_file", "the roots of Mozilla"),
    Setting::path("stripe_key_file", "none: no billing"),
    Setting::path("stripe_webhook_secret_file", "none"),
    Setting::value("stripe_api_url", "https://api.stripe.com"),
    Setting::value("billing_grace_days", "30"),
    Setting::value("log", "info"),
    Setting::value("log_format", "auto"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::*;
    use crate::args::Cli;

    #[test]
    fn each_setting_has_an_option_and_each_option_is_a_setting() {
        let command = Cli::command();
        let options = command.get_arguments();
        let options = options.filter(|option| option.get_help_heading() == Some("Settings"));
        let mut found: BTreeSet<_> = options.map(|option| option.get_id().as_str()).collect();
        assert!(found.remove("config") && found.remove("no_config"));
        let expected: BTreeSet<_> = SETTINGS.iter().map(|setting| setting.name).collect();
        assert_eq!(found, expected);
    }
}
