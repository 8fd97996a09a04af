//! What `keygen check-in` tells of what it has minted.

use license_core::issue::{CheckedKey, Sign};
use license_core::{Machine, Status, Timestamp};
use license_terminal::{Destination, Failure, Terminal, escape};
use serde_json::{Value, json};

use super::{Minted, end_of, seconds};

pub(super) fn tell(
    minted: &[Minted],
    key: &CheckedKey,
    out: &Destination,
    terminal: &Terminal,
) -> Result<(), Failure> {
    if terminal.is_json() {
        return terminal.json(&to_json(minted, key, out));
    }
    let lines: Vec<String> = minted.iter().flat_map(Minted::lines).collect();
    let text = lines.join("\n");
    match out {
        Destination::Stdout => terminal.note(&text),
        Destination::File(_) => terminal.data(&format!("wrote      {out}\n{text}"))?,
    }
    Ok(())
}

fn to_json(minted: &[Minted], key: &CheckedKey, out: &Destination) -> Value {
    let in_file = matches!(out, Destination::File(_));
    let of = |minted: &Minted| minted.to_json(!in_file);
    json!({
        "validations": minted.iter().map(of).collect::<Vec<_>>(),
        "kid": key.public().id().as_str(),
        "path": in_file.then(|| out.to_string()),
    })
}

impl Minted {
    fn to_json(&self, with_token: bool) -> Value {
        let (license, validation) = (&self.license, &self.validation);
        json!({
            "id": validation.id(),
            "license_id": license.id().as_str(),
            "customer": license.customer(),
            "tier": validation.entitlements().tier().as_str(),
            "status": validation.status().as_str(),
            "machine": validation.machine().map(Machine::to_string),
            "nonce": validation.nonce(),
            "issued_at": validation.issued_at().to_string(),
            "expires_at": validation.expires_at().map(|at| at.to_string()),
            "holds_until": self.span().map(|(_, holds_until)| holds_until.to_string()),
            "token": with_token.then_some(&self.token),
        })
    }

    fn lines(&self) -> Vec<String> {
        let (license, validation) = (&self.license, &self.validation);
        let end = license
            .expires_at()
            .map_or("perpetual".to_owned(), |end| format!("until {end}"));
        let machine = validation.machine().map(Machine::to_string);
        let mut lines = vec![
            format!(
                "license    {} for {}, {end}",
                license.tier(),
                escape(license.customer())
            ),
            format!("license id {}", license.id()),
            format!("status     {}", validation.status()),
            format!("machine    {}", machine.as_deref().unwrap_or("any")),
        ];
        lines.extend(
            validation
                .nonce()
                .map(|nonce| format!("nonce      {nonce}")),
        );
        lines.push(format!("check-in   {}", self.outlook()));
        lines
    }

    /// When the next check-in is due, and the last instant at which the license holds without; none for a license that
    /// never needs one, or is not to hold.
    fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let terms = self.license.check_in()?;
        let from = self.validation.issued_at();
        let span =
            [terms.every_hours(), terms.grace_hours()].map(|hours| from.plus(seconds(hours)));
        (self.validation.status() == Status::Active).then_some(span.into())
    }

    /// How long the license holds with this.
    fn outlook(&self) -> String {
        let status = self.validation.status();
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
        match end_of(&self.license) {
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
