//! Creation of keys in a token.

use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, ObjectHandle};
use cryptoki::session::Session;
use cryptoki::types::Ulong;
use license_core::issue::KeyBits;
use license_core::jose::Algorithm;

use super::error::Pkcs11Error;
use super::mechanism::SigningMechanism;
use super::token::Token;
use super::uri::Pkcs11Uri;
use super::{TokenKeyInfo, object};

/// The public exponent 65537, in big-endian order.
const EXPONENT: [u8; 3] = [1, 0, 1];

/// The properties of a new key.
pub(super) struct KeyTemplate {
    label: String,
    id: Vec<u8>,
    bits: Ulong,
    requested: Option<Algorithm>,
}

impl KeyTemplate {
    /// Reads the label and the id from the URI. `id` is used if the URI contains no id.
    pub(super) fn new(
        uri: &Pkcs11Uri,
        bits: KeyBits,
        id: [u8; 8],
        requested: Option<Algorithm>,
    ) -> Result<Self, Pkcs11Error> {
        let label = uri.text("object").filter(|label| !label.is_empty());
        Ok(Self {
            label: label.ok_or(Pkcs11Error::NoLabel)?.to_owned(),
            id: match uri.id() {
                Some(id) if !id.is_empty() => id.to_vec(),
                _ => id.to_vec(),
            },
            bits: Ulong::new(match bits {
                KeyBits::B2048 => 2048,
                KeyBits::B3072 => 3072,
                KeyBits::B4096 => 4096,
            }),
            requested,
        })
    }

    /// Checks that the token can create RSA keys, and that the label and the id are not in use.
    pub(super) fn check(&self, session: &Session, token: &Token) -> Result<(), Pkcs11Error> {
        if !token.offers(MechanismType::RSA_PKCS_KEY_PAIR_GEN) {
            return Err(Pkcs11Error::NoGenerator(token.label().to_owned()));
        }
        let label = Attribute::Label(self.label.as_bytes().to_vec());
        let id = Attribute::Id(self.id.clone());
        if !object::exists(session, label)? && !object::exists(session, id)? {
            return Ok(());
        }
        Err(Pkcs11Error::Exists {
            token: token.label().to_owned(),
            label: self.label.clone(),
        })
    }

    /// Creates the key pair. Returns the private key and its location.
    pub(super) fn create(
        &self,
        uri: &Pkcs11Uri,
        session: &Session,
        token: &Token,
    ) -> Result<(TokenKeyInfo, String), Pkcs11Error> {
        let (public, private) = self.generate(session)?;
        match TokenKeyInfo::read(private, session, token, self.requested) {
            Ok(key) => Ok((key, uri.location_of(token.label(), &self.label, &self.id))),
            // A key that no verifier would trust must not remain in the token.
            Err(error) => {
                for object in [public, private] {
                    let _ = session.destroy_object(object);
                }
                Err(error)
            }
        }
    }

    /// Generates the key pair, restricted to one algorithm if the token supports restrictions.
    fn generate(&self, session: &Session) -> Result<(ObjectHandle, ObjectHandle), Pkcs11Error> {
        let algorithm = self.requested.unwrap_or(Algorithm::Rs256);
        let mechanisms = SigningMechanism::all(algorithm).map(SigningMechanism::mechanism_type);
        let restriction = Attribute::AllowedMechanisms(mechanisms.to_vec());
        let generate = |restriction: Option<Attribute>| {
            let mut private = self.private();
            private.extend(restriction);
            session.generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &self.public(), &private)
        };
        let generated = match generate(Some(restriction)) {
            Err(Error::Pkcs11(
                RvError::AttributeTypeInvalid
                | RvError::AttributeValueInvalid
                | RvError::TemplateInconsistent,
                _,
            )) => generate(None),
            generated => generated,
        };
        generated.map_err(|error| Pkcs11Error::call("create the key", error))
    }

    fn public(&self) -> Vec<Attribute> {
        vec![
            Attribute::Token(true),
            Attribute::Private(false),
            Attribute::Label(self.label.as_bytes().to_vec()),
            Attribute::Id(self.id.clone()),
            Attribute::ModulusBits(self.bits),
            Attribute::PublicExponent(EXPONENT.to_vec()),
            Attribute::Verify(true),
            Attribute::Encrypt(false),
            Attribute::Wrap(false),
        ]
    }

    fn private(&self) -> Vec<Attribute> {
        vec![
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Label(self.label.as_bytes().to_vec()),
            Attribute::Id(self.id.clone()),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(true),
            Attribute::Decrypt(false),
            Attribute::Unwrap(false),
            Attribute::SignRecover(false),
        ]
    }
}
