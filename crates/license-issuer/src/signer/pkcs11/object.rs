//! Key objects in a token.

use cryptoki::mechanism::MechanismType;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;

use super::error::Pkcs11Error;
use super::token::Token;
use super::uri::{Pkcs11Uri, percent_encoded};

/// The largest number of keys that an error lists.
const MAX_LISTED: usize = 10;

/// Returns the only private key that the URI names.
pub(super) fn private_key(
    session: &Session,
    uri: &Pkcs11Uri,
    token: &Token,
) -> Result<ObjectHandle, Pkcs11Error> {
    let mut template = vec![Attribute::Class(ObjectClass::PRIVATE_KEY)];
    if let Some(label) = uri.text("object") {
        template.push(Attribute::Label(label.as_bytes().to_vec()));
    }
    if let Some(id) = uri.id() {
        template.push(Attribute::Id(id.to_vec()));
    }
    match find(session, &template)?.as_slice() {
        [key] => Ok(*key),
        [] => Err(missing(session, uri, token)?),
        several => Err(ambiguous(session, several, token)),
    }
}

/// Returns whether the token has an object with this label or id.
pub(super) fn exists(session: &Session, attribute: Attribute) -> Result<bool, Pkcs11Error> {
    find(session, &[attribute]).map(|found| !found.is_empty())
}

fn find(session: &Session, template: &[Attribute]) -> Result<Vec<ObjectHandle>, Pkcs11Error> {
    let found = session.find_objects(template);
    found.map_err(|error| Pkcs11Error::call("search for the key", error))
}

/// Checks that a key is an RSA key that can sign without a PIN for each signature.
pub(super) fn check_use(
    session: &Session,
    key: ObjectHandle,
    token: &Token,
) -> Result<(), Pkcs11Error> {
    let token = || token.label().to_owned();
    match attribute(session, key, AttributeType::KeyType) {
        Some(Attribute::KeyType(KeyType::RSA)) => {}
        _ => return Err(Pkcs11Error::NotRsa(token())),
    }
    if let Some(Attribute::Sign(false)) = attribute(session, key, AttributeType::Sign) {
        return Err(Pkcs11Error::NotForSigning(token()));
    }
    match attribute(session, key, AttributeType::AlwaysAuthenticate) {
        Some(Attribute::AlwaysAuthenticate(true)) => Err(Pkcs11Error::AlwaysAuthenticate(token())),
        _ => Ok(()),
    }
}

/// Returns the mechanisms that a key is restricted to. `None` means that the key is not restricted,
/// or that the token does not support restrictions.
pub(super) fn allowed_mechanisms(
    session: &Session,
    key: ObjectHandle,
) -> Option<Vec<MechanismType>> {
    match attribute(session, key, AttributeType::AllowedMechanisms)? {
        Attribute::AllowedMechanisms(allowed) if !allowed.is_empty() => Some(allowed),
        _ => None,
    }
}

/// Returns the modulus and the exponent of a private key. If the object of the private key does not
/// contain them, they come from the object of its public key.
pub(super) fn public_key(
    session: &Session,
    key: ObjectHandle,
    token: &Token,
) -> Result<(Vec<u8>, Vec<u8>), Pkcs11Error> {
    if let Some(found) = rsa_numbers(session, key) {
        return Ok(found);
    }
    let no_public_key = || Pkcs11Error::NoPublicKey(token.label().to_owned());
    let shared = [AttributeType::Id, AttributeType::Label]
        .into_iter()
        .filter_map(|name| attribute(session, key, name))
        .find(|found| match found {
            Attribute::Id(bytes) | Attribute::Label(bytes) => !bytes.is_empty(),
            _ => false,
        })
        .ok_or_else(no_public_key)?;
    let template = [Attribute::Class(ObjectClass::PUBLIC_KEY), shared];
    let found = match find(session, &template)?.as_slice() {
        [object] => rsa_numbers(session, *object),
        _ => None,
    };
    found.ok_or_else(no_public_key)
}

fn rsa_numbers(session: &Session, object: ObjectHandle) -> Option<(Vec<u8>, Vec<u8>)> {
    let modulus = attribute(session, object, AttributeType::Modulus)?;
    let exponent = attribute(session, object, AttributeType::PublicExponent)?;
    match (modulus, exponent) {
        (Attribute::Modulus(modulus), Attribute::PublicExponent(exponent))
            if !modulus.is_empty() && !exponent.is_empty() =>
        {
            Some((modulus, exponent))
        }
        _ => None,
    }
}

/// Reads one attribute. A request for several attributes could fail as a whole if the token lacks
/// one of them.
fn attribute(session: &Session, object: ObjectHandle, name: AttributeType) -> Option<Attribute> {
    session.get_attributes(object, &[name]).ok()?.pop()
}

fn missing(session: &Session, uri: &Pkcs11Uri, token: &Token) -> Result<Pkcs11Error, Pkcs11Error> {
    let found = find(session, &[Attribute::Class(ObjectClass::PRIVATE_KEY)])?
        .into_iter()
        .filter_map(|key| match attribute(session, key, AttributeType::Label)? {
            Attribute::Label(label) => Some(String::from_utf8_lossy(&label).into_owned()),
            _ => None,
        })
        .take(MAX_LISTED)
        .collect();
    Ok(Pkcs11Error::NoKey {
        token: token.label().to_owned(),
        label: uri.text("object").map(str::to_owned),
        found,
    })
}

fn ambiguous(session: &Session, found: &[ObjectHandle], token: &Token) -> Pkcs11Error {
    let ids = found
        .iter()
        .filter_map(|key| match attribute(session, *key, AttributeType::Id)? {
            Attribute::Id(id) if !id.is_empty() => Some(format!("id={}", percent_encoded(&id))),
            _ => None,
        })
        .take(MAX_LISTED)
        .collect();
    Pkcs11Error::SeveralKeys {
        token: token.label().to_owned(),
        found: found.len(),
        ids,
    }
}
