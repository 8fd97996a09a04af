//! Leases and validation tokens of a license server.

use license_core::chrono::TimeDelta;
use license_core::claims::{LeaseMode, Status};
use license_core::ids::Nonce;
use license_core::issue::{
    LeaseDraft, LicenseDraft, ServerKey, ServerRequestDraft, Signer, SigningError, SigningKey,
    ValidationDraft, VerifyingSigner,
};
use license_core::jose::{Algorithm, MAX_TOKEN_BYTES};
use license_core::license::{Lease, ValidationSigner, VerifiedLicensesError};
use license_core::machine::Machine;
use license_core::policy::{Entitlements, Quota};
use license_core::requests::ActivationSecret;
use license_core::session::SessionId;
use license_core::trust::{TrustedKey, VerifyError};
use license_core::{
    Code, FeatureMatrix, License, LicenseFile, ProductCode, Unverified, VerifiedLicenses,
};

use crate::support::{
    DAY, HOUR, SERVER, SPARE, TRUST, UNTRUSTED, VENDOR, draft, id, issue, issued, perpetual,
    public, trust, validation_draft,
};

/// Wraps a key that all tests share, because [`VerifyingSigner`] owns its signer.
struct Shared(&'static SigningKey);

impl Signer for Shared {
    fn public(&self) -> &TrustedKey {
        self.0.public()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        self.0.sign(message)
    }
}

fn signer(key: &'static SigningKey) -> VerifyingSigner {
    VerifyingSigner::new(Box::new(Shared(key)))
}

fn server() -> ServerKey {
    ServerKey::new(signer(&SERVER), &TRUST).unwrap()
}

/// Returns the draft of a license that names the key of the server.
pub(crate) fn certified(draft: LicenseDraft, key: &SigningKey) -> LicenseDraft {
    let confirmation = public(key).to_jwk().try_into().unwrap();
    let mut draft = draft;
    draft.confirmation = Some(confirmation);
    draft
}

pub(crate) fn license_with(change: impl FnOnce(&mut LicenseDraft)) -> License {
    let mut draft = certified(perpetual("TEAM", id(1)), &SERVER);
    change(&mut draft);
    issue(&draft)
}

pub(crate) fn machine() -> Machine {
    "mach_00112233445566778899aabbccddeeff".parse().unwrap()
}

pub(crate) fn session(license: &License, user: &str) -> SessionId {
    SessionId::new(
        Some(license.id()),
        machine().digest(),
        user,
        b"/home/project",
    )
}

pub(crate) fn lease_draft(license: &License) -> LeaseDraft<'_> {
    LeaseDraft {
        license,
        issuer: "licenses.acme.example".to_owned(),
        id: id(2000),
        issued_at: issued() + DAY,
        expires_at: issued() + DAY + TimeDelta::seconds(120),
        session: session(license, "alice"),
        machine: machine(),
        pool: "engineering".to_owned(),
        seq: 7,
        mode: LeaseMode::Floating,
        renew_after: TimeDelta::seconds(40),
        commitment: ActivationSecret::from_random([7; 32]).commitment(),
        nonce: Nonce::from_random([9; 16]),
    }
}

#[track_caller]
pub(crate) fn lease(draft: &LeaseDraft<'_>, license: &License) -> Result<Lease, VerifyError> {
    let token = draft.sign(&server()).unwrap();
    license.verify_lease(&Unverified::parse(&token).unwrap())
}

#[test]
fn a_lease_proves_a_seat_with_the_license_alone() {
    let license = license_with(|_| {});
    let draft = lease_draft(&license);
    let lease = lease(&draft, &license).unwrap();
    assert!(lease.is_for(&license));
    assert_eq!(lease.id(), &draft.id);
    assert_eq!(lease.issued_at(), draft.issued_at);
    assert_eq!(lease.lifetime(), TimeDelta::seconds(120));
    assert_eq!(lease.renew_after(), draft.renew_after);
    assert_eq!((lease.pool(), lease.seq()), ("engineering", 7));
    assert_eq!((lease.mode(), lease.nonce()), (draft.mode, draft.nonce));
    assert_eq!(lease.commitment(), draft.commitment);
    let again = Unverified::parse(lease.as_str()).unwrap();
    assert_eq!(license.verify_lease(&again).unwrap(), lease);
    let armor = lease.to_armor();
    let file = LicenseFile::parse(&armor).unwrap();
    assert_eq!(file.blocks()[0].token.as_str(), lease.as_str());
    let shown = format!("{lease:?}");
    assert!(!shown.contains(lease.as_str()), "{shown}");
}

#[test]
fn a_lease_covers_one_session_on_one_machine() {
    let license = license_with(|_| {});
    let lease = lease(&lease_draft(&license), &license).unwrap();
    let (alice, bob) = (session(&license, "alice"), session(&license, "bob"));
    let other: Machine = "mach_ffffffffffffffffffffffffffffffff".parse().unwrap();
    assert!(lease.covers(alice, &machine()));
    assert!(!lease.covers(bob, &machine()));
    assert!(!lease.covers(alice, &other));
}

#[test]
fn only_the_server_that_the_license_names_signs_leases() {
    let (license, without) = (license_with(|_| {}), issue(&perpetual("TEAM", id(1))));
    let other = issue(&certified(perpetual("TEAM", id(1)), &UNTRUSTED));
    let token = lease_draft(&license).sign(&server()).unwrap();
    let token = Unverified::parse(&token).unwrap();
    let (refused, other_key) = (without.verify_lease(&token), other.verify_lease(&token));
    assert!(matches!(refused, Err(VerifyError::NoServerKey)));
    assert!(matches!(other_key, Err(VerifyError::OtherServerKey { .. })));
    assert_eq!(refused.unwrap_err().code(), Code::UntrustedKey);
    assert_eq!(other_key.unwrap_err().code(), Code::UntrustedKey);
    for license in [&without, &other] {
        let signed = lease_draft(license).sign(&server());
        let is_refused = matches!(signed, Err(SigningError::OtherServerKey { .. }));
        assert!(is_refused, "{signed:?}");
    }
}

#[test]
fn a_lease_cannot_exceed_the_license() {
    let license = license_with(|draft| draft.expires_at = Some(issued() + DAY * 2));
    let until = |end| LeaseDraft {
        expires_at: end,
        ..lease_draft(&license)
    };
    let end = license.ends_at().unwrap();
    assert!(lease(&until(end), &license).is_ok());
    let second = TimeDelta::seconds(1);
    let signed = until(end + second).sign(&server());
    assert!(
        matches!(signed, Err(SigningError::Refused { .. })),
        "{signed:?}"
    );
    // A server with another program might sign such a lease.
    let longer = license_with(|draft| draft.expires_at = Some(issued() + DAY * 3));
    let token = LeaseDraft {
        expires_at: end + second,
        ..lease_draft(&longer)
    };
    let token = token.sign(&server()).unwrap();
    let refused = license.verify_lease(&Unverified::parse(&token).unwrap());
    let VerifyError::Claim(error) = refused.unwrap_err() else {
        panic!("expected an error of a claim")
    };
    assert_eq!(error.claim, "exp");
    let renewable = issue(&{
        let mut draft = certified(draft("TEAM", id(1)), &SERVER);
        draft.expires_at = Some(issued() + DAY * 2);
        draft
    });
    let grace = renewable.ends_at().unwrap() - renewable.expires_at().unwrap();
    assert_eq!(grace, HOUR * 72, "the grace period belongs to the license");
}

#[test]
fn a_lease_counts_for_the_successor_of_its_license_and_for_no_other() {
    let license = license_with(|_| {});
    let successor = |key: &SigningKey| {
        let mut draft = LicenseDraft::successor_of(&license, id(2), issued() + DAY).unwrap();
        draft.confirmation = Some(public(key).to_jwk().try_into().unwrap());
        issue(&draft)
    };
    let draft = lease_draft(&license);
    let kept = lease(&draft, &successor(&SERVER)).unwrap();
    assert!(!kept.is_for(&successor(&SERVER)));
    assert_eq!(kept.license_id(), license.id());
    let replaced = lease(&draft, &successor(&UNTRUSTED));
    assert!(matches!(replaced, Err(VerifyError::OtherServerKey { .. })));
    let other = lease(&draft, &license_with(|draft| draft.id = id(3)));
    assert!(matches!(other, Err(VerifyError::OtherLicense)));
}

#[test]
fn a_draft_that_a_verifier_would_refuse_is_not_signed() {
    let license = license_with(|_| {});
    let draft = || lease_draft(&license);
    let long = "p".repeat(MAX_TOKEN_BYTES);
    for (name, refused) in [
        (
            "no lifetime",
            LeaseDraft {
                expires_at: draft().issued_at,
                ..draft()
            },
        ),
        ("seq 0", LeaseDraft { seq: 0, ..draft() }),
        (
            "seq",
            LeaseDraft {
                seq: 1 << 53,
                ..draft()
            },
        ),
        (
            "no pool",
            LeaseDraft {
                pool: " ".to_owned(),
                ..draft()
            },
        ),
        (
            "long pool",
            LeaseDraft {
                pool: long,
                ..draft()
            },
        ),
        (
            "no issuer",
            LeaseDraft {
                issuer: String::new(),
                ..draft()
            },
        ),
        (
            "no renewal",
            LeaseDraft {
                renew_after: TimeDelta::zero(),
                ..draft()
            },
        ),
        (
            "late renewal",
            LeaseDraft {
                renew_after: HOUR,
                ..draft()
            },
        ),
    ] {
        let signed = refused.sign(&server());
        assert!(
            matches!(signed, Err(SigningError::Refused { .. })),
            "{name}: {signed:?}"
        );
    }
}

#[test]
fn a_server_signs_validations_that_only_narrow_its_license() {
    let license = license_with(|_| {});
    let sign = |entitlements: &Entitlements, license: &License| {
        let draft = ValidationDraft {
            entitlements,
            ..validation_draft(license, Status::Active, issued())
        };
        draft.sign_as_server(&server())
    };
    let token = sign(license.entitlements(), &license).unwrap();
    let validation = Unverified::parse(&token)
        .unwrap()
        .verify_validation(&TRUST, &license);
    assert_eq!(validation.unwrap().signer(), ValidationSigner::Server);
    let own = license.entitlements();
    let features = || own.features().map(str::to_owned);
    let quotas = || own.quotas().map(|(name, quota)| (name.to_owned(), quota));
    let fewer = Entitlements::new(own.tier(), features().skip(1), quotas().skip(1));
    assert!(sign(&fewer, &license).is_ok());
    let extra = ("new_quota".to_owned(), Quota::Limit(1));
    for more in [
        Entitlements::new(own.tier(), features().chain(["sso".to_owned()]), quotas()),
        Entitlements::new(
            own.tier(),
            features(),
            quotas().map(|(name, _)| (name, Quota::Unlimited)),
        ),
        Entitlements::new(own.tier(), features(), quotas().chain([extra])),
    ] {
        let signed = sign(&more, &license);
        assert!(
            matches!(signed, Err(SigningError::Refused { .. })),
            "{signed:?}"
        );
    }
    let without = issue(&perpetual("TEAM", id(1)));
    let signed = sign(own, &without);
    assert!(
        matches!(signed, Err(SigningError::OtherServerKey { .. })),
        "{signed:?}"
    );
}

#[test]
fn a_key_that_signs_licenses_is_not_a_server_key() {
    let (vendor, spare) = (signer(&VENDOR), signer(&SPARE));
    let all = trust(&[&VENDOR, &SPARE]);
    for key in [vendor, spare] {
        let refused = ServerKey::new(key, &all);
        assert!(
            matches!(refused, Err(SigningError::TrustedServerKey { .. })),
            "{refused:?}"
        );
    }
    // The signing key of a license cannot be the key of its server.
    let own = certified(perpetual("TEAM", id(1)), &VENDOR);
    for refused in [
        own.sign(&*VENDOR).map(drop),
        own.issue(&signer(&VENDOR)).map(drop),
    ] {
        let is_refused = matches!(refused, Err(SigningError::TrustedServerKey { .. }));
        assert!(is_refused, "{refused:?}");
    }
    // Neither can another trusted key: the server could then sign licenses.
    let token = certified(perpetual("TEAM", id(1)), &SPARE)
        .sign(&*VENDOR)
        .unwrap();
    let token = Unverified::parse(&token).unwrap();
    assert!(token.verify(&TRUST).is_ok());
    let refused = token.verify(&all).unwrap_err();
    assert!(
        matches!(&refused, VerifyError::TrustedServerKey { key } if key == SPARE.public().id())
    );
    assert_eq!(refused.code(), Code::ServerKeyTrusted);
}

#[test]
fn the_request_of_a_server_proves_that_it_has_its_private_key() {
    let draft = ServerRequestDraft {
        product: ProductCode::parse("CODITECT").unwrap(),
        name: "licenses.acme.example".to_owned(),
        issued_at: issued(),
        machine: machine().digest(),
    };
    for key in [&*SERVER, &*SPARE] {
        let token = draft.sign(key).unwrap();
        let request = Unverified::parse(&token)
            .unwrap()
            .verify_server_request()
            .unwrap();
        assert_eq!(request.key(), key.public());
        assert_eq!(
            (request.product(), request.name()),
            (draft.product, draft.name.as_str())
        );
        assert_eq!(
            (request.issued_at(), request.machine()),
            (issued(), draft.machine)
        );
        let armored = LicenseFile::parse(&request.to_armor()).map(drop);
        assert!(armored.is_ok());
    }
    assert_eq!(SPARE.public().algorithm(), Algorithm::Ps256);
    for name in ["", " ", "a\nb", &"n".repeat(129)] {
        let refused = ServerRequestDraft {
            name: name.to_owned(),
            ..draft.clone()
        };
        let signed = refused.sign(&*SERVER);
        assert!(
            matches!(signed, Err(SigningError::Refused { .. })),
            "{signed:?}"
        );
    }
}

#[test]
fn leases_and_server_requests_are_not_installed_as_licenses() {
    let license = license_with(|_| {});
    let lease = lease(&lease_draft(&license), &license).unwrap();
    let token = certified(perpetual("TEAM", id(1)), &SERVER)
        .sign(&*VENDOR)
        .unwrap();
    let file = Unverified::parse(&token).unwrap().to_armor() + &lease.to_armor();
    let refused = VerifiedLicenses::verify(&file, &TRUST, FeatureMatrix::built_in()).unwrap_err();
    let VerifiedLicensesError::Block { source, .. } = &refused else {
        panic!("{refused:?}")
    };
    assert!(matches!(source, VerifyError::Kind { .. }), "{source:?}");
}
