//! `keygen clock-repair`.

use license_core::issue::{CheckedKey, ClockRepairDraft, Sign};
use license_core::{ClockRequest, MachineDigest, Matrix, Span, Timestamp, Unverified};
use license_terminal::{Destination, Failure, Source, Terminal, escape};
use serde_json::{Value, json};

use super::{
    answer, dry_run, fresh_id, matrix, not_issued, not_verified, now, request, trust_of,
    warn_of_future,
};
use crate::answers;
use crate::args::{ClockRepair, Dry};
use crate::books::{Books, Counter};
use crate::custody;
use crate::ledger::{Entry, Kind, LedgerReader, Place, Record};
use crate::private_file::is_stdin;

/// As far as a vendor's clock and theirs may differ, in seconds.
const SKEW: u64 = 300;

pub(crate) fn run(
    arguments: &Dry<ClockRepair>,
    place: &Place,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let Dry { order, dry_run } = arguments;
    check_stdin(order)?;
    let way = answer::Way {
        out: &order.out,
        qr: order.qr,
    };
    way.check(terminal)?;
    let matrix = matrix(order.product_file.as_ref())?;
    let request = request::clock(&order.request, &matrix)?;
    let case = Case {
        order,
        matrix: &matrix,
        machine: request::digest(&order.request, &request.machine)?,
        request,
    };
    match dry_run {
        true => case.rehearse(place, terminal),
        false => case.run(place, terminal),
    }
}

/// A request, and what it is answered by.
struct Case<'a> {
    order: &'a ClockRepair,
    matrix: &'a Matrix,
    request: ClockRequest,
    machine: MachineDigest,
}

impl Case<'_> {
    fn run(&self, place: &Place, terminal: &Terminal) -> Result<(), Failure> {
        let mut books = Books::open(place)?;
        let load = || custody::load(&self.order.key, terminal);
        let key = match self.answered(books.ledger())? {
            Some(_) => None,
            None => Some(load()?),
        };
        let mut counter = books.counter(now())?;
        if let Some(entry) = self.answered(counter.ledger())? {
            return self.answer_again(&entry, &mut counter, terminal);
        }
        let key = key.map_or_else(load, Ok)?;
        let issued_at = self.order.issued_at.unwrap_or_else(now);
        self.warn(issued_at, terminal);
        counter.enter_key(key.public())?;
        let record = self.mint(issued_at, &key)?;
        let said = Said::of_record(self, &record, issued_at);
        self.way().hand_out(&mut counter, record, terminal)?;
        said.tell(&self.order.out.out, terminal)
    }

    fn rehearse(&self, place: &Place, terminal: &Terminal) -> Result<(), Failure> {
        let at_hand = dry_run::check(&self.order.key, &self.order.out, place, terminal)?;
        let out = &self.order.out.out;
        if let Some(entry) = self.answered(at_hand.ledger.as_deref())? {
            answer::tell_again(&entry, terminal);
            let mut said = Said::again(self, &entry);
            said.dry_run = true;
            return said.tell(out, terminal);
        }
        let issued_at = self.order.issued_at.unwrap_or_else(now);
        self.warn(issued_at, terminal);
        Said::of_draft(self, issued_at).tell(out, terminal)
    }

    fn answered(&self, ledger: Option<&dyn LedgerReader>) -> Result<Option<Entry>, Failure> {
        let Some(ledger) = ledger else {
            return Ok(None);
        };
        let facts = [answer::of_machine(&self.request.machine)];
        answer::before(ledger, Kind::ClockRepair, self.request.nonce, &facts)
    }

    fn way(&self) -> answer::Way<'_> {
        let ClockRepair { out, qr, .. } = self.order;
        answer::Way { out, qr: *qr }
    }

    fn answer_again(
        &self,
        entry: &Entry,
        counter: &mut Counter<'_>,
        terminal: &Terminal,
    ) -> Result<(), Failure> {
        let out = &self.order.out;
        answer::tell_again(entry, terminal);
        self.way()
            .again(counter, Kind::ClockRepair, entry, terminal)?;
        Said::again(self, entry).tell(&out.out, terminal)
    }

    /// A repair is as good as the clock that it is issued by.
    fn warn(&self, issued_at: Timestamp, terminal: &Terminal) {
        warn_of_future(issued_at, terminal);
        if issued_at.plus(SKEW) < now() {
            let message = format!(
                "it is issued at {issued_at}, which is past: the machine's time is set back to then"
            );
            terminal.warning("BACKDATED", &message);
        }
        if self.request.mark <= issued_at {
            let message = format!(
                "the machine has seen {}, which is not ahead of {issued_at}: there is nothing to repair",
                self.request.mark
            );
            terminal.warning("NOT_AHEAD", &message);
        }
    }

    /// The record of a repair, as verified with the key that has just signed it.
    fn mint(&self, issued_at: Timestamp, key: &CheckedKey) -> Result<Record, Failure> {
        let draft = ClockRepairDraft {
            issuer: self.matrix.issuer().to_owned(),
            id: fresh_id()?,
            issued_at,
            request: &self.request,
        };
        let token = draft.sign(key).map_err(|error| not_issued(&error))?;
        let refused = |reason: &dyn std::fmt::Display| not_verified("clock repair", reason);
        let trust = trust_of(key).map_err(|error| refused(&error))?;
        let unverified = Unverified::parse(&token).map_err(|error| refused(&error))?;
        let repair = unverified.verify_clock_repair(&trust);
        let repair = repair.map_err(|error| refused(&error))?;
        let record = answers::clock_repair(&repair, &token);
        let record = record.ok_or_else(|| refused(&"it names no machine"))?;
        Ok(record
            .with("mark", self.request.mark.to_string())
            .with("requested_at", self.request.made_at.to_string()))
    }
}

/// A repair to tell of.
struct Said<'a> {
    case: &'a Case<'a>,
    repair_id: Option<String>,
    issued_at: Option<Timestamp>,
    token: Option<String>,
    answered_before: bool,
    dry_run: bool,
}

impl<'a> Said<'a> {
    fn of_draft(case: &'a Case<'a>, issued_at: Timestamp) -> Self {
        Self {
            case,
            repair_id: None,
            issued_at: Some(issued_at),
            token: None,
            answered_before: false,
            dry_run: true,
        }
    }

    fn of_record(case: &'a Case<'a>, record: &Record, issued_at: Timestamp) -> Self {
        let id = record.body.get("repair_id").and_then(Value::as_str);
        Self {
            repair_id: id.map(str::to_owned),
            token: Some(record.artifact.clone()),
            dry_run: false,
            ..Self::of_draft(case, issued_at)
        }
    }

    fn again(case: &'a Case<'a>, entry: &Entry) -> Self {
        let issued_at = entry.fact("issued_at");
        Self {
            case,
            repair_id: entry.fact("repair_id"),
            issued_at: issued_at.and_then(|at| Timestamp::parse(&at).ok()),
            token: Some(entry.artifact.clone()),
            answered_before: true,
            dry_run: false,
        }
    }

    /// By how much the mark is ahead, in seconds.
    fn ahead(&self) -> u64 {
        let at = self.issued_at;
        at.map_or(0, |at| self.case.request.mark.seconds_since(at))
    }

    fn tell(&self, out: &Destination, terminal: &Terminal) -> Result<(), Failure> {
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
        let token = self.token.as_deref();
        json!({
            "repair_id": self.repair_id,
            "machine": self.case.machine.to_string(),
            "nonce": request.nonce.to_string(),
            "mark": request.mark.to_string(),
            "ahead_seconds": self.ahead(),
            "requested_at": request.made_at.to_string(),
            "issued_at": self.issued_at.map(|at| at.to_string()),
            "answered_before": self.answered_before,
            "kid": token.and_then(answer::key_id),
            "path": (in_file && !self.dry_run).then(|| out.to_string()),
            "token": token.filter(|_| !in_file && !self.dry_run),
            "dry_run": self.dry_run,
        })
    }

    fn lines(&self) -> Vec<String> {
        let request = &self.case.request;
        let ahead = match self.ahead() {
            0 => "not ahead".to_owned(),
            seconds => format!("{} ahead", Span(seconds)),
        };
        let mut lines = Vec::new();
        let id = self.repair_id.as_ref();
        lines.extend(id.map(|id| format!("repair     {}", escape(id))));
        lines.push(format!("machine    {}", self.case.machine));
        lines.push(format!("nonce      {}", request.nonce));
        lines.push(format!("has seen   {}, {ahead}", request.mark));
        let at = self.issued_at;
        lines.extend(at.map(|at| format!("set to     {at}")));
        lines
    }
}

/// Standard input can be only one thing.
fn check_stdin(order: &ClockRepair) -> Result<(), Failure> {
    let key = &order.key;
    let files = [key.key.file(), key.passphrase_file.as_deref()];
    let files = files.into_iter().flatten().filter(|path| is_stdin(path));
    let sources = std::iter::once(&order.request)
        .chain(&order.product_file)
        .filter(|source| matches!(source, Source::Stdin));
    super::one_stdin(files.count() + sources.count())
}
