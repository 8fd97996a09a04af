//! On how many machines a license is used, and how many it may be.

use std::collections::BTreeSet;

use license_core::{License, Machine, Matrix, Quota};
use license_terminal::{Exit, Failure, Terminal};
use serde_json::{Value, json};

use crate::books::not_kept_in;
use crate::ledger::{Activated, LedgerError, LedgerReader};

/// The machines of a license, and the most that it allows; none is any number.
pub(super) struct Devices {
    /// By their digests.
    used: BTreeSet<String>,
    /// Who was activated, in order.
    standing: Vec<Asked>,
    limit: Option<u64>,
}

/// A machine, as it asked.
struct Asked {
    digest: String,
    machine: Machine,
}

impl Devices {
    /// What the ledger knows, counted over the license, those that it replaced and those that took its place: an activation of one counts
    /// for what replaces it.
    pub(super) fn of(
        license: &License,
        matrix: &Matrix,
        ledger: &dyn LedgerReader,
    ) -> Result<Self, Failure> {
        let failed = |error| not_kept_in(ledger, &error);
        let kin = kin(license, ledger).map_err(failed)?;
        let used = ledger.machines_in_use(&kin.iter().map(String::as_str).collect::<Vec<_>>());
        let standing = ledger.open_activations(&kin.iter().map(String::as_str).collect::<Vec<_>>());
        let standing = standing.map_err(failed)?;
        Ok(Self {
            used: used.map_err(failed)?,
            standing: standing.iter().filter_map(Asked::of).collect(),
            limit: limit(license, matrix),
        })
    }

    /// Refuses a machine that would be one too many.
    pub(super) fn check(self, license: &License, machine: &Machine) -> Result<Self, Failure> {
        let (count, limit) = (self.count(), self.limit);
        let with = self.with(machine);
        let Some(limit) = limit.filter(|limit| count >= *limit && with.count() > count) else {
            return Ok(with);
        };
        let id = license.id();
        let (allowed, others) = (machines(limit), others(count));
        let name = machine.digest();
        let name = name.map_or_else(|| "this one".to_owned(), |digest| digest.to_string());
        let message = format!(
            "license {id} allows {allowed}, and is used on {others}; {name} would be one more"
        );
        Err(Failure::new(Exit::Usage, "DEVICE_LIMIT", message).hint(format!(
            "`keygen ledger show {id}` lists them; `keygen release` frees one that was activated, --over-device-limit goes beyond"
        )))
    }

    /// With this machine, whether or not it was among them.
    pub(super) fn with(mut self, machine: &Machine) -> Self {
        if let Some(digest) = machine.digest() {
            let (digest, machine) = (digest.to_string(), machine.clone());
            self.used.insert(digest.clone());
            self.standing.push(Asked { digest, machine });
        }
        self
    }

    fn count(&self) -> u64 {
        let taken = self.taken();
        let counting = self.used.iter().filter(|digest| !taken.contains(*digest));
        u64::try_from(counting.count()).unwrap_or(u64::MAX)
    }

    /// The digests that a machine had before it asked by another: it has one place, and the later digest counts. One that asks takes
    /// the place of one, however many it is like.
    fn taken(&self) -> BTreeSet<&String> {
        let mut taken = BTreeSet::new();
        for (at, asked) in self.standing.iter().enumerate() {
            let before = || self.standing.iter().take(at);
            if before().any(|earlier| earlier.digest == asked.digest) {
                continue;
            }
            let mut free = before().rev().filter(|one| !taken.contains(&one.digest));
            let former = free.find(|earlier| earlier.machine.is(&asked.machine));
            taken.extend(former.map(|former| &former.digest));
        }
        taken
    }

    pub(super) fn to_json(&self) -> Value {
        json!({ "used": self.count(), "limit": self.limit })
    }

    /// For a person.
    pub(super) fn line(&self) -> String {
        let of = self
            .limit
            .map_or(", any number is allowed".to_owned(), |limit| {
                format!(" of {limit}")
            });
        format!("devices    {}{of}", self.count())
    }
}

/// Warns of a validation that counts on any machine, where the license was sold for so many.
pub(super) fn warn_uncounted(license: &License, terminal: &Terminal) {
    let Some(devices) = license.devices() else {
        return;
    };
    let devices = machines(devices);
    let message = format!(
        "license {} is for {devices}, and this counts on any: --machine names the one that asks",
        license.id()
    );
    terminal.warning("NOT_COUNTED", &message);
}

/// Warns of an activation that nobody counts.
pub(super) fn warn_unkept(license: &License, matrix: &Matrix, terminal: &Terminal) {
    if let Some(limit) = limit(license, matrix) {
        let (id, allowed) = (license.id(), machines(limit));
        let message =
            format!("license {id} is for {allowed}, and without a ledger nobody counts them");
        terminal.warning("NOT_COUNTED", &message);
    }
}

fn machines(count: u64) -> String {
    match count {
        1 => "1 machine".to_owned(),
        count => format!("{count} machines"),
    }
}

fn others(count: u64) -> String {
    match count {
        1 => "1 other".to_owned(),
        count => format!("{count} others"),
    }
}

impl Asked {
    fn of(activated: &Activated) -> Option<Self> {
        Some(Self {
            digest: activated.entry.fact("machine")?,
            machine: activated.machine()?,
        })
    }
}

/// What replaced the license counts with it: else a license that was replaced would take machines that nobody counts.
fn kin(license: &License, ledger: &dyn LedgerReader) -> Result<BTreeSet<String>, LedgerError> {
    let mut kin = ledger.license_family(license.id().as_str())?;
    let replaced = license.supersedes().iter();
    kin.extend(replaced.map(|id| id.as_str().to_owned()));
    Ok(kin)
}

/// The machines that a license may be used on; none is any number.
fn limit(license: &License, matrix: &Matrix) -> Option<u64> {
    let of_quota = || {
        let quota = license.entitlements().quota(matrix.devices_quota()?)?;
        match quota {
            Quota::Limit(limit) => Some(limit),
            Quota::Unlimited => None,
        }
    };
    license.devices().or_else(of_quota)
}
