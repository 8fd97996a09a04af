//! Requests that were answered before: each gets one answer, however often it comes.

use license_core::{Fingerprint, Nonce, Unverified};
use license_terminal::{Audience, Destination, Exit, Failure, Overwrite, QrCode, Terminal};

use super::not_verified;
use crate::args::Out;
use crate::books::{Counter, not_kept_in};
use crate::ledger::{Entry, Kind, LedgerReader, Record};

/// What the ledger has answered to the request of this nonce; the facts are those that must be the same for it to be that request.
pub(super) fn before(
    ledger: &dyn LedgerReader,
    kind: Kind,
    nonce: Nonce,
    facts: &[(&str, String)],
) -> Result<Option<Entry>, Failure> {
    let entry = ledger.answer(kind, &nonce.to_string());
    let Some(entry) = entry.map_err(|error| not_kept_in(ledger, &error))? else {
        return Ok(None);
    };
    let is_other = |(name, fact): &&(&str, String)| entry.fact(name).as_ref() != Some(fact);
    match facts.iter().find(is_other) {
        None => Ok(Some(entry)),
        Some((name, _)) => Err(replayed(&entry, name)),
    }
}

/// The facts of a machine that make a request the same.
pub(super) fn of_machine(machine: &Fingerprint) -> (&'static str, String) {
    ("fingerprint", machine.to_string())
}

fn replayed(entry: &Entry, differing: &str) -> Failure {
    let at = entry.fact("issued_at").unwrap_or_default();
    let what = match differing {
        "license_id" => "license",
        "fingerprint" => "machine",
        other => other,
    };
    let message =
        format!("a request with this nonce was answered at {at}, and it named another {what}");
    Failure::new(Exit::Usage, "REPLAYED", message)
        .hint("the machine makes a new request for each activation: have that one sent")
}

/// Where an answer goes, and whether as a QR code.
pub(super) struct Way<'a> {
    pub(super) out: &'a Out,
    pub(super) qr: bool,
}

impl Way<'_> {
    /// Refuses early what [`Way::hand_out`] would refuse.
    pub(super) fn check(&self, terminal: &Terminal) -> Result<(), Failure> {
        if self.qr {
            QrCode::check_destination(&self.out.out, terminal)?;
        }
        self.out.check()
    }

    /// Enters an answer and hands it out.
    pub(super) fn hand_out(
        &self,
        counter: &mut Counter<'_>,
        record: Record,
        terminal: &Terminal,
    ) -> Result<(), Failure> {
        let text = armored(&record.artifact)?;
        let is_printed = matches!(self.out.out, Destination::Stdout) && terminal.is_json();
        if !self.qr {
            let content = (!is_printed).then_some(text.as_str());
            return counter.hand_out(vec![record], self.out, content);
        }
        // The token alone takes less room, and is read as well.
        let code = QrCode::new(&record.artifact)?;
        match &self.out.out {
            Destination::Stdout => {
                let drawn = code.for_terminal(terminal.columns())?;
                counter.hand_out(vec![record], self.out, None)?;
                terminal.data(drawn.trim_end())
            }
            picture @ Destination::File(_) => {
                let png = code.to_png();
                let png = png.map_err(|error| Failure::malformed(error.to_string()))?;
                counter.hand_out(vec![record], self.out, None)?;
                let overwrite = Overwrite::forced(self.out.force);
                picture.write(&png, overwrite, Audience::Everyone)
            }
        }
    }

    /// Hands out what was answered before, and enters it only if nobody can tell whether it ever left.
    pub(super) fn again(
        &self,
        counter: &mut Counter<'_>,
        kind: Kind,
        entry: &Entry,
        terminal: &Terminal,
    ) -> Result<(), Failure> {
        let record = Record {
            kind,
            subject: entry.subject.clone(),
            body: serde_json::from_str(&entry.body).unwrap_or_default(),
            artifact: entry.artifact.clone(),
        };
        self.hand_out(counter, record, terminal)
    }
}

/// The token in armor.
pub(super) fn armored(token: &str) -> Result<String, Failure> {
    let token = Unverified::parse(token).map_err(|error| not_verified("answer", &error))?;
    Ok(token.to_armor())
}

/// The id of the key that a token names.
pub(super) fn key_id(token: &str) -> Option<String> {
    let token = Unverified::parse(token).ok()?;
    Some(token.unverified_key_id().to_owned())
}

/// That the request was answered before.
pub(super) fn tell_again(entry: &Entry, terminal: &Terminal) {
    let at = entry.fact("issued_at").unwrap_or_default();
    terminal.note(&format!(
        "this request was answered at {at}: it gets the same answer again, and counts once"
    ));
}
