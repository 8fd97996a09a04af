//! Keys in HSMs and other tokens, through the PKCS#11 module of their maker.
//!
//! The private key never leaves the token: it makes the key, and it signs. Names are RFC 7512 URIs.

mod create;
mod mechanism;
mod module;
mod object;
mod token;
mod uri;

use std::sync::{Mutex, PoisonError};

use cryptoki::error::{Error, RvError};
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use license_core::issue::{IssueError, KeyBits, Sign};
use license_core::{Algorithm, TrustedKey};
use license_terminal::{Exit, Failure};

use super::{Held, Wanted, refusal};
use mechanism::Signature;
use token::Token;
use uri::Uri;

/// A private key in a token, and the session in which it signs.
struct TokenKey {
    /// A session is for one thread at a time.
    session: Mutex<Session>,
    key: ObjectHandle,
    public: TrustedKey,
    signature: Signature,
    /// Last, so that it is closed after the session.
    _module: module::Module,
}

/// Opens the key that the URI names; it comes without `pkcs11:`.
pub(super) fn open(uri: &str, wanted: &Wanted<'_>) -> Result<Held, Failure> {
    let uri = Uri::parse(uri)?;
    uri.warn(wanted.terminal);
    let token = Token::find(&uri)?;
    let session = token.log_in(&uri, wanted, token::Access::Read)?;
    let key = object::private_key(&session, &uri, &token)?;
    let described = Described::of(key, &session, &token, wanted.algorithm)?;
    Ok(Box::new(described.held_in(session, token)))
}

/// Looks for the token that the URI names; what is in it takes a PIN to see.
pub(super) fn look(uri: &str, _: &Wanted<'_>) -> Result<(), Failure> {
    Token::find(&Uri::parse(uri)?).map(drop)
}

/// Makes a key pair in the token that the URI names, under the label that it names.
pub(super) fn create(
    uri: &str,
    bits: KeyBits,
    wanted: &Wanted<'_>,
) -> Result<(Held, String), Failure> {
    let uri = Uri::parse(uri)?;
    uri.warn(wanted.terminal);
    let token = Token::find(&uri)?;
    let session = token.log_in(&uri, wanted, token::Access::Write)?;
    let (described, name) = create::key_pair(&uri, bits, &session, &token, wanted)?;
    Ok((Box::new(described.held_in(session, token)), name))
}

/// A private key in a token, with all that has to be known of it to sign.
struct Described {
    key: ObjectHandle,
    public: TrustedKey,
    signature: Signature,
}

impl Described {
    fn of(
        key: ObjectHandle,
        session: &Session,
        token: &Token,
        asked: Option<Algorithm>,
    ) -> Result<Self, Failure> {
        object::check_use(session, key, token)?;
        let allowed = object::allowed_mechanisms(session, key);
        let algorithm = mechanism::algorithm(allowed.as_deref(), asked)?;
        let signature = Signature::choose(algorithm, token, allowed.as_deref())?;
        let (modulus, exponent) = object::public_half(session, key, token)?;
        let public = TrustedKey::new(algorithm, &modulus, &exponent).map_err(|error| {
            Failure::malformed(format!("{}: the key can't be used: {error}", token.shown()))
                .hint("make another with `keygen new-key --key`")
        })?;
        Ok(Self {
            key,
            public,
            signature,
        })
    }

    fn held_in(self, session: Session, token: Token) -> TokenKey {
        TokenKey {
            session: Mutex::new(session),
            key: self.key,
            public: self.public,
            signature: self.signature,
            _module: token.into_module(),
        }
    }
}

impl Sign for TokenKey {
    fn public(&self) -> &TrustedKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, IssueError> {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        self.signature
            .make(&session, self.key, message)
            .map_err(|error| refusal(&refused("sign", &error)))
    }
}

/// What the module answered, in one line; the crate's own words for it are a paragraph of the standard.
fn refused(action: &str, error: &Error) -> Failure {
    let why = match error {
        Error::Pkcs11(code, function) => format!("C_{function:?} gave {code:?}"),
        other => other.to_string(),
    };
    Failure::new(
        Exit::Machine,
        "PKCS11",
        format!("the PKCS#11 module refused to {action}: {why}"),
    )
    .hint(match error {
        Error::Pkcs11(RvError::DeviceRemoved | RvError::TokenNotPresent, _) => {
            "plug the token in and run the command again"
        }
        Error::Pkcs11(RvError::UserNotLoggedIn | RvError::SessionClosed, _) => {
            "somebody logged out or the token was reset: run the command again"
        }
        _ => "look in the log of the module or HSM, and check its configuration",
    })
}
