//! `keygen release`.

use license_core::{Code, MachineDigest, Nonce, Receipt};
use license_terminal::{Exit, Failure, Source, Terminal, escape};
use serde_json::{Value, json};

use super::{ledger, now, request};
use crate::args::{Dry, Release};
use crate::books::{self, Books, not_kept, not_kept_in};
use crate::ledger::{Activated, Entry, Kind, LedgerError, LedgerReader, Place, Record};

pub(crate) fn run(
    arguments: &Dry<Release>,
    place: &Place,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let Dry { order, dry_run } = arguments;
    ledger::required(place, "which machines were activated")?;
    let receipt = match &order.receipt {
        Some(source) => Some((source, request::receipt(source)?)),
        None => None,
    };
    let find = |ledger: Option<&dyn LedgerReader>| {
        let ledger = ledger.ok_or_else(|| ledger_missing(place))?;
        Ending::find(order, receipt.as_ref(), ledger)
    };
    if *dry_run {
        let known = books::rehearse(place)?;
        return find(known.as_deref())?.tell(true, terminal);
    }
    // Where there is none, nothing was activated either.
    drop(ledger::open(place)?);
    let mut books = Books::open(place)?;
    let mut counter = books.counter(now())?;
    let ending = find(counter.ledger())?;
    counter.enter_all(&ending.records())?;
    ending.tell(false, terminal)?;
    terminal.note(
        "the next revocation list (`keygen revocations`) says so too: where it is installed, no restored backup brings the activation back",
    );
    Ok(())
}

fn ledger_missing(place: &Place) -> Failure {
    match place {
        Place::File(path) => not_kept(path, &LedgerError::Missing),
        _ => not_kept(std::path::Path::new("?"), &LedgerError::Missing),
    }
}

/// An activation that ends.
struct Ending {
    activation: Entry,
    /// What the machine was activated with before, which it gives up too.
    earlier: Vec<Entry>,
    /// What it was activated with since, which stands.
    later: Vec<Activated>,
    by: &'static str,
    reason: String,
    at: String,
    /// By the machine's clock.
    given_up_at: Option<String>,
}

impl Ending {
    fn find(
        order: &Release,
        receipt: Option<&(&Source, Receipt)>,
        ledger: &dyn LedgerReader,
    ) -> Result<Self, Failure> {
        let failed = |error| not_kept_in(ledger, &error);
        let activated = match (receipt, &order.activation) {
            (Some((source, receipt)), _) => proven(source, receipt, ledger)?,
            (None, id) => named(id.as_deref().unwrap_or_default(), ledger)?,
        };
        if let Some(release) = &activated.release {
            return Err(released_before(&activated, release));
        }
        let (earlier, later) = others(&activated, ledger).map_err(failed)?;
        let activation = activated.entry;
        let given_up_at = receipt.map(|(_, receipt)| receipt.made_at.to_string());
        Ok(Self {
            earlier,
            later,
            by: if receipt.is_some() {
                "receipt"
            } else {
                "vendor"
            },
            reason: order.reason.clone().unwrap_or("released".to_owned()),
            at: now().to_string(),
            given_up_at,
            activation,
        })
    }

    fn records(&self) -> Vec<Record> {
        let all = std::iter::once(&self.activation).chain(&self.earlier);
        all.map(|activation| self.record(activation)).collect()
    }

    fn record(&self, activation: &Entry) -> Record {
        let fact = |name| activation.fact(name);
        let body = json!({
            "license_id": activation.subject,
            "product": fact("product"),
            "activation_id": fact("activation_id"),
            "machine": fact("machine"),
            "by": self.by,
            "reason": self.reason,
            "at": self.at,
            "given_up_at": self.given_up_at,
        });
        Record {
            kind: Kind::Release,
            subject: activation.subject.clone(),
            body,
            artifact: String::new(),
        }
    }

    fn warn(&self, terminal: &Terminal) {
        for later in &self.later {
            let (id, license) = (later.id().unwrap_or_default(), &later.entry.subject);
            let message = format!(
                "the machine was activated again since, and takes its place on: activation {id} of license {license} stands (`keygen release --activation {id} --reason TEXT` ends it)"
            );
            terminal.warning("STILL_ACTIVE", &escape(&message));
        }
    }

    fn tell(&self, dry_run: bool, terminal: &Terminal) -> Result<(), Failure> {
        self.warn(terminal);
        if terminal.is_json() {
            return terminal.json(&self.to_json(dry_run));
        }
        let (id, machine) = (id(&self.activation), self.activation.fact("machine"));
        let license = escape(&self.activation.subject);
        let mut lines = vec![match (dry_run, self.later.is_empty()) {
            (true, _) => "dry run    nothing was entered".to_owned(),
            (false, true) => "entered    the machine is released".to_owned(),
            (false, false) => {
                "entered    the activation has ended, the machine has another".to_owned()
            }
        }];
        lines.push(format!("activation {}", escape(&id)));
        lines.push(format!("license    {license}"));
        lines.extend(machine.map(|machine| format!("machine    {}", escape(&machine))));
        let why = match self.by {
            "receipt" => "by its receipt".to_owned(),
            _ => format!("by your word: {}", escape(&self.reason)),
        };
        lines.push(format!("ended      {}, {why}", self.at));
        for earlier in &self.earlier {
            let id = self::id(earlier);
            lines.push(format!(
                "also ended {}, an earlier activation of this machine",
                escape(&id)
            ));
        }
        terminal.data(&lines.join("\n"))
    }

    fn to_json(&self, dry_run: bool) -> Value {
        json!({
            "activation_id": id(&self.activation),
            "license_id": self.activation.subject,
            "machine": self.activation.fact("machine"),
            "by": self.by,
            "reason": self.reason,
            "released_at": self.at,
            "also_released": self.earlier.iter().map(id).collect::<Vec<_>>(),
            "still_active": self.later.iter().map(Activated::id).collect::<Vec<_>>(),
            "dry_run": dry_run,
        })
    }
}

fn id(activation: &Entry) -> String {
    activation.fact("activation_id").unwrap_or_default()
}

/// The activation that a receipt proves to be given up.
fn proven(
    source: &Source,
    receipt: &Receipt,
    ledger: &dyn LedgerReader,
) -> Result<Activated, Failure> {
    let failed = |error| not_kept_in(ledger, &error);
    let entry = ledger.answer(Kind::Activation, &receipt.nonce.to_string());
    let entry = entry.map_err(failed)?;
    let entry = entry.ok_or_else(|| unknown_nonce(source, receipt.nonce))?;
    let facts = [
        ("license_id", receipt.license.as_str()),
        ("product", receipt.product.as_str()),
    ];
    for (name, found) in facts {
        check(source, &entry, name, found)?;
    }
    check_machine(source, &entry, &receipt.machine)?;
    if entry.fact("commitment") != Some(receipt.secret.commitment().to_string()) {
        let message = format!(
            "{source}: the secret in it is not the one that activation {} was answered for",
            id(&entry)
        );
        return Err(
            Failure::new(Exit::Unjudged, "COMMITMENT_MISMATCH", message).hint(
                "only the machine has the secret: have the receipt sent again, or end the activation by `keygen release --activation`",
            ),
        );
    }
    ledger.with_release(entry).map_err(failed)
}

fn check(source: &Source, entry: &Entry, name: &str, found: &str) -> Result<(), Failure> {
    let expected = entry.fact(name).unwrap_or_default();
    if expected == found {
        return Ok(());
    }
    let message = format!(
        "{source}: expected {} as activation {} has it, found {found}",
        escape(&expected),
        id(entry)
    );
    Err(Failure::new(Exit::Unjudged, "RECEIPT_MISMATCH", message)
        .hint("it was put together from several: have the receipt sent again, as a file"))
}

fn check_machine(source: &Source, entry: &Entry, found: &MachineDigest) -> Result<(), Failure> {
    check(source, entry, "machine", &found.to_string())
}

/// An activation that the vendor names by its id.
fn named(id: &str, ledger: &dyn LedgerReader) -> Result<Activated, Failure> {
    let id = id.trim().to_ascii_lowercase();
    let found = ledger.activation(&id);
    let found = found.map_err(|error| not_kept_in(ledger, &error))?;
    found.ok_or_else(|| {
        let shown: String = id.chars().take(64).collect();
        let message = format!("the ledger knows no activation `{}`", escape(&shown));
        Failure::new(Exit::Usage, "UNKNOWN_ACTIVATION", message)
            .hint("`keygen ledger show LICENSE_ID` lists the activations of a license")
    })
}

fn unknown_nonce(source: &Source, nonce: Nonce) -> Failure {
    let message = format!("{source}: the ledger knows no activation with nonce {nonce}");
    Failure::new(Exit::Usage, "UNKNOWN_ACTIVATION", message).hint(
        "`keygen ledger import` enters an activation that was minted elsewhere; --ledger names another ledger",
    )
}

fn released_before(activated: &Activated, release: &Entry) -> Failure {
    let at = release.fact("at").unwrap_or_default();
    let by = match release.fact("by").as_deref() {
        Some("vendor") => "by your word",
        _ => "by a receipt",
    };
    let message = format!(
        "activation {} ended at {at} already, {by}",
        activated.id().unwrap_or_default()
    );
    Failure::new(Exit::Usage, "REPLAYED", message)
        .hint("nothing is left to do: its machine does not count any more")
}

/// What else the same machine has of the license, of those that it replaced and of those that took its place: what ends with the
/// activation, and what stands. What answers the same request ends with it, whichever of its answers is named.
fn others(
    ended: &Activated,
    ledger: &dyn LedgerReader,
) -> Result<(Vec<Entry>, Vec<Activated>), LedgerError> {
    let kin = ledger.license_family(&ended.entry.subject)?;
    let standing = ledger
        .open_activations(&kin.iter().map(String::as_str).collect::<Vec<_>>())?
        .into_iter();
    let of_machine = standing.filter(|other| match other.entry.seq < ended.entry.seq {
        true => other.is_machine_of(ended),
        false => ended.is_machine_of(other),
    });
    let others = of_machine.filter(|other| other.id() != ended.id());
    let (ending, later): (Vec<_>, Vec<_>) =
        others.partition(|other| other.entry.seq < ended.entry.seq || other.is_of_request(ended));
    let ending = ending.into_iter().map(|other| other.entry);
    Ok((ending.collect(), later))
}

/// Refuses the id of an activation where a license is to be named.
pub(super) fn not_a_license(id: &str, ledger: &dyn LedgerReader) -> Option<Failure> {
    let id = id.trim().to_ascii_lowercase();
    let activated = ledger.activation(&id).ok().flatten()?;
    let message = format!(
        "{} is an activation, not a license",
        activated.id().unwrap_or_default()
    );
    Some(
        Failure::new(Exit::Usage, Code::NoLicense.as_str(), message).hint(format!(
            "`keygen release --activation {id} --reason TEXT` ends it"
        )),
    )
}
