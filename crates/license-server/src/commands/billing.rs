//! `license-server billing`: the commands for billing.

use license_cli_support::{Failure, show_path};
use zeroize::Zeroizing;

use crate::billing::{StripeSettings, WebhookKey};
use crate::config::{BillingConfig, private_text};

/// The largest number of secrets of a webhook: one, and another one while it is changed.
const MAX_SECRETS: usize = 2;

/// Reads the files with the key and with the secrets.
///
/// # Errors
///
/// Returns `IO` if a file cannot be read, `INSECURE_FILE` if other users can read it, and
/// `USAGE` if it has other content.
pub(super) fn stripe(config: &BillingConfig) -> Result<StripeSettings, Failure> {
    let text = private_text(&config.key_file)?;
    let key = text.trim();
    let is_key = (key.starts_with("sk_") || key.starts_with("rk_"))
        && key.len() > 8
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_key {
        let message = format!(
            "{}: expected a secret or restricted key of Stripe, found another text",
            show_path(&config.key_file)
        );
        return Err(Failure::usage(message)
            .hint("write the key, such as sk_test_…, to the file, and nothing else"));
    }
    Ok(StripeSettings {
        key: Zeroizing::new(key.to_owned()),
        webhook_keys: webhook_keys(config)?,
        api_url: config.api_url.clone(),
    })
}

fn webhook_keys(config: &BillingConfig) -> Result<Vec<WebhookKey>, Failure> {
    let text = private_text(&config.webhook_secret_file)?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let keys: Option<Vec<_>> = lines.map(WebhookKey::parse).collect();
    let keys = keys.filter(|keys| (1..=MAX_SECRETS).contains(&keys.len()));
    keys.ok_or_else(|| {
        let message = format!(
            "{}: expected one or two secrets of a webhook of Stripe, one a line, found another text",
            show_path(&config.webhook_secret_file)
        );
        Failure::usage(message).hint("copy the signing secret, such as whsec_…, from the webhook")
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use license_core::chrono::TimeDelta;

    use super::*;

    fn write(path: &Path, text: &str, mode: u32) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn the_files_are_private_and_have_a_key_and_one_or_two_secrets() {
        let directory = tempfile::tempdir().unwrap();
        let config = BillingConfig {
            key_file: directory.path().join("key"),
            webhook_secret_file: directory.path().join("secret"),
            api_url: "http://127.0.0.1:1".to_owned(),
            grace: TimeDelta::days(30),
        };
        let (key, secret) = (&config.key_file, &config.webhook_secret_file);
        let code = || {
            stripe(&config)
                .err()
                .map(|failure| failure.code().to_owned())
        };
        assert_eq!(code().as_deref(), Some("IO"));
        write(key, "sk_test_hunter2hunter2\n", 0o644);
        assert_eq!(code().as_deref(), Some("INSECURE_FILE"));
        write(key, "sk_test_hunter2hunter2\n", 0o600);
        let one = "whsec_0123456789abcdef\n";
        for (text, expected) in [
            ("hunter2hunter2hunter2", Some("USAGE")),
            ("", Some("USAGE")),
            (one, None),
            (&one.repeat(2), None),
            (&one.repeat(3), Some("USAGE")),
            ("whsec_short", Some("USAGE")),
        ] {
            write(secret, text, 0o600);
            assert_eq!(code().as_deref(), expected, "{text}");
        }
        write(secret, one, 0o600);
        let settings = stripe(&config).unwrap();
        assert!(!format!("{settings:?}").contains("hunter2"));
        write(key, "pk_test_hunter2hunter2", 0o600);
        let failure = stripe(&config).err().unwrap();
        assert_eq!(failure.code(), "USAGE");
        assert!(!failure.message().contains("hunter2"));
    }
}
