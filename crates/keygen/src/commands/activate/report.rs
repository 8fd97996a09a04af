//! What `keygen activate` tells of what it has answered, or would answer.

use license_core::License;
use license_terminal::{Destination, Failure, Terminal, escape};
use serde_json::{Value, json};

use super::super::{answer, dry_run};
use super::{Case, Devices};
use crate::ledger::{Entry, Record};

/// An answer to tell of.
pub(super) struct Said<'a> {
    case: &'a Case<'a>,
    customer: Option<String>,
    /// Whether the license holds nowhere else; none if it was not looked into again.
    is_needed: Option<bool>,
    devices: Option<Devices>,
    minted: Option<Minted>,
    answered_before: bool,
    dry_run: bool,
}

/// What only minting makes.
struct Minted {
    activation_id: Option<String>,
    issued_at: Option<String>,
    token: String,
}

impl<'a> Said<'a> {
    pub(super) fn of_draft(
        case: &'a Case<'a>,
        license: &License,
        devices: Option<Devices>,
    ) -> Self {
        Self {
            case,
            customer: Some(license.customer().to_owned()),
            is_needed: Some(license.must_activate()),
            devices,
            minted: None,
            answered_before: false,
            dry_run: true,
        }
    }

    pub(super) fn minted(
        case: &'a Case<'a>,
        license: &License,
        record: &Record,
        devices: Option<Devices>,
    ) -> Self {
        let fact = |name: &str| record.body.get(name)?.as_str().map(str::to_owned);
        let minted = Minted {
            activation_id: fact("activation_id"),
            issued_at: fact("issued_at"),
            token: record.artifact.clone(),
        };
        Self {
            minted: Some(minted),
            dry_run: false,
            ..Self::of_draft(case, license, devices)
        }
    }

    pub(super) fn again(case: &'a Case<'a>, entry: &Entry) -> Self {
        let minted = Minted {
            activation_id: entry.fact("activation_id"),
            issued_at: entry.fact("issued_at"),
            token: entry.artifact.clone(),
        };
        Self {
            case,
            customer: entry.fact("customer"),
            is_needed: None,
            devices: None,
            minted: Some(minted),
            answered_before: true,
            dry_run: false,
        }
    }

    /// The same, where the request was answered before.
    pub(super) fn after(self, before: Option<&Entry>) -> Self {
        Self {
            answered_before: before.is_some(),
            ..self
        }
    }

    pub(super) fn in_dry_run(self) -> Self {
        Self {
            dry_run: true,
            ..self
        }
    }

    /// Where the token itself goes to standard output, the words about it go to standard error.
    pub(super) fn tell(&self, out: &Destination, terminal: &Terminal) -> Result<(), Failure> {
        if terminal.is_json() {
            return terminal.json(&self.to_json(out));
        }
        let text = self.lines().join("\n");
        match (out, self.dry_run) {
            (_, true) => terminal.data(&format!("{}\n{text}", dry_run::line(out))),
            (Destination::Stdout, _) => {
                terminal.note(&text);
                Ok(())
            }
            (Destination::File(_), _) => terminal.data(&format!("wrote      {out}\n{text}")),
        }
    }

    fn to_json(&self, out: &Destination) -> Value {
        let request = &self.case.request;
        let in_file = matches!(out, Destination::File(_));
        let minted = self.minted.as_ref();
        let printed = minted.filter(|_| !in_file && !self.dry_run);
        json!({
            "activation_id": minted.map(|minted| &minted.activation_id),
            "license_id": request.license.as_str(),
            "customer": self.customer,
            "machine": self.case.machine.to_string(),
            "nonce": request.nonce.to_string(),
            "requested_at": request.made_at.to_string(),
            "issued_at": minted.map(|minted| &minted.issued_at),
            "needed": self.is_needed,
            "devices": self.devices.as_ref().map(Devices::to_json),
            "answered_before": self.answered_before,
            "kid": minted.and_then(|minted| answer::key_id(&minted.token)),
            "path": (in_file && !self.dry_run).then(|| out.to_string()),
            "token": printed.map(|minted| &minted.token),
            "dry_run": self.dry_run,
        })
    }

    fn lines(&self) -> Vec<String> {
        let request = &self.case.request;
        let customer = self.customer.as_deref().map(escape);
        let customer = customer.map_or_else(String::new, |name| format!(" of {name}"));
        let minted = self.minted.as_ref();
        let id = minted.and_then(|minted| minted.activation_id.as_ref());
        let issued = minted.and_then(|minted| minted.issued_at.as_ref());
        let mut lines = vec![format!("license    {}{customer}", request.license)];
        lines.extend(id.map(|id| format!("activation {}", escape(id))));
        lines.push(format!("machine    {}", self.case.machine));
        lines.push(format!("nonce      {}", request.nonce));
        lines.push(format!(
            "requested  {}, by the machine's clock",
            request.made_at
        ));
        lines.extend(issued.map(|at| format!("issued     {}", escape(at))));
        lines.extend(self.devices.as_ref().map(Devices::line));
        lines.extend(self.is_needed.map(needed));
        lines
    }
}

fn needed(is_needed: bool) -> String {
    match is_needed {
        true => "needed     yes: the license holds nowhere without".to_owned(),
        false => {
            "needed     no: the license was minted without --activation, and holds elsewhere too"
                .to_owned()
        }
    }
}
