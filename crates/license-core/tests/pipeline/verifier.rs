//! Many tokens, and one token again and again.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::thread;

use license_core::issue::{LicenseDraft, SigningKey};
use license_core::{Code, Context, License, Quota, Tier, Unverified, Verifier, VerifyError};

use super::matrix;
use super::support::{DAY, STRANGER, TRUST, VENDOR, id, issued, mint, timeless};

fn token_by(key: &SigningKey, number: u64) -> String {
    let mut draft = timeless("PRO", id(number));
    draft.expires_at = Some(issued().plus(DAY));
    draft.sign(key).unwrap()
}

fn token(number: u64) -> String {
    token_by(&VENDOR, number)
}

fn verifier(tokens: usize) -> Verifier {
    Verifier::with_memory(TRUST.clone(), tokens)
}

/// Where a license lies tells one that is remembered from one that is verified anew.
fn is_remembered(verifier: &Verifier, token: &str) -> bool {
    let place = || -> *const _ { std::ptr::from_ref(verifier.verify(token).unwrap().claims()) };
    let first = verifier.verify(token).unwrap();
    place() == std::ptr::from_ref(first.claims())
}

#[test]
fn a_token_that_was_seen_is_known_again_and_still_ends() {
    let (verifier, token) = (Verifier::new(TRUST.clone()), token(1));
    assert!(is_remembered(&verifier, &token));
    let license = verifier.verify(&token).unwrap();
    assert_eq!(*license.id(), id(1));
    let code = |at| license.evaluate(matrix(), &Context::at(at)).code();
    assert_eq!(code(issued()), Code::Valid);
    assert_eq!(code(issued().plus(DAY)), Code::Expired);
    assert!(!is_remembered(&self::verifier(0), &token));
}

#[test]
fn to_know_a_token_again_allocates_nothing() {
    let (verifier, token) = (verifier(64), token(1));
    let anew = allocation_counter::measure(|| drop(verifier.verify(&token)));
    let again = allocation_counter::measure(|| drop(verifier.verify(&token)));
    assert!(anew.count_total > 0);
    assert_eq!(again.count_total, 0);
}

#[test]
fn a_token_that_is_nearly_one_that_was_seen_is_not_known() {
    let (verifier, token) = (verifier(1), token(1));
    let _ = verifier.verify(&token).unwrap();
    for at in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(verifier.verify(&changed).is_err(), "{at}");
    }
    let longer = format!("{token}A");
    assert!(verifier.verify(&longer).is_err());
    assert!(verifier.verify(&token[1..]).is_err());
    assert!(is_remembered(&verifier, &token));
}

#[test]
fn a_token_among_many_blanks_verifies_and_is_not_remembered() {
    let (verifier, token) = (verifier(1), token(1));
    let wide = format!("{token}{}", "\n".repeat(100_000));
    assert_eq!(*verifier.verify(&wide).unwrap().id(), id(1));
    assert!(!is_remembered(&verifier, &wide));
}

#[test]
fn what_does_not_verify_is_not_remembered() {
    let (verifier, theirs) = (verifier(8), token_by(&STRANGER, 1));
    for _ in 0..2 {
        let refused = verifier.verify(&theirs);
        assert!(matches!(refused, Err(VerifyError::UntrustedKey { .. })));
    }
    for text in ["", "a", "a.b.c", "not a token at all"] {
        let refused = verifier.verify(text);
        assert!(matches!(refused, Err(VerifyError::Parse(_))), "{text}");
    }
}

#[test]
fn a_small_memory_forgets_and_confuses_nothing() {
    let tokens: Vec<_> = (0..8).map(token).collect();
    for room in [0, 1, 2, 3, 8] {
        let verifier = verifier(room);
        for _ in 0..3 {
            for (number, token) in (0..).zip(&tokens) {
                assert_eq!(*verifier.verify(token).unwrap().id(), id(number));
            }
        }
    }
}

#[test]
fn a_verifier_is_shared_by_threads() {
    let tokens: Vec<_> = (0..4).map(token).collect();
    let verifier = verifier(2);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for round in 0..200 {
                    let number = round % 4;
                    let license = verifier.verify(&tokens[number]).unwrap();
                    assert_eq!(*license.id(), id(number.try_into().unwrap()));
                }
            });
        }
    });
}

/// Accepted and refused, and why, as without a verifier.
fn check(verifier: &Verifier, text: &str) -> bool {
    let parsed = Unverified::parse(text).map_err(VerifyError::from);
    let alone = parsed.and_then(|token| token.verify(&TRUST));
    let verified = verifier.verify(text);
    assert_eq!(format!("{verified:?}"), format!("{alone:?}"), "{text:?}");
    alone.is_ok()
}

#[test]
fn what_mail_and_editors_do_to_a_token_is_undone_as_without_a_verifier() {
    let (verifier, token) = (verifier(0), token(1));
    assert!(check(&verifier, &token));
    for at in 0..=token.len() {
        let (before, after) = token.split_at(at);
        for broken in [
            "\t", "\u{b}", "\u{c}", "\u{feff}", "\"", "\n", "\r\n", "\n  ", " ", "\u{2028}", ".",
            "=", "ä", "\0",
        ] {
            let is_accepted = check(&verifier, &format!("{before}{broken}{after}"));
            assert!(
                is_accepted || !matches!(broken, "\n" | "\r\n" | "\n  "),
                "{at} {broken:?}"
            );
        }
        for other in ["\u{2010}", "\u{2212}", "+", "A"] {
            check(
                &verifier,
                &format!("{before}{other}{}", after.get(1..).unwrap_or("")),
            );
        }
        check(&verifier, before);
    }
    for blanks in [60_000, 70_000, 300_000] {
        check(&verifier, &format!("{token}{}", " ".repeat(blanks)));
    }
}

#[test]
fn licenses_of_one_verifier_keep_their_own_tier_features_and_quotas() {
    let verifier = verifier(0);
    let check = |draft: &LicenseDraft| {
        let license = verifier.verify(&draft.sign(&*VENDOR).unwrap()).unwrap();
        assert_eq!(*license.entitlements(), *mint(draft).entitlements());
        assert_eq!(*license.entitlements(), draft.entitlements());
    };
    check(&timeless("PRO", id(1)));
    check(&timeless("PRO", id(2)));
    check(&timeless("TEAM", id(3)));
    // The same features and quotas in another tier.
    let mut renamed = timeless("PRO", id(4));
    renamed.tier = Tier::parse("TEAM").unwrap();
    check(&renamed);
    let mut fewer = timeless("PRO", id(5));
    fewer.remove_feature("cloud_sync").unwrap();
    check(&fewer);
    let mut other = timeless("PRO", id(6));
    other.set_quota("zzz", Quota::Unlimited).unwrap();
    check(&other);
    check(&timeless("PRO", id(7)));
}

#[test]
fn licenses_with_many_different_features_keep_them_apart() {
    let verifier = verifier(0);
    for _ in 0..2 {
        for number in 0..20 {
            let mut draft = timeless("PRO", id(number));
            draft.add_feature(&format!("feature_{number}")).unwrap();
            let license = verifier.verify(&draft.sign(&*VENDOR).unwrap()).unwrap();
            assert_eq!(*license.entitlements(), *mint(&draft).entitlements());
        }
    }
}

/// What comes of each token, by its number.
fn verify_each(tokens: &[String], threads: usize) -> Vec<Option<Result<License, VerifyError>>> {
    let outcomes = Mutex::new((0..tokens.len()).map(|_| None).collect::<Vec<_>>());
    let count = verifier(0).verify_each(
        tokens,
        NonZeroUsize::new(threads).unwrap(),
        |number, verified| {
            let before = outcomes.lock().unwrap()[number].replace(verified);
            assert!(before.is_none(), "{number} twice");
        },
    );
    assert_eq!(count, tokens.len());
    outcomes.into_inner().unwrap()
}

#[test]
fn each_of_many_tokens_is_verified_once_under_its_own_number() {
    let mut tokens: Vec<_> = (0..40).map(token).collect();
    tokens[7] = token_by(&STRANGER, 7);
    tokens[39] = "damaged".to_owned();
    for threads in [1, 2, 3, 64] {
        let outcomes = verify_each(&tokens, threads);
        for (number, outcome) in (0..).zip(outcomes) {
            match (number, outcome.unwrap()) {
                (7, Err(VerifyError::UntrustedKey { .. })) | (39, Err(VerifyError::Parse(_))) => {}
                (number, verified) => assert_eq!(*verified.unwrap().id(), id(number)),
            }
        }
    }
    assert!(verify_each(&[], 4).is_empty());
}

#[test]
fn a_hundred_times_as_many_tokens_take_no_more_memory() {
    let (verifier, token) = (verifier(0), token(1));
    let peak = |count| {
        let tokens = std::iter::repeat_n(&token, count);
        let measured = allocation_counter::measure(|| {
            let _ = verifier.verify_each(tokens, NonZeroUsize::MIN, |_, verified| {
                drop(verified.unwrap());
            });
        });
        measured.bytes_max
    };
    // The first license brings its list of features.
    let _ = peak(1);
    let ten = peak(10);
    assert!(ten > 0);
    assert_eq!(peak(1000), ten);
}

#[test]
#[should_panic(expected = "told by each")]
fn a_panic_of_the_caller_comes_back() {
    let tokens: Vec<_> = (0..20).map(token).collect();
    let threads = NonZeroUsize::new(2).unwrap();
    verifier(0).verify_each(&tokens, threads, |number, _| {
        assert_ne!(number, 19, "told by each");
    });
}
