#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;

use serde_json::json;

use super::*;
use crate::ledger::Kind;

/// A ledger in a folder of its own, and where a license would go.
struct Stage {
    folder: tempfile::TempDir,
    ledger: Ledger,
}

fn now() -> Timestamp {
    Timestamp::parse("2027-01-01T00:00:00Z").unwrap()
}

fn license(id: &str) -> Record {
    Record {
        kind: Kind::License,
        subject: id.to_owned(),
        body: json!({ "license_id": id, "supersedes": [] }),
        artefact: format!("token of {id}"),
    }
}

impl Stage {
    fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&folder.path().join("ledger.db")).unwrap();
        Self { folder, ledger }
    }

    fn outlet(&self, replaces: bool) -> Outlet {
        Outlet::file(&self.folder.path().join("acme.lic"), "0123", replaces)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Does this as one that dies after it, and lets the next one come.
    fn die_after(&mut self, outlet: &Outlet, deed: impl FnOnce(&mut Desk<'_>, &Intent, &Path)) {
        let mut desk = self.ledger.desk(now()).unwrap();
        let intent = desk.intend(&[license("one")], outlet).unwrap();
        let passing = match outlet {
            Outlet::File { passing, .. } => passing.clone(),
            Outlet::Stream => PathBuf::new(),
        };
        deed(&mut desk, &intent, &passing);
        drop(desk);
        drop(self.ledger.desk(now()).unwrap());
    }

    /// Whether each entry was certainly handed out, and the names in the folder that are not the ledger's own.
    fn found(&self) -> (Vec<bool>, Vec<String>) {
        let report = self.ledger.verify_chain(None).unwrap();
        assert_eq!(report.fault, None);
        let left: i64 = self
            .ledger
            .db
            .query_row("SELECT count(*) FROM intents", [], |row| row.get(0))
            .unwrap();
        assert_eq!(left, 0);
        let entries = self.ledger.about("one").unwrap();
        let names = fs::read_dir(self.folder.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let names = names.filter(|name| !name.starts_with("ledger.db"));
        (
            entries.iter().map(|entry| entry.delivered).collect(),
            names.collect(),
        )
    }
}

#[test]
fn what_was_only_intended_is_nothing() {
    let mut stage = Stage::set();
    stage.die_after(&stage.outlet(false), |_, _, _| {});
    assert_eq!(stage.found(), (vec![], vec![]));
}

#[test]
fn what_was_written_under_its_passing_name_is_removed() {
    let mut stage = Stage::set();
    stage.die_after(&stage.outlet(false), |_, _, passing| {
        passing::write(passing, "license").unwrap();
    });
    assert_eq!(stage.found(), (vec![], vec![]));
}

#[test]
fn what_was_entered_gets_its_name() {
    let mut stage = Stage::set();
    stage.die_after(&stage.outlet(false), |desk, intent, passing| {
        passing::write(passing, "license").unwrap();
        desk.enter(intent).unwrap();
    });
    assert_eq!(stage.found(), (vec![true], vec!["acme.lic".to_owned()]));
    assert_eq!(
        fs::read_to_string(stage.path("acme.lic")).unwrap(),
        "license"
    );
}

#[test]
fn what_has_both_names_keeps_its_own() {
    let mut stage = Stage::set();
    let path = stage.path("acme.lic");
    stage.die_after(&stage.outlet(false), |desk, intent, passing| {
        passing::write(passing, "license").unwrap();
        desk.enter(intent).unwrap();
        fs::hard_link(passing, &path).unwrap();
    });
    assert_eq!(stage.found(), (vec![true], vec!["acme.lic".to_owned()]));
}

#[test]
fn what_was_entered_and_has_its_name_is_left_as_it_is() {
    let mut stage = Stage::set();
    let path = stage.path("acme.lic");
    for replaces in [false, true] {
        stage.die_after(&stage.outlet(replaces), |desk, intent, passing| {
            passing::write(passing, "license").unwrap();
            desk.enter(intent).unwrap();
            fs::rename(passing, &path).unwrap();
        });
    }
    assert_eq!(
        stage.found(),
        (vec![true, true], vec!["acme.lic".to_owned()])
    );
}

#[test]
fn what_was_to_be_replaced_is_and_nothing_else() {
    for (replaces, expected) in [(true, "license"), (false, "of another")] {
        let mut stage = Stage::set();
        let path = stage.path("acme.lic");
        fs::write(&path, "of another").unwrap();
        stage.die_after(&stage.outlet(replaces), |desk, intent, passing| {
            passing::write(passing, "license").unwrap();
            desk.enter(intent).unwrap();
        });
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        assert_eq!(stage.found().0, [true]);
        // What is entered is not lost.
        assert_eq!(stage.path(".keygen-0123").exists(), !replaces);
    }
}

#[test]
fn what_went_to_a_stream_is_entered_as_what_may_have_been_seen() {
    let mut stage = Stage::set();
    stage.die_after(&Outlet::Stream, |_, _, _| {});
    assert_eq!(stage.found(), (vec![false], vec![]));
    let mut stage = Stage::set();
    stage.die_after(&Outlet::Stream, |desk, intent, _| {
        desk.enter(intent).unwrap();
    });
    assert_eq!(stage.found(), (vec![true], vec![]));
}

#[test]
fn what_was_written_to_a_disk_that_is_gone_is_entered_as_what_may_be_there() {
    let mut stage = Stage::set();
    let outlet = Outlet::file(&stage.path("stick/acme.lic"), "0123", false);
    stage.die_after(&outlet, |_, _, _| {});
    assert_eq!(stage.found(), (vec![false], vec![]));
}

#[test]
fn what_was_entered_gets_its_name_when_its_disk_is_there_again() {
    let mut stage = Stage::set();
    let (stick, drawer) = (stage.path("stick"), stage.path("drawer"));
    fs::create_dir(&stick).unwrap();
    let outlet = Outlet::file(&stick.join("acme.lic"), "0123", false);
    stage.die_after(&outlet, |desk, intent, passing| {
        passing::write(passing, "license").unwrap();
        desk.enter(intent).unwrap();
        fs::rename(&stick, &drawer).unwrap();
    });
    assert!(drawer.join(".keygen-0123").exists());
    fs::rename(&drawer, &stick).unwrap();
    drop(stage.ledger.desk(now()).unwrap());
    assert!(stick.join("acme.lic").exists() && !stick.join(".keygen-0123").exists());
    assert_eq!(stage.found().0, [true]);
}

#[test]
fn several_in_one_file_are_entered_together() {
    let mut stage = Stage::set();
    let outlet = stage.outlet(false);
    let mut desk = stage.ledger.desk(now()).unwrap();
    let both = [license("one"), license("one")];
    let intent = desk.intend(&both, &outlet).unwrap();
    passing::write(&stage.folder.path().join(".keygen-0123"), "both").unwrap();
    desk.enter(&intent).unwrap();
    drop(desk);
    stage.ledger.settle(now()).unwrap();
    assert_eq!(
        stage.found(),
        (vec![true, true], vec!["acme.lic".to_owned()])
    );
}

/// One of a batch.
fn sheet(stage: &Stage) -> Sheet {
    Sheet {
        entry: license("one").into_entry(),
        outlet: stage.outlet(false),
    }
}

#[test]
fn what_a_batch_entered_gets_its_name_and_what_it_only_wrote_is_removed() {
    for (is_entered, entries, names) in [
        (true, vec![true], vec!["acme.lic"]),
        (false, vec![], vec![]),
    ] {
        let mut stage = Stage::set();
        let mut sheets = [sheet(&stage)];
        let passing = stage.path(".keygen-0123");
        let mut desk = stage.ledger.desk(now()).unwrap();
        let _ = desk.intend_each(&mut sheets).unwrap();
        passing::write(&passing, "license").unwrap();
        if is_entered {
            desk.enter_each(&mut sheets).unwrap();
        }
        drop(desk);
        drop(stage.ledger.desk(now()).unwrap());
        let names: Vec<_> = names.into_iter().map(str::to_owned).collect();
        assert_eq!(stage.found(), (entries, names));
    }
}

#[test]
fn what_may_have_been_handed_out_before_is_not_taken_for_entered_now() {
    let mut stage = Stage::set();
    stage.die_after(&Outlet::Stream, |_, _, _| {});
    stage.die_after(&stage.outlet(false), |_, _, passing| {
        passing::write(passing, "half a lic").unwrap();
    });
    assert_eq!(stage.found(), (vec![false], vec![]));
}

#[test]
fn who_looks_does_not_settle_what_somebody_is_doing() {
    let mut stage = Stage::set();
    let path = stage.path("ledger.db");
    let passing = stage.path(".keygen-0123");
    let outlet = stage.outlet(false);
    let mut desk = stage.ledger.desk(now()).unwrap();
    let intent = desk.intend(&[license("one")], &outlet).unwrap();
    passing::write(&passing, "license").unwrap();
    let mut looking = Ledger::open_existing(&path).unwrap();
    looking.settle(now()).unwrap();
    assert!(passing.exists());
    desk.enter(&intent).unwrap();
    drop(desk);
    looking.settle(now()).unwrap();
    assert_eq!(stage.found(), (vec![true], vec!["acme.lic".to_owned()]));
}

#[test]
fn serials_rise_above_the_clock_and_above_each_other() {
    let mut stage = Stage::set();
    let mut desk = stage.ledger.desk(now()).unwrap();
    assert_eq!(desk.serials(1, 1000).unwrap(), 1000);
    assert_eq!(desk.serials(3, 1000).unwrap(), 1001);
    // A clock set back takes none back.
    assert_eq!(desk.serials(1, 5).unwrap(), 1004);
    assert_eq!(desk.serials(1, 2000).unwrap(), 2000);
    let last = u64::try_from(i64::MAX).unwrap();
    assert!(matches!(desk.serials(2, last), Err(LedgerError::Full)));
}

#[test]
fn a_backup_intends_nothing() {
    let mut stage = Stage::set();
    let outlet = stage.outlet(false);
    let copy = stage.path("copy.db");
    let mut desk = stage.ledger.desk(now()).unwrap();
    let _ = desk.intend(&[license("one")], &outlet).unwrap();
    passing::write(&stage.folder.path().join(".keygen-0123"), "license").unwrap();
    desk.ledger().back_up(&copy).unwrap();
    // The copy has a lock of its own.
    let mut other = Ledger::open(&copy).unwrap();
    drop(other.desk(now()).unwrap());
    assert!(stage.folder.path().join(".keygen-0123").exists());
}
