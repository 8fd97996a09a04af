//! Handing out what was minted, and entering it in the ledger: neither happens without the other.

use std::io::ErrorKind;
use std::path::Path;

use license_core::{
    EnterpriseKey, License, Machine, Matrix, ProductCode, Timestamp, TrustedKey, Unverified,
    Validation,
};
use license_terminal::{Audience, Destination, Exit, Failure, Overwrite, show_path};
use serde_json::{Value, json};

use crate::cli::Out;
use crate::command::not_verified;
use crate::ledger::{
    Desk, Entry, Intent, Kind, Ledger, LedgerError, Outlet, Place, Record, Sheet, passing,
};

/// The ledger that the command line names, opened; or that there is to be none.
#[derive(Debug)]
pub(crate) struct Books {
    ledger: Option<Ledger>,
}

/// The right to mint until it is dropped.
#[derive(Debug)]
pub(crate) struct Counter<'b> {
    desk: Option<Desk<'b>>,
    /// What its caller prints.
    printed: Option<Intent>,
}

impl Books {
    /// Opens the ledger, and makes it if there is none.
    pub(crate) fn open(place: &Place) -> Result<Self, Failure> {
        let ledger = match place {
            Place::None => None,
            Place::Unknown => return Err(no_place()),
            Place::File(path) => Some(Ledger::open(path).map_err(|error| not_kept(path, &error))?),
        };
        Ok(Self { ledger })
    }

    /// The same ledger for another thread to look into while this one writes, so that it need not keep what it has seen.
    pub(crate) fn another_view(&self) -> Result<Option<Ledger>, Failure> {
        let open = |ledger: &Ledger| {
            let path = ledger.path();
            let view = Ledger::open_existing(path).and_then(Ledger::forgetful);
            view.map_err(|error| not_kept(path, &error))
        };
        self.ledger.as_ref().map(open).transpose()
    }

    pub(crate) fn ledger(&self) -> Option<&Ledger> {
        self.ledger.as_ref()
    }

    /// Waits to be the only one that mints.
    pub(crate) fn counter(&mut self, now: Timestamp) -> Result<Counter<'_>, Failure> {
        let desk = match &mut self.ledger {
            None => None,
            Some(ledger) => {
                let path = ledger.path().to_owned();
                let desk = ledger.desk(now);
                Some(desk.map_err(|error| not_kept(&path, &error))?)
            }
        };
        Ok(Counter {
            desk,
            printed: None,
        })
    }
}

/// Whether there is, or can be, a ledger to enter something in; nothing is made or changed. What there is can be looked into.
pub(crate) fn rehearse(place: &Place) -> Result<Option<Ledger>, Failure> {
    match place {
        Place::None => Ok(None),
        Place::Unknown => Err(no_place()),
        Place::File(path) => Ledger::rehearse(path).map_err(|error| not_kept(path, &error)),
    }
}

/// A file that is in the way of a batch.
pub(crate) fn not_for_these_orders(path: &Path) -> Failure {
    let path = show_path(path);
    let message = format!("{path} is there, and was not minted for these orders");
    Failure::new(Exit::Usage, "EXISTS", message)
        .hint("choose another folder with --out, or another name in column file")
}

impl Counter<'_> {
    /// Hands out many licenses as files, none of which may be there yet. They are in the ledger and in the files, or in neither; what is
    /// lost with the power can be written again from the ledger.
    pub(crate) fn hand_out_all(&mut self, sheets: &mut [Sheet]) -> Result<(), Failure> {
        let Some(desk) = &mut self.desk else {
            return write_all(sheets);
        };
        for (path, _) in sheets.iter().filter_map(|sheet| sheet.outlet.names()) {
            if path.symlink_metadata().is_ok() {
                return Err(not_for_these_orders(path));
            }
        }
        let intent = stated(desk.intend_each(sheets))?;
        for sheet in &*sheets {
            if let Some((path, passing)) = sheet.outlet.names() {
                // The next one at the desk clears what was written by then.
                let written = std::fs::write(passing, armored(sheet)?);
                written.map_err(|error| Failure::io("write", path, &error))?;
            }
        }
        stated(desk.enter_each(sheets))?;
        for (path, passing) in sheets.iter().filter_map(|sheet| sheet.outlet.names()) {
            // Whatever came there meanwhile stays.
            let named = passing::give_name(passing, path, false);
            named.map_err(|error| Failure::io("write", path, &error))?;
        }
        stated(desk.forget(&intent))
    }

    /// A number that changes when another process enters something.
    pub(crate) fn others_version(&self) -> Result<Option<i64>, Failure> {
        let ledger = self.ledger();
        stated(ledger.map(Ledger::others_version).transpose())
    }

    /// What was entered so far; nobody enters anything else meanwhile.
    pub(crate) fn ledger(&self) -> Option<&Ledger> {
        self.desk.as_ref().map(Desk::ledger)
    }

    /// The next serial: it rises with every token. Without a ledger it is the clock's microseconds, which fit 53 bits until 2255.
    pub(crate) fn serial(&mut self, microseconds: u64) -> Result<u64, Failure> {
        self.serials(1, microseconds)
    }

    /// The first of so many serials.
    pub(crate) fn serials(&mut self, count: u64, microseconds: u64) -> Result<u64, Failure> {
        match &mut self.desk {
            None => Ok(microseconds),
            Some(desk) => stated(desk.serials(count, microseconds)),
        }
    }

    /// Hands out what was minted: enters it, and writes `content` where it goes. With `content` absent whoever called prints it in JSON,
    /// before this counter is dropped.
    pub(crate) fn hand_out(
        &mut self,
        records: Vec<Record>,
        out: &Out,
        content: Option<&str>,
    ) -> Result<(), Failure> {
        out.check()?;
        // RS256 makes the same enterprise key again.
        let mut news = Vec::new();
        for record in records {
            if !self.has_handed_out(&record)? {
                news.push(record);
            }
        }
        let Some(desk) = self.desk.as_mut().filter(|_| !news.is_empty()) else {
            return content.map_or(Ok(()), |content| out.write(content));
        };
        match (&out.out, content) {
            (Destination::File(path), Some(content)) if !out.out.is_stream() => {
                hand_out_file(desk, &news, out, path, content)
            }
            (_, Some(content)) => {
                let intent = stated(desk.intend(&news, &Outlet::Stream))?;
                // What went wrong part of the way may have been seen: who comes next enters it as such.
                out.write(content)?;
                settled(desk, &intent)
            }
            (_, None) => {
                self.printed = Some(stated(desk.intend(&news, &Outlet::Stream))?);
                Ok(())
            }
        }
    }

    /// Enters the public half of a signing key, if it is the first time that it is seen.
    pub(crate) fn enter_key(&mut self, key: &TrustedKey) -> Result<(), Failure> {
        let kid = key.id().as_str().to_owned();
        if self.desk.is_none() || self.has(Kind::SigningKey, &kid)? {
            return Ok(());
        }
        self.enter(Record {
            kind: Kind::SigningKey,
            subject: kid,
            body: json!({ "alg": key.algorithm().as_str(), "bits": key.bits(), "jwk": key.to_jwk() }),
            artefact: String::new(),
        })
    }

    /// Whether anything of this kind was entered about the subject.
    pub(crate) fn has(&self, kind: Kind, subject: &str) -> Result<bool, Failure> {
        match &self.desk {
            Some(desk) => stated(desk.ledger().has(kind, subject)),
            None => Ok(false),
        }
    }

    /// Every usage entry of a chain, one by one.
    pub(crate) fn of_chain(&self, chain: &str, each: impl FnMut(Entry)) -> Result<(), Failure> {
        match &self.desk {
            Some(desk) => stated(desk.ledger().of_chain(chain, each)),
            None => Ok(()),
        }
    }

    /// Whether just this was entered.
    pub(crate) fn knows(&self, record: &Record) -> Result<bool, Failure> {
        Ok(!self.same(record)?.is_empty())
    }

    fn has_handed_out(&self, record: &Record) -> Result<bool, Failure> {
        Ok(self.same(record)?.iter().any(|entry| entry.delivered))
    }

    /// The entries of this record.
    fn same(&self, record: &Record) -> Result<Vec<Entry>, Failure> {
        let Some(desk) = &self.desk else {
            return Ok(Vec::new());
        };
        let (subject, kind, artefact) = (&record.subject, record.kind, &record.artefact);
        let mut entries = stated(desk.ledger().same_artefact(subject, kind, artefact))?;
        entries.retain(|entry| is_of(entry, record));
        Ok(entries)
    }

    /// Enters what hands nothing out.
    pub(crate) fn enter(&mut self, record: Record) -> Result<(), Failure> {
        self.enter_all(&[record])
    }

    /// Enters all of what hands nothing out, or nothing.
    pub(crate) fn enter_all(&mut self, records: &[Record]) -> Result<(), Failure> {
        match &mut self.desk {
            None => Ok(()),
            Some(desk) => stated(desk.record(records)),
        }
    }
}

impl Drop for Counter<'_> {
    /// What the caller was to print is printed by now. What can't be entered now is entered by whoever mints next.
    fn drop(&mut self) {
        if let (Some(desk), Some(printed)) = (&mut self.desk, self.printed.take()) {
            let _ = settled(desk, &printed);
        }
    }
}

/// Writes files that nobody enters.
fn write_all(sheets: &[Sheet]) -> Result<(), Failure> {
    for sheet in sheets {
        if let Some((path, _)) = sheet.outlet.names() {
            let file = Destination::File(path.to_owned());
            let content = armored(sheet)?;
            file.write(content.as_bytes(), Overwrite::Refuse, Audience::Everyone)?;
        }
    }
    Ok(())
}

/// What is in its file.
fn armored(sheet: &Sheet) -> Result<String, Failure> {
    let token = Unverified::parse(&sheet.entry.artefact);
    let token = token.map_err(|error| not_verified("license", &error))?;
    Ok(token.to_armor())
}

/// Writes a file under a passing name, enters it, and gives it its own name.
fn hand_out_file(
    desk: &mut Desk<'_>,
    records: &[Record],
    out: &Out,
    path: &Path,
    content: &str,
) -> Result<(), Failure> {
    // What could refuse the name later, when it is entered.
    check_name(path)?;
    let outlet = Outlet::file(path, &passing_id()?, out.force);
    let intent = stated(desk.intend(records, &outlet))?;
    let Outlet::File { passing, .. } = &outlet else {
        return Ok(());
    };
    if let Err(error) = passing::write(passing, content) {
        // Else who comes next removes it.
        if passing::remove(passing).is_ok() {
            let _ = desk.forget(&intent);
        }
        return Err(Failure::io("write", path, &error));
    }
    stated(desk.enter(&intent))?;
    out.rename(passing, path)?;
    passing::sync(path);
    // It is entered and has its name; that nothing is left to do for it, who comes next finds out.
    let _ = desk.forget(&intent);
    Ok(())
}

/// Refuses a name that a file can't have, or that a link or folder has.
pub(crate) fn check_name(path: &Path) -> Result<(), Failure> {
    let refused = |error: &std::io::Error| {
        Failure::io("write", path, error).hint("choose another name with --out")
    };
    match path.symlink_metadata() {
        Ok(found) if found.is_symlink() => {
            let message = format!("{} is a symbolic link and is not replaced", show_path(path));
            Err(Failure::usage(message)
                .hint("name the file it points to, or use - for standard output"))
        }
        Ok(found) if found.is_dir() => Err(refused(&ErrorKind::IsADirectory.into())),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(refused(&error)),
        Err(_) if path.to_string_lossy().ends_with(std::path::is_separator) => {
            Err(refused(&ErrorKind::NotADirectory.into()))
        }
        _ => Ok(()),
    }
}

fn settled(desk: &mut Desk<'_>, intent: &Intent) -> Result<(), Failure> {
    stated(desk.enter(intent))?;
    stated(desk.forget(intent))
}

fn stated<T>(done: Result<T, LedgerError>) -> Result<T, Failure> {
    done.map_err(|error| not_entered(&error))
}

/// Whether the entry is of this record.
fn is_of(entry: &Entry, record: &Record) -> bool {
    let is_same = entry.kind == record.kind.as_str() && entry.artefact == record.artefact;
    let body = || serde_json::from_str::<Value>(&entry.body).ok();
    is_same && (!record.artefact.is_empty() || body().as_ref() == Some(&record.body))
}

/// Sixteen hexadecimal digits that nobody else uses.
fn passing_id() -> Result<String, Failure> {
    let bytes: [u8; 8] = crate::command::random()?;
    Ok(crate::ledger::hex(&bytes))
}

fn no_place() -> Failure {
    Failure::new(
        Exit::Machine,
        "IO",
        "this user has no folder where a ledger could be kept",
    )
    .hint("name a file with --ledger or KEYGEN_LEDGER, or add --no-ledger")
}

pub(crate) fn not_kept(path: &Path, error: &LedgerError) -> Failure {
    let message = format!("ledger {}: {error}", show_path(path));
    match error {
        LedgerError::Missing => Failure::new(Exit::Machine, "NO_LEDGER", message)
            .hint("minting makes one; --ledger or KEYGEN_LEDGER names another"),
        LedgerError::NotALedger => {
            Failure::malformed(message).hint("name another file with --ledger")
        }
        LedgerError::Newer { .. } => {
            Failure::malformed(message).hint("use a newer version of this program")
        }
        LedgerError::Damaged => Failure::malformed(message)
            .hint("restore it from a backup; `sqlite3 FILE .recover` shows what is left of it"),
        _ => Failure::new(Exit::Machine, "LEDGER", message)
            .hint("check its permissions and the space left on its disk, or add --no-ledger"),
    }
}

pub(crate) fn not_entered(error: &LedgerError) -> Failure {
    Failure::new(
        Exit::Machine,
        "LEDGER",
        format!("the ledger can't be written: {error}"),
    )
    .hint("nothing was handed out that is not entered: run the command again")
}

/// The record of a license.
pub(crate) fn license(license: &License, token: &str, matrix: &Matrix) -> Record {
    let at = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let short_key = license.short_enterprise_key(matrix);
    let supersedes = license.supersedes().iter().map(|id| id.as_str());
    let machines = license.machines().unwrap_or_default().iter();
    let body = json!({
        "license_id": license.id().as_str(),
        "key": license.standard_key().map(|key| key.to_string()),
        "short_key": short_key.map(|key| key.to_string()),
        "product": license.product().as_str(),
        "tier": license.tier().as_str(),
        "customer": license.customer(),
        "company": license.company().map(|company| company.as_str().to_owned()),
        "seats": license.seats(),
        "devices": license.devices(),
        "users": license.users().map(|users| users.collect::<Vec<_>>()),
        "machines": machines.map(Machine::to_string).collect::<Vec<_>>(),
        "activation": license.must_activate(),
        "trial": license.is_trial(),
        "trial_of": license.is_trial().then(|| trial_of(license.product(), license.customer())),
        "serial": license.serial(),
        "supersedes": supersedes.collect::<Vec<_>>(),
        "issued_at": at(license.issued_at()),
        "not_before": at(license.not_before()),
        "expires_at": at(license.expires_at()),
        "maintenance_until": at(license.maintenance_until()),
        "kid": license.key_id().as_str(),
    });
    Record {
        kind: Kind::License,
        subject: license.id().as_str().to_owned(),
        body,
        artefact: token.to_owned(),
    }
}

/// Facts of a record that are in no license: how it came to be.
pub(crate) const UNSIGNED: [&str; 3] = ["order", "again", "reassigned"];

/// What tells one customer's trials of a product from another's, whatever the case and spacing of the name.
pub(crate) fn trial_of(product: ProductCode, customer: &str) -> String {
    let words: Vec<_> = customer.split_whitespace().map(str::to_lowercase).collect();
    format!("{product} {}", words.join(" "))
}

/// The record of an enterprise key.
pub(crate) fn enterprise_key(key: &EnterpriseKey, kid: &str, tier: Option<&str>) -> Record {
    let terms = key.unverified_terms();
    let short = key.short();
    let body = json!({
        "license_id": license_core::LicenseKey::EnterpriseShort(short).license_id().map(|id| id.as_str().to_owned()),
        "key": Value::Null,
        "short_key": short.to_string(),
        "product": terms.product.as_str(),
        "tier": tier,
        "customer": terms.company.as_str(),
        "company": terms.company.as_str(),
        "seats": terms.seats,
        "supersedes": [],
        "expires_at": terms.expiry.ends_at().map(|end| end.to_string()),
        "kid": kid,
    });
    Record {
        kind: Kind::EnterpriseKey,
        subject: short.to_string(),
        body,
        artefact: key.to_string(),
    }
}

/// The record of a validation token.
pub(crate) fn check_in(license: &License, said: &Validation, token: &str) -> Record {
    let body = json!({
        "license_id": said.license_id().as_str(),
        "customer": license.customer(),
        "validation_id": said.id(),
        "status": said.status().as_str(),
        "machine": said.machine().map(Machine::to_string),
        "nonce": said.nonce(),
        "issued_at": said.issued_at().to_string(),
    });
    Record {
        kind: Kind::CheckIn,
        subject: said.license_id().as_str().to_owned(),
        body,
        artefact: token.to_owned(),
    }
}
