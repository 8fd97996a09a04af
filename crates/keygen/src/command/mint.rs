//! The way of every license that is minted one at a time: drafted, signed, verified, entered, handed out.

use license_core::issue::{CheckedKey, LicenseDraft, Sign};
use license_core::{License, Machine, Matrix, Unverified};
use license_terminal::{Destination, Failure, Terminal, escape};
use serde_json::{Map, Value};

use super::terms::Terms;
use super::{dry_run, not_issued, not_verified, now, since_epoch};
use crate::books::{self, Books};
use crate::cli::{KeyArgs, Out};
use crate::keys;
use crate::ledger::{Ledger, Place};

/// What minting needs besides the license itself.
pub(super) struct Mint<'a> {
    pub(super) key: &'a KeyArgs,
    pub(super) out: &'a Out,
    pub(super) matrix: &'a Matrix,
    pub(super) place: &'a Place,
    pub(super) terminal: &'a Terminal,
    pub(super) dry_run: bool,
}

/// A license that is asked for.
pub(super) struct Order {
    pub(super) draft: LicenseDraft,
    /// What the ledger keeps besides what the license says.
    pub(super) facts: Map<String, Value>,
    /// What the vendor may not know.
    pub(super) notes: Vec<String>,
    /// What the customer loses, of a license that takes the place of another.
    pub(super) losses: Option<Vec<String>>,
}

impl From<LicenseDraft> for Order {
    fn from(draft: LicenseDraft) -> Self {
        Self {
            draft,
            facts: Map::new(),
            notes: Vec::new(),
            losses: None,
        }
    }
}

impl Mint<'_> {
    /// Mints what is ordered. The order is made twice: first so that what is wrong with it is found before a passphrase is asked for, and
    /// then, when nobody else can enter anything, by what the ledger knows now.
    pub(super) fn run(
        &self,
        order: impl Fn(Option<&Ledger>) -> Result<Order, Failure>,
    ) -> Result<(), Failure> {
        let known = books::rehearse(self.place)?;
        let first = order(known.as_ref())?;
        drop(known);
        let losses = first.losses.as_deref();
        let notes = || {
            let losses = losses.unwrap_or_default().iter();
            losses.for_each(|loss| self.terminal.warning("LOSS", loss));
            let notes = first.notes.iter();
            notes.for_each(|note| self.terminal.note(note));
        };
        if self.dry_run {
            notes();
            let Self { key, out, .. } = self;
            let (place, terminal) = (self.place, self.terminal);
            let what = (&first.draft, losses);
            return dry_run::license(what, key, out, place, self.matrix, terminal);
        }
        first.draft.check().map_err(|error| not_issued(&error))?;
        self.out.check()?;
        let mut books = Books::open(self.place)?;
        let key = keys::open(self.key, self.terminal)?;
        let mut counter = books.counter(now())?;
        let Order {
            mut draft, facts, ..
        } = order(counter.ledger())?;
        counter.enter_key(key.public())?;
        let microseconds = u64::try_from(since_epoch().as_micros()).unwrap_or(0);
        draft.serial = Some(counter.serial(microseconds)?);
        let minted = Minted::new(&draft, &key, self.matrix)?;
        minted.terms(self.matrix).warn(self.terminal);
        notes();
        let out = self.out;
        let is_printed = matches!(out.out, Destination::Stdout) && self.terminal.is_json();
        let content = (!is_printed).then_some(minted.file.as_str());
        let mut record = books::license(&minted.license, &minted.token, self.matrix);
        if let Some(body) = record.body.as_object_mut() {
            body.extend(facts);
        }
        counter.hand_out(vec![record], out, content)?;
        let terms = minted.terms(self.matrix).losing(losses);
        terms.tell(&out.out, self.terminal)
    }
}

/// A license as verified with the key that has just signed it: what does not verify is not handed out.
struct Minted {
    license: License,
    file: String,
    token: String,
    short_key: Option<String>,
}

impl Minted {
    fn new(draft: &LicenseDraft, key: &CheckedKey, matrix: &Matrix) -> Result<Self, Failure> {
        let (license, token) = draft.mint(key).map_err(|error| not_issued(&error))?;
        let unverified = Unverified::parse(&token);
        let file = unverified.map(|token| token.to_armor());
        let short_key = license.short_enterprise_key(matrix);
        Ok(Self {
            file: file.map_err(|error| not_verified("license", &error))?,
            short_key: short_key.map(|key| key.to_string()),
            license,
            token,
        })
    }

    fn terms<'a>(&'a self, matrix: &'a Matrix) -> Terms<'a> {
        let short_key = self.short_key.as_deref();
        Terms::of_minted(&self.license, &self.token, short_key, matrix)
    }
}

/// The users to name, without space around them; one who is named twice counts once.
pub(super) fn users(named: &[String], notes: &mut Vec<String>) -> Vec<String> {
    let mut users: Vec<String> = Vec::with_capacity(named.len());
    for user in named.iter().map(|user| user.trim()) {
        match users.iter().any(|other| other == user) {
            false => users.push(user.to_owned()),
            true => notes.push(format!(
                "user {}, who was named twice, is in the license once",
                escape(user)
            )),
        }
    }
    users
}

/// What a vendor may not know of the machines that were named.
pub(super) fn machine_notes(locks: &[String], named: usize) -> Vec<String> {
    let mut notes = Vec::new();
    if locks.len() < named {
        notes.push("a machine that was named twice is in the license once".to_owned());
    }
    let is_digest = |lock: &String| matches!(Machine::parse(lock), Machine::Digest(_));
    if locks.iter().any(is_digest) {
        notes.push(
            "a digest locks to exactly one identity; the fingerprint from `license machine` tolerates changed parts"
                .to_owned(),
        );
    }
    notes
}
