//! Trust statements in any order: no single key retires another key, and a retired key stays
//! retired.

use license_core::Unverified;
use license_core::issue::{IntroductionDraft, RetirementDraft, Signer, SigningKey};
use license_core::license::{Rotation, StatementResult};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::cases;
use crate::support::{SERVER, SPARE, UNTRUSTED, VENDOR, at, public, trust};

/// Two initial keys and two keys to introduce.
fn keys() -> [&'static SigningKey; 4] {
    [&VENDOR, &SPARE, &SERVER, &UNTRUSTED]
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Introduce { by: usize, key: usize },
    Retire { key: usize, with: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let pair = || (0..4_usize, 1..4_usize).prop_map(|(one, offset)| (one, (one + offset) % 4));
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
            let draft = IntroductionDraft {
                issuer,
                issued_at,
                keys: vec![&key],
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
    let mut retired = rotation
        .retirements()
        .filter_map(|statement| statement.retires());
    retired.any(|retired| retired == id)
}

fn trusted(rotation: &Rotation) -> Vec<String> {
    let keys = rotation.keys().iter();
    keys.map(|key| key.id().to_string()).collect()
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn a_trust_set_is_never_empty_and_a_retired_key_stays_retired(steps in vec(step(), 1..14)) {
        let mut rotation = roots();
        let mut retired = Vec::new();
        for step in steps {
            let before = rotation.clone();
            let text = token(step);
            let applied = rotation.apply(&Unverified::parse(&text).unwrap());
            match (&applied, step) {
                (Ok(StatementResult::Applied), Step::Introduce { by, key }) => {
                    prop_assert!(is_trusted(&before, by) && is_trusted(&rotation, key));
                }
                (Ok(StatementResult::Applied), Step::Retire { key, with }) => {
                    prop_assert!(is_trusted(&before, key) && is_trusted(&before, with));
                    prop_assert!(!is_trusted(&rotation, key) && is_trusted(&rotation, with));
                    retired.push(key);
                }
                // The trust set does not change.
                _ => prop_assert_eq!(trusted(&before), trusted(&rotation)),
            }
            prop_assert!(!rotation.keys().is_empty());
            for &key in &retired {
                prop_assert!(is_retired(&rotation, key) && !is_trusted(&rotation, key));
            }
        }
    }

    /// A program stores the applied statements, and applies them again at each start.
    #[test]
    fn applying_the_statements_again_gives_the_same_keys(steps in vec(step(), 1..14)) {
        let mut rotation = roots();
        for step in steps {
            let _ = rotation.apply(&Unverified::parse(&token(step)).unwrap());
        }
        let file: String = rotation.statements().iter().map(|statement| statement.to_armor()).collect();
        let mut again = roots();
        if !file.is_empty() {
            let results = again.apply_file(&file).unwrap();
            prop_assert!(results.iter().all(|result| *result == StatementResult::Applied));
            let results = again.apply_file(&file).unwrap();
            prop_assert!(results.iter().all(|result| *result == StatementResult::Unchanged));
        }
        prop_assert_eq!(trusted(&again), trusted(&rotation));
    }

    /// An attacker with one stolen key can introduce keys of their own and sign with them.
    #[test]
    fn a_stolen_key_cannot_retire_another_key(steps in vec(step(), 1..14)) {
        let mut rotation = roots();
        for step in steps {
            // The attacker has key 0 of the vendor and two keys of their own.
            let (Step::Introduce { by, .. } | Step::Retire { key: by, .. }) = step;
            let belongs_to_attacker = |key: usize| key != 1;
            let with = match step {
                Step::Retire { with, .. } => with,
                Step::Introduce { .. } => by,
            };
            if belongs_to_attacker(by) && belongs_to_attacker(with) {
                let _ = rotation.apply(&Unverified::parse(&token(step)).unwrap());
            }
            prop_assert!(is_trusted(&rotation, 1));
        }
        // Retiring the stolen key also removes the keys of the attacker. The attacker may have
        // retired the stolen key before.
        if is_trusted(&rotation, 0) {
            let retire = token(Step::Retire { key: 0, with: 1 });
            rotation.apply(&Unverified::parse(&retire).unwrap()).unwrap();
            prop_assert_eq!(trusted(&rotation), vec![SPARE.public().id().to_string()]);
        }
    }

    #[test]
    fn a_statement_with_a_flipped_bit_is_rejected(
        step in step(), at in any::<prop::sample::Index>(), bit in select(&[1_u8, 2, 4, 8, 16, 32, 64][..]),
    ) {
        let rotation = Rotation::new(trust(&keys()));
        let text = token(step);
        let mut bytes = text.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= bit;
        let flipped = String::from_utf8(bytes).unwrap();
        let is_unchanged = |token: &Unverified<'_>| token.as_str() == text;
        if let Ok(token) = Unverified::parse(&flipped)
            && !is_unchanged(&token)
        {
            let before = trusted(&rotation);
            let mut rotation = rotation;
            prop_assert!(rotation.apply(&token).is_err());
            prop_assert_eq!(trusted(&rotation), before);
        }
    }
}
