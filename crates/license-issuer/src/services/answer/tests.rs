//! Tests of answers to machine requests.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::Cell;
use std::fs;
use std::path::PathBuf;

use license_core::ids::Nonce;
use license_core::issue::{KeyBits, Signer, SigningKey};
use license_core::jose::Algorithm;
use license_core::machine::{ComponentKind, Fingerprint};
use license_core::requests::ClockRequest;
use license_core::trust::TrustedKey;
use license_core::{FeatureMatrix, time};

use super::*;
use crate::clock::SystemClock;
use crate::delivery::{ArtifactDestination, FileDelivery};
use crate::files::Collision;
use crate::ledger::Ledger;
use crate::ledger::sqlite::LedgerFile;
use crate::random;
use crate::services::issue::{IssueError, IssueReport, IssueRequest, IssueService, SignerSource};

/// A source that opens a key in memory, and counts how often the key was opened.
struct MemoryKey {
    der: Vec<u8>,
    opened: Cell<usize>,
}

impl MemoryKey {
    fn new() -> Self {
        let der = SigningKey::generate(KeyBits::B2048, Algorithm::Rs256, &random::fill).unwrap();
        Self {
            der: der.to_vec(),
            opened: Cell::new(0),
        }
    }
}

impl SignerSource<VerifyingSigner> for MemoryKey {
    type Error = AnswerError;

    fn peek(&self) -> Result<Option<VerifyingSigner>, AnswerError> {
        Ok(None)
    }

    fn open(&self) -> Result<VerifyingSigner, AnswerError> {
        self.opened.set(self.opened.get() + 1);
        let key = SigningKey::from_pkcs8(&self.der, None, random::fill).unwrap();
        Ok(VerifyingSigner::new(Box::new(key)))
    }

    fn public_keys<'s>(&self, signer: &'s VerifyingSigner) -> Vec<&'s TrustedKey> {
        vec![signer.public()]
    }
}

/// A vendor with a ledger and a key.
struct Vendor {
    directory: tempfile::TempDir,
    key: MemoryKey,
}

type ClockReport<'o> =
    IssueReport<AnswerDraft<'o, ClockRepairPolicy<'o>, ClockRepairApproval>, SignedAnswer>;

impl Vendor {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            key: MemoryKey::new(),
        }
    }

    fn ledger(&self) -> LedgerFile {
        LedgerFile::new(&self.directory.path().join("ledger.db"))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn answer<'o>(
        &self,
        order: &'o AnswerOrder<ClockRepairPolicy<'o>>,
        name: &str,
        mode: Mode,
    ) -> Result<ClockReport<'o>, IssueError<AnswerError>> {
        let request = IssueRequest {
            draft: &|context| order.draft(context),
            signer: &self.key,
            destination: ArtifactDestination::file(&self.file(name), name, Collision::Refuse),
            delivery: &mut FileDelivery::default(),
            render: &|_, signed: &SignedAnswer| Ok(signed.armor.clone().into_bytes()),
        };
        IssueService::new(Some(self.ledger())).issue(request, mode)
    }
}

fn request(machine: &str) -> ClockRequest {
    let product = FeatureMatrix::built_in().product();
    ClockRequest {
        product,
        machine: Fingerprint::new(product, [(ComponentKind::MachineId, machine)]),
        nonce: Nonce::from_random([7; 16]),
        mark: time::parse_instant("2100-01-01T00:00:00Z").unwrap(),
        made_at: time::parse_instant("2100-01-01T00:00:00Z").unwrap(),
    }
}

fn order(request: &ClockRequest, reissue: bool) -> AnswerOrder<ClockRepairPolicy<'_>> {
    AnswerOrder {
        policy: ClockRepairPolicy {
            request,
            matrix: FeatureMatrix::built_in(),
            issued_at: None,
            accepts_any_mark: false,
            clock: &SystemClock,
        },
        reissue,
    }
}

#[test]
fn a_request_gets_the_same_answer_again_without_the_key() {
    let (vendor, request) = (Vendor::new(), request("a"));
    let order = order(&request, false);
    let first = vendor.answer(&order, "first", Mode::Commit).unwrap();
    assert!(!first.draft.is_repeated());
    let second = vendor.answer(&order, "second", Mode::Commit).unwrap();
    assert!(second.draft.is_repeated());
    assert_eq!(vendor.key.opened.get(), 1);
    let read = |name| fs::read(vendor.file(name)).unwrap();
    assert_eq!(read("first"), read("second"));
}

#[test]
fn a_reissued_answer_has_a_new_token() {
    let (vendor, request) = (Vendor::new(), request("a"));
    let first = order(&request, false);
    let first = vendor.answer(&first, "first", Mode::Commit).unwrap();
    let second = order(&request, true);
    let second = vendor.answer(&second, "second", Mode::Commit).unwrap();
    assert!(second.draft.previous().is_some());
    let token = |report: ClockReport<'_>| report.signed.unwrap().token().to_owned();
    assert_ne!(token(first), token(second));
}

#[test]
fn a_dry_run_changes_nothing_and_opens_no_key() {
    let (vendor, request) = (Vendor::new(), request("a"));
    let order = order(&request, false);
    let report = vendor.answer(&order, "a", Mode::DryRun).unwrap();
    assert!(report.signed.is_none());
    assert_eq!(vendor.key.opened.get(), 0);
    assert!(vendor.ledger().check().unwrap().is_none());
    assert!(!vendor.file("a").exists());
}

#[test]
fn both_modes_refuse_a_request_with_the_nonce_of_another_machine() {
    let vendor = Vendor::new();
    let (one, other) = (request("a"), request("b"));
    vendor
        .answer(&order(&one, false), "a", Mode::Commit)
        .unwrap();
    for mode in [Mode::DryRun, Mode::Commit] {
        let order = order(&other, false);
        let refused = vendor.answer(&order, "b", mode).err();
        let Some(IssueError::Request(AnswerError::Replayed { differing, .. })) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(differing, "machine");
    }
}
