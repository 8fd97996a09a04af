//! Trust statements in any order: no key alone takes one away, and what was retired never comes back.

use license_core::issue::{IntroductionDraft, RetirementDraft, Sign, SigningKey};
use license_core::{Rotation, Taken, Unverified};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::cases;
use crate::support::{SERVER, SPARE, STRANGER, VENDOR, at, public, trust};

/// Two roots, and two keys that come later.
fn keys() -> [&'static SigningKey; 4] {
    [&VENDOR, &SPARE, &SERVER, &STRANGER]
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Introduce { by: usize, key: usize },
    Retire { key: usize, with: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let pair = || (0..4_usize, 1..4_usize).prop_map(|(one, by)| (one, (one + by) % 4));
    prop_oneof![
        pair().prop_map(|(by, key)| Step::Introduce { by, key }),
        pair().prop_map(|(key, with)| Step::Retire { key, with }),
    ]
}

fn token(step: Step) -> String {
    let (issuer, issued_at) = ("CODITECT".to_owned(), at("2027-01-01"));
    match step {
        Step::Introduce { by, key } => {
            let key = public(keys()[key]);
            let keys_in = vec![&key];
            let draft = IntroductionDraft {
                issuer,
                issued_at,
                keys: keys_in,
            };
            draft.sign(keys()[by]).unwrap()
        }
        Step::Retire { key, with } => {
            let draft = RetirementDraft { issuer, issued_at };
            draft.sign(keys()[key], keys()[with]).unwrap()
        }
    }
}

fn roots() -> Rotation {
    Rotation::new(trust(&[&VENDOR, &SPARE]))
}

fn is_trusted(rotation: &Rotation, key: usize) -> bool {
    let id = keys()[key].public().id();
    rotation.keys().get(id.as_str()).is_some()
}

fn is_retired(rotation: &Rotation, key: usize) -> bool {
    let id = keys()[key].public().id();
    let mut retired = rotation.retirements().filter_map(|said| said.retires());
    retired.any(|retired| retired == id)
}

fn trusted(rotation: &Rotation) -> Vec<String> {
    let keys = rotation.keys().iter();
    keys.map(|key| key.id().to_string()).collect()
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn a_set_is_never_empty_and_what_was_retired_never_comes_back(steps in vec(step(), 1..14)) {
        let mut rotation = roots();
        let mut gone = Vec::new();
        for step in steps {
            let before = rotation.clone();
            let text = token(step);
            let applied = rotation.apply(&Unverified::parse(&text).unwrap());
            match (&applied, step) {
                (Ok(Taken::New), Step::Introduce { by, key }) => {
                    prop_assert!(is_trusted(&before, by) && is_trusted(&rotation, key));
                }
                (Ok(Taken::New), Step::Retire { key, with }) => {
                    prop_assert!(is_trusted(&before, key) && is_trusted(&before, with));
                    prop_assert!(!is_trusted(&rotation, key) && is_trusted(&rotation, with));
                    gone.push(key);
                }
                // Nothing was changed.
                _ => prop_assert_eq!(trusted(&before), trusted(&rotation)),
            }
            prop_assert!(!rotation.keys().is_empty());
            for &key in &gone {
                prop_assert!(is_retired(&rotation, key) && !is_trusted(&rotation, key));
            }
        }
    }

    /// As a machine does that opens what it kept.
    #[test]
    fn what_counted_counts_again_in_the_same_order_and_then_says_nothing_new(steps in vec(step(), 1..14)) {
        let mut rotation = roots();
        for step in steps {
            let _ = rotation.apply(&Unverified::parse(&token(step)).unwrap());
        }
        let file: String = rotation.statements().iter().map(|said| said.to_armor()).collect();
        let mut again = roots();
        if !file.is_empty() {
            let taken = again.apply_file(&file).unwrap();
            prop_assert!(taken.iter().all(|taken| *taken == Taken::New));
            let taken = again.apply_file(&file).unwrap();
            prop_assert!(taken.iter().all(|taken| *taken == Taken::Already));
        }
        prop_assert_eq!(trusted(&again), trusted(&rotation));
    }

    /// A thief may introduce keys of their own and sign with them; what they did not steal stays trusted.
    #[test]
    fn whoever_has_one_key_takes_no_other_away(steps in vec(step(), 1..14)) {
        let mut rotation = roots();
        for step in steps {
            // The vendor is robbed of one key; the thief has two more.
            let (Step::Introduce { by, .. } | Step::Retire { key: by, .. }) = step;
            let is_thiefs = |key: usize| key != 1;
            let with = match step {
                Step::Retire { with, .. } => with,
                Step::Introduce { .. } => by,
            };
            if is_thiefs(by) && is_thiefs(with) {
                let _ = rotation.apply(&Unverified::parse(&token(step)).unwrap());
            }
            prop_assert!(is_trusted(&rotation, 1));
        }
        // And one statement of the spare's rids the set of the key and of all that the thief brought, unless the thief came first.
        if is_trusted(&rotation, 0) {
            let retire = token(Step::Retire { key: 0, with: 1 });
            rotation.apply(&Unverified::parse(&retire).unwrap()).unwrap();
            prop_assert_eq!(trusted(&rotation), vec![SPARE.public().id().to_string()]);
        }
    }

    #[test]
    fn no_flipped_bit_of_a_statement_counts(
        step in step(), at in any::<prop::sample::Index>(), bit in select(&[1_u8, 2, 4, 8, 16, 32, 64][..]),
    ) {
        let rotation = Rotation::new(trust(&keys()));
        let text = token(step);
        let mut bytes = text.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= bit;
        let flipped = String::from_utf8(bytes).unwrap();
        let is_read_as_it_was = |token: &Unverified<'_>| token.as_str() == text;
        if let Ok(token) = Unverified::parse(&flipped)
            && !is_read_as_it_was(&token)
        {
            let before = trusted(&rotation);
            let mut rotation = rotation;
            prop_assert!(rotation.apply(&token).is_err());
            prop_assert_eq!(trusted(&rotation), before);
        }
    }
}
