//! What `keygen check-in` tells of what it has minted, or would mint.

use license_core::issue::{CheckedKey, Sign, ValidationDraft};
use license_core::{License, Machine, Status, Tier, Timestamp};
use license_terminal::{Destination, Failure, Terminal, escape};
use serde_json::{Value, json};

use super::super::dry_run;
use super::{Minted, end_of, seconds};

/// A validation to tell of.
pub(super) struct Said<'a> {
    license: &'a License,
    tier: Tier,
    status: Status,
    machine: Option<String>,
    nonce: Option<&'a str>,
    issued_at: Timestamp,
    expires_at: Option<Timestamp>,
    minted: Option<&'a Minted>,
}

/// The key is there if they are minted.
pub(super) fn tell(
    said: &[Said<'_>],
    key: Option<&CheckedKey>,
    out: &Destination,
    terminal: &Terminal,
) -> Result<(), Failure> {
    if terminal.is_json() {
        return terminal.json(&to_json(said, key, out));
    }
    let lines: Vec<String> = said.iter().flat_map(Said::lines).collect();
    let text = lines.join("\n");
    match (out, key) {
        (_, None) => terminal.data(&format!("{}\n{text}", dry_run::line(out)))?,
        (Destination::Stdout, _) => terminal.note(&text),
        (Destination::File(_), _) => terminal.data(&format!("wrote      {out}\n{text}"))?,
    }
    Ok(())
}

fn to_json(said: &[Said<'_>], key: Option<&CheckedKey>, out: &Destination) -> Value {
    let in_file = matches!(out, Destination::File(_));
    let of = |said: &Said<'_>| said.to_json(!in_file);
    json!({
        "validations": said.iter().map(of).collect::<Vec<_>>(),
        "kid": key.map(|key| key.public().id().as_str()),
        "path": (in_file && key.is_some()).then(|| out.to_string()),
        "dry_run": key.is_none(),
    })
}

impl<'a> Said<'a> {
    pub(super) fn of_minted(minted: &'a Minted) -> Self {
        let validation = &minted.validation;
        Self {
            license: &minted.license,
            tier: validation.entitlements().tier(),
            status: validation.status(),
            machine: validation.machine().map(Machine::to_string),
            nonce: validation.nonce(),
            issued_at: validation.issued_at(),
            expires_at: validation.expires_at(),
            minted: Some(minted),
        }
    }

    pub(super) fn of_draft(draft: &'a ValidationDraft<'a>) -> Self {
        Self {
            license: draft.license,
            tier: draft.entitlements.tier(),
            status: draft.status,
            machine: draft.machine.clone(),
            nonce: draft.nonce.as_deref(),
            issued_at: draft.issued_at,
            expires_at: draft.expires_at,
            minted: None,
        }
    }

    fn to_json(&self, with_token: bool) -> Value {
        let token = self.minted.map(|minted| minted.token.as_str());
        json!({
            "id": self.minted.map(|minted| minted.validation.id()),
            "license_id": self.license.id().as_str(),
            "customer": self.license.customer(),
            "tier": self.tier.as_str(),
            "status": self.status.as_str(),
            "machine": self.machine,
            "nonce": self.nonce,
            "issued_at": self.issued_at.to_string(),
            "expires_at": self.expires_at.map(|at| at.to_string()),
            "holds_until": self.span().map(|(_, holds_until)| holds_until.to_string()),
            "token": token.filter(|_| with_token),
        })
    }

    fn lines(&self) -> Vec<String> {
        let license = self.license;
        let end = license
            .expires_at()
            .map_or("perpetual".to_owned(), |end| format!("until {end}"));
        let mut lines = vec![
            format!(
                "license    {} for {}, {end}",
                license.tier(),
                escape(license.customer())
            ),
            format!("license id {}", license.id()),
            format!("status     {}", self.status),
            format!("machine    {}", self.machine.as_deref().unwrap_or("any")),
        ];
        lines.extend(self.nonce.map(|nonce| format!("nonce      {nonce}")));
        lines.push(format!("check-in   {}", self.outlook()));
        lines
    }

    /// When the next check-in is due, and the last instant at which the license holds without; none for a license that
    /// never needs one, or is not to hold.
    fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let terms = self.license.check_in()?;
        let from = self.issued_at;
        let span =
            [terms.every_hours(), terms.grace_hours()].map(|hours| from.plus(seconds(hours)));
        (self.status == Status::Active).then_some(span.into())
    }

    /// How long the license holds with this.
    fn outlook(&self) -> String {
        let status = self.status;
        let Some((due_at, holds_until)) = self.span() else {
            return match status {
                Status::Active => "the license never needs one".to_owned(),
                denied => {
                    format!(
                        "the license is {denied} wherever this is installed, until a later one says active"
                    )
                }
            };
        };
        match end_of(self.license) {
            Some(end) if end <= due_at => {
                format!("the license ends at {end}, before its next check-in is due")
            }
            Some(end) if end <= holds_until => format!(
                "the license needs its next check-in by {due_at}, and holds until its end at {end} without"
            ),
            _ => format!(
                "the license needs its next check-in by {due_at}, and holds until {holds_until} without"
            ),
        }
    }
}
