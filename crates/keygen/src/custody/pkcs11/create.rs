//! Keys that the token makes, and never gives away.

use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, ObjectHandle};
use cryptoki::session::Session;
use cryptoki::types::Ulong;
use license_core::Algorithm;
use license_core::issue::KeyBits;
use license_terminal::{Exit, Failure, escape};

use super::mechanism::Signature;
use super::token::Token;
use super::{Described, Uri, object, refused};
use crate::commands::random;
use crate::custody::Wanted;

/// Big-endian 65537.
const EXPONENT: [u8; 3] = [1, 0, 1];

/// What the new key is to be.
struct Order<'a> {
    label: &'a str,
    id: Vec<u8>,
    bits: Ulong,
    algorithm: Algorithm,
}

/// Makes a key pair under the label that the URI names, if nothing has that label yet.
pub(super) fn key_pair(
    uri: &Uri,
    bits: KeyBits,
    session: &Session,
    token: &Token,
    wanted: &Wanted<'_>,
) -> Result<(Described, String), Failure> {
    let order = Order::of(uri, bits, wanted.algorithm)?;
    if !token.offers(MechanismType::RSA_PKCS_KEY_PAIR_GEN) {
        return Err(no_generator(token));
    }
    order.refuse_taken(session, token)?;
    wanted
        .terminal
        .note("making an RSA key in the token; this takes a moment");
    let (public, private) = order.make(session)?;
    match Described::of(private, session, token, wanted.algorithm) {
        Ok(described) => Ok((described, uri.of_key(token.label(), order.label, &order.id))),
        // What nobody would trust must not stay and look like a signing key.
        Err(failure) => {
            for object in [public, private] {
                let _ = session.destroy_object(object);
            }
            Err(failure)
        }
    }
}

impl<'a> Order<'a> {
    fn of(uri: &'a Uri, bits: KeyBits, algorithm: Option<Algorithm>) -> Result<Self, Failure> {
        Ok(Self {
            label: label(uri)?,
            id: match uri.id() {
                Some(id) if !id.is_empty() => id.to_vec(),
                _ => random::<8>()?.to_vec(),
            },
            bits: Ulong::new(match bits {
                KeyBits::B2048 => 2048,
                KeyBits::B3072 => 3072,
                KeyBits::B4096 => 4096,
            }),
            algorithm: algorithm.unwrap_or(Algorithm::Rs256),
        })
    }

    fn refuse_taken(&self, session: &Session, token: &Token) -> Result<(), Failure> {
        let label = Attribute::Label(self.label.as_bytes().to_vec());
        let id = Attribute::Id(self.id.clone());
        if !object::exists(session, label)? && !object::exists(session, id)? {
            return Ok(());
        }
        let message = format!(
            "{} has an object `{}` already, or one of its id",
            token.shown(),
            escape(self.label)
        );
        Err(Failure::new(Exit::Usage, "EXISTS", message)
            .hint("choose another name with object=NAME: a signing key is never replaced"))
    }

    /// With the restriction to one algorithm, where the token knows of such.
    fn make(&self, session: &Session) -> Result<(ObjectHandle, ObjectHandle), Failure> {
        let ways = Signature::of(self.algorithm).map(Signature::mechanism);
        let restricted = Attribute::AllowedMechanisms(ways.to_vec());
        let make = |more: Option<Attribute>| {
            let mut private = self.private();
            private.extend(more);
            session.generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &self.public(), &private)
        };
        let made = match make(Some(restricted)) {
            Err(Error::Pkcs11(
                RvError::AttributeTypeInvalid
                | RvError::AttributeValueInvalid
                | RvError::TemplateInconsistent,
                _,
            )) => make(None),
            made => made,
        };
        made.map_err(|error| refused("make the key", &error))
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

fn label(uri: &Uri) -> Result<&str, Failure> {
    let label = uri.text("object").filter(|label| !label.is_empty());
    label.ok_or_else(|| {
        Failure::usage("expected the new key's name in the pkcs11 URI, found none")
            .hint("add object=NAME to it, and token=LABEL")
    })
}

fn no_generator(token: &Token) -> Failure {
    let message = format!("{} makes no RSA keys", token.shown());
    Failure::new(Exit::Unjudged, "UNSUPPORTED", message)
        .hint("use another token, or make the key with the tool of its maker")
}
