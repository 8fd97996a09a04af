use super::*;
use crate::paths::StateDir;
use crate::sealed::SealError;
use license_core::{ProductCode, Quota, Reading, Timestamp};
use std::fs;

fn seal(id: &str) -> Seal {
    Seal::new(ProductCode::parse("CODITECT").unwrap(), Some(id))
}

fn store() -> (tempfile::TempDir, Store) {
    let scratch = tempfile::tempdir().unwrap();
    let store = Store::new(StateDir::at(scratch.path().join("state")));
    (scratch, store)
}

/// Loads what this machine remembers, and the problems with it.
fn load(store: &Store, machine: &str) -> (State, Vec<StateProblem>) {
    let loaded = State::load(store, &seal(machine), Damaged::Quarantine);
    (loaded.state, loaded.problems)
}

fn save(state: &State, store: &Store, machine: &str) {
    let lock = store.lock().unwrap();
    let durability = Durability::Process;
    let saved = state.save(&lock, &seal(machine), durability, durability);
    saved.unwrap();
}

fn noon() -> Timestamp {
    Timestamp::parse("2027-03-01T12:00:00Z").unwrap()
}

/// A state that has seen this noon and counted seven.
fn state() -> State {
    let mut state = State {
        validations: vec!["tokens".to_owned()],
        ..State::default()
    };
    let reading = Reading {
        clock: noon(),
        boot: None,
    };
    state.high_water.observe(reading);
    let taken = state.tally.take("commands", 7, Quota::Limit(10), noon());
    assert!(taken.granted);
    state
}

fn saved() -> (tempfile::TempDir, Store) {
    let (scratch, store) = store();
    save(&state(), &store, "here");
    (scratch, store)
}

#[test]
fn what_was_saved_is_loaded() {
    let (_scratch, store) = saved();
    let (loaded, problems) = load(&store, "here");
    assert_eq!(loaded, state());
    assert!(problems.is_empty());
}

#[test]
fn without_files_nothing_is_remembered_and_nothing_is_made() {
    let (_scratch, store) = store();
    let (loaded, problems) = load(&store, "here");
    assert_eq!(loaded, State::default());
    assert!(problems.is_empty());
    assert!(!store.dir().path().exists());
}

#[test]
fn a_file_that_is_removed_takes_neither_the_mark_nor_a_count_with_it() {
    for removed in FILES {
        let (_scratch, store) = saved();
        fs::remove_file(store.dir().file(removed)).unwrap();
        let (loaded, problems) = load(&store, "here");
        assert_eq!(loaded.high_water.mark(), noon());
        assert_eq!(loaded.tally, state().tally);
        assert!(problems.is_empty());
    }
}

#[test]
fn a_changed_file_is_set_aside_and_the_other_one_counts() {
    for changed in FILES {
        let (_scratch, store) = saved();
        let path = store.dir().file(changed);
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
        let (loaded, problems) = load(&store, "here");
        assert_eq!(loaded.tally, state().tally);
        let [StateProblem::Sealed { source, aside, .. }] = &problems[..] else {
            panic!("{problems:?}");
        };
        assert_eq!(*source, SealError::Tampered);
        assert!(aside.as_ref().unwrap().exists());
        assert!(!path.exists());
        assert!(load(&store, "here").1.is_empty());
    }
}

#[test]
fn state_of_another_machine_is_refused_with_that_reason() {
    let (_scratch, store) = saved();
    let (loaded, problems) = load(&store, "elsewhere");
    assert_eq!(loaded, State::default());
    assert_eq!(problems.len(), 2);
    for problem in problems {
        let source = std::error::Error::source(&problem).unwrap().to_string();
        assert_eq!(source, "it was made on another machine");
    }
}

#[test]
fn files_cut_short_oversized_or_of_another_form_are_problems_and_no_panic() {
    let here = seal("here");
    let sealed = |content: &str| here.seal(StateFile::Cache, content.as_bytes()).unwrap();
    let contents = [
        Vec::new(),
        b"noise".to_vec(),
        sealed(""),
        sealed("[]"),
        sealed(r#"{"version":2}"#),
        sealed(r#"{"version":1,"high_water":{},"tally":{}}"#),
        vec![0; 2 * MAX_FILE_BYTES + MAX_USAGE + 1],
    ];
    for content in contents {
        let (_scratch, store) = store();
        fs::create_dir(store.dir().path()).unwrap();
        fs::write(store.dir().file(StateFile::Cache), content).unwrap();
        let (loaded, problems) = load(&store, "here");
        assert_eq!(loaded, State::default());
        assert_eq!(problems.len(), 1);
    }
}

#[test]
fn machines_that_share_a_folder_find_their_own_state_again() {
    let (_scratch, store) = saved();
    for _ in 0..3 {
        for machine in ["elsewhere", "here"] {
            let (loaded, _) = load(&store, machine);
            if machine == "here" {
                assert_eq!(loaded, state());
            }
            save(&loaded, &store, machine);
        }
    }
    let files = fs::read_dir(store.dir().path()).unwrap().count();
    assert_eq!(files, 1 + 2 + 2 * 2, "two of each machine, and no more");
}

#[test]
fn what_was_said_is_kept_in_both_files() {
    for removed in FILES {
        let (_scratch, store) = saved();
        fs::remove_file(store.dir().file(removed)).unwrap();
        let (loaded, _) = load(&store, "here");
        assert_eq!(loaded.validations, state().validations);
    }
}

#[test]
fn what_is_kept_of_tokens_is_bounded_and_the_first_stay() {
    let mut state = State::default();
    state.keep((0..10).map(|number| number.to_string().repeat(60 * 1024)));
    assert_eq!(state.validations.len(), 4);
    assert!(state.validations[0].starts_with('0'));
}

#[test]
fn a_state_of_before_there_were_usage_reports_is_read_and_one_that_is_damaged_in_that_part_alone_too()
 {
    let (_scratch, store) = saved();
    let whole = sealed_file::to_json(&state());
    for usage in [
        None,
        Some(serde_json::json!({ "chain": 1 })),
        Some(Value::Null),
    ] {
        let mut members = whole.clone();
        let object = members.as_object_mut().unwrap();
        object.shift_remove("usage_closed");
        object.shift_remove("usage");
        object.extend(usage.map(|usage| ("usage".to_owned(), usage)));
        let here = seal("here");
        for file in FILES {
            let sealed = here.seal(file, members.to_string().as_bytes()).unwrap();
            fs::write(store.dir().file(file), sealed).unwrap();
        }
        let (loaded, problems) = load(&store, "here");
        assert!(problems.is_empty());
        assert_eq!(loaded, state());
    }
}

#[test]
fn a_deactivation_or_a_list_that_is_malformed_is_not_taken_for_none() {
    let here = seal("here");
    for (member, malformed) in [
        (
            "given_up",
            serde_json::json!([["01980000-0000-7000-8000-000000000001"]]),
        ),
        ("repaired", serde_json::json!(["nonce"])),
        ("lists", serde_json::json!({ "key": [1] })),
    ] {
        let (_scratch, store) = saved();
        let mut members = sealed_file::to_json(&state());
        members[member] = malformed;
        for file in FILES {
            let sealed = here.seal(file, members.to_string().as_bytes()).unwrap();
            fs::write(store.dir().file(file), sealed).unwrap();
        }
        assert_eq!(load(&store, "here").1.len(), 2, "{member}");
    }
}

#[test]
fn the_most_that_can_be_counted_and_kept_is_read_again() {
    use license_core::usage_report::Counts;
    use license_core::{Code, LicenseId};
    let mut most = state();
    most.keep((0..4).map(|number| number.to_string().repeat(63 * 1024)));
    let id = |number: u8| LicenseId::from_random(1, &[number; 10]);
    // Of all characters the one that takes most room when it is escaped, beside none that needs as many bytes.
    let name = |number: usize| format!("{number:04}{}", "\u{80}".repeat(30));
    let mut salt = 0;
    let mut fill = || {
        let mut period = Period::begin(None, [salt; 16], 0);
        for license in 0..8 {
            let mut counts = Counts::default();
            for number in 0..300 {
                counts.add(&Counts::feature_refused(
                    &name(number),
                    Code::FeatureNotIncluded,
                ));
                counts.add(&Counts::session(&format!("sess_{number:032}")).by(Some(&name(number))));
            }
            period.add(Some(&id(license)), &counts, noon());
        }
        salt += 1;
        period
    };
    let product = ProductCode::parse("CODITECT").unwrap();
    for _ in 0..2 {
        let closed = fill().close(product, None, 0, || Some([7; 16])).unwrap();
        most.closed.extend(closed);
    }
    most.closed.pop();
    most.period = Some(fill());
    let (_scratch, store) = store();
    save(&most, &store, "here");
    let (loaded, problems) = load(&store, "here");
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(loaded.closed.len(), 15);
    assert_eq!(loaded.period, most.period);
}
