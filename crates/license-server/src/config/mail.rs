//! The settings of mail and of accounts.

use license_cli_support::Failure;
use license_core::chrono::TimeDelta;
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use super::reader::Reader;
use super::service::ServiceConfig;

/// The server that sends mail.
#[derive(Clone, Debug)]
pub(crate) struct MailConfig {
    pub(crate) service: ServiceConfig,
    /// The sender, with or without a name.
    pub(crate) from: String,
}

/// The settings of people who sign in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AccountConfig {
    /// Whether people can register an organization.
    pub(crate) registration: bool,
    pub(crate) session_idle: TimeDelta,
    pub(crate) session_lifetime: TimeDelta,
}

/// The parts of the URL of a mail server.
pub(crate) struct MailServer {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Whether TLS begins with the connection.
    pub(crate) is_wrapped: bool,
    /// Whether TLS begins with `STARTTLS`. Without it, no mail is sent.
    pub(crate) needs_start_tls: bool,
    pub(crate) credentials: Option<(String, Zeroizing<String>)>,
}

impl MailServer {
    /// Reads the parts of a URL, and the file with the password.
    ///
    /// # Errors
    ///
    /// Returns `USAGE` for another URL, and the errors of [`ServiceConfig::password`].
    pub(crate) fn new(service: &ServiceConfig) -> Result<Self, Failure> {
        let refused = || {
            Failure::usage(
                "mail: expected a URL such as smtps://USER@smtp.example.com:465, found another text",
            )
            .hint("the URL has a host, and may have a user and a port, and nothing else")
        };
        let (scheme, rest) = service.url.expose().split_once("://").ok_or_else(refused)?;
        let (user, place) = match rest.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, rest),
        };
        let place = place.strip_suffix('/').unwrap_or(place);
        let (host, port) = split_port(place).ok_or_else(refused)?;
        let is_local = host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback());
        let is_wrapped = scheme == "smtps";
        let default = match (is_wrapped, is_local) {
            (true, _) => 465,
            (false, true) => 25,
            (false, false) => 587,
        };
        let decode = |text: &str| {
            let decoded = percent_decode_str(text).decode_utf8();
            decoded.map(|text| text.into_owned()).map_err(|_| refused())
        };
        let credentials = match user {
            None => None,
            Some(user) => {
                let (user, password) = user.split_once(':').unwrap_or((user, ""));
                let password = match service.password()? {
                    Some(password) => password,
                    None => Zeroizing::new(decode(password)?),
                };
                Some((decode(user)?, password))
            }
        };
        Ok(Self {
            host: host.to_owned(),
            port: port.unwrap_or(default),
            is_wrapped,
            needs_start_tls: !is_wrapped && !is_local,
            credentials,
        })
    }
}

/// Splits the port from a host. An IPv6 address has brackets.
fn split_port(place: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (host, rest.strip_prefix(':'))
        }
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:_".contains(&byte);
    let port = port.map(str::parse).transpose().ok()?;
    (!host.is_empty() && host.bytes().all(is_host)).then_some((host, port))
}

impl Reader<'_> {
    /// Returns the server that sends mail, which needs a sender.
    pub(super) fn mail(&self) -> Result<Option<MailConfig>, Failure> {
        let expected = "expected a URL such as smtps://USER@smtp.example.com:465";
        let service = self.service("mail", &["smtp", "smtps"], expected)?;
        let from = self.text("mail_from");
        match (service, from.is_empty()) {
            (None, true) => Ok(None),
            (None, false) => Err(Failure::usage("expected mail with mail_from, found none")
                .hint("name the mail server with --mail URL, or remove mail_from")),
            (Some(_), true) => Err(Failure::usage("expected mail_from with mail, found none").hint(
                "name the sender of mails, such as --mail-from 'Licenses <no-reply@example.com>'",
            )),
            (Some(service), false) => Ok(Some(MailConfig { service, from })),
        }
    }

    /// Returns the settings of people who sign in.
    pub(super) fn accounts(&self) -> Result<AccountConfig, Failure> {
        let registration = self.parsed("registration", |text| match text {
            "on" => Ok(true),
            "off" => Ok(false),
            _ => Err("expected on or off"),
        })?;
        if registration && self.text("mail").is_empty() {
            return Err(
                Failure::usage("expected mail with registration, found none")
                    .hint("name the mail server with --mail URL, or set registration to off"),
            );
        }
        let number = |name, most, expected| {
            self.parsed(name, |text| {
                let number = text.parse().ok();
                let number = number.filter(|number: &i64| (1..=most).contains(number));
                number.ok_or(expected)
            })
        };
        let hours = number(
            "session_idle_hours",
            720,
            "expected a whole number of hours from 1 to 720",
        )?;
        let days = number(
            "session_days",
            365,
            "expected a whole number of days from 1 to 365",
        )?;
        Ok(AccountConfig {
            registration,
            session_idle: TimeDelta::hours(hours),
            session_lifetime: TimeDelta::days(days),
        })
    }
}

#[cfg(test)]
impl MailConfig {
    /// Returns the settings of a mail server without a password.
    pub(crate) fn for_tests(url: &str) -> Self {
        Self {
            service: ServiceConfig {
                name: "mail",
                url: super::service_url::ServiceUrl::parse(url, &["smtp", "smtps"]).unwrap(),
                password_file: None,
            },
            from: "Licenses <no-reply@example.com>".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_outside_this_machine_gets_mail_with_tls_only() {
        for (url, host, port, is_wrapped, needs_start_tls) in [
            (
                "smtps://mail.example.com",
                "mail.example.com",
                465,
                true,
                false,
            ),
            (
                "smtp://mail.example.com",
                "mail.example.com",
                587,
                false,
                true,
            ),
            (
                "smtp://mail.example.com:25/",
                "mail.example.com",
                25,
                false,
                true,
            ),
            (
                "smtp://ann%40x:p%3Aw@10.0.0.1",
                "10.0.0.1",
                587,
                false,
                true,
            ),
            ("smtp://localhost", "localhost", 25, false, false),
            ("smtp://127.0.0.1:2525", "127.0.0.1", 2525, false, false),
            ("smtp://[::1]:2525", "::1", 2525, false, false),
        ] {
            let found = MailServer::new(&MailConfig::for_tests(url).service).unwrap();
            assert_eq!((found.host.as_str(), found.port), (host, port), "{url}");
            assert_eq!(found.is_wrapped, is_wrapped, "{url}");
            assert_eq!(found.needs_start_tls, needs_start_tls, "{url}");
            let credentials = found.credentials;
            let credentials = credentials.map(|(user, password)| (user, password.to_string()));
            let expected = url
                .contains('@')
                .then(|| ("ann@x".to_owned(), "p:w".to_owned()));
            assert_eq!(credentials, expected, "{url}");
        }
        for url in [
            "smtp://mail.example.com?tls=none",
            "smtp://mail.example.com/path",
            "smtp://mail.example.com:70000",
            "smtp://mail.example.com:",
            "smtp://[::1",
        ] {
            let refused = MailServer::new(&MailConfig::for_tests(url).service);
            assert_eq!(
                refused
                    .err()
                    .map(|failure| failure.code().to_owned())
                    .as_deref(),
                Some("USAGE"),
                "{url}"
            );
        }
    }
}
