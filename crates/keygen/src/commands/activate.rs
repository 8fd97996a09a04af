//! `keygen activate`.

mod report;

use license_core::issue::{ActivationDraft, CheckedKey, Sign};
use license_core::{
    ActivationRequest, Bundle, Code, License, LicenseId, MAX_FILE_BYTES, Machine, MachineDigest,
    Matrix, Timestamp, TrustSet, Unverified,
};
use license_terminal::{Exit, Failure, Source, Terminal};

use super::check_in::{end_of, not_judged, other_product};
use super::devices::{self, Devices};
use super::ledger::{license_of, signing_keys};
use super::{
    add_keys, answer, dry_run, fresh_id, matrix, not_issued, not_verified, now, request, trust_of,
};
use crate::answers;
use crate::args::{Activate, Dry};
use crate::books::{Books, Counter, not_kept_in};
use crate::custody;
use crate::ledger::{Entry, Kind, LedgerReader, Place, Record, Standing};
use crate::private_file::is_stdin;
use report::Said;

pub(crate) fn run(
    arguments: &Dry<Activate>,
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
    let request = request::activation(&order.request, &matrix)?;
    let given = order.license.as_ref();
    let given = given.map(|file| file.read_text(MAX_FILE_BYTES));
    let mut trust = TrustSet::default();
    add_keys(&mut trust, &order.trust)?;
    let case = Case {
        order,
        matrix: &matrix,
        machine: request::digest(&order.request, &request.machine)?,
        request,
        is_kept: !matches!(place, Place::None),
        given: given.transpose()?,
        trust,
    };
    match dry_run {
        true => case.rehearse(place, terminal),
        false => case.run(place, terminal),
    }
}

/// A request, and what it is judged by.
struct Case<'a> {
    order: &'a Activate,
    matrix: &'a Matrix,
    request: ActivationRequest,
    machine: MachineDigest,
    /// Whether there is to be a ledger.
    is_kept: bool,
    /// The text of the license file given.
    given: Option<String>,
    trust: TrustSet,
}

impl Case<'_> {
    /// What can be refused is refused before the passphrase is asked for, and again when nobody else can enter anything.
    fn run(&self, place: &Place, terminal: &Terminal) -> Result<(), Failure> {
        let mut books = Books::open(place)?;
        let load = || custody::load(&self.order.key, terminal);
        let key = match self.answered(books.ledger())? {
            Some(_) if !self.order.anew => None,
            _ => {
                self.text(books.ledger())?;
                Some(load()?)
            }
        };
        let mut counter = books.counter(now())?;
        let before = self.answered(counter.ledger())?;
        if let Some(entry) = before.as_ref().filter(|_| !self.order.anew) {
            return self.answer_again(entry, &mut counter, terminal);
        }
        let key = key.map_or_else(load, Ok)?;
        let license = self.license(counter.ledger(), Some(&key))?;
        let devices = self.judge(&license, counter.ledger(), terminal)?;
        counter.enter_key(key.public())?;
        let record = self.mint(&license, &key)?;
        let said = Said::minted(self, &license, &record, devices).after(before.as_ref());
        tell_anew(before.as_ref(), terminal);
        self.way().hand_out(&mut counter, record, terminal)?;
        said.tell(&self.order.out.out, terminal)
    }

    fn rehearse(&self, place: &Place, terminal: &Terminal) -> Result<(), Failure> {
        let at_hand = dry_run::check(&self.order.key, &self.order.out, place, terminal)?;
        let ledger = at_hand.ledger.as_deref();
        let out = &self.order.out.out;
        let before = self.answered(ledger)?;
        if let Some(entry) = before.as_ref().filter(|_| !self.order.anew) {
            self.tell_again(entry, terminal);
            return Said::again(self, entry).in_dry_run().tell(out, terminal);
        }
        let license = self.license(ledger, at_hand.key.as_ref())?;
        let devices = self.judge(&license, ledger, terminal)?;
        tell_anew(before.as_ref(), terminal);
        let said = Said::of_draft(self, &license, devices);
        said.after(before.as_ref()).tell(out, terminal)
    }

    /// What this very request was answered. It is refused if its license was revoked or its activation has ended since.
    fn answered(&self, ledger: Option<&dyn LedgerReader>) -> Result<Option<Entry>, Failure> {
        let Some(ledger) = ledger else {
            return Ok(None);
        };
        let request = &self.request;
        self.check_revoked(ledger)?;
        let facts = [
            ("license_id", request.license.as_str().to_owned()),
            answer::of_machine(&request.machine),
            ("commitment", request.commitment.to_string()),
        ];
        let entry = answer::before(ledger, Kind::Activation, request.nonce, &facts)?;
        let Some(entry) = entry else {
            return Ok(None);
        };
        let activated = ledger.with_release(entry);
        let activated = activated.map_err(|error| not_kept_in(ledger, &error))?;
        match activated.release {
            None => Ok(Some(activated.entry)),
            Some(release) => Err(ended(&activated.entry, &release)),
        }
    }

    fn way(&self) -> answer::Way<'_> {
        let Activate { out, qr, .. } = self.order;
        answer::Way { out, qr: *qr }
    }

    fn answer_again(
        &self,
        entry: &Entry,
        counter: &mut Counter<'_>,
        terminal: &Terminal,
    ) -> Result<(), Failure> {
        let out = &self.order.out;
        self.tell_again(entry, terminal);
        self.way()
            .again(counter, Kind::Activation, entry, terminal)?;
        Said::again(self, entry).tell(&out.out, terminal)
    }

    /// That it is the same answer, and if another key than the one given has signed it. No key is opened for that.
    fn tell_again(&self, entry: &Entry, terminal: &Terminal) {
        answer::tell_again(entry, terminal);
        let Some(kid) = answer::key_id(&entry.artifact) else {
            return;
        };
        let given = custody::look(&self.order.key, terminal).ok().flatten();
        match given.map(|key| key.public().id().to_string()) {
            Some(given) if given == kid => {}
            Some(given) => {
                let message = format!(
                    "the answer was signed by key {kid}, not by {given}: where that is retired it counts no more (--anew signs it again)"
                );
                terminal.warning("OTHER_KEY", &message);
            }
            None => terminal.note(&format!(
                "it was signed by key {kid}; if that was retired, --anew signs it again"
            )),
        }
    }

    fn check_revoked(&self, ledger: &dyn LedgerReader) -> Result<(), Failure> {
        let id = self.request.license.as_str();
        match self.standing(ledger)? {
            Some(Standing::Revoked) => {
                let message = format!("license {id} is revoked");
                Err(Failure::new(Exit::Usage, "REVOKED", message)
                    .hint("a new license takes its place: `keygen issue`"))
            }
            _ => Ok(()),
        }
    }

    fn standing(&self, ledger: &dyn LedgerReader) -> Result<Option<Standing>, Failure> {
        let row = license_of(ledger, self.request.license.as_str(), self.issued_at())?;
        Ok(row.map(|row| row.status))
    }

    fn issued_at(&self) -> Timestamp {
        self.order.issued_at.unwrap_or_else(now)
    }

    /// The file given, else what the ledger has handed out as the license.
    fn text(&self, ledger: Option<&dyn LedgerReader>) -> Result<(Source, String), Failure> {
        if let (Some(text), Some(file)) = (&self.given, &self.order.license) {
            return Ok((file.clone(), text.clone()));
        }
        let id = &self.request.license;
        let row = ledger.map(|ledger| license_of(ledger, id.as_str(), now()));
        let row = row.transpose()?.flatten();
        let row = row.ok_or_else(|| unknown(id, ledger.is_some()))?;
        let name = Source::File("the license in the ledger".into());
        Ok((name, row.entry.artifact))
    }

    /// The license that the request names, signed by a key of the vendor's.
    fn license(
        &self,
        ledger: Option<&dyn LedgerReader>,
        key: Option<&CheckedKey>,
    ) -> Result<License, Failure> {
        let (source, text) = self.text(ledger)?;
        let entered = ledger.map(signing_keys).transpose()?.unwrap_or_default();
        let own = key.and_then(|key| trust_of(key).ok()).unwrap_or_default();
        let trust = self.trust.joined(&entered).joined(&own);
        let bundle = Bundle::verify(&text, &trust, self.matrix);
        let bundle = bundle.map_err(|error| not_judged(&source, &error))?;
        let mut licenses = bundle.licenses().iter();
        let Some(license) = licenses.find(|license| *license.id() == self.request.license) else {
            return Err(another(&source, &self.request.license, bundle.licenses()));
        };
        match license.product() == self.matrix.product() {
            true => Ok(license.clone()),
            false => Err(other_product(license.product(), self.matrix)),
        }
    }

    /// Refuses a machine that the license is not for, and warns of what is rarely meant. The devices are those with this one.
    fn judge(
        &self,
        license: &License,
        ledger: Option<&dyn LedgerReader>,
        terminal: &Terminal,
    ) -> Result<Option<Devices>, Failure> {
        self.check_lock(license)?;
        self.warn(license, ledger, terminal)?;
        let Some(ledger) = ledger else {
            if !self.is_kept {
                devices::warn_unkept(license, self.matrix, terminal);
            }
            return Ok(None);
        };
        let devices = Devices::of(license, self.matrix, ledger)?;
        let machine = Machine::Fingerprint(self.request.machine.clone());
        match self.order.over_device_limit {
            true => Ok(Some(devices.with(&machine))),
            false => devices.check(license, &machine).map(Some),
        }
    }

    fn check_lock(&self, license: &License) -> Result<(), Failure> {
        let machine = Machine::Fingerprint(self.request.machine.clone());
        let Some(locks) = license.machines() else {
            return Ok(());
        };
        if locks.iter().any(|lock| lock.is(&machine)) {
            return Ok(());
        }
        let message = format!(
            "license {} is locked to other machines than {}",
            license.id(),
            self.machine
        );
        Err(
            Failure::new(Exit::Usage, Code::MachineMismatch.as_str(), message)
                .hint("mint a license for this machine with `keygen issue --machine`"),
        )
    }

    fn warn(
        &self,
        license: &License,
        ledger: Option<&dyn LedgerReader>,
        terminal: &Terminal,
    ) -> Result<(), Failure> {
        let (id, issued_at) = (license.id(), self.issued_at());
        let standing = ledger.map(|ledger| self.standing(ledger)).transpose()?;
        if let (Some(Some(Standing::Superseded)), Some(ledger)) = (standing, ledger) {
            let by = ledger.successor(id.as_str()).ok().flatten();
            let by = by.map_or_else(String::new, |by| format!(" by {by}"));
            let message = format!("license {id} was replaced{by}, for which this counts too");
            terminal.warning("SUPERSEDED", &message);
        }
        if let Some(end) = end_of(license).filter(|end| *end <= issued_at) {
            terminal.warning("EXPIRED", &format!("license {id} ended at {end}"));
        }
        super::warn_of_future(issued_at, terminal);
        if let Some(later) = license.issued_at().filter(|later| *later > issued_at) {
            let message = format!("license {id} was issued at {later}, after this");
            terminal.warning("BACKDATED", &message);
        }
        Ok(())
    }

    /// The record of an activation, as verified with the key that has just signed it.
    fn mint(&self, license: &License, key: &CheckedKey) -> Result<Record, Failure> {
        let issuer = license.issuer().unwrap_or(self.matrix.issuer());
        let draft = ActivationDraft {
            issuer: issuer.to_owned(),
            id: fresh_id()?,
            issued_at: self.issued_at(),
            request: &self.request,
        };
        let token = draft.sign(key).map_err(|error| not_issued(&error))?;
        let refused = |reason: &dyn std::fmt::Display| not_verified("activation", reason);
        let trust = trust_of(key).map_err(|error| refused(&error))?;
        let unverified = Unverified::parse(&token).map_err(|error| refused(&error))?;
        let activation = unverified.verify_activation(&trust);
        let activation = activation.map_err(|error| refused(&error))?;
        Ok(answers::activation(&activation, &token)
            .with("customer", license.customer())
            .with("requested_at", self.request.made_at.to_string()))
    }
}

/// That the answer to a request that was answered before is another one now.
fn tell_anew(before: Option<&Entry>, terminal: &Terminal) {
    if let Some(at) = before.and_then(|before| before.fact("issued_at")) {
        terminal.note(&format!(
            "this request was answered at {at}: it is answered anew, and counts once"
        ));
    }
}

fn unknown(id: &LicenseId, has_ledger: bool) -> Failure {
    let (message, hint) = match has_ledger {
        true => (
            format!("the ledger knows no license {id}, which the request names"),
            "give the license with --license FILE, or name the ledger it is in with --ledger",
        ),
        false => (
            format!("without a ledger nobody knows license {id}, which the request names"),
            "give the license with --license FILE",
        ),
    };
    Failure::new(Exit::Usage, Code::NoLicense.as_str(), message).hint(hint)
}

fn another(source: &Source, expected: &LicenseId, found: &[License]) -> Failure {
    let found: Vec<_> = found
        .iter()
        .map(|license| license.id().to_string())
        .collect();
    let found = found.join(", ");
    let message = format!("{source}: expected license {expected}, found {found}");
    Failure::new(Exit::Usage, Code::NoLicense.as_str(), message)
        .hint("give the license that the request names with --license")
}

fn ended(activation: &Entry, release: &Entry) -> Failure {
    let fact = |entry: &Entry, name| entry.fact(name).unwrap_or_default();
    let (id, at) = (fact(activation, "activation_id"), fact(release, "at"));
    let message = format!("this request was answered, and its activation {id} ended at {at}");
    Failure::new(Exit::Usage, "REPLAYED", message)
        .hint("the machine makes a new request for each activation: have that one sent")
}

/// Standard input can be only one thing.
fn check_stdin(order: &Activate) -> Result<(), Failure> {
    let key = &order.key;
    let files = [key.key.file(), key.passphrase_file.as_deref()];
    let files = files.into_iter().flatten().filter(|path| is_stdin(path));
    let sources = std::iter::once(&order.request)
        .chain(&order.license)
        .chain(&order.trust)
        .chain(&order.product_file)
        .filter(|source| matches!(source, Source::Stdin));
    super::one_stdin(files.count() + sources.count())
}
