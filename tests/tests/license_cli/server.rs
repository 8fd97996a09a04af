//! Validation tokens of a customer's own license server. They never displace what the vendor has
//! stated, and they never move the clock.

use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::claims::{Confirmation, Status};
use license_core::issue::{KeyBits, LicenseDraft, Signer, SigningKey, ValidationDraft};
use license_core::jose::Algorithm;
use license_core::machine::{ComponentKind, Fingerprint};
use license_core::requests::MachineRequest;
use license_core::{FeatureMatrix, License, LicenseId, TrustSet, Unverified, time};

use super::revocations::vendors_key;
use super::*;

/// The key of the customer's server.
static SERVER: LazyLock<SigningKey> = LazyLock::new(|| {
    let der = SigningKey::generate(KeyBits::B2048, Algorithm::Rs256, &crate::random).unwrap();
    SigningKey::from_pkcs8(&der, None, crate::random).unwrap()
});

fn at(text: &str) -> DateTime<Utc> {
    time::parse_instant(text).unwrap()
}

fn unique_id() -> LicenseId {
    let mut bytes = [0; 10];
    crate::random(&mut bytes).unwrap();
    LicenseId::from_random(at("2020-01-01"), &bytes)
}

/// A perpetual TEAM license for which the customer's server signs validation tokens.
struct ServerLicense {
    license: License,
    file: String,
}

impl ServerLicense {
    fn issue() -> Self {
        let matrix = FeatureMatrix::built_in();
        let tier = matrix
            .tiers()
            .iter()
            .find(|tier| tier.name().as_str() == "TEAM");
        let id = unique_id();
        let customer = "ACME Ltd".to_owned();
        let mut draft =
            LicenseDraft::for_tier(matrix, tier.unwrap(), id, customer, at("2020-01-01"));
        draft.check_in = None;
        draft.confirmation = Some(Confirmation::try_from(SERVER.public().to_jwk()).unwrap());
        let token = draft.sign(&vendors_key()).unwrap();
        let token = Unverified::parse(&token).unwrap();
        let trust = TrustSet::parse(&Vendor::shared().trust).unwrap();
        Self {
            license: token.verify(&trust).unwrap(),
            file: token.to_armor(),
        }
    }

    /// Returns a validation token in armor. `fill` is the length of its nonce.
    fn token(
        &self,
        key: &SigningKey,
        status: Status,
        issued_at: DateTime<Utc>,
        machine: Option<String>,
        fill: usize,
    ) -> String {
        let issuer = "ACME Ltd".to_owned();
        let mut draft = ValidationDraft::for_license(&self.license, issuer, unique_id(), issued_at);
        draft.status = status;
        draft.machine = machine;
        draft.nonce = (fill > 0).then(|| "x".repeat(fill));
        let token = draft.sign(key).unwrap();
        Unverified::parse(&token).unwrap().to_armor()
    }

    fn suspension(&self) -> String {
        self.token(&vendors_key(), Status::Suspended, at("2020-01-02"), None, 0)
    }

    /// Returns an approval by the customer's server, for a spelling of the machine [`HERE`].
    fn approval(&self, number: usize, fill: usize) -> String {
        let issued_at = at("2020-01-03") + TimeDelta::seconds(number.try_into().unwrap());
        let machine = Some(spelling(number));
        self.token(&SERVER, Status::Active, issued_at, machine, fill)
    }
}

/// Returns one of many spellings of the machine [`HERE`].
fn spelling(number: usize) -> String {
    let product = FeatureMatrix::built_in().product();
    let mac = format!("52:54:00:00:00:{number:02x}");
    let components = [
        (ComponentKind::AssignedId, HERE),
        (ComponentKind::Mac, mac.as_str()),
    ];
    Fingerprint::new(product, components).to_string()
}

#[track_caller]
fn install(machine: &Scratch, content: &str) -> RunOutput {
    machine.write("content.lic", content);
    let install = ["install", "--force", "--trust", "trust.jwks", "content.lic"];
    on(HERE, machine, &install)
}

#[track_caller]
fn status(machine: &Scratch) -> Value {
    on(HERE, machine, &["status", "--json"]).json()
}

#[track_caller]
fn code(machine: &Scratch) -> String {
    status(machine)["code"].as_str().unwrap().to_owned()
}

#[test]
fn large_tokens_of_a_server_are_refused_and_do_not_displace_a_suspension() {
    let machine = Vendor::shared().customer_machine();
    let issued = ServerLicense::issue();
    let _ = install(&machine, &issued.file).expect_code(0);
    let _ = install(&machine, &issued.suspension());
    assert_eq!(code(&machine), "SUSPENDED");
    for number in 0..5 {
        let refused = install(&machine, &issued.approval(number, 45_000)).expect_failure(3);
        assert!(refused.text().contains("MALFORMED"), "{refused:?}");
        assert!(
            refused.message.contains("at most 16384 bytes"),
            "{refused:?}"
        );
        assert!(refused.hint.contains("nothing was changed"), "{refused:?}");
    }
    assert_eq!(code(&machine), "SUSPENDED");
}

#[test]
fn many_tokens_for_many_spellings_of_a_machine_do_not_displace_a_suspension() {
    let machine = Vendor::shared().customer_machine();
    let issued = ServerLicense::issue();
    let _ = install(&machine, &issued.file).expect_code(0);
    let _ = install(&machine, &issued.suspension());
    for number in 0..40 {
        let _ = install(&machine, &issued.approval(number, 8_000)).expect_code(1);
    }
    assert_eq!(code(&machine), "SUSPENDED");
    // All spellings name one machine, so only the newest token is stored.
    let state = std::fs::metadata(machine.state().join("license.cache")).unwrap();
    assert!(state.len() < 40_000, "{} bytes", state.len());
    let lifted = issued.token(&vendors_key(), Status::Active, at("2020-01-04"), None, 0);
    let _ = install(&machine, &lifted).expect_code(0);
    assert_eq!(code(&machine), "VALID");
}

#[test]
fn tokens_for_another_license_do_not_displace_a_suspension() {
    let machine = Vendor::shared().customer_machine();
    let issued = ServerLicense::issue();
    let _ = install(&machine, &issued.file).expect_code(0);
    let _ = install(&machine, &issued.suspension());
    for _ in 0..12 {
        let other = ServerLicense::issue();
        let _ = install(&machine, &other.file).expect_code(0);
        let _ = install(&machine, &other.approval(0, 8_000)).expect_code(0);
        let everywhere = other.token(&SERVER, Status::Active, at("2020-01-03"), None, 8_000);
        let _ = install(&machine, &everywhere).expect_code(0);
    }
    let _ = install(&machine, &issued.file).expect_code(1);
    assert_eq!(code(&machine), "SUSPENDED");
}

#[test]
fn a_suspension_in_a_license_file_stays_after_the_file_is_replaced() {
    let machine = Vendor::shared().customer_machine();
    let issued = ServerLicense::issue();
    let both = format!("{}{}", issued.file, issued.suspension());
    let _ = install(&machine, &both).expect_code(1);
    assert_eq!(code(&machine), "SUSPENDED");
    let _ = install(&machine, &issued.file).expect_code(1);
    assert_eq!(code(&machine), "SUSPENDED");
    std::fs::write(machine.state().join("license.lic"), &issued.file).unwrap();
    assert_eq!(code(&machine), "SUSPENDED");
}

#[test]
fn a_token_of_a_server_from_the_future_is_refused_and_the_clock_stays() {
    let machine = Vendor::shared().customer_machine();
    let issued = ServerLicense::issue();
    let _ = install(&machine, &issued.file).expect_code(0);
    let future = issued.token(&SERVER, Status::Active, at("2099-01-01"), None, 0);
    for content in [future.clone(), format!("{}{future}", issued.file)] {
        let refused = install(&machine, &content).expect_failure(1);
        assert!(refused.text().contains("NOT_YET_VALID"), "{refused:?}");
        assert!(refused.message.contains("2099-01-01"), "{refused:?}");
        assert!(refused.hint.contains("clock"), "{refused:?}");
    }
    assert!(status(&machine)["evaluated_at"].as_str().unwrap() < "2099");
    // A server whose clock is ahead by less than a day is tolerated, but proves nothing.
    let now = time::from_system_time(std::time::SystemTime::now()).unwrap();
    let ahead = now + TimeDelta::hours(12);
    let soon = issued.token(&SERVER, Status::Active, ahead, None, 0);
    let _ = install(&machine, &soon).expect_code(0);
    let _ = status(&machine);
    let requested = on(HERE, &machine, &["request", "--clock"]).expect_code(0);
    let MachineRequest::Clock(request) = MachineRequest::parse(&requested.stdout).unwrap() else {
        panic!("{}", requested.stdout);
    };
    assert!(
        request.mark < ahead - TimeDelta::hours(1),
        "{}",
        request.mark
    );
}

#[test]
fn a_newer_token_of_the_server_replaces_its_older_one() {
    let machine = Vendor::shared().customer_machine();
    let issued = ServerLicense::issue();
    let _ = install(&machine, &issued.file).expect_code(0);
    let here = || Some(spelling(1));
    let denied = issued.token(&SERVER, Status::Suspended, at("2020-01-03"), here(), 0);
    let _ = install(&machine, &denied).expect_code(1);
    assert_eq!(code(&machine), "SUSPENDED");
    let _ = install(&machine, &issued.approval(2, 0)).expect_code(0);
    assert_eq!(code(&machine), "VALID");
}
