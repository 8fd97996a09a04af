//! A client finds the license that was installed last, even after an interrupted installation.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;

use license_client::{
    Candidate, Client, Installation, InstallationError, Paths, Replace, StateDir, StateFile,
};
use license_core::{Code, Context, FeatureMatrix, Tier, TrustSet, VerifiedLicenses, time};

const VENDORS_KEYS: &str = include_str!("../fixtures/trust/vendor.jwks");
const VENDORS_FIRST_KEY: &str = include_str!("../fixtures/trust/vendor.pem");
const PRO: &str = include_str!("../fixtures/files/valid-pro.lic");
const ENTERPRISE_KEY: &str = include_str!("../fixtures/vectors/enterprise-keys/ok");
const SIGNED_BY_SPARE_KEY: &str =
    include_str!("../fixtures/vectors/enterprise-keys/ok-by-a-spare-key");

/// The fixtures are valid through the year 2027.
const NOW: &str = "2027-01-15T09:00:00Z";

/// A temporary state directory.
struct Machine {
    directory: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { directory }
    }

    fn dir(&self) -> StateDir {
        StateDir::at(self.directory.path().join("state"))
    }

    fn paths(&self) -> Paths {
        Paths::at(self.dir())
    }

    fn install(&self, text: &str, trust: &TrustSet) {
        let verified = VerifiedLicenses::verify(text, trust, FeatureMatrix::built_in()).unwrap();
        let candidate = Candidate {
            verified: &verified,
            trust,
            matrix: FeatureMatrix::built_in(),
        };
        let context = Context::at(time::parse_instant(NOW).unwrap());
        candidate
            .install(&self.paths(), &context, Replace::Always)
            .unwrap();
    }

    /// Writes only this file, like a process that crashes between two writes.
    fn write(&self, file: StateFile, content: impl AsRef<[u8]>) {
        fs::create_dir_all(self.dir().path()).unwrap();
        fs::write(self.dir().file(file), content).unwrap();
    }

    fn has(&self, file: StateFile) -> bool {
        self.dir().file(file).exists()
    }

    fn read(&self, file: StateFile) -> String {
        fs::read_to_string(self.dir().file(file)).unwrap()
    }

    fn client(&self, trust: &TrustSet) -> Client {
        Client::builder(trust.clone())
            .product(FeatureMatrix::built_in())
            .paths(self.dir())
            .build()
            .unwrap()
    }

    /// Returns the tier in effect with the installed keys.
    fn tier(&self) -> Tier {
        let trust = Installation::trust(&self.paths()).unwrap().unwrap();
        let client = self.client(&trust);
        assert!(client.problem().is_none(), "{:?}", client.problem());
        tier(&client)
    }
}

fn tier(client: &Client) -> Tier {
    let decision = client.decide_in(&Context::at(time::parse_instant(NOW).unwrap()));
    decision.unwrap().entitlements().tier()
}

fn code(client: &Client) -> Code {
    client
        .decide_in(&Context::at(time::parse_instant(NOW).unwrap()))
        .unwrap()
        .code()
}

fn all_keys() -> TrustSet {
    TrustSet::parse(VENDORS_KEYS).unwrap()
}

fn first_key() -> TrustSet {
    TrustSet::parse(VENDORS_FIRST_KEY).unwrap()
}

/// Returns the vendor's key that signed [`SIGNED_BY_SPARE_KEY`].
fn spare_key() -> TrustSet {
    let keys = all_keys();
    let mut sets = keys
        .iter()
        .map(|key| TrustSet::parse(&key.to_jwk().to_string()).unwrap());
    let has_signed = |set: &TrustSet| {
        VerifiedLicenses::verify(input(SIGNED_BY_SPARE_KEY), set, FeatureMatrix::built_in()).is_ok()
    };
    sets.find(has_signed).unwrap()
}

/// Returns the input of a vector, without its header.
fn input(vector: &str) -> &str {
    vector.split_once("\n\n").unwrap().1
}

#[test]
fn an_installed_license_is_loaded_and_verified_again() {
    let machine = Machine::new();
    machine.install(PRO, &all_keys());
    let loaded = Installation::load(&machine.paths(), &all_keys(), FeatureMatrix::built_in());
    let loaded = loaded.unwrap().unwrap();
    assert_eq!(loaded.paths()[0], machine.dir().file(StateFile::License));
    let before = VerifiedLicenses::verify(PRO, &all_keys(), FeatureMatrix::built_in()).unwrap();
    assert_eq!(loaded.verified().canonical(), before.canonical());
}

#[test]
fn without_an_installed_license_nothing_is_found() {
    let machine = Machine::new();
    let loaded = Installation::load(&machine.paths(), &all_keys(), FeatureMatrix::built_in());
    assert!(loaded.unwrap().is_none());
    assert!(Installation::trust(&machine.paths()).unwrap().is_none());
    let client = machine.client(&all_keys());
    assert!(client.problem().is_none());
    assert_eq!(code(&client), Code::NoLicense);
    assert!(
        !machine.dir().path().exists(),
        "a read creates no directory"
    );
}

#[test]
fn the_keys_that_verified_the_license_are_stored() {
    let machine = Machine::new();
    machine.install(PRO, &first_key());
    let stored = Installation::trust(&machine.paths()).unwrap().unwrap();
    assert!(
        stored
            .iter()
            .map(|key| key.id())
            .eq(first_key().iter().map(|key| key.id()))
    );
}

#[test]
fn keys_that_are_no_longer_trusted_are_removed_after_the_new_license_is_written() {
    let machine = Machine::new();
    machine.install(PRO, &all_keys());
    machine.install(PRO, &first_key());
    let stored = Installation::trust(&machine.paths()).unwrap().unwrap();
    assert_eq!(stored.len(), 1);
}

#[test]
fn a_license_file_replaces_a_key_and_a_key_replaces_a_license_file() {
    let machine = Machine::new();
    machine.install(PRO, &all_keys());
    assert!(machine.has(StateFile::License) && !machine.has(StateFile::Key));
    machine.install(input(ENTERPRISE_KEY), &all_keys());
    assert!(!machine.has(StateFile::License) && machine.has(StateFile::Key));
    assert_eq!(machine.tier().as_str(), "ENT");
    machine.install(PRO, &all_keys());
    assert!(machine.has(StateFile::License) && !machine.has(StateFile::Key));
    assert_eq!(machine.tier().as_str(), "PRO");
}

#[test]
fn a_pasted_key_is_stored_in_one_line() {
    let machine = Machine::new();
    let key = input(ENTERPRISE_KEY).trim();
    let pasted = format!("\u{feff}\"{}\r\n{}\"", &key[..50], &key[50..]);
    machine.install(&pasted, &all_keys());
    assert_eq!(machine.read(StateFile::Key), format!("{key}\n"));
}

#[test]
fn while_both_a_license_file_and_a_key_exist_the_better_license_is_in_effect() {
    // The process crashed after the new file was written and before the old one was removed.
    let machine = Machine::new();
    machine.install(PRO, &all_keys());
    machine.write(StateFile::Key, input(ENTERPRISE_KEY));
    assert_eq!(machine.tier().as_str(), "ENT");
    let machine = Machine::new();
    machine.install(input(ENTERPRISE_KEY), &all_keys());
    machine.write(StateFile::License, PRO);
    assert_eq!(machine.tier().as_str(), "ENT");
    machine.install(input(ENTERPRISE_KEY), &all_keys());
    assert_eq!(
        machine.tier().as_str(),
        "ENT",
        "a second installation completes the interrupted one"
    );
    assert!(!machine.has(StateFile::License));
}

#[test]
fn the_keys_of_the_old_license_stay_until_the_new_one_is_written() {
    let machine = Machine::new();
    machine.install(PRO, &first_key());
    // The process crashed after the keys were written and before the license was written.
    let mut both = first_key();
    both.extend(&spare_key()).unwrap();
    machine.write(StateFile::Trust, both.to_jwks().to_string());
    assert_eq!(machine.tier().as_str(), "PRO");
    // The process crashed after the license was written and before the old keys were removed.
    machine.write(StateFile::Key, input(SIGNED_BY_SPARE_KEY));
    fs::remove_file(machine.dir().file(StateFile::License)).unwrap();
    assert_eq!(machine.tier().as_str(), "ENT");
    machine.install(input(SIGNED_BY_SPARE_KEY), &spare_key());
    assert_eq!(machine.tier().as_str(), "ENT");
}

#[test]
fn a_license_signed_by_another_key_replaces_a_license_whose_key_is_no_longer_trusted() {
    let machine = Machine::new();
    machine.install(PRO, &first_key());
    machine.install(input(SIGNED_BY_SPARE_KEY), &spare_key());
    assert_eq!(machine.tier().as_str(), "ENT");
    assert_eq!(
        Installation::trust(&machine.paths())
            .unwrap()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn the_file_of_a_killed_writer_is_removed_and_never_read() {
    let machine = Machine::new();
    machine.install(PRO, &all_keys());
    let unfinished = machine.dir().path().join(".unfinished-abc");
    fs::write(&unfinished, &PRO[..100]).unwrap();
    assert_eq!(machine.tier().as_str(), "PRO");
    machine.install(PRO, &all_keys());
    assert!(!unfinished.exists());
}

#[test]
fn a_damaged_license_is_a_problem_and_the_base_tier_is_in_effect() {
    let mut tampered = PRO.as_bytes().to_vec();
    let in_the_payload = PRO.find('.').unwrap() + 80;
    tampered[in_the_payload] ^= 1;
    let cases: [(&str, &[u8]); 5] = [
        ("a changed payload", &tampered),
        ("an empty file", b""),
        ("noise", b"noise"),
        ("bytes that are not UTF-8", b"\xff\xfe\x80"),
        ("a truncated file", &PRO.as_bytes()[..300]),
    ];
    for (case, content) in cases {
        let machine = Machine::new();
        machine.install(PRO, &all_keys());
        machine.write(StateFile::License, content);
        let client = machine.client(&all_keys());
        assert!(client.problem().is_some(), "{case}");
        assert_eq!(
            (tier(&client).as_str(), code(&client)),
            ("FREE", Code::NoLicense),
            "{case}"
        );
        assert!(client.decide().unwrap().allows("local_execution"));
        assert!(!client.decide().unwrap().allows("cloud_sync"));
    }
}

#[test]
fn a_problem_names_its_file() {
    let machine = Machine::new();
    machine.write(StateFile::License, "noise");
    let client = machine.client(&all_keys());
    let problem = client.problem().unwrap();
    let path = machine.dir().file(StateFile::License);
    assert!(problem.contains(path.to_str().unwrap()), "{problem}");
    let snapshot = machine.client(&all_keys()).snapshot();
    assert!(
        matches!(snapshot.installation, Ok(None)),
        "the damaged license was quarantined"
    );
    assert_eq!(snapshot.quarantined.len(), 1);
}

#[test]
fn a_license_that_is_too_large_is_a_problem_and_is_not_read() {
    let machine = Machine::new();
    machine.write(StateFile::License, "A".repeat(257 * 1024));
    let client = machine.client(&all_keys());
    let snapshot = client.snapshot();
    assert!(matches!(
        snapshot.installation,
        Err(InstallationError::Store(_))
    ));
    assert_eq!(tier(&client).as_str(), "FREE");
}

#[test]
fn a_license_signed_by_a_key_that_is_not_embedded_is_a_problem() {
    let machine = Machine::new();
    machine.install(input(SIGNED_BY_SPARE_KEY), &spare_key());
    let client = machine.client(&first_key());
    assert!(
        client.problem().is_some(),
        "the keys that were installed with the license do not count"
    );
    assert_eq!(tier(&client).as_str(), "FREE");
}

#[test]
fn installed_keys_are_not_used_by_a_program_with_embedded_keys() {
    let machine = Machine::new();
    machine.install(PRO, &first_key());
    machine.write(StateFile::Trust, "noise");
    let client = machine.client(&first_key());
    assert!(client.problem().is_none());
    assert_eq!(tier(&client).as_str(), "PRO");
}

#[test]
fn installing_again_repairs_damaged_keys() {
    let machine = Machine::new();
    machine.install(PRO, &all_keys());
    machine.write(StateFile::Trust, "noise");
    let error = Installation::trust(&machine.paths()).unwrap_err();
    assert!(matches!(error, InstallationError::Trust { .. }));
    machine.install(PRO, &all_keys());
    assert_eq!(machine.tier().as_str(), "PRO");
}
