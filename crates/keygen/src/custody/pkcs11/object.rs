//! The key's objects in the token.

use cryptoki::mechanism::MechanismType;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use license_terminal::{Exit, Failure, escape};

use super::token::Token;
use super::{Uri, refused};

/// The one private key that the URI names.
pub(super) fn private_key(
    session: &Session,
    uri: &Uri,
    token: &Token,
) -> Result<ObjectHandle, Failure> {
    let mut template = vec![Attribute::Class(ObjectClass::PRIVATE_KEY)];
    if let Some(label) = uri.text("object") {
        template.push(Attribute::Label(label.as_bytes().to_vec()));
    }
    if let Some(id) = uri.id() {
        template.push(Attribute::Id(id.to_vec()));
    }
    match find(session, &template)?.as_slice() {
        [one] => Ok(*one),
        [] => Err(missing(session, uri, token)),
        several => Err(ambiguous(session, several, token)),
    }
}

/// Whether there is any object of this label or id.
pub(super) fn exists(session: &Session, attribute: Attribute) -> Result<bool, Failure> {
    find(session, &[attribute]).map(|found| !found.is_empty())
}

fn find(session: &Session, template: &[Attribute]) -> Result<Vec<ObjectHandle>, Failure> {
    let found = session.find_objects(template);
    found.map_err(|error| refused("look for the key", &error))
}

/// Refuses what cannot sign here.
pub(super) fn check_use(
    session: &Session,
    key: ObjectHandle,
    token: &Token,
) -> Result<(), Failure> {
    let unsupported = |message: &str, hint: &str| {
        let message = format!("{}: {message}", token.shown());
        Err(Failure::new(Exit::Unjudged, "UNSUPPORTED", message).hint(hint))
    };
    match attribute(session, key, AttributeType::KeyType) {
        Some(Attribute::KeyType(KeyType::RSA)) => {}
        _ => {
            let hint = "make one with `keygen new-key --key`";
            return unsupported("expected an RSA key, found one of another type", hint);
        }
    }
    if let Some(Attribute::Sign(false)) = attribute(session, key, AttributeType::Sign) {
        let hint = "make one with `keygen new-key --key`";
        return unsupported("expected a key that may sign, found one that may not", hint);
    }
    let each_time = attribute(session, key, AttributeType::AlwaysAuthenticate);
    if let Some(Attribute::AlwaysAuthenticate(true)) = each_time {
        let hint = "use a key without CKA_ALWAYS_AUTHENTICATE (on a PIV card another slot than 9c)";
        return unsupported(
            "the key wants its PIN anew for each signature, which is not supported",
            hint,
        );
    }
    Ok(())
}

/// The mechanisms that the key is restricted to; none if to none, or if the token cannot say.
pub(super) fn allowed_mechanisms(
    session: &Session,
    key: ObjectHandle,
) -> Option<Vec<MechanismType>> {
    match attribute(session, key, AttributeType::AllowedMechanisms)? {
        Attribute::AllowedMechanisms(allowed) if !allowed.is_empty() => Some(allowed),
        _ => None,
    }
}

/// Modulus and exponent, of the private key's own object or else of the public key that belongs to it.
pub(super) fn public_half(
    session: &Session,
    key: ObjectHandle,
    token: &Token,
) -> Result<(Vec<u8>, Vec<u8>), Failure> {
    if let Some(numbers) = numbers(session, key) {
        return Ok(numbers);
    }
    let belongs = [AttributeType::Id, AttributeType::Label]
        .into_iter()
        .filter_map(|name| attribute(session, key, name))
        .find(|found| match found {
            Attribute::Id(bytes) | Attribute::Label(bytes) => !bytes.is_empty(),
            _ => false,
        });
    let mut template = vec![Attribute::Class(ObjectClass::PUBLIC_KEY)];
    template.extend(belongs);
    let found = match template.len() {
        2 => find(session, &template)?,
        _ => Vec::new(),
    };
    let numbers = match found.as_slice() {
        [one] => numbers(session, *one),
        _ => None,
    };
    numbers.ok_or_else(|| {
        let message = format!("{} does not give the key's public half", token.shown());
        Failure::new(Exit::Unjudged, "UNSUPPORTED", message)
            .hint("store the public key beside the private one, with the same id")
    })
}

fn numbers(session: &Session, object: ObjectHandle) -> Option<(Vec<u8>, Vec<u8>)> {
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

/// One at a time, since a token that does not have one of several may give none.
fn attribute(session: &Session, object: ObjectHandle, name: AttributeType) -> Option<Attribute> {
    session.get_attributes(object, &[name]).ok()?.pop()
}

fn missing(session: &Session, uri: &Uri, token: &Token) -> Failure {
    let keys = session.find_objects(&[Attribute::Class(ObjectClass::PRIVATE_KEY)]);
    let labels: Vec<_> = keys
        .unwrap_or_default()
        .into_iter()
        .filter_map(|key| match attribute(session, key, AttributeType::Label)? {
            Attribute::Label(label) => {
                Some(format!("`{}`", escape(&String::from_utf8_lossy(&label))))
            }
            _ => None,
        })
        .take(10)
        .collect();
    let wanted = match uri.text("object") {
        Some(label) => format!("a private key `{}`", escape(label)),
        None => "a private key".to_owned(),
    };
    let found = match labels.is_empty() {
        true => "none".to_owned(),
        false => labels.join(", "),
    };
    let message = format!("{}: expected {wanted}, found {found}", token.shown());
    Failure::new(Exit::Machine, "NO_KEY", message)
        .hint("correct object=NAME, or make the key: `keygen new-key --key pkcs11:…`")
}

fn ambiguous(session: &Session, found: &[ObjectHandle], token: &Token) -> Failure {
    let ids: Vec<_> = found
        .iter()
        .filter_map(|key| match attribute(session, *key, AttributeType::Id)? {
            Attribute::Id(id) if !id.is_empty() => {
                let id: String = id.iter().map(|byte| format!("%{byte:02x}")).collect();
                Some(format!("id={id}"))
            }
            _ => None,
        })
        .take(10)
        .collect();
    Failure::usage(format!(
        "{}: expected one private key as the pkcs11 URI describes it, found {}",
        token.shown(),
        found.len()
    ))
    .hint(match ids.is_empty() {
        true => "add object=NAME or id=%XX to the URI".to_owned(),
        false => format!("add one of these to the URI: {}", ids.join(", ")),
    })
}
