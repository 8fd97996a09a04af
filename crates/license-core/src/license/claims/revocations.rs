//! Reads a revocation list entry by entry: a tree of a hundred thousand of them would take longer than all the rest.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde_core::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

use super::check_critical;
use super::reader::{Claim, wrong};
use crate::Timestamp;
use crate::json::{self, Json, Name, Strict, stands_twice};
use crate::license::Revocation;
use crate::license::revocations::{ListFacts, NotAnId, Revoked};
use crate::token::VerifyError;

const REVOKED: &str = "revoked";
const LIST: &str = "an array of {jti, at, reason}";
/// What an entry takes at least, so that the table is made as large as it will be, and never much larger.
const ENTRY_BYTES: usize = 96;

/// Every claim that a verifier of this version understands, so that `crit` may name it.
const KNOWN: [&str; 7] = ["iss", "aud", "iat", "seq", "next_update", REVOKED, "crit"];

/// The claims of a revocation list, read in one pass.
pub(in crate::license) fn revocations(payload: &[u8]) -> Result<ListFacts, VerifyError> {
    let fault = Cell::new(None);
    let reader = Payload {
        room: payload.len() / ENTRY_BYTES,
        fault: &fault,
    };
    let read = json::read(payload, reader);
    // What is wrong with an entry says more than that the reader stopped there.
    let (members, revoked) = match (read, fault.take()) {
        (_, Some(fault)) => return Err(fault),
        (read, None) => read.map_err(VerifyError::Json)?,
    };
    check_critical(&members, &KNOWN)?;
    let claim = |name| Claim::new(&members, name);
    Ok(ListFacts {
        issuer: claim("iss").text()?.into(),
        product: claim("aud").product()?,
        issued_at: claim("iat").timestamp()?,
        seq: claim("seq").timestamp_sized()?,
        next_update: claim("next_update").timestamp()?,
        revoked: revoked.ok_or(wrong(REVOKED, LIST, None))?,
    })
}

impl Claim<'_> {
    /// A whole number from 0 to 2^53-1, which every JSON implementation can carry exactly (RFC 8259 section 6).
    fn timestamp_sized(self) -> Result<u64, VerifyError> {
        const EXPECTED: &str = "a whole number from 0 to 9007199254740991";
        let number = self.count()?;
        let is_in_bounds = number < 1 << 53;
        is_in_bounds
            .then_some(number)
            .ok_or(wrong(self.name(), EXPECTED, Some("another integer")))
    }
}

type Fault = Cell<Option<VerifyError>>;

/// Notes what is wrong, and stops the reader.
fn stop<E: Error>(fault: &Fault, expected: &'static str, found: &'static str) -> E {
    fault.set(Some(wrong(REVOKED, expected, Some(found))));
    E::custom("")
}

/// Reads the object: `revoked` into a table, everything else as it is.
struct Payload<'f> {
    room: usize,
    fault: &'f Fault,
}

impl<'de> DeserializeSeed<'de> for Payload<'_> {
    type Value = (json::Object<'de>, Option<Revoked>);

    fn deserialize<D: serde_core::Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Payload<'_> {
    type Value = (json::Object<'de>, Option<Revoked>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut others = json::Object::new();
        let mut revoked = None;
        while let Some(name) = members.next_key_seed(Name)? {
            let is_twice = match name == REVOKED {
                true => revoked.is_some(),
                false => others.iter().any(|(other, _)| *other == name),
            };
            if is_twice {
                return Err(stands_twice(&name));
            }
            if name == REVOKED {
                let entries = Entries {
                    revoked: Revoked::with_room(self.room),
                    fault: self.fault,
                };
                revoked = Some(members.next_value_seed(entries)?);
            } else {
                others.push((name, members.next_value_seed(Strict::inside(1))?));
            }
        }
        Ok((others, revoked))
    }
}

/// Reads the array.
struct Entries<'f> {
    revoked: Revoked,
    fault: &'f Fault,
}

impl<'de> DeserializeSeed<'de> for Entries<'_> {
    type Value = Revoked;

    fn deserialize<D: serde_core::Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Revoked, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = Revoked;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(LIST)
    }

    // Else the text would be in the message.
    fn visit_str<E: Error>(self, _: &str) -> Result<Revoked, E> {
        Err(stop(self.fault, LIST, "a string"))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Revoked, A::Error> {
        let fault = self.fault;
        while let Some((id, revocation)) = items.next_element_seed(EntryReader { fault })? {
            match self.revoked.insert(&id, revocation) {
                Ok(true) => {}
                Ok(false) => return Err(stop(fault, "every license once", "one twice")),
                Err(NotAnId) => return Err(stop(fault, "license ids", "another text in it")),
            }
        }
        Ok(self.revoked)
    }
}

/// Reads one entry.
#[derive(Clone, Copy)]
struct EntryReader<'f> {
    fault: &'f Fault,
}

impl<'de> DeserializeSeed<'de> for EntryReader<'_> {
    type Value = (Cow<'de, str>, Revocation);

    fn deserialize<D: serde_core::Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for EntryReader<'_> {
    type Value = (Cow<'de, str>, Revocation);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object {jti, at, reason}")
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
        Err(stop(self.fault, LIST, "a string in it"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let (mut id, mut at, mut reason) = (None, None, None);
        let mut others: Vec<Cow<'de, str>> = Vec::new();
        while let Some(name) = members.next_key_seed(Name)? {
            let value = members.next_value_seed(Strict::inside(3))?;
            let before = match name.as_ref() {
                "jti" => id.replace(value),
                "at" => at.replace(value),
                "reason" => reason.replace(value),
                other if others.iter().any(|name| name == other) => Some(value),
                _ => {
                    others.push(name.clone());
                    None
                }
            };
            if before.is_some() {
                return Err(stands_twice(&name));
            }
        }
        self.entry(id, at, reason)
    }
}

impl EntryReader<'_> {
    fn entry<'de, E: Error>(
        self,
        id: Option<Json<'de>>,
        at: Option<Json<'de>>,
        reason: Option<Json<'de>>,
    ) -> Result<(Cow<'de, str>, Revocation), E> {
        let Some(Json::String(id)) = id else {
            return Err(stop(self.fault, "a text `jti` in each", "an entry without"));
        };
        let at = match at {
            Some(Json::Integer(seconds)) => u64::try_from(seconds).ok(),
            _ => None,
        };
        let Some(at) = at.and_then(Timestamp::from_unix_seconds) else {
            let expected = "whole seconds from 0 to 253402300799 as `at` in each";
            return Err(stop(self.fault, expected, "an entry without"));
        };
        match reason {
            Some(Json::String(reason)) if !reason.is_empty() => {
                let reason = reason.into();
                Ok((id, Revocation { at, reason }))
            }
            _ => Err(stop(
                self.fault,
                "a text `reason` in each, not empty",
                "an entry without",
            )),
        }
    }
}
