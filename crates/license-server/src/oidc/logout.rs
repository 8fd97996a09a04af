//! Logout tokens of providers (OpenID Connect Back-Channel Logout 1.0).

use serde_json::Value;

use crate::login::LoginClaims;

/// The event that a logout token is about.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// The longest id in a logout token, in bytes.
const MAX_ID: usize = 255;

/// A request of a provider to end sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LogoutNotice {
    /// The id of the token, which counts once.
    pub(super) id: String,
    /// The person whose sessions end. `None`: the session names the person.
    pub(super) subject: Option<String>,
    /// The session that ends. `None`: all sessions of the person.
    pub(super) session: Option<String>,
    /// The time in Unix seconds from which the token is refused because of its age.
    pub(super) ends_at: i64,
}

impl LogoutNotice {
    /// Reads the claims of a logout token whose signature, issuer, audience and times were checked.
    ///
    /// # Errors
    ///
    /// Returns the expected content.
    pub(super) fn new(claims: &LoginClaims) -> Result<Self, &'static str> {
        let events = claims.get("events").and_then(Value::as_object);
        let is_logout =
            events.is_some_and(|events| events.get(EVENT).is_some_and(Value::is_object));
        if !is_logout {
            return Err("expected a logout token, found another token");
        }
        // With a nonce, the token could also be an ID token.
        if claims.get("nonce").is_some() {
            return Err("expected a logout token without a nonce");
        }
        let id = |name: &'static str| match claims.get(name) {
            None => Ok(None),
            Some(Value::String(id)) if (1..=MAX_ID).contains(&id.len()) => Ok(Some(id.clone())),
            Some(_) => Err("expected ids of 1 to 255 bytes in the logout token"),
        };
        let (subject, session) = (id("sub")?, id("sid")?);
        if subject.is_none() && session.is_none() {
            return Err("expected a logout token that names a person or a session");
        }
        Ok(Self {
            id: id("jti")?.ok_or("expected a logout token with an id (`jti`)")?,
            subject,
            session,
            ends_at: claims.ends_at(),
        })
    }
}
