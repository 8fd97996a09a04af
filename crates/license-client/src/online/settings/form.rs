//! The forms of the values.

use std::path::Path;
use std::time::Duration;

use super::super::error::OnlineError;
use super::super::server_url::ServerUrl;
use super::super::setting::{OnlineSetting, OnlineSource};

/// The limits of a time limit in seconds.
const SECONDS: std::ops::RangeInclusive<f64> = 0.1..=300.0;
/// The longest enrollment token, client id and list of scopes.
const MAX_TEXT: usize = 256;

/// Splits a list of URLs.
pub(in crate::online) fn urls(text: &str) -> impl Iterator<Item = &str> {
    let urls = text.split(|part: char| part == ',' || part.is_whitespace());
    urls.filter(|url| !url.is_empty())
}

/// Parses a time limit.
pub(super) fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.parse().ok()?;
    SECONDS
        .contains(&seconds)
        .then(|| Duration::from_secs_f64(seconds))
}

/// Checks the form of a value.
pub(super) fn check(
    setting: OnlineSetting,
    value: &str,
    source: &OnlineSource,
) -> Result<(), OnlineError> {
    let is_path = |value: &str| Path::new(value).is_absolute() && !value.contains(char::is_control);
    let is_token = |value: &str| {
        (1..=MAX_TEXT).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let is_valid = match setting {
        OnlineSetting::ServerUrl => {
            if let Some(found) = urls(value).find_map(|url| ServerUrl::parse(url).err()) {
                return Err(invalid(setting, source, found));
            }
            urls(value).next().is_some()
        }
        OnlineSetting::CaFile | OnlineSetting::ClientCertificate | OnlineSetting::ClientKey => {
            is_path(value)
        }
        OnlineSetting::ConnectTimeout | OnlineSetting::Timeout => seconds(value).is_some(),
        OnlineSetting::EnrollmentToken | OnlineSetting::LoginClientId => is_token(value),
        OnlineSetting::AllowHttp | OnlineSetting::ForbidTelemetry => {
            matches!(value, "true" | "false")
        }
        OnlineSetting::LoginIssuer => {
            // A login is a secret, so `allow-http` does not count.
            let found = match ServerUrl::parse(value) {
                Ok(url) if url.is_authenticated() => return Ok(()),
                Ok(_) => "http to another machine",
                Err(found) => found,
            };
            return Err(invalid(setting, source, found));
        }
        OnlineSetting::LoginScopes => {
            value.split(' ').all(is_token)
                && value.len() <= MAX_TEXT
                && value.split(' ').any(|scope| scope == "openid")
        }
    };
    if is_valid {
        return Ok(());
    }
    let found = if setting.is_secret() {
        format!("{} bytes", value.len())
    } else {
        format!("{value:?}")
    };
    Err(invalid(setting, source, found))
}

/// Returns the error for a value that does not have the form of its setting.
pub(in crate::online) fn invalid(
    setting: OnlineSetting,
    source: &OnlineSource,
    found: impl Into<String>,
) -> OnlineError {
    OnlineError::Setting {
        setting,
        origin: source.clone(),
        expected: setting.expected(),
        found: found.into(),
    }
}
