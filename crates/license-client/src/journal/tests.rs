//! Tests of the journal and of usage counts across crashes, damage and restored state.

use license_core::chrono::{DateTime, Utc};
use license_core::policy::Quota;
use license_core::usage::{OpenPeriod, UsageCounts, UsageReport, examine, write};
use license_core::{ProductCode, time};

use super::*;
use crate::manager::{LicenseManager, UsageAccount, UsageReportMode};
use crate::paths::Paths;
use crate::sealed_file::Durability;
use crate::state::State;
use crate::state_dir::StateDir;

const QUOTA: &str = "commands";

fn product() -> ProductCode {
    ProductCode::parse("CODITECT").unwrap()
}

fn noon() -> DateTime<Utc> {
    time::parse_instant("2027-03-01T12:00:00Z").unwrap()
}

/// Returns `count` entries of a chain.
fn entries(count: u8) -> Vec<ClosedEntry> {
    let mut period = OpenPeriod::new(None, [1; 16], 0);
    let mut closed = Vec::new();
    for number in 0..count {
        period.add(None, &UsageCounts::quota_used(QUOTA, 1), noon());
        closed.extend(
            period
                .close(product(), None, 0, || Some([number; 16]))
                .unwrap(),
        );
    }
    closed
}

fn journal(entries: &[ClosedEntry]) -> Journal {
    let mut journal = Journal::default();
    journal.append(entries);
    journal
}

/// Returns the codes of the findings in a report with these entries.
fn findings(entries: &[ClosedEntry]) -> Vec<&'static str> {
    let report = UsageReport::parse(&write(product(), entries, false)).unwrap();
    let chains = examine(&[report], time::MAX);
    let findings = chains.iter().flat_map(|chain| &chain.findings);
    findings.map(|finding| finding.code()).collect()
}

#[test]
fn an_entry_that_is_added_twice_is_stored_once() {
    let entries = entries(3);
    let mut journal = journal(&entries[..2]);
    journal.append(&entries[1..]);
    journal.append(&entries);
    assert_eq!(journal.entries, entries);
}

#[test]
fn entries_from_an_older_copy_of_the_state_continue_the_chain() {
    let mut journal = journal(&entries(3));
    let mut period = OpenPeriod::new(None, [1; 16], 0);
    for salt in [7, 8] {
        period.add(None, &UsageCounts::quota_used(QUOTA, 5), noon());
        let closed = period
            .close(product(), None, 0, || Some([salt; 16]))
            .unwrap();
        journal.append(&closed);
        period.advance_to(journal.next_position().unwrap());
    }
    assert_eq!(journal.entries.len(), 5);
    assert_eq!(findings(&journal.entries), ["COUNTED_AGAIN"]);
}

#[test]
fn the_oldest_entries_are_dropped_above_the_limit() {
    let mut period = OpenPeriod::new(None, [1; 16], 0);
    let mut journal = Journal::default();
    for number in 0..u8::try_from(MAX_ENTRIES / 2).unwrap() {
        for half in [0, 1] {
            period.add(None, &UsageCounts::quota_used(QUOTA, 1), noon());
            let mut salt = [number; 16];
            salt[0] = half;
            let closed = period.close(product(), None, 0, || Some(salt)).unwrap();
            journal.append(&closed);
        }
    }
    period.add(None, &UsageCounts::quota_used(QUOTA, 1), noon());
    journal.append(
        &period
            .close(product(), None, 0, || Some([255; 16]))
            .unwrap(),
    );
    assert_eq!(journal.entries.len(), MAX_ENTRIES);
    assert_eq!(journal.entries[0].parse_entry().unwrap().seq, 2);
    assert_eq!(findings(&journal.entries), [""; 0]);
}

/// Returns a manager with its own state directory.
fn manager() -> (tempfile::TempDir, LicenseManager, Store) {
    let scratch = tempfile::tempdir().unwrap();
    let dir = StateDir::at(scratch.path().join("state"));
    let manager = LicenseManager::at(product(), Paths::at(dir.clone()));
    (scratch, manager, Store::new(dir))
}

/// Returns the sum of the quota uses in all entries of the usage report.
fn used(manager: &LicenseManager) -> u64 {
    let export = manager.usage_report(UsageReportMode::DryRun).unwrap();
    let entries = export.entries.iter().filter_map(ClosedEntry::parse_entry);
    entries
        .filter_map(|entry| Some(entry.quotas.get(QUOTA)?.used))
        .sum()
}

fn take(manager: &LicenseManager) {
    let taken = manager
        .use_quota(UsageAccount::default(), QUOTA, 1, Quota::Unlimited)
        .unwrap();
    assert!(
        taken.quota_use.granted && taken.problems.is_empty(),
        "{taken:?}"
    );
}

/// Returns the content of both state files.
fn snapshot(store: &Store) -> [Vec<u8>; 2] {
    [StateFile::Cache, StateFile::Quota].map(|file| std::fs::read(store.dir().file(file)).unwrap())
}

#[test]
fn a_crash_between_state_and_journal_neither_loses_nor_doubles_counts() {
    let (_scratch, manager, store) = manager();
    take(&manager);
    // The entry is closed in the state, but not in the journal yet.
    let mut state = State::load(&store, manager.seal(), Damaged::Leave).state;
    let period = state.period.as_mut().unwrap();
    state.closed = period.close(product(), None, 0, || Some([5; 16])).unwrap();
    let lock = store.lock().unwrap();
    let durability = Durability::Process;
    state
        .save(&lock, manager.seal(), durability, durability)
        .unwrap();
    drop(lock);
    let before = snapshot(&store);
    assert_eq!(used(&manager), 1);
    take(&manager);
    assert_eq!(
        manager
            .usage_report(UsageReportMode::Commit)
            .unwrap()
            .entries
            .len(),
        2
    );
    assert_eq!(used(&manager), 2);
    // The entry is in the journal, and still in the state.
    let (journal, _) = Journal::inspect(&store, manager.seal());
    for (file, bytes) in [StateFile::Cache, StateFile::Quota].into_iter().zip(before) {
        std::fs::write(store.dir().file(file), bytes).unwrap();
    }
    let again = manager
        .usage_report(UsageReportMode::Commit)
        .unwrap()
        .entries;
    assert_eq!(again, journal.entries);
}

#[test]
fn a_damaged_journal_is_quarantined_and_reported_once_without_losing_counts() {
    let (_scratch, manager, store) = manager();
    take(&manager);
    for _ in 0..3 {
        std::fs::create_dir(store.dir().file(StateFile::Usage)).unwrap();
        assert!(manager.usage_report(UsageReportMode::DryRun).is_err());
        assert!(manager.inspect_journal().is_err());
        assert!(manager.usage_report(UsageReportMode::Commit).is_err());
        take(&manager);
    }
    assert_eq!(store.quarantined_files(&[StateFile::Usage]).len(), 3);
    let entries = manager
        .usage_report(UsageReportMode::Commit)
        .unwrap()
        .entries;
    assert_eq!((entries.len(), findings(&entries)), (1, vec![]));
    assert_eq!(used(&manager), 4);
}

#[test]
fn entries_wait_in_the_state_while_the_journal_cannot_be_read() {
    let mut state = State::default();
    let (_scratch, manager, store) = manager();
    let closed = entries(2);
    state.closed = closed.clone();
    let lock = store.lock().unwrap();
    let durability = Durability::Process;
    state
        .save(&lock, manager.seal(), durability, durability)
        .unwrap();
    drop(lock);
    assert_eq!(
        State::load(&store, manager.seal(), Damaged::Leave)
            .state
            .closed,
        closed
    );
    // The next use writes the entries to the journal.
    take(&manager);
    assert_eq!(
        State::load(&store, manager.seal(), Damaged::Leave)
            .state
            .closed,
        []
    );
    let (journal, problem) = Journal::inspect(&store, manager.seal());
    assert!(problem.is_none());
    assert_eq!(journal.entries, closed);
}

#[test]
fn counts_in_memory_are_in_no_file_until_the_next_write() {
    let (_scratch, manager, store) = manager();
    take(&manager);
    let before = snapshot(&store);
    manager.count(UsageAccount::default(), UsageCounts::quota_used(QUOTA, 2));
    assert_eq!((snapshot(&store), used(&manager)), (before, 1));
    take(&manager);
    assert_eq!(used(&manager), 4);
    manager.count(UsageAccount::default(), UsageCounts::quota_used(QUOTA, 1));
    assert!(manager.flush_counts().is_empty());
    assert!(manager.flush_counts().is_empty());
    assert_eq!(used(&manager), 5);
}

#[test]
fn usage_counted_again_by_a_restored_state_is_reported() {
    let (_scratch, manager, store) = manager();
    take(&manager);
    let before = snapshot(&store);
    assert_eq!(
        findings(
            &manager
                .usage_report(UsageReportMode::Commit)
                .unwrap()
                .entries
        ),
        [""; 0]
    );
    for (file, bytes) in [StateFile::Cache, StateFile::Quota].into_iter().zip(before) {
        std::fs::write(store.dir().file(file), bytes).unwrap();
    }
    let entries = manager
        .usage_report(UsageReportMode::Commit)
        .unwrap()
        .entries;
    assert_eq!(
        (entries.len(), findings(&entries)),
        (2, vec!["COUNTED_AGAIN"])
    );
    // Later entries are new.
    take(&manager);
    let entries = manager
        .usage_report(UsageReportMode::Commit)
        .unwrap()
        .entries;
    assert_eq!(
        (entries.len(), findings(&entries)),
        (3, vec!["COUNTED_AGAIN"])
    );
}

/// Replaces a file with a directory, so that the file cannot be written.
fn block(store: &Store, file: StateFile) {
    let path = store.dir().file(file);
    let _ = std::fs::remove_file(&path);
    std::fs::create_dir_all(path.join("full")).unwrap();
}

#[test]
fn counts_in_one_copy_of_the_state_are_not_counted_again_once_the_other_copy_is_writable() {
    let (_scratch, manager, store) = manager();
    take(&manager);
    for _ in 0..4 {
        block(&store, StateFile::Quota);
        let lock = store.lock().unwrap();
        let mut state = State::load(&store, manager.seal(), Damaged::Leave).state;
        manager.count(UsageAccount::default(), UsageCounts::quota_used(QUOTA, 1));
        let durability = [Durability::Process; 2];
        let (written, _) = manager.write_counts(&lock, &store, &mut state, durability);
        assert!(written.is_err());
    }
    std::fs::remove_dir_all(store.dir().file(StateFile::Quota)).unwrap();
    take(&manager);
    assert_eq!(used(&manager), 6);
}

#[test]
fn counts_of_a_failed_write_are_written_by_the_next_write() {
    let (_scratch, manager, store) = manager();
    take(&manager);
    manager.count(UsageAccount::default(), UsageCounts::quota_used(QUOTA, 3));
    let copy = std::fs::read(store.dir().file(StateFile::Quota)).unwrap();
    let state = State::load(&store, manager.seal(), Damaged::Leave).state;
    block(&store, StateFile::Cache);
    let lock = store.lock().unwrap();
    let (written, _) =
        manager.write_counts(&lock, &store, &mut state.clone(), [Durability::Process; 2]);
    drop(lock);
    assert!(written.is_err());
    assert_eq!(
        std::fs::read(store.dir().file(StateFile::Quota)).unwrap(),
        copy
    );
    std::fs::remove_dir_all(store.dir().file(StateFile::Cache)).unwrap();
    take(&manager);
    assert_eq!(used(&manager), 5);
}

#[test]
fn flushing_never_waits_for_another_writer_and_keeps_the_counts() {
    let (_scratch, manager, store) = manager();
    take(&manager);
    let lock = store.lock().unwrap();
    manager.count(UsageAccount::default(), UsageCounts::quota_used(QUOTA, 2));
    let started = std::time::Instant::now();
    manager.flush_if_free();
    assert!(started.elapsed() < std::time::Duration::from_millis(500));
    drop(lock);
    manager.flush_if_free();
    assert_eq!(used(&manager), 3);
}
