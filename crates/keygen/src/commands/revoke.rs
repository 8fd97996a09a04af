//! `keygen revoke`.

use license_core::{LicenseId, LicenseKey, Timestamp};
use license_terminal::{Exit, Failure, Terminal};
use serde_json::json;

use super::ledger::{license_of, not_found, resolve};
use super::now;
use crate::args::Revoke;
use crate::books::{Books, not_kept_in};
use crate::ledger::{Entry, Kind, LedgerReader, LicenseRow, Place, Record, Standing};

pub(crate) fn run(arguments: &Revoke, place: &Place, terminal: &Terminal) -> Result<(), Failure> {
    if *place == Place::None {
        return Err(Failure::usage(
            "a revocation is kept in the ledger, and --no-ledger leaves none",
        )
        .hint("leave --no-ledger away"));
    }
    // Where there is none, there is no license to revoke either.
    if !arguments.force {
        let _ = super::ledger::open(place)?;
    }
    let mut books = Books::open(place)?;
    let activation = |ledger| super::release::not_a_license(&arguments.license, ledger);
    if let Some(refused) = books.ledger().and_then(activation) {
        return Err(refused);
    }
    let known = match books.ledger() {
        Some(ledger) => resolve(ledger, &arguments.license)?,
        None => None,
    };
    // What a customer reported of a license does not say that there is such a license.
    let is_minted = |id: &String| books.ledger().is_some_and(|ledger| is_minted(ledger, id));
    let known = known.filter(|id| LicenseId::parse(id).is_some() && is_minted(id));
    let id = match known {
        Some(id) => id,
        None if arguments.force => unknown(&arguments.license)?,
        None => return Err(not_found(&arguments.license)),
    };
    let at = now();
    let record = record(&id, &arguments.reason, at);
    let mut counter = books.counter(at)?;
    let was_revoked = counter.has(Kind::Revocation, &id)?;
    if !was_revoked {
        counter.enter(record)?;
    }
    let still_hold = still_hold(&id, counter.ledger(), at)?;
    if !still_hold.is_empty() {
        let message = format!(
            "what {id} replaced holds where it is installed alone: {}; revoke these too if the customer is to have none",
            still_hold.join(", ")
        );
        terminal.warning("STILL_HOLDS", &message);
    }
    if terminal.is_json() {
        return terminal.json(&json!({
            "license_id": id,
            "reason": arguments.reason,
            "already_revoked": was_revoked,
            "still_hold": still_hold,
        }));
    }
    match was_revoked {
        true => terminal.data(&format!("{id} was revoked already; nothing was entered")),
        false => terminal.data(&format!("entered: {id} is revoked")),
    }?;
    terminal.note(
        "it reaches customers with the next revocation list (`keygen revocations`) or check-in (`keygen check-in --status revoked`)",
    );
    Ok(())
}

/// That a license is revoked.
pub(super) fn record(id: &str, reason: &str, at: Timestamp) -> Record {
    Record {
        kind: Kind::Revocation,
        subject: id.to_owned(),
        body: json!({ "license_id": id, "reason": reason, "at": at.to_string() }),
        artifact: String::new(),
    }
}

/// The licenses that it replaced, which are neither revoked nor over.
fn still_hold(
    id: &str,
    ledger: Option<&dyn LedgerReader>,
    now: Timestamp,
) -> Result<Vec<String>, Failure> {
    let Some(ledger) = ledger else {
        return Ok(Vec::new());
    };
    let replaced = ledger.replaced_licenses(id);
    let mut still_hold = Vec::new();
    for former in replaced.map_err(|error| not_kept_in(ledger, &error))? {
        let row = license_of(ledger, &former, now)?;
        let has_ended = |row: &LicenseRow| {
            let end = row.entry.fact("expires_at");
            end.is_some_and(|end| Timestamp::parse(&end).is_ok_and(|end| end <= now))
        };
        if row.is_some_and(|row| row.status != Standing::Revoked && !has_ended(&row)) {
            still_hold.push(former);
        }
    }
    Ok(still_hold)
}

fn is_minted(ledger: &dyn LedgerReader, id: &str) -> bool {
    let is_usage = |entry: &Entry| entry.kind == Kind::Usage.as_str();
    ledger
        .entries_about(id)
        .is_ok_and(|entries| !entries.iter().all(is_usage))
}

/// The id that a license has which the ledger does not know.
fn unknown(text: &str) -> Result<String, Failure> {
    let of_key = LicenseKey::parse(text)
        .ok()
        .and_then(|key| key.license_id());
    let id = LicenseId::parse(&text.trim().to_ascii_lowercase()).or(of_key);
    id.map(|id| id.as_str().to_owned()).ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            "USAGE",
            "expected a license id or a short enterprise key, found another text",
        )
        .hint("`keygen inspect FILE` shows the license id (jti)")
    })
}
