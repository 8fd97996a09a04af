//! `keygen revocations`: every license that the ledger has revoked and every activation that ended, as one signed list.

use std::collections::BTreeSet;

use license_core::issue::{CheckedKey, RevocationsDraft, Revoked, Sign};
use license_core::{Matrix, ProductCode, RevocationList, Span, Timestamp, Unverified};
use license_terminal::{Destination, Exit, Failure, Terminal};
use serde_json::json;

use super::{dry_run, ledger, matrix, not_issued, not_verified, now, trust_of, warn_of_future};
use crate::args::{Dry, Revocations};
use crate::books::{Books, not_entered};
use crate::custody;
use crate::ledger::{Kind, LedgerError, LedgerReader, Place, Record};

const SECONDS_PER_DAY: u64 = 24 * 3600;
/// The largest integer that every JSON implementation carries exactly (RFC 8259 section 6).
const MAX_SEQ: u64 = (1 << 53) - 1;

pub(crate) fn run(
    arguments: &Dry<Revocations>,
    place: &Place,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let Dry {
        order: arguments,
        dry_run,
    } = arguments;
    ledger::required(place, "what is revoked")?;
    arguments.out.check()?;
    arguments.issued_at.map_or(Ok(()), refuse_future)?;
    let matrix = matrix(arguments.product_file.as_ref())?;
    if *dry_run {
        return rehearse(arguments, &matrix, place, terminal);
    }
    // Where there is none, nothing was revoked; a list that says so would be of the wrong ledger.
    drop(ledger::open(place)?);
    let mut books = Books::open(place)?;
    let key = custody::load(&arguments.key, terminal)?;
    let mut counter = books.counter(now())?;
    let draft = draft(arguments, &matrix, counter.ledger(), Some(&key))?;
    warn_of_lost(&draft, Some(&key), counter.ledger(), terminal)?;
    counter.enter_key(key.public())?;
    let minted = Minted::new(&draft, &key)?;
    warn_of_future(draft.issued_at, terminal);
    let out = &arguments.out;
    let is_printed = matches!(out.out, Destination::Stdout) && terminal.is_json();
    let content = (!is_printed).then(|| minted.list.to_armor());
    counter.hand_out(vec![minted.record()], out, content.as_deref())?;
    tell(&draft, Some(&minted), &out.out, terminal)
}

/// What would be in the list, and what would refuse it, without a secret.
fn rehearse(
    arguments: &Revocations,
    matrix: &Matrix,
    place: &Place,
    terminal: &Terminal,
) -> Result<(), Failure> {
    drop(ledger::open(place)?);
    let at_hand = dry_run::check(&arguments.key, &arguments.out, place, terminal)?;
    let key = at_hand.key.as_ref();
    let draft = draft(arguments, matrix, at_hand.ledger.as_deref(), key)?;
    warn_of_lost(&draft, key, at_hand.ledger.as_deref(), terminal)?;
    warn_of_future(draft.issued_at, terminal);
    tell(&draft, None, &arguments.out.out, terminal)
}

fn draft(
    arguments: &Revocations,
    matrix: &Matrix,
    ledger: Option<&dyn LedgerReader>,
    key: Option<&CheckedKey>,
) -> Result<RevocationsDraft, Failure> {
    let failed = |error: LedgerError| not_entered(&error);
    let product = matrix.product();
    let listed = ledger.map(|ledger| listed(ledger, product)).transpose();
    let last = ledger.zip(key).map(|(ledger, key)| {
        let kid = key.public().id().as_str();
        ledger.last_revocation_list(kid)
    });
    let last = last.transpose().map_err(failed)?.flatten();
    let issued_at = arguments.issued_at.unwrap_or_else(now);
    let valid = u64::from(arguments.valid_days.get()).saturating_mul(SECONDS_PER_DAY);
    Ok(RevocationsDraft {
        issuer: matrix.issuer().to_owned(),
        product,
        issued_at,
        seq: next_seq(last, now())?,
        next_update: issued_at.plus(valid),
        revoked: listed.map_err(failed)?.unwrap_or_default(),
    })
}

/// Licenses that were revoked, and activations that ended: so that no restored backup brings one back.
fn listed(ledger: &dyn LedgerReader, product: ProductCode) -> Result<Vec<Revoked>, LedgerError> {
    let mut listed = ledger.revoked_licenses(product)?;
    let known: BTreeSet<_> = listed.iter().map(|one| one.license.clone()).collect();
    let released = ledger.ended_activations(product)?.into_iter();
    listed.extend(released.filter(|one| !known.contains(&one.license)));
    listed.sort_by(|a, b| a.license.cmp(&b.license));
    Ok(listed)
}

/// One more than the last, and at least the clock's seconds: who has lost their ledger, or restored an old one, goes on above all that
/// customers have seen.
fn next_seq(last: Option<u64>, clock: Timestamp) -> Result<u64, Failure> {
    let next = last.map_or(0, |last| last.saturating_add(1));
    let next = next.max(clock.unix_seconds());
    match next > MAX_SEQ {
        true => Err(not_entered(&LedgerError::Full)),
        false => Ok(next),
    }
}

/// A list as verified with the key that has just signed it.
struct Minted {
    list: RevocationList,
    token: String,
}

impl Minted {
    fn new(draft: &RevocationsDraft, key: &CheckedKey) -> Result<Self, Failure> {
        let token = draft.sign(key).map_err(|error| match error {
            license_core::issue::IssueError::TooLong { .. } => too_long(draft, &error),
            error => not_issued(&error),
        })?;
        let refused = |reason: &dyn std::fmt::Display| not_verified("revocation list", reason);
        let trust = trust_of(key).map_err(|error| refused(&error))?;
        let list = Unverified::parse(&token)
            .map_err(|error| refused(&error))?
            .verify_revocations(&trust)
            .map_err(|error| refused(&error))?;
        Ok(Self { list, token })
    }

    /// Without the token: it is large, and what is in it is entered already.
    fn record(&self) -> Record {
        record(&self.list)
    }
}

/// What the ledger keeps of a list.
pub(super) fn record(list: &RevocationList) -> Record {
    let body = json!({
        "kid": list.key_id().as_str(),
        "seq": list.seq(),
        "product": list.product().as_str(),
        "revoked": list.len(),
        "issued_at": list.issued_at().to_string(),
        "next_update": list.next_update().to_string(),
        "sha256": license_issuer::hex::encode(&list.digest()),
    });
    Record {
        kind: Kind::RevocationList,
        subject: list.key_id().as_str().to_owned(),
        body,
        artifact: String::new(),
    }
}

/// So far ahead a list may be dated: time counts from its date on wherever it is installed, and can't be set back by a right one.
const MAX_AHEAD: u64 = SECONDS_PER_DAY;

fn refuse_future(issued_at: Timestamp) -> Result<(), Failure> {
    let latest = now().plus(MAX_AHEAD);
    match issued_at > latest {
        true => Err(Failure::usage(format!("--issued-at: expected {latest} at the latest, found {issued_at}"))
            .hint("wherever such a list is installed, time would count from then on and licenses would end: leave --issued-at away")),
        false => Ok(()),
    }
}

/// A list that leaves out what an earlier one named gives those licenses back, wherever it is installed.
fn warn_of_lost(
    draft: &RevocationsDraft,
    key: Option<&CheckedKey>,
    ledger: Option<&dyn LedgerReader>,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let Some((key, ledger)) = key.zip(ledger) else {
        return Ok(());
    };
    let kid = key.public().id().as_str();
    let most = ledger.longest_revocation_list(kid, draft.product);
    let most = most.map_err(|error| not_entered(&error))?;
    let count = u64::try_from(draft.revoked.len()).unwrap_or(u64::MAX);
    let message = match most {
        None => "the ledger knows no earlier list of this key; if there is one, licenses that only that one names are given back: `keygen ledger import LIST` enters them".to_owned(),
        Some(most) if count < most => format!(
            "an earlier list of this key named {most} licenses, and this one {count}: the others are given back to customers; `keygen ledger import LIST` enters what is missing"
        ),
        Some(_) => return Ok(()),
    };
    terminal.warning("SHORTER_LIST", &message);
    Ok(())
}

fn too_long(draft: &RevocationsDraft, error: &license_core::issue::IssueError) -> Failure {
    let count = draft.revoked.len();
    Failure::new(Exit::Usage, "USAGE", format!("{count} revoked licenses and activations: {error}"))
        .hint("sign with a new key and leave the old one out of the trust set: what it signed needs no list then")
}

fn tell(
    draft: &RevocationsDraft,
    minted: Option<&Minted>,
    out: &Destination,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let in_file = matches!(out, Destination::File(_));
    if terminal.is_json() {
        let token = minted.filter(|_| !in_file).map(|minted| &minted.token);
        return terminal.json(&json!({
            "seq": minted.map(|minted| minted.list.seq()),
            "product": draft.product.as_str(),
            "revoked": draft.revoked.len(),
            "issued_at": draft.issued_at.to_string(),
            "next_update": draft.next_update.to_string(),
            "kid": minted.map(|minted| minted.list.key_id().as_str()),
            "path": (in_file && minted.is_some()).then(|| out.to_string()),
            "token": token,
            "dry_run": minted.is_none(),
        }));
    }
    let text = lines(draft, minted).join("\n");
    match (out, minted) {
        (_, None) => terminal.data(&format!("{}\n{text}", dry_run::line(out))),
        (Destination::Stdout, _) => {
            terminal.note(&text);
            Ok(())
        }
        (Destination::File(_), _) => terminal.data(&format!("wrote      {out}\n{text}")),
    }
}

fn lines(draft: &RevocationsDraft, minted: Option<&Minted>) -> Vec<String> {
    let valid = Span(draft.next_update.seconds_since(draft.issued_at));
    let mut lines = Vec::new();
    lines.extend(minted.map(|minted| format!("list       {}", minted.list.seq())));
    lines.push(format!("product    {}", draft.product));
    lines.push(format!("revoked    {}", draft.revoked.len()));
    lines.push(format!("issued     {}", draft.issued_at));
    lines.push(format!(
        "next due   {}, {valid} after its issue",
        draft.next_update
    ));
    lines.extend(minted.map(|minted| format!("key        {}", minted.list.key_id().as_str())));
    lines
}
