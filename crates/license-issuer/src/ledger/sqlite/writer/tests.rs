//! Tests of recording and recovery, with a crash after each step.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::PathBuf;

use license_core::chrono::{DateTime, Utc};
use license_core::time;
use serde_json::json;

use super::*;
use crate::files::{self, Durability};

/// A ledger in its own directory, which is also the destination of licenses.
struct LedgerFixture {
    directory: tempfile::TempDir,
    ledger: SqliteLedger,
}

fn now() -> DateTime<Utc> {
    time::parse_instant("2027-01-01T00:00:00Z").unwrap()
}

fn license(id: &str) -> NewLedgerEntry {
    NewLedgerEntry {
        kind: LedgerEntryKind::License,
        subject: id.to_owned(),
        body: json!({ "license_id": id, "supersedes": [] }),
        artifact: format!("token of {id}"),
    }
}

fn pending(destination: &ArtifactDestination) -> Vec<PendingArtifact> {
    vec![PendingArtifact::new(license("one"), destination.clone())]
}

fn stage(staging: &Path, content: &str) {
    files::stage(staging, content.as_bytes(), Durability::Synced).unwrap();
}

fn record(writer: &mut SqliteWriter<'_>, artifacts: &[PendingArtifact]) {
    writer.record(artifacts, DeliveryState::Delivered).unwrap();
}

impl LedgerFixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let ledger = SqliteLedger::open(&directory.path().join("ledger.db")).unwrap();
        Self { directory, ledger }
    }

    fn file(&self, collision: Collision) -> ArtifactDestination {
        ArtifactDestination::file(&self.path("acme.lic"), "0123", collision)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Stores a pending artifact, performs `steps`, simulates a crash, and recovers.
    fn crash_after(
        &mut self,
        destination: &ArtifactDestination,
        steps: impl FnOnce(&mut SqliteWriter<'_>, &[PendingArtifact], &Path),
    ) {
        let mut writer = self.ledger.acquire(now()).unwrap();
        let mut artifacts = pending(destination);
        writer.begin(&mut artifacts).unwrap();
        let staging = match destination {
            ArtifactDestination::File { staging, .. } => staging.clone(),
            ArtifactDestination::Stream => PathBuf::new(),
        };
        steps(&mut writer, &artifacts, &staging);
        drop(writer);
        drop(self.ledger.acquire(now()).unwrap());
    }

    /// Returns whether the delivery of each entry is confirmed, and the names of the files that do
    /// not belong to the ledger. Panics if the chain is damaged or an artifact is pending.
    fn state(&self) -> (Vec<bool>, Vec<String>) {
        let report = self.ledger.verify_chain(None).unwrap();
        assert_eq!(report.fault, None);
        let pending: i64 = self
            .ledger
            .db
            .query_row("SELECT count(*) FROM intents", [], |row| row.get(0))
            .unwrap();
        assert_eq!(pending, 0);
        let entries = self.ledger.entries_about("one").unwrap();
        let names = fs::read_dir(self.directory.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let names = names.filter(|name| !name.starts_with("ledger.db"));
        (
            entries.iter().map(|entry| entry.delivered).collect(),
            names.collect(),
        )
    }
}

#[test]
fn an_artifact_that_was_only_begun_is_rolled_back() {
    let mut fixture = LedgerFixture::new();
    fixture.crash_after(&fixture.file(Collision::Refuse), |_, _, _| {});
    assert_eq!(fixture.state(), (vec![], vec![]));
}

#[test]
fn a_staged_artifact_is_rolled_back_with_its_staging_file() {
    let mut fixture = LedgerFixture::new();
    fixture.crash_after(&fixture.file(Collision::Refuse), |_, _, staging| {
        stage(staging, "license");
    });
    assert_eq!(fixture.state(), (vec![], vec![]));
}

#[test]
fn a_recorded_artifact_gets_its_final_name() {
    let mut fixture = LedgerFixture::new();
    fixture.crash_after(
        &fixture.file(Collision::Refuse),
        |writer, artifacts, staging| {
            stage(staging, "license");
            record(writer, artifacts);
        },
    );
    assert_eq!(fixture.state(), (vec![true], vec!["acme.lic".to_owned()]));
    assert_eq!(
        fs::read_to_string(fixture.path("acme.lic")).unwrap(),
        "license"
    );
}

#[test]
fn a_file_with_staging_name_and_final_name_keeps_the_final_name() {
    let mut fixture = LedgerFixture::new();
    let path = fixture.path("acme.lic");
    fixture.crash_after(
        &fixture.file(Collision::Refuse),
        |writer, artifacts, staging| {
            stage(staging, "license");
            record(writer, artifacts);
            fs::hard_link(staging, &path).unwrap();
        },
    );
    assert_eq!(fixture.state(), (vec![true], vec!["acme.lic".to_owned()]));
}

#[test]
fn recovery_does_not_change_a_published_artifact() {
    let mut fixture = LedgerFixture::new();
    let path = fixture.path("acme.lic");
    for collision in [Collision::Refuse, Collision::Replace] {
        fixture.crash_after(&fixture.file(collision), |writer, artifacts, staging| {
            stage(staging, "license");
            record(writer, artifacts);
            fs::rename(staging, &path).unwrap();
        });
    }
    assert_eq!(
        fixture.state(),
        (vec![true, true], vec!["acme.lic".to_owned()])
    );
}

#[test]
fn recovery_replaces_a_file_only_if_the_request_allows_it() {
    for (collision, expected) in [
        (Collision::Replace, "license"),
        (Collision::Refuse, "other content"),
    ] {
        let mut fixture = LedgerFixture::new();
        let path = fixture.path("acme.lic");
        fs::write(&path, "other content").unwrap();
        fixture.crash_after(&fixture.file(collision), |writer, artifacts, staging| {
            stage(staging, "license");
            record(writer, artifacts);
        });
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        assert_eq!(fixture.state().0, [true]);
        // The recorded artifact is kept in its staging file.
        let is_kept = fixture.path(".keygen-0123").exists();
        assert_eq!(is_kept, collision == Collision::Refuse);
    }
}

#[test]
fn an_artifact_that_may_have_been_printed_is_recorded_as_uncertain() {
    let mut fixture = LedgerFixture::new();
    fixture.crash_after(&ArtifactDestination::Stream, |_, _, _| {});
    assert_eq!(fixture.state(), (vec![false], vec![]));
    let mut fixture = LedgerFixture::new();
    fixture.crash_after(&ArtifactDestination::Stream, |writer, artifacts, _| {
        record(writer, artifacts);
    });
    assert_eq!(fixture.state(), (vec![true], vec![]));
}

#[test]
fn an_artifact_on_a_disconnected_disk_is_recorded_as_uncertain() {
    let mut fixture = LedgerFixture::new();
    let path = fixture.path("disk/acme.lic");
    let destination = ArtifactDestination::file(&path, "0123", Collision::Refuse);
    fixture.crash_after(&destination, |_, _, _| {});
    assert_eq!(fixture.state(), (vec![false], vec![]));
}

#[test]
fn a_recorded_artifact_gets_its_name_when_its_disk_is_connected_again() {
    let mut fixture = LedgerFixture::new();
    let (disk, disconnected) = (fixture.path("disk"), fixture.path("disconnected"));
    fs::create_dir(&disk).unwrap();
    let path = disk.join("acme.lic");
    let destination = ArtifactDestination::file(&path, "0123", Collision::Refuse);
    fixture.crash_after(&destination, |writer, artifacts, staging| {
        stage(staging, "license");
        record(writer, artifacts);
        fs::rename(&disk, &disconnected).unwrap();
    });
    assert!(disconnected.join(".keygen-0123").exists());
    fs::rename(&disconnected, &disk).unwrap();
    drop(fixture.ledger.acquire(now()).unwrap());
    assert!(disk.join("acme.lic").exists() && !disk.join(".keygen-0123").exists());
    assert_eq!(fixture.state().0, [true]);
}

#[test]
fn several_artifacts_in_one_file_are_recorded_together() {
    let mut fixture = LedgerFixture::new();
    let destination = fixture.file(Collision::Refuse);
    let mut writer = fixture.ledger.acquire(now()).unwrap();
    let mut both = [pending(&destination), pending(&destination)].concat();
    writer.begin(&mut both).unwrap();
    stage(&fixture.directory.path().join(".keygen-0123"), "both");
    record(&mut writer, &both);
    drop(writer);
    drop(fixture.ledger.acquire(now()).unwrap());
    assert_eq!(
        fixture.state(),
        (vec![true, true], vec!["acme.lic".to_owned()])
    );
}

#[test]
fn an_artifact_of_any_kind_is_recorded_once() {
    for kind in LedgerEntryKind::ALL {
        for state in [DeliveryState::Delivered, DeliveryState::Uncertain] {
            let mut fixture = LedgerFixture::new();
            let mut writer = fixture.ledger.acquire(now()).unwrap();
            let entry = NewLedgerEntry {
                kind,
                ..license("one")
            };
            let destination = fixture.directory.path().join("acme.lic");
            let destination = ArtifactDestination::file(&destination, "0123", Collision::Refuse);
            let mut artifacts = vec![PendingArtifact::new(entry, destination)];
            writer.begin(&mut artifacts).unwrap();
            writer.record(&artifacts, state).unwrap();
            let stored = writer.pending().unwrap();
            assert!(
                stored
                    .iter()
                    .all(|artifact| artifact.stored.unwrap().is_recorded)
            );
            drop(writer);
            drop(fixture.ledger.acquire(now()).unwrap());
            assert_eq!(fixture.state().0, [state == DeliveryState::Delivered]);
        }
    }
}

#[test]
fn an_uncertain_delivery_does_not_confirm_a_later_delivery() {
    let mut fixture = LedgerFixture::new();
    fixture.crash_after(&ArtifactDestination::Stream, |_, _, _| {});
    fixture.crash_after(&fixture.file(Collision::Refuse), |_, _, staging| {
        stage(staging, "half a lic");
    });
    assert_eq!(fixture.state(), (vec![false], vec![]));
}

#[test]
fn a_reader_recovers_nothing_and_cannot_write() {
    let mut fixture = LedgerFixture::new();
    let (path, staging) = (fixture.path("ledger.db"), fixture.path(".keygen-0123"));
    let destination = fixture.file(Collision::Refuse);
    let mut writer = fixture.ledger.acquire(now()).unwrap();
    let mut artifacts = pending(&destination);
    writer.begin(&mut artifacts).unwrap();
    stage(&staging, "license");
    record(&mut writer, &artifacts);
    drop(writer);
    let mut reader = SqliteLedger::open_read_only(&path).unwrap();
    assert_eq!(reader.entries_about("one").unwrap().len(), 1);
    assert_eq!(reader.pending().unwrap().len(), 1);
    assert!(matches!(reader.acquire(now()), Err(LedgerError::ReadOnly)));
    assert!(staging.exists() && !fixture.path("acme.lic").exists());
    drop(reader);
    drop(fixture.ledger.acquire(now()).unwrap());
    assert_eq!(fixture.state(), (vec![true], vec!["acme.lic".to_owned()]));
}

#[test]
fn an_artifact_with_a_foreign_staging_file_is_not_stored() {
    let mut fixture = LedgerFixture::new();
    let destination = ArtifactDestination::File {
        path: fixture.path("acme.lic"),
        staging: fixture.path("notes.txt"),
        collision: Collision::Replace,
    };
    let mut writer = fixture.ledger.acquire(now()).unwrap();
    let refused = writer.begin(&mut pending(&destination));
    assert!(matches!(refused, Err(LedgerError::Staging(_))));
    drop(writer);
    assert_eq!(fixture.state(), (vec![], vec![]));
}

#[test]
fn recovery_does_not_touch_files_that_are_not_staging_files() {
    for is_recorded in [false, true] {
        let mut fixture = LedgerFixture::new();
        let (path, notes) = (fixture.path("acme.lic"), fixture.path("notes.txt"));
        fs::write(&path, "precious").unwrap();
        fs::write(&notes, "notes").unwrap();
        // A stranger wrote this row.
        let sql = "INSERT INTO intents (at, kind, subject, body, artefact, path, passing, replaces, entered)
                   VALUES (1, 'license', 'one', '{}', 'token', ?1, ?2, 1, ?3)";
        let row = params![path.to_str(), notes.to_str(), is_recorded];
        fixture.ledger.db.execute(sql, row).unwrap();
        drop(fixture.ledger.acquire(now()).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        assert_eq!(fs::read_to_string(&notes).unwrap(), "notes");
        assert_eq!(fixture.ledger.pending().unwrap().len(), 1);
    }
}

#[test]
fn recovery_does_not_replace_a_private_key() {
    let mut fixture = LedgerFixture::new();
    let path = fixture.path("acme.lic");
    fixture.crash_after(
        &fixture.file(Collision::Replace),
        |writer, artifacts, staging| {
            stage(staging, "license");
            record(writer, artifacts);
            fs::write(&path, "-----BEGIN PRIVATE KEY-----").unwrap();
        },
    );
    assert!(fs::read_to_string(&path).unwrap().contains("PRIVATE KEY"));
    assert!(fixture.path(".keygen-0123").exists());
}

#[test]
fn serials_increase_and_are_not_below_the_clock() {
    let mut fixture = LedgerFixture::new();
    let mut writer = fixture.ledger.acquire(now()).unwrap();
    assert_eq!(writer.reserve_serials(1, 1000).unwrap(), 1000);
    assert_eq!(writer.reserve_serials(3, 1000).unwrap(), 1001);
    // Serials increase even if the clock was set back.
    assert_eq!(writer.reserve_serials(1, 5).unwrap(), 1004);
    assert_eq!(writer.reserve_serials(1, 2000).unwrap(), 2000);
    let last = u64::try_from(i64::MAX).unwrap();
    assert!(matches!(
        writer.reserve_serials(2, last),
        Err(LedgerError::Full)
    ));
}

#[test]
fn a_damaged_serial_is_an_error() {
    let mut fixture = LedgerFixture::new();
    let damage = "UPDATE head SET serial = -1";
    assert_eq!(fixture.ledger.db.execute(damage, []).unwrap(), 1);
    let mut writer = fixture.ledger.acquire(now()).unwrap();
    let reserved = writer.reserve_serials(1, 1000);
    assert!(matches!(reserved, Err(LedgerError::Inconsistent { .. })));
}

#[test]
fn a_backup_contains_no_pending_artifact() {
    let mut fixture = LedgerFixture::new();
    let destination = fixture.file(Collision::Refuse);
    let copy = fixture.path("copy.db");
    let mut writer = fixture.ledger.acquire(now()).unwrap();
    writer.begin(&mut pending(&destination)).unwrap();
    stage(&fixture.directory.path().join(".keygen-0123"), "license");
    writer.ledger.back_up(&copy).unwrap();
    // The copy has its own lock.
    let mut other = SqliteLedger::open(&copy).unwrap();
    drop(other.acquire(now()).unwrap());
    assert!(fixture.directory.path().join(".keygen-0123").exists());
}
