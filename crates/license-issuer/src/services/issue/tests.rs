//! Tests of the issue service, with real runs, dry runs and failures at each step.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use license_core::issue::{KeyBits, SigningKey};
use license_core::jose::Algorithm;
use license_core::time;
use serde_json::json;

use super::*;
use crate::delivery::{Discarded, FileDelivery};
use crate::files::Collision;
use crate::ledger::LedgerReader;
use crate::ledger::sqlite::{LedgerFile, SqliteLedger};
use crate::random;

/// An error of a request.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
struct RequestRefused(&'static str);

/// A source of keys without a public half. Counts how often the key was opened.
#[derive(Default)]
struct CountingKey {
    opened: Cell<u32>,
    needs_secret: bool,
}

struct Opened;

impl SignerSource<Opened> for CountingKey {
    type Error = RequestRefused;

    fn peek(&self) -> Result<Option<Opened>, RequestRefused> {
        Ok((!self.needs_secret).then_some(Opened))
    }

    fn open(&self) -> Result<Opened, RequestRefused> {
        self.opened.set(self.opened.get() + 1);
        Ok(Opened)
    }

    fn public_keys<'s>(&self, _: &'s Opened) -> Vec<&'s TrustedKey> {
        Vec::new()
    }
}

/// A draft of an artifact with an id.
#[derive(Clone, Debug)]
struct NoteDraft {
    id: &'static str,
    is_valid: bool,
    verifies: bool,
    was_answered: bool,
    has_signer: bool,
}

#[derive(Debug)]
struct SignedNote {
    id: &'static str,
    serial: u64,
}

impl Draft<Opened, SignedNote> for NoteDraft {
    fn check(&self) -> Result<(), SignError> {
        if self.is_valid {
            Ok(())
        } else {
            ArtifactName("note").map_verify_error(Err("the draft is invalid"))
        }
    }

    fn needs_signer(&self) -> bool {
        !self.was_answered
    }

    fn sign(
        &self,
        signer: Option<&Opened>,
        serials: &mut dyn SerialSource,
    ) -> Result<SignedNote, SignError> {
        if !self.was_answered && signer.is_none() {
            return Err(SignError::NoSigner("note"));
        }
        if !self.verifies {
            return ArtifactName("note").map_verify_error(Err("bad signature"));
        }
        Ok(SignedNote {
            id: self.id,
            serial: serials.next_serial()?,
        })
    }

    fn entries(signed: &SignedNote) -> Vec<NewLedgerEntry> {
        vec![NewLedgerEntry {
            kind: LedgerEntryKind::License,
            subject: signed.id.to_owned(),
            body: json!({ "serial": signed.serial, "supersedes": [] }),
            artifact: format!("token of {}", signed.id),
        }]
    }
}

fn draft(id: &'static str) -> NoteDraft {
    NoteDraft {
        id,
        is_valid: true,
        verifies: true,
        was_answered: false,
        has_signer: false,
    }
}

/// A ledger and a directory for files.
struct IssueFixture {
    directory: tempfile::TempDir,
    key: CountingKey,
    delivery: Box<dyn Delivery>,
}

type NoteResult = Result<IssueReport<NoteDraft, SignedNote>, IssueError<RequestRefused>>;

impl IssueFixture {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            key: CountingKey::default(),
            delivery: Box::new(FileDelivery::default()),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn ledger(&self) -> SqliteLedger {
        SqliteLedger::open_read_only(&self.path("ledger.db")).unwrap()
    }

    fn issue_with(
        &mut self,
        name: &str,
        mode: Mode,
        make: &dyn Fn(&DraftContext<'_, Opened>) -> Result<NoteDraft, RequestRefused>,
    ) -> NoteResult {
        let ledger = LedgerFile::new(&self.path("ledger.db"));
        let destination = match name {
            "-" => ArtifactDestination::Stream,
            name => ArtifactDestination::file(&self.path(name), "0123", Collision::Refuse),
        };
        let request = IssueRequest {
            draft: make,
            signer: &self.key,
            destination,
            delivery: &mut *self.delivery,
            render: &|_, signed: &SignedNote| Ok(format!("note {}", signed.id).into_bytes()),
        };
        IssueService::new(Some(ledger)).issue(request, mode)
    }

    fn issue(&mut self, name: &str, mode: Mode, draft: &NoteDraft) -> NoteResult {
        self.issue_with(name, mode, &|_| Ok(draft.clone()))
    }

    /// Returns whether the delivery of each entry about the id is confirmed.
    fn entries(&self, id: &str) -> Vec<bool> {
        let entries = self.ledger().entries_about(id).unwrap();
        entries.iter().map(|entry| entry.delivered).collect()
    }

    /// Returns the names of the files that do not belong to the ledger.
    fn files(&self) -> BTreeSet<String> {
        let names = fs::read_dir(self.directory.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names
            .filter(|name| !name.starts_with("ledger.db"))
            .collect()
    }
}

/// A delivery that fails at one step.
struct FailingDelivery {
    fails_to_stage: bool,
    printed: bool,
}

impl Delivery for FailingDelivery {
    fn check(&self, _: &ArtifactDestination) -> Result<(), DeliveryError> {
        Ok(())
    }

    fn stage(
        &mut self,
        destination: &ArtifactDestination,
        content: &[u8],
    ) -> Result<(), DeliveryError> {
        if self.fails_to_stage {
            return Err(DeliveryError::Write {
                path: "full".into(),
                source: std::io::ErrorKind::StorageFull.into(),
            });
        }
        FileDelivery::default().stage(destination, content)
    }

    fn publish(&mut self, destination: &ArtifactDestination) -> Result<(), DeliveryError> {
        Err(DeliveryError::Publish {
            staging: PathBuf::new(),
            path: destination.path().unwrap_or(Path::new("-")).to_owned(),
            source: std::io::ErrorKind::NotFound.into(),
        })
    }

    fn discard(&mut self, _: &ArtifactDestination) -> Discarded {
        if self.printed {
            Discarded::MaybeDelivered
        } else {
            Discarded::Removed
        }
    }
}

#[test]
fn a_commit_records_the_artifact_and_delivers_it() {
    let mut fixture = IssueFixture::new();
    let report = fixture.issue("a", Mode::Commit, &draft("one")).unwrap();
    assert!(report.signed.unwrap().serial > 0);
    assert_eq!(fs::read(fixture.path("a")).unwrap(), b"note one");
    assert_eq!(fixture.entries("one"), [true]);
    assert_eq!(fixture.files(), BTreeSet::from(["a".to_owned()]));
    assert_eq!(fixture.key.opened.get(), 1);
}

#[test]
fn a_dry_run_changes_nothing_and_opens_no_key() {
    let mut fixture = IssueFixture::new();
    let report = fixture.issue("a", Mode::DryRun, &draft("one")).unwrap();
    assert!(report.signed.is_none());
    assert!(!fixture.path("ledger.db").exists());
    assert_eq!(fixture.files(), BTreeSet::new());
    assert_eq!(fixture.key.opened.get(), 0);
}

#[test]
fn both_modes_refuse_the_same_requests_before_the_key_is_opened() {
    let invalid = NoteDraft {
        is_valid: false,
        ..draft("one")
    };
    for mode in [Mode::DryRun, Mode::Commit] {
        let mut fixture = IssueFixture::new();
        fs::write(fixture.path("existing"), "").unwrap();
        let error = fixture.issue("a", mode, &invalid).unwrap_err();
        assert!(matches!(error, IssueError::Sign(_)), "{mode:?}");
        let error = fixture.issue("existing", mode, &draft("one")).unwrap_err();
        assert!(
            matches!(error, IssueError::Delivery(DeliveryError::Exists { .. })),
            "{mode:?}"
        );
        let refuse = |_: &DraftContext<'_, Opened>| Err(RequestRefused("no such customer"));
        let error = fixture.issue_with("a", mode, &refuse).unwrap_err();
        assert!(
            matches!(error, IssueError::Request(RequestRefused(_))),
            "{mode:?}"
        );
        fs::create_dir(fixture.path("ledger.db")).unwrap();
        let error = fixture.issue("a", mode, &draft("one")).unwrap_err();
        assert!(
            matches!(error, IssueError::OpenLedger(LedgerError::NotALedger)),
            "{mode:?}"
        );
        assert_eq!(fixture.key.opened.get(), 0);
    }
}

#[test]
fn the_final_draft_has_the_key_and_the_current_ledger() {
    for (mode, needs_secret, has_signer) in [
        (Mode::Commit, true, true),
        (Mode::DryRun, false, true),
        (Mode::DryRun, true, false),
    ] {
        let mut fixture = IssueFixture::new();
        fixture.issue("a", Mode::Commit, &draft("one")).unwrap();
        fixture.key.needs_secret = needs_secret;
        let make = |context: &DraftContext<'_, Opened>| {
            assert!(context.ledger.unwrap().contains("one").unwrap());
            Ok(NoteDraft {
                has_signer: context.signer.is_some() && context.stage == Stage::Final,
                ..draft("two")
            })
        };
        let report = fixture.issue_with("b", mode, &make).unwrap();
        assert_eq!(report.draft.has_signer, has_signer, "{mode:?}");
    }
}

#[test]
fn an_artifact_that_does_not_verify_is_neither_recorded_nor_delivered() {
    let mut fixture = IssueFixture::new();
    let bad = NoteDraft {
        verifies: false,
        ..draft("one")
    };
    let error = fixture.issue("a", Mode::Commit, &bad).unwrap_err();
    assert!(matches!(error, IssueError::Sign(SignError::Verify { .. })));
    assert_eq!(fixture.entries("one"), [false; 0]);
    assert_eq!(fixture.files(), BTreeSet::new());
}

#[test]
fn a_repeated_answer_needs_no_key_and_is_recorded_once() {
    let mut fixture = IssueFixture::new();
    fixture.issue("a", Mode::Commit, &draft("one")).unwrap();
    let again = NoteDraft {
        was_answered: true,
        ..draft("one")
    };
    fixture.issue("b", Mode::Commit, &again).unwrap();
    assert_eq!(fixture.key.opened.get(), 1);
    assert_eq!(fixture.entries("one"), [true]);
    assert_eq!(fs::read(fixture.path("b")).unwrap(), b"note one");
}

#[test]
fn the_key_is_opened_late_if_only_the_final_draft_needs_it() {
    let mut fixture = IssueFixture::new();
    let make = |context: &DraftContext<'_, Opened>| {
        Ok(NoteDraft {
            was_answered: context.stage == Stage::Preliminary,
            ..draft("one")
        })
    };
    let report = fixture.issue_with("a", Mode::Commit, &make).unwrap();
    assert!(report.signed.is_some());
    assert_eq!(fixture.key.opened.get(), 1);
}

#[test]
fn an_artifact_that_cannot_be_staged_is_not_recorded() {
    let mut fixture = IssueFixture::new();
    fixture.delivery = Box::new(FailingDelivery {
        fails_to_stage: true,
        printed: false,
    });
    let error = fixture.issue("a", Mode::Commit, &draft("one")).unwrap_err();
    assert!(matches!(error, IssueError::Delivery(_)));
    assert_eq!(fixture.entries("one"), [false; 0]);
}

#[test]
fn a_partly_printed_artifact_is_recorded_as_uncertain() {
    let mut fixture = IssueFixture::new();
    fixture.delivery = Box::new(FailingDelivery {
        fails_to_stage: true,
        printed: true,
    });
    let error = fixture.issue("-", Mode::Commit, &draft("one")).unwrap_err();
    assert!(matches!(error, IssueError::Delivery(_)));
    let now = time::parse_instant("2027-01-01T00:00:00Z").unwrap();
    let mut ledger = SqliteLedger::open(&fixture.path("ledger.db")).unwrap();
    drop(ledger.acquire(now).unwrap());
    assert_eq!(fixture.entries("one"), [false]);
}

#[test]
fn a_recorded_artifact_that_was_not_renamed_is_delivered_by_the_next_process() {
    let mut fixture = IssueFixture::new();
    fixture.delivery = Box::new(FailingDelivery {
        fails_to_stage: false,
        printed: false,
    });
    let error = fixture.issue("a", Mode::Commit, &draft("one")).unwrap_err();
    assert!(matches!(
        error,
        IssueError::Delivery(DeliveryError::Publish { .. })
    ));
    assert_eq!(fixture.entries("one"), [true]);
    assert!(!fixture.path("a").exists());
    fixture.delivery = Box::new(FileDelivery::default());
    fixture.issue("b", Mode::Commit, &draft("two")).unwrap();
    assert_eq!(fs::read(fixture.path("a")).unwrap(), b"note one");
}

#[test]
fn without_a_ledger_the_artifact_is_only_delivered() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    let request = IssueRequest {
        draft: &|_: &DraftContext<'_, Opened>| Ok(draft("one")),
        signer: &CountingKey::default(),
        destination: ArtifactDestination::file(&path, "0123", Collision::Refuse),
        delivery: &mut FileDelivery::default(),
        render: &|_, _: &SignedNote| Ok(b"note".to_vec()),
    };
    let mut service = IssueService::new(None::<LedgerFile>);
    let report = service.issue(request, Mode::Commit).unwrap();
    // The serial is the clock's microseconds.
    assert!(report.signed.unwrap().serial > 1_700_000_000_000_000);
    assert_eq!(fs::read(path).unwrap(), b"note");
}

#[test]
fn a_signing_key_is_recorded_once() {
    let fixture = IssueFixture::new();
    let der = SigningKey::generate(KeyBits::B2048, Algorithm::Rs256, &random::fill).unwrap();
    let key = SigningKey::from_pkcs8(&der, None, random::fill).unwrap();
    let key = Signer::public(&key);
    let mut ledger = SqliteLedger::open(&fixture.path("ledger.db")).unwrap();
    let mut writer = ledger.acquire(time::MIN).unwrap();
    record_signing_key(&mut writer, key).unwrap();
    record_signing_key(&mut writer, key).unwrap();
    drop(writer);
    assert_eq!(fixture.entries(key.id().as_str()), [true]);
    assert_eq!(ledger.signing_keys().unwrap().len(), 1);
}
