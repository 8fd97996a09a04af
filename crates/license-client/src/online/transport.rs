//! Requests to license servers, in the order of preference.

mod failure;

use std::ffi::OsString;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use license_core::encoding::from_strict_json;
use serde::de::DeserializeOwned;
use ureq::http::{HeaderMap, Method, Request, Response, header};
use ureq::tls::TlsConfig;
use ureq::{Agent, AsSendBody, Body};
use zeroize::Zeroizing;

use self::failure::ServerAttempt;
use super::error::{OnlineError, ServerProblem};
use super::proxy::proxy_for;
use super::resolver::TimedResolver;
use super::server_url::ServerUrl;
use super::setting::{OnlineSetting, OnlineSource};
use super::settings::{Resolved, invalid};
use super::tls;
use crate::boot_time::BootTime;

/// The maximum size of an answer in bytes. A validation with a renewal has less than 20 KiB.
pub(super) const MAX_ANSWER: u64 = 256 * 1024;
/// The maximum size of the header of an answer in bytes.
const MAX_HEADER: usize = 32 * 1024;
/// The longest `Retry-After` that is waited for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(5);
const USER_AGENT: &str = concat!("license-client/", env!("CARGO_PKG_VERSION"));

/// A connection to the configured servers.
pub(super) struct Transport {
    servers: Vec<Server>,
    connect: Duration,
    total: Duration,
    enrollment_token: Option<Zeroizing<String>>,
}

/// A server, and the HTTP client for it.
pub(super) struct Server {
    url: ServerUrl,
    /// The URL, with the proxy if there is one.
    label: String,
    agent: Agent,
    /// The file with the trusted certificates, if a setting names one.
    ca_file: Option<PathBuf>,
}

/// A response of a server, with any status.
pub(super) struct Received {
    response: Response<Body>,
    pub(super) body: Zeroizing<Vec<u8>>,
}

/// A request.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    /// The path with its query, such as `/api/v1/seats`.
    pub(super) path: &'a str,
    /// The body in JSON. It may contain a secret.
    pub(super) body: Option<Zeroizing<String>>,
    /// The license key for the header `Authorization`.
    pub(super) license: Option<&'a str>,
    /// The secret that deletes the telemetry of an installation.
    pub(super) deletion_secret: Option<&'a str>,
    /// The key of a POST whose repetition must not have a second effect. It is the same for each
    /// attempt.
    pub(super) idempotency_key: Option<&'a str>,
}

/// The servers to ask.
#[derive(Clone, Copy)]
pub(super) enum Route {
    /// Each server, until one answers.
    Any,
    /// Only the server with this number.
    Only(usize),
    /// The server with this number. If it is not reached, the others are asked too, because they
    /// may share its database. A refusal by them is ignored, because they may have another one.
    First(usize),
}

/// The time limit of a request.
#[derive(Clone, Copy)]
pub(super) enum Limit {
    /// The configured limit.
    Configured,
    /// The configured limit, but at most this time.
    AtMost(Duration),
    /// The configured limit, and this time, for which the server may wait before it answers.
    Longer(Duration),
}

/// A successful answer.
pub(super) struct Answer {
    /// The number of the server.
    pub(super) server: usize,
    /// When the first attempt was sent. A server that answers a repetition with its stored answer
    /// counts from the first attempt too.
    pub(super) sent_at: BootTime,
    body: Zeroizing<Vec<u8>>,
}

impl Transport {
    pub(super) fn new(settings: &Resolved) -> Result<Self, OnlineError> {
        Self::in_environment(settings, |name| std::env::var_os(name))
    }

    /// Same as [`Self::new`], with the proxies of this environment.
    pub(super) fn in_environment(
        settings: &Resolved,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, OnlineError> {
        let tls = tls::config(settings)?;
        let server = |url: ServerUrl| {
            let server = Server::new(url, &tls, OnlineSetting::ServerUrl, &environment)?;
            Ok(server.with_ca_file(settings.ca_file()))
        };
        let servers = settings.servers()?.into_iter().map(server);
        let token = settings.get(OnlineSetting::EnrollmentToken);
        Ok(Self {
            servers: servers.collect::<Result<_, OnlineError>>()?,
            connect: settings.connect_timeout(),
            total: settings.timeout(),
            enrollment_token: token.map(|(token, _)| Zeroizing::new(token.to_owned())),
        })
    }

    /// Returns the URLs of the servers.
    pub(super) fn urls(&self) -> impl Iterator<Item = &str> {
        self.servers.iter().map(|server| server.url.as_str())
    }

    /// Returns the URL of a server.
    pub(super) fn url(&self, server: usize) -> &str {
        self.servers
            .get(server)
            .map_or("", |server| server.url.as_str())
    }

    /// Returns whether answers of a server prove that they are from the server.
    pub(super) fn is_authenticated(&self, server: usize) -> bool {
        let server = self.servers.get(server);
        server.is_some_and(|server| server.url.is_authenticated())
    }

    /// Sends a request. Asks the next server only if the previous one was not reached or has a
    /// temporary problem, and asks all servers once more if one of them states a short
    /// `Retry-After`. The time limit is for all attempts together.
    pub(super) fn send(
        &self,
        call: &Call<'_>,
        route: Route,
        limit: Limit,
    ) -> Result<Answer, OnlineError> {
        self.send_as(call, None, route, limit)
    }

    /// Same as [`Self::send`], with the ID token of a user.
    pub(super) fn send_as(
        &self,
        call: &Call<'_>,
        login: Option<&str>,
        route: Route,
        limit: Limit,
    ) -> Result<Answer, OnlineError> {
        let started = BootTime::now();
        let budget = match limit {
            Limit::Configured => self.total,
            Limit::AtMost(limit) => self.total.min(limit),
            Limit::Longer(wait) => self.total.saturating_add(wait),
        };
        let numbers: Vec<usize> = match route {
            Route::Any => (0..self.servers.len()).collect(),
            Route::Only(number) => vec![number],
            Route::First(first) => {
                let others = (0..self.servers.len()).filter(|number| *number != first);
                std::iter::once(first).chain(others).collect()
            }
        };
        let mut last_round = Vec::new();
        for round in 0..2 {
            let mut errors = Vec::new();
            for (position, number) in numbers.iter().enumerate() {
                let left = budget.saturating_sub(BootTime::now().since(started));
                let others = numbers.len().saturating_sub(position).max(1);
                let share = left / u32::try_from(others).unwrap_or(1);
                if share.is_zero() {
                    break;
                }
                match self.ask(*number, call, login, share) {
                    Ok(body) => {
                        return Ok(Answer {
                            server: *number,
                            sent_at: started,
                            body,
                        });
                    }
                    Err(error) if error.is_for_next_server() => errors.push(error),
                    Err(_) if matches!(route, Route::First(first) if first != *number) => {}
                    Err(error) => return Err(error),
                }
            }
            if !errors.is_empty() {
                last_round = errors;
            }
            let left = budget.saturating_sub(BootTime::now().since(started));
            let pauses = last_round.iter().filter_map(OnlineError::problem);
            let pause = pauses.filter_map(|problem| problem.retry_after).min();
            match pause {
                Some(pause) if round == 0 && pause <= MAX_RETRY_AFTER && pause < left => {
                    thread::sleep(pause);
                }
                _ => break,
            }
        }
        Err(match last_round.pop() {
            None => OnlineError::NoServer,
            Some(error) if last_round.is_empty() => error,
            Some(error) => OnlineError::EachServer {
                earlier: last_round.iter().map(ToString::to_string).collect(),
                last: Box::new(error),
            },
        })
    }

    /// Sends a request to one server, and returns the body of a successful answer.
    fn ask(
        &self,
        number: usize,
        call: &Call<'_>,
        login: Option<&str>,
        limit: Duration,
    ) -> Result<Zeroizing<Vec<u8>>, OnlineError> {
        let Some(server) = self.servers.get(number) else {
            return Err(OnlineError::NoServer);
        };
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(format!("{}{}", server.url.as_str(), call.path))
            .header(header::ACCEPT, "application/json");
        if let Some(license) = call.license {
            request = request.header(header::AUTHORIZATION, format!("License {license}"));
        }
        if let Some(secret) = call.deletion_secret {
            request = request.header("x-deletion-secret", secret);
        }
        if let Some(token) = &self.enrollment_token {
            request = request.header("x-enrollment-token", token.as_str());
        }
        // A login is never sent over a connection that others can read.
        if let Some(login) = login.filter(|_| server.url.is_authenticated()) {
            request = request.header("x-login-token", login);
        }
        if let Some(key) = call.idempotency_key {
            request = request.header("idempotency-key", key);
        }
        let limits = (self.connect.min(limit), limit);
        let received = match &call.body {
            Some(body) => {
                let request = request.header(header::CONTENT_TYPE, "application/json");
                server.run(request.body(body.as_bytes()), limits)
            }
            None => server.run(request.body(()), limits),
        };
        server.judge(received?)
    }
}

impl Server {
    /// Creates a client for a server. `setting` has the URL of the server, for the error of a proxy
    /// that cannot be used.
    pub(super) fn new(
        url: ServerUrl,
        tls: &TlsConfig,
        setting: OnlineSetting,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, OnlineError> {
        let proxy = proxy_for(&url, environment).map_err(|variable| {
            let source = OnlineSource::Variable(variable);
            let found = "a URL of a proxy that cannot be used";
            invalid(setting, &source, found)
        })?;
        let label = match &proxy {
            Some(proxy) => format!(
                "{} through proxy {}:{}",
                url.as_str(),
                proxy.host(),
                proxy.port()
            ),
            None => url.as_str().to_owned(),
        };
        let config = Agent::config_builder()
            .tls_config(tls.clone())
            .https_only(url.is_https())
            .http_status_as_error(false)
            .max_redirects(0)
            .max_response_header_size(MAX_HEADER)
            .user_agent(USER_AGENT)
            // A kept connection would be shared with a child process after a `fork`.
            .max_idle_connections(0)
            .proxy(proxy)
            .build();
        let connector = ureq::unversioned::transport::DefaultConnector::default();
        let agent = Agent::with_parts(config, connector, TimedResolver);
        Ok(Self {
            url,
            label,
            agent,
            ca_file: None,
        })
    }

    /// Names the file with the trusted certificates in errors.
    pub(super) fn with_ca_file(self, ca_file: Option<PathBuf>) -> Self {
        Self { ca_file, ..self }
    }

    /// Sends a request within the time limits for a connection and for everything, and reads the
    /// response.
    pub(super) fn run(
        &self,
        request: Result<Request<impl AsSendBody>, ureq::http::Error>,
        (connect, total): (Duration, Duration),
    ) -> Result<Received, OnlineError> {
        let attempt = ServerAttempt {
            server: &self.label,
            connect,
            total,
            ca_file: self.ca_file.as_deref(),
        };
        let response = run(&self.agent, request, (connect, total));
        let mut response = response.map_err(|error| attempt.before_answer(&error))?;
        let body = response.body_mut().with_config().limit(MAX_ANSWER);
        let body = body.read_to_vec();
        let body = Zeroizing::new(body.map_err(|error| attempt.while_reading(&error, MAX_ANSWER))?);
        Ok(Received { response, body })
    }

    /// Returns the body of a success in JSON, and the error of any other response.
    pub(super) fn judge(&self, received: Received) -> Result<Zeroizing<Vec<u8>>, OnlineError> {
        judge(&self.url, &received.response, &received.body)?;
        Ok(received.body)
    }
}

impl Received {
    pub(super) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }
}

/// Sends a request within the time limits for a connection and for everything.
fn run(
    agent: &Agent,
    request: Result<Request<impl AsSendBody>, ureq::http::Error>,
    (connect, total): (Duration, Duration),
) -> Result<Response<Body>, ureq::Error> {
    let request = agent.configure_request(request.map_err(ureq::Error::Http)?);
    let request = request
        .timeout_resolve(Some(connect))
        .timeout_connect(Some(connect))
        .timeout_global(Some(total));
    agent.run(request.build())
}

impl Answer {
    /// Parses the body. Unknown members are ignored, because a newer server can send more.
    pub(super) fn parse<T: DeserializeOwned>(&self, url: &str) -> Result<T, OnlineError> {
        from_strict_json(&self.body).map_err(|error| OnlineError::NotALicenseServer {
            server: url.to_owned(),
            reason: license_core::with_causes(&error),
        })
    }
}

/// Returns the error of an answer that is not a success in JSON.
fn judge<B>(url: &ServerUrl, response: &Response<B>, body: &[u8]) -> Result<(), OnlineError> {
    let (server, status) = (url.as_str().to_owned(), response.status().as_u16());
    let media_type = text(response.headers(), "content-type");
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/problem+json")
        && let Some(mut problem) = ServerProblem::parse(&server, status, body)
    {
        let seconds: Option<u64> = text(response.headers(), "retry-after").parse().ok();
        problem.retry_after = seconds.map(Duration::from_secs);
        problem.is_authenticated = url.is_authenticated();
        return Err(OnlineError::Problem(Box::new(problem)));
    }
    let is_json = media_type.eq_ignore_ascii_case("application/json");
    let is_page = media_type.eq_ignore_ascii_case("text/html")
        || body.trim_ascii_start().first() == Some(&b'<');
    match status {
        204 => Ok(()),
        200..=299 if is_json => Ok(()),
        300..=399 => {
            let location = text(response.headers(), "location");
            // The query can contain what the server knows about the caller.
            let location = location.split(['?', '#']).next().unwrap_or_default();
            let location = super::error::one_line(location);
            Err(OnlineError::Redirected {
                server,
                status,
                location: if location.is_empty() {
                    "another address".to_owned()
                } else {
                    location
                },
            })
        }
        200..=299 | 401 | 403 | 407 | 511 if is_page => {
            Err(OnlineError::LoginPage { server, status })
        }
        200..=299 => Err(OnlineError::NotALicenseServer {
            server,
            reason: format!("expected JSON, found {}", described(media_type)),
        }),
        _ => Err(OnlineError::Status { server, status }),
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default()
}

fn described(media_type: &str) -> String {
    if media_type.is_empty() {
        "an answer without a media type".to_owned()
    } else {
        super::error::one_line(media_type)
    }
}

#[cfg(test)]
mod tests;
