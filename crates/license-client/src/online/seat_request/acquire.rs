//! Sends requests for seats.

use license_core::ids::Nonce;
use serde_json::json;
use ureq::http::Method;
use zeroize::Zeroizing;

use super::super::error::{LoginError, MissingLogin, OnlineError};
use super::super::random;
use super::super::transport::{Answer, Call, Limit, Route};
use super::{Attempt, PATH, SeatRequest};
use crate::session::name_of_this_user;

impl SeatRequest {
    /// Sends a request for a seat, with the login of the user if there is one.
    pub(super) fn send_acquire(
        &self,
        attempt: &Attempt,
        is_waiting: bool,
        nonce: Nonce,
    ) -> Result<Answer, OnlineError> {
        let (login, unusable) = match self.login.token() {
            Ok(login) => (login, None),
            // The server knows whether it needs a login.
            Err(
                error @ OnlineError::Login(
                    LoginError::Expired { .. } | LoginError::OtherProvider { .. },
                ),
            ) => (None, Some(error)),
            Err(error) => return Err(error),
        };
        let login = login.as_deref().map(String::as_str);
        let send = |login, user, route| {
            let body = self.acquire_body(attempt, is_waiting, nonce, user);
            let call = Call {
                method: Method::POST,
                path: PATH,
                body: Some(Zeroizing::new(body)),
                license: Some(&self.license_key),
                deletion_secret: None,
                idempotency_key: Some(&random::idempotency_key()?),
            };
            self.transport
                .send_as(&call, login, route, Limit::Configured)
        };
        // Without a stated user, the server takes that of the login.
        let user = match &self.user {
            None if login.is_none() => Some(name_of_this_user()),
            user => user.clone(),
        };
        let is_omitted = user.is_none();
        let error = match send(login, user, Route::Any) {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        // A server without logins, or one that got no login, needs the name of the user.
        if is_omitted && let Some(server) = self.malformed_for(&error) {
            return send(None, Some(name_of_this_user()), Route::Only(server));
        }
        match unusable {
            Some(unusable) if error.is_about_login() => Err(unusable),
            _ => Err(self.explain_missing(error, login.is_some())),
        }
    }

    /// Returns the error of a request for a seat. If the server requires a login and got none, the
    /// error says why the request had none.
    fn explain_missing(&self, error: OnlineError, has_login: bool) -> OnlineError {
        let problem = error
            .problem()
            .filter(|problem| problem.code == "LOGIN_REQUIRED");
        let Some(problem) = problem else {
            return error;
        };
        let reason = if has_login {
            MissingLogin::Http
        } else {
            self.login.missing()
        };
        let server = problem.server.clone();
        LoginError::Required { server, reason }.into()
    }

    /// Returns the number of the server that calls the request malformed.
    fn malformed_for(&self, error: &OnlineError) -> Option<usize> {
        let problem = error.problem().filter(|problem| problem.status == 400)?;
        self.transport.urls().position(|url| url == problem.server)
    }

    fn acquire_body(
        &self,
        attempt: &Attempt,
        is_waiting: bool,
        nonce: Nonce,
        user: Option<String>,
    ) -> String {
        let mut body = json!({
            "session": self.session.to_string(),
            "instance": attempt.instance,
            "machine_id": self.machine.to_string(),
            "groups": self.groups,
            "nonce": nonce.to_string(),
            "commitment": attempt.secret.commitment().to_string(),
            "wait": is_waiting,
        });
        if let (Some(user), Some(members)) = (user, body.as_object_mut()) {
            members.insert("user".to_owned(), user.into());
        }
        body.to_string()
    }
}
