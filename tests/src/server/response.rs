//! Requests to a server, and its responses.

use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::{HeaderMap, Request};

/// A response of a server.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

impl Response {
    /// Parses the body as JSON.
    ///
    /// # Panics
    ///
    /// Panics if the body is not JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        let parsed = serde_json::from_str(&self.body);
        parsed.unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Returns a header field, or an empty text.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().expect("header fields are ASCII"))
    }

    /// Checks the status, and returns the body as JSON.
    ///
    /// # Panics
    ///
    /// Panics if the response has another status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.json()
    }

    /// Checks that the response is a problem with this status and code, and returns the problem.
    ///
    /// # Panics
    ///
    /// Panics if the response is another one.
    #[track_caller]
    pub fn expect_problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{self:?}"
        );
        let problem = self.expect(status);
        assert_eq!(problem["code"], code, "{self:?}");
        assert_eq!(problem["status"], status, "{self:?}");
        assert!(
            problem["title"].is_string() && problem["detail"].is_string(),
            "{self:?}"
        );
        problem
    }
}

/// Returns an HTTP client that reports every status, keeps connections and trusts no certificate. A
/// request without a response fails after `patience`.
pub fn agent(patience: Duration) -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(patience))
        .max_redirects(0)
        .build()
        .into()
}

/// Sends a request to a URL. An empty body sends none.
///
/// # Errors
///
/// Returns an error if there is no response.
///
/// # Panics
///
/// Panics if the request is invalid.
pub fn send(
    agent: &Agent,
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Response, ureq::Error> {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let is_json = !body.is_empty() && headers.iter().all(|(name, _)| *name != "content-type");
    if is_json {
        request = request.header("content-type", "application/json");
    }
    let mut response = if body.is_empty() {
        agent.run(request.body(()).expect("the request is valid"))?
    } else {
        agent.run(request.body(body).expect("the request is valid"))?
    };
    let text = response
        .body_mut()
        .with_config()
        .limit(64 << 20)
        .read_to_string()?;
    Ok(Response {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: text,
    })
}
