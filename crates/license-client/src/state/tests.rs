//! Tests of the state of a machine, with missing, damaged and copied files.

use super::*;
use crate::seal::SealError;
use crate::state_dir::StateDir;
use std::fs;

use license_core::chrono::{DateTime, Utc};
use license_core::policy::Quota;
use license_core::state::ClockReading;
use license_core::{ProductCode, time};

fn seal(id: &str) -> Seal {
    Seal::new(ProductCode::parse("CODITECT").unwrap(), Some(id))
}

fn store() -> (tempfile::TempDir, Store) {
    let scratch = tempfile::tempdir().unwrap();
    let store = Store::new(StateDir::at(scratch.path().join("state")));
    (scratch, store)
}

/// Loads the state on this machine, and returns it with its problems.
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

fn noon() -> DateTime<Utc> {
    time::parse_instant("2027-03-01T12:00:00Z").unwrap()
}

/// Returns a state with the high-water mark [`noon`], seven counted uses and one token.
fn state() -> State {
    let mut state = State {
        validations: vec!["tokens".to_owned()],
        ..State::default()
    };
    let reading = ClockReading {
        clock: noon(),
        boot: None,
    };
    state.high_water.observe(reading);
    let taken = state
        .quota_counters
        .take("commands", 7, Quota::Limit(10), noon());
    assert!(taken.granted);
    state
}

/// With a quadratic search for duplicates, this test takes minutes.
#[test]
fn large_lists_of_two_files_are_merged_without_duplicates() {
    let nonces = |from: u32| {
        let nonce = |number| Nonce::parse(&format!("{number:032x}")).unwrap();
        (from..from + 100_000).map(nonce).collect()
    };
    let state = |from| State {
        repaired: nonces(from),
        ..State::default()
    };
    let merged = state(0).merged(state(50_000));
    assert_eq!(merged.repaired.len(), 150_000);
    assert_eq!(
        merged.repaired,
        [
            state(0).repaired,
            state(100_000).repaired[..50_000].to_vec()
        ]
        .concat()
    );
}

fn saved() -> (tempfile::TempDir, Store) {
    let (scratch, store) = store();
    save(&state(), &store, "here");
    (scratch, store)
}

#[test]
fn a_saved_state_is_loaded() {
    let (_scratch, store) = saved();
    let (loaded, problems) = load(&store, "here");
    assert_eq!(loaded, state());
    assert!(problems.is_empty());
}

#[test]
fn without_files_the_state_is_empty_and_nothing_is_created() {
    let (_scratch, store) = store();
    let (loaded, problems) = load(&store, "here");
    assert_eq!(loaded, State::default());
    assert!(problems.is_empty());
    assert!(!store.dir().path().exists());
}

#[test]
fn removing_one_file_loses_neither_the_high_water_mark_nor_counts_nor_tokens() {
    for removed in FILES {
        let (_scratch, store) = saved();
        fs::remove_file(store.dir().file(removed)).unwrap();
        let (loaded, problems) = load(&store, "here");
        assert_eq!(loaded.high_water.mark(), noon(), "{removed:?}");
        assert_eq!(loaded.quota_counters, state().quota_counters, "{removed:?}");
        assert_eq!(loaded.validations, state().validations, "{removed:?}");
        assert!(problems.is_empty(), "{removed:?}");
    }
}

#[test]
fn a_changed_file_is_quarantined_and_the_other_copy_is_used() {
    for changed in FILES {
        let (_scratch, store) = saved();
        let path = store.dir().file(changed);
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
        let (loaded, problems) = load(&store, "here");
        assert_eq!(loaded.quota_counters, state().quota_counters);
        let [
            StateProblem::Sealed {
                source,
                quarantined,
                ..
            },
        ] = &problems[..]
        else {
            panic!("{problems:?}");
        };
        assert_eq!(*source, SealError::Tampered);
        assert!(quarantined.as_ref().unwrap().exists());
        assert!(!path.exists());
        assert!(load(&store, "here").1.is_empty());
    }
}

#[test]
fn the_state_of_another_machine_is_rejected_and_the_reason_says_so() {
    let (_scratch, store) = saved();
    let (loaded, problems) = load(&store, "elsewhere");
    assert_eq!(loaded, State::default());
    assert_eq!(problems.len(), 2);
    for problem in problems {
        let source = std::error::Error::source(&problem).unwrap().to_string();
        assert_eq!(source, "the file was sealed on another machine");
    }
}

#[test]
fn truncated_oversized_and_malformed_files_are_problems() {
    let here = seal("here");
    let sealed = |content: &str| here.seal(StateFile::Cache, content.as_bytes()).unwrap();
    let contents = [
        Vec::new(),
        b"noise".to_vec(),
        sealed(""),
        sealed("[]"),
        sealed(r#"{"version":2}"#),
        sealed(r#"{"version":1,"high_water":{},"tally":{}}"#),
        vec![0; State::CAP + 1],
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
fn machines_that_share_a_directory_find_their_own_state_again() {
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
    assert_eq!(
        files,
        1 + 2 + 2 * 2,
        "the lock, two current files, and two files for each of two machines"
    );
}

#[test]
fn stored_tokens_are_limited_and_the_first_ones_are_kept() {
    let mut state = State::default();
    state.set_validations((0..10).map(|number| number.to_string().repeat(60 * 1024)));
    assert_eq!(state.validations.len(), 4);
    assert!(state.validations[0].starts_with('0'));
}

#[test]
fn a_state_with_missing_or_malformed_usage_counts_is_loaded() {
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
fn a_malformed_deactivation_or_list_is_not_treated_as_missing() {
    let here = seal("here");
    for (member, malformed) in [
        (
            "given_up",
            serde_json::json!([["01980000-0000-7000-8000-000000000001"]]),
        ),
        ("repaired", serde_json::json!(["nonce"])),
        ("returned", serde_json::json!(["00"])),
        ("lists", serde_json::json!({ "key": [1] })),
        ("revoked", serde_json::json!([{ "seq": 1 }])),
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
fn the_largest_possible_state_fits_into_its_files() {
    use license_core::usage::UsageCounts;
    use license_core::{Code, LicenseId};
    let mut most = state();
    most.set_validations((0..4).map(|number| number.to_string().repeat(63 * 1024)));
    let id = |number: u8| LicenseId::from_random(noon(), &[number; 10]);
    // U+0080 needs the most bytes when it is escaped.
    let name = |number: usize| format!("{number:04}{}", "\u{80}".repeat(30));
    let mut salt = 0;
    let mut fill = || {
        let mut period = OpenPeriod::new(None, [salt; 16], 0);
        for license in 0..8 {
            let mut counts = UsageCounts::default();
            for number in 0..300 {
                counts.add(&UsageCounts::feature_refused(
                    &name(number),
                    Code::FeatureNotIncluded,
                ));
                counts.add(
                    &UsageCounts::session(&format!("sess_{number:032}")).user(Some(&name(number))),
                );
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

/// Returns a state that has seen list `seq` of a key, with the revocations that this list contains.
fn state_after_list(seq: u64, revoked: &[u8]) -> State {
    let key = "A".repeat(43);
    let revoked = revoked.iter().map(|number| {
        let id = LicenseId::from_random(noon(), &[*number; 10]);
        let (id, at) = (id.as_str(), noon().timestamp());
        serde_json::json!({ "jti": id, "key": key, "seq": seq, "at": at, "reason": "refund" })
    });
    let mut members = sealed_file::to_json(&state());
    members["revoked"] = revoked.collect();
    members["lists"] = serde_json::json!({ key.as_str(): [seq, "digest"] });
    State::parse(&members).unwrap()
}

#[test]
fn a_copy_that_has_seen_a_later_list_decides_about_the_recorded_revocations() {
    let (before, lifted) = (state_after_list(1, &[1, 2]), state_after_list(2, &[2]));
    for merged in [
        before.clone().merged(lifted.clone()),
        lifted.clone().merged(before.clone()),
    ] {
        assert_eq!(merged.recorded, lifted.recorded);
    }
    assert_eq!(before.clone().merged(before.clone()), before);
    let empty = State::default();
    assert_eq!(empty.merged(before.clone()).recorded, before.recorded);
}

#[test]
fn recorded_revocations_survive_the_loss_of_one_file() {
    let recorded = state_after_list(1, &[1, 2]);
    for removed in FILES {
        let (_scratch, store) = store();
        save(&recorded, &store, "here");
        fs::remove_file(store.dir().file(removed)).unwrap();
        assert_eq!(load(&store, "here").0.recorded, recorded.recorded);
    }
}

#[test]
fn a_state_of_an_earlier_version_has_no_recorded_revocations() {
    let mut members = sealed_file::to_json(&state());
    members.as_object_mut().unwrap().shift_remove("revoked");
    assert_eq!(State::parse(&members), Some(state()));
}
