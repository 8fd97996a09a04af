//! What is entered of what machines were answered, and of what they gave up.

use license_core::{Activation, ClockRepair};
use serde_json::{Value, json};

use crate::ledger::{Kind, Record};

/// Facts of an answer that are in no token: they come from the license, or from the request.
pub(crate) const UNSIGNED: [&str; 3] = ["customer", "mark", "requested_at"];

/// The record of an activation, as far as its token tells.
pub(crate) fn activation(said: &Activation, token: &str) -> Record {
    let license = said.license_id().as_str();
    let body = json!({
        "license_id": license,
        "product": said.product().as_str(),
        "activation_id": said.id().as_str(),
        "machine": said.machine().digest().map(|digest| digest.to_string()),
        "fingerprint": said.machine().to_string(),
        "nonce": said.nonce().to_string(),
        "commitment": said.commitment().to_string(),
        "issued_at": said.issued_at().to_string(),
    });
    Record {
        kind: Kind::Activation,
        subject: license.to_owned(),
        body,
        artefact: token.to_owned(),
    }
}

/// The record of a clock repair, as far as its token tells; none if it names no machine.
pub(crate) fn clock_repair(said: &ClockRepair, token: &str) -> Option<Record> {
    let machine = said.machine().digest()?.to_string();
    let body = json!({
        "repair_id": said.id().as_str(),
        "product": said.product().as_str(),
        "machine": machine,
        "fingerprint": said.machine().to_string(),
        "nonce": said.nonce().to_string(),
        "issued_at": said.issued_at().to_string(),
    });
    Some(Record {
        kind: Kind::ClockRepair,
        subject: machine,
        body,
        artefact: token.to_owned(),
    })
}

impl Record {
    /// The same, and that one fact more is known.
    pub(crate) fn with(mut self, name: &str, fact: impl Into<Value>) -> Self {
        if let Some(body) = self.body.as_object_mut() {
            body.insert(name.to_owned(), fact.into());
        }
        self
    }
}
