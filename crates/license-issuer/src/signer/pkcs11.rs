//! Keys in HSMs and other tokens, used through the PKCS#11 module of the manufacturer.
//!
//! The private key never leaves the token. The token creates it and signs with it. Keys are named
//! by RFC 7512 URIs.

mod create;
mod error;
mod mechanism;
mod module;
mod object;
mod token;
mod uri;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use license_core::issue::{KeyBits, Signer, SigningError, VerifyingSigner};
use license_core::jose::Algorithm;
use license_core::trust::TrustedKey;

pub use error::{Pkcs11Error, Pkcs11ModuleError};
pub use uri::Pkcs11UriError;

use super::error::SignerError;
use super::passphrase::{PassphraseSource, SignerNotice};
use super::{CreatedKey, SignerOptions};
use crate::random;
use mechanism::SigningMechanism;
use module::Module;
use token::{Access, Token};
use uri::Pkcs11Uri;

/// A private key in a token, with the session in which the key signs.
struct TokenKey {
    /// Only one thread can use a session at a time.
    session: Mutex<Session>,
    key: TokenKeyInfo,
    /// The module is the last field, because it must be dropped after the session.
    _module: Module,
}

/// A private key in a token, with everything that is needed to sign.
struct TokenKeyInfo {
    handle: ObjectHandle,
    public: TrustedKey,
    mechanism: SigningMechanism,
}

/// Opens the key that a URI without its scheme names.
pub(super) fn open(uri: &str, options: &SignerOptions<'_>) -> Result<VerifyingSigner, SignerError> {
    let uri = parse(uri, options.passphrases)?;
    let token = Token::find(&uri, options.pkcs11_module)?;
    let session = token.log_in(&uri, options.passphrases, Access::Read)?;
    let handle = object::private_key(&session, &uri, &token)?;
    let key = TokenKeyInfo::read(handle, &session, &token, options.algorithm)?;
    Ok(key.into_signer(session, token))
}

/// Finds the token that a URI names. Does not look for the key, because this would need the PIN.
pub(super) fn probe(uri: &str, module: Option<&Path>) -> Result<(), Pkcs11Error> {
    Token::find(&Pkcs11Uri::parse(uri)?, module).map(drop)
}

/// Creates a key pair in the token that a URI names, with the label that the URI contains.
pub(super) fn create(
    uri: &str,
    bits: KeyBits,
    options: &SignerOptions<'_>,
) -> Result<CreatedKey, SignerError> {
    let uri = parse(uri, options.passphrases)?;
    let token = Token::find(&uri, options.pkcs11_module)?;
    let session = token.log_in(&uri, options.passphrases, Access::Write)?;
    let template = create::KeyTemplate::new(&uri, bits, random::bytes()?, options.algorithm)?;
    template.check(&session, &token)?;
    options.passphrases.notify(SignerNotice::CreatingKey);
    let (key, location) = template.create(&uri, &session, &token)?;
    let key = key.into_signer(session, token);
    Ok(CreatedKey { key, location })
}

/// Parses a URI and reports the attributes that are ignored.
fn parse(uri: &str, passphrases: &dyn PassphraseSource) -> Result<Pkcs11Uri, Pkcs11Error> {
    let uri = Pkcs11Uri::parse(uri)?;
    for name in uri.ignored() {
        passphrases.notify(SignerNotice::IgnoredAttribute { name });
    }
    Ok(uri)
}

impl TokenKeyInfo {
    /// Reads the attributes of a key, and checks that the key can sign.
    fn read(
        handle: ObjectHandle,
        session: &Session,
        token: &Token,
        requested: Option<Algorithm>,
    ) -> Result<Self, Pkcs11Error> {
        object::check_use(session, handle, token)?;
        let allowed = object::allowed_mechanisms(session, handle);
        let algorithm = mechanism::algorithm(allowed.as_deref(), requested)?;
        let mechanism = SigningMechanism::choose(algorithm, token, allowed.as_deref())?;
        let (modulus, exponent) = object::public_key(session, handle, token)?;
        let public = TrustedKey::new(algorithm, &modulus, &exponent).map_err(|source| {
            Pkcs11Error::UntrustedKey {
                token: token.label().to_owned(),
                source,
            }
        })?;
        Ok(Self {
            handle,
            public,
            mechanism,
        })
    }

    fn into_signer(self, session: Session, token: Token) -> VerifyingSigner {
        VerifyingSigner::new(Box::new(TokenKey {
            session: Mutex::new(session),
            key: self,
            _module: token.into_module(),
        }))
    }
}

impl Signer for TokenKey {
    fn public(&self) -> &TrustedKey {
        &self.key.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        self.key
            .mechanism
            .sign(&session, self.key.handle, message)
            .map_err(|error| SignerError::Pkcs11(Pkcs11Error::call("sign", error)).into())
    }
}
