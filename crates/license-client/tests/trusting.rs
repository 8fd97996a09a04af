//! In a program with embedded keys, the manager and the client ignore keys that are installed with
//! the license.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fs;

use license_client::{
    Candidate, Client, InstallReport, InstallationError, LicenseManager, Moment, Replace, StateDir,
    StateFile,
};
use license_core::{Code, Context, FeatureMatrix, TrustSet, VerifiedLicenses, time};

const VENDORS_KEYS: &str = include_str!("../fixtures/trust/vendor.jwks");
const STRANGERS_KEYS: &str = include_str!("../fixtures/trust/stranger.jwks");
const PRO: &str = include_str!("../fixtures/files/valid-pro.lic");

/// The fixtures are valid through the year 2027.
const NOW: &str = "2027-01-15T09:00:00Z";

fn keys(text: &str) -> TrustSet {
    TrustSet::parse(text).unwrap()
}

fn now() -> Context<'static> {
    Context::at(time::parse_instant(NOW).unwrap())
}

/// A temporary state directory.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Returns a machine with a license and the keys of its vendor.
    fn with_license() -> Self {
        let machine = Self::new();
        fs::write(machine.dir().file(StateFile::License), PRO).unwrap();
        fs::write(machine.dir().file(StateFile::Trust), VENDORS_KEYS).unwrap();
        machine
    }

    fn dir(&self) -> StateDir {
        StateDir::at(self.0.path())
    }

    fn manager(&self) -> LicenseManager {
        LicenseManager::at(FeatureMatrix::built_in().product(), self.dir())
    }

    /// Returns the manager of a program with these embedded keys.
    fn trusting(&self, text: &str) -> LicenseManager {
        self.manager().trust_only(&keys(text))
    }
}

fn install(manager: &LicenseManager, trust: &TrustSet) -> Result<InstallReport, InstallationError> {
    let verified = VerifiedLicenses::verify(PRO, trust, FeatureMatrix::built_in()).unwrap();
    let candidate = Candidate {
        verified: &verified,
        trust,
        matrix: FeatureMatrix::built_in(),
    };
    manager.install(
        &candidate,
        &now(),
        Replace::UnlessWorse,
        Moment::Hypothetical,
    )
}

#[test]
fn without_embedded_keys_the_installed_keys_are_used() {
    let (machine, matrix) = (Machine::with_license(), FeatureMatrix::built_in());
    assert!(machine.manager().trust().is_none());
    let snapshot = machine
        .manager()
        .snapshot(None, matrix, Moment::Hypothetical);
    assert!(matches!(snapshot.installation, Ok(Some(_))));
}

#[test]
fn with_embedded_keys_the_installed_keys_are_ignored_by_every_read() {
    let (machine, matrix) = (Machine::with_license(), FeatureMatrix::built_in());
    let manager = machine.trusting(STRANGERS_KEYS);
    let snapshots = [
        manager.snapshot(None, matrix, Moment::Hypothetical),
        manager.inspect(matrix),
    ];
    for snapshot in snapshots {
        let Err(InstallationError::License { source, .. }) = snapshot.installation else {
            panic!(
                "expected an untrusted license, found {:?}",
                snapshot.installation
            );
        };
        assert_eq!(source.code(), Code::UntrustedKey);
    }
    let license = machine.dir().file(StateFile::License);
    assert!(
        license.exists(),
        "a license of another vendor is not damaged"
    );
}

#[test]
fn embedded_keys_need_no_installed_keys() {
    let (machine, matrix) = (Machine::with_license(), FeatureMatrix::built_in());
    for damaged in ["noise", ""] {
        fs::write(machine.dir().file(StateFile::Trust), damaged).unwrap();
        let manager = machine.trusting(VENDORS_KEYS);
        assert!(matches!(manager.inspect(matrix).installation, Ok(Some(_))));
    }
    fs::remove_file(machine.dir().file(StateFile::Trust)).unwrap();
    let manager = machine.trusting(VENDORS_KEYS);
    let snapshot = manager.snapshot(None, matrix, Moment::Hypothetical);
    assert!(matches!(snapshot.installation, Ok(Some(_))));
}

#[test]
fn a_client_passes_its_keys_to_its_manager() {
    let machine = Machine::with_license();
    let client = Client::builder(keys(STRANGERS_KEYS))
        .product(FeatureMatrix::built_in())
        .paths(machine.dir())
        .build()
        .unwrap();
    let manager = client.manager();
    assert_eq!(
        manager.trust().unwrap().to_jwks(),
        keys(STRANGERS_KEYS).to_jwks()
    );
    assert!(
        manager
            .inspect(FeatureMatrix::built_in())
            .installation
            .is_err()
    );
    assert_eq!(client.decide_in(&now()).unwrap().code(), Code::NoLicense);
}

#[test]
fn installing_replaces_planted_keys_with_the_embedded_keys() {
    let machine = Machine::new();
    fs::write(machine.dir().file(StateFile::Trust), STRANGERS_KEYS).unwrap();
    let vendor = keys(VENDORS_KEYS);
    let _ = install(&machine.trusting(VENDORS_KEYS), &vendor).unwrap();
    let stored = fs::read_to_string(machine.dir().file(StateFile::Trust)).unwrap();
    assert_eq!(keys(&stored).to_jwks(), vendor.to_jwks());
}
