//! ID tokens: signed with JWS compact serialization (RFC 7515).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use license_core::encoding::from_strict_json;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::key::KeySet;
use crate::config::LoginConfig;

/// The maximum size of an ID token in bytes.
const MAX_TOKEN: usize = 16 * 1024;

/// The accepted difference between the clocks of the provider and the server, in seconds.
const LEEWAY: i64 = 60;

/// The longest name of a user in bytes, as for seats.
const MAX_USER: usize = 256;

/// The reason why an ID token is not accepted. No text repeats a part of the token.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum LoginFault {
    /// The token, its signature or a claim is wrong.
    Invalid(String),
    /// The provider does not call the e-mail address of the user verified.
    Unverified,
    /// The token ended this number of seconds ago.
    Expired { seconds: i64 },
}

/// An ID token whose signature is not verified.
pub(crate) struct LoginToken<'a> {
    header: LoginHeader,
    /// The header and the payload, as they were signed.
    message: &'a str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct LoginHeader {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

/// The claims of a token whose signature is verified.
#[derive(Deserialize)]
pub(crate) struct LoginClaims {
    iss: String,
    aud: LoginAudience,
    azp: Option<String>,
    exp: i64,
    iat: i64,
    nbf: Option<i64>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum LoginAudience {
    One(String),
    Several(Vec<String>),
}

fn invalid(reason: impl Into<String>) -> LoginFault {
    LoginFault::Invalid(reason.into())
}

impl<'a> LoginToken<'a> {
    /// Parses the three parts of an ID token.
    pub(crate) fn parse(token: &'a str) -> Result<Self, LoginFault> {
        Self::parse_typed(token, &["JWT"])
    }

    /// Parses the three parts of a token that has no type, or one of these types.
    pub(crate) fn parse_typed(token: &'a str, types: &[&str]) -> Result<Self, LoginFault> {
        let malformed = || invalid("expected a signed ID token, found other text");
        if token.len() > MAX_TOKEN {
            let length = token.len();
            let expected = format!("expected at most {MAX_TOKEN} bytes, found {length} bytes");
            return Err(invalid(expected));
        }
        let (message, signature) = token.rsplit_once('.').ok_or_else(malformed)?;
        let (header, payload) = message.split_once('.').ok_or_else(malformed)?;
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed());
        let header: LoginHeader = from_strict_json(&decode(header)?)
            .map_err(|_| invalid("expected the header of an ID token, found another header"))?;
        if header.crit.is_some() {
            return Err(invalid("expected a header without `crit`"));
        }
        // An access token or a logout token can be for the same client.
        if header
            .typ
            .as_deref()
            .is_some_and(|typ| !types.iter().any(|known| typ.eq_ignore_ascii_case(known)))
        {
            let expected = types.join(" or ");
            return Err(invalid(format!(
                "expected the type {expected}, found another type"
            )));
        }
        Ok(Self {
            header,
            message,
            payload: decode(payload)?,
            signature: decode(signature)?,
        })
    }

    pub(crate) fn key_id(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// Verifies the signature. The key determines the algorithm.
    pub(crate) fn verify(&self, keys: &KeySet) -> Result<LoginClaims, LoginFault> {
        let key = keys
            .get(self.key_id())
            .ok_or_else(|| invalid("the provider has no key with the id in the token"))?;
        if self.header.alg != key.algorithm() {
            let expected = key.algorithm();
            return Err(invalid(format!(
                "expected the algorithm {expected} of the key, found another algorithm"
            )));
        }
        if !key.verify(self.message.as_bytes(), &self.signature) {
            return Err(invalid("the signature does not verify"));
        }
        from_strict_json(&self.payload)
            .map_err(|error| invalid(format!("expected the claims of an ID token: {error}")))
    }
}

impl LoginClaims {
    /// Checks the claims at a time in Unix seconds, and returns the name of the user.
    pub(crate) fn user(&self, config: &LoginConfig, now: i64) -> Result<String, LoginFault> {
        self.check(&config.issuer, &config.client_id, now)?;
        self.name(&config.claim)
    }

    /// Returns a claim other than `iss`, `aud`, `azp`, `exp`, `iat` and `nbf`.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.others.get(name)
    }

    /// Returns a claim that is a text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// Returns the time in Unix seconds from which the token is refused.
    pub(crate) fn ends_at(&self) -> i64 {
        self.exp.saturating_add(LEEWAY)
    }

    /// Checks that the claims are those of this issuer, for this client and for a time in Unix
    /// seconds.
    pub(crate) fn check(&self, issuer: &str, client_id: &str, now: i64) -> Result<(), LoginFault> {
        if self.iss != issuer {
            return Err(invalid(format!(
                "expected the issuer {issuer}, found another issuer"
            )));
        }
        let is_for_client = match &self.aud {
            LoginAudience::One(one) => one == client_id,
            // The other audiences could have requested the token, unless `azp` names this client.
            LoginAudience::Several(all) => {
                all.iter().any(|one| one == client_id)
                    && (all.len() == 1 || self.azp.as_deref() == Some(client_id))
            }
        };
        let is_authorized = self.azp.as_deref().is_none_or(|azp| azp == client_id);
        if !is_for_client || !is_authorized {
            return Err(invalid(format!(
                "expected a token for {client_id}, found one for others"
            )));
        }
        let over = now.saturating_sub(self.exp);
        if over >= LEEWAY {
            return Err(LoginFault::Expired { seconds: over });
        }
        let starts = self.nbf.unwrap_or(self.iat).max(self.iat);
        let early = starts.saturating_sub(now);
        if early > LEEWAY {
            return Err(invalid(format!(
                "expected a token that is in effect, found one that starts in {early} s; compare \
                 the clocks of the provider and the server"
            )));
        }
        Ok(())
    }

    fn name(&self, claim: &str) -> Result<String, LoginFault> {
        let is_name = |name: &&str| {
            (1..=MAX_USER).contains(&name.len()) && !name.chars().any(char::is_control)
        };
        let name = self.others.get(claim).and_then(Value::as_str);
        let name = name.filter(is_name).ok_or_else(|| {
            invalid(format!(
                "expected the name of the user in the claim `{claim}`, found none; check \
                 login_claim of the server, and the scopes of the client"
            ))
        })?;
        // Without this check, a user could enter the address of another one at the provider.
        if claim == "email" && self.others.get("email_verified") != Some(&Value::Bool(true)) {
            return Err(LoginFault::Unverified);
        }
        Ok(name.to_owned())
    }
}
