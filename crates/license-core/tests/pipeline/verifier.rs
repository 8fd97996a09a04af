//! Tests of the verifier: caching and verification of many tokens.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::thread;

use license_core::issue::{LicenseDraft, SigningKey};
use license_core::policy::Quota;
use license_core::trust::VerifyError;
use license_core::{Code, Context, License, Tier, Unverified, Verifier};

use super::matrix;
use super::support::{DAY, TRUST, UNTRUSTED, VENDOR, id, issue, issued, perpetual};

fn token_by(key: &SigningKey, number: u64) -> String {
    let mut draft = perpetual("PRO", id(number));
    draft.expires_at = Some(issued() + DAY);
    draft.sign(key).unwrap()
}

fn token(number: u64) -> String {
    token_by(&VENDOR, number)
}

fn verifier(tokens: usize) -> Verifier {
    Verifier::with_cache_size(TRUST.clone(), tokens)
}

/// Returns whether the token is cached: only then do two licenses share their claims.
fn is_cached(verifier: &Verifier, token: &str) -> bool {
    let address = || -> *const _ { std::ptr::from_ref(verifier.verify(token).unwrap().claims()) };
    let first = verifier.verify(token).unwrap();
    address() == std::ptr::from_ref(first.claims())
}

#[test]
fn a_cached_license_still_expires() {
    let (verifier, token) = (Verifier::new(TRUST.clone()), token(1));
    assert!(is_cached(&verifier, &token));
    let license = verifier.verify(&token).unwrap();
    assert_eq!(*license.id(), id(1));
    let code = |at| license.evaluate(matrix(), &Context::at(at)).code();
    assert_eq!(code(issued()), Code::Valid);
    assert_eq!(code(issued() + DAY), Code::Expired);
    assert!(!is_cached(&self::verifier(0), &token));
}

#[test]
fn verifying_a_cached_token_does_not_allocate() {
    let (verifier, token) = (verifier(64), token(1));
    let first = allocation_counter::measure(|| drop(verifier.verify(&token)));
    let cached = allocation_counter::measure(|| drop(verifier.verify(&token)));
    assert!(first.count_total > 0);
    assert_eq!(cached.count_total, 0);
}

#[test]
fn a_token_that_differs_from_a_cached_token_is_rejected() {
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
    assert!(is_cached(&verifier, &token));
}

#[test]
fn a_token_with_much_white_space_verifies_and_is_not_cached() {
    let (verifier, token) = (verifier(1), token(1));
    let wide = format!("{token}{}", "\n".repeat(100_000));
    assert_eq!(*verifier.verify(&wide).unwrap().id(), id(1));
    assert!(!is_cached(&verifier, &wide));
}

#[test]
fn tokens_that_do_not_verify_are_not_cached() {
    let (verifier, foreign) = (verifier(8), token_by(&UNTRUSTED, 1));
    for _ in 0..2 {
        let result = verifier.verify(&foreign);
        assert!(matches!(result, Err(VerifyError::UntrustedKey { .. })));
    }
    for text in ["", "a", "a.b.c", "not a token at all"] {
        let result = verifier.verify(text);
        assert!(matches!(result, Err(VerifyError::Parse(_))), "{text}");
    }
}

#[test]
fn a_small_cache_never_returns_another_license() {
    let tokens: Vec<_> = (0..8).map(token).collect();
    for cache_size in [0, 1, 2, 3, 8] {
        let verifier = verifier(cache_size);
        for _ in 0..3 {
            for (number, token) in (0..).zip(&tokens) {
                assert_eq!(*verifier.verify(token).unwrap().id(), id(number));
            }
        }
    }
}

#[test]
fn threads_can_share_a_verifier() {
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

/// Asserts that the verifier gives the same result as `Unverified::verify`. Returns whether the
/// result is a license.
fn is_accepted(verifier: &Verifier, text: &str) -> bool {
    let parsed = Unverified::parse(text).map_err(VerifyError::from);
    let expected = parsed.and_then(|token| token.verify(&TRUST));
    let verified = verifier.verify(text);
    assert_eq!(format!("{verified:?}"), format!("{expected:?}"), "{text:?}");
    expected.is_ok()
}

#[test]
fn a_changed_token_has_the_same_result_with_and_without_a_verifier() {
    let (verifier, token) = (verifier(0), token(1));
    assert!(is_accepted(&verifier, &token));
    // Base64url has groups of four characters. A step of 5 covers every position within a group.
    for at in (0..=token.len()).step_by(5) {
        let (before, after) = token.split_at(at);
        for broken in [
            "\t", "\u{b}", "\u{c}", "\u{feff}", "\"", "\n", "\r\n", "\n  ", " ", "\u{2028}", ".",
            "=", "ä", "\0",
        ] {
            let is_accepted = is_accepted(&verifier, &format!("{before}{broken}{after}"));
            assert!(
                is_accepted || !matches!(broken, "\n" | "\r\n" | "\n  "),
                "{at} {broken:?}"
            );
        }
        for other in ["\u{2010}", "\u{2212}", "+", "A"] {
            is_accepted(
                &verifier,
                &format!("{before}{other}{}", after.get(1..).unwrap_or("")),
            );
        }
        is_accepted(&verifier, before);
    }
    for blanks in [60_000, 70_000, 300_000] {
        is_accepted(&verifier, &format!("{token}{}", " ".repeat(blanks)));
    }
}

#[test]
fn licenses_of_one_verifier_have_their_own_tier_features_and_quotas() {
    let verifier = verifier(0);
    let check = |draft: &LicenseDraft| {
        let license = verifier.verify(&draft.sign(&*VENDOR).unwrap()).unwrap();
        assert_eq!(*license.entitlements(), *issue(draft).entitlements());
        assert_eq!(*license.entitlements(), draft.entitlements());
    };
    check(&perpetual("PRO", id(1)));
    check(&perpetual("PRO", id(2)));
    check(&perpetual("TEAM", id(3)));
    // The same features and quotas in another tier.
    let mut renamed = perpetual("PRO", id(4));
    renamed.tier = Tier::parse("TEAM").unwrap();
    check(&renamed);
    let mut fewer = perpetual("PRO", id(5));
    fewer.remove_feature("cloud_sync").unwrap();
    check(&fewer);
    let mut other = perpetual("PRO", id(6));
    other.set_quota("zzz", Quota::Unlimited).unwrap();
    check(&other);
    check(&perpetual("PRO", id(7)));
}

#[test]
fn licenses_of_one_verifier_have_their_own_features() {
    let verifier = verifier(0);
    for _ in 0..2 {
        for number in 0..20 {
            let mut draft = perpetual("PRO", id(number));
            draft.add_feature(&format!("feature_{number}")).unwrap();
            let license = verifier.verify(&draft.sign(&*VENDOR).unwrap()).unwrap();
            assert_eq!(*license.entitlements(), *issue(&draft).entitlements());
        }
    }
}

/// Returns the result of each token, by its index.
fn verify_each(tokens: &[String], threads: usize) -> Vec<Option<Result<License, VerifyError>>> {
    let outcomes = Mutex::new((0..tokens.len()).map(|_| None).collect::<Vec<_>>());
    let count = verifier(0).verify_each(
        tokens,
        NonZeroUsize::new(threads).unwrap(),
        |number, verified| {
            let before = outcomes.lock().unwrap()[number].replace(verified);
            assert!(before.is_none(), "token {number} has two results");
        },
    );
    assert_eq!(count, tokens.len());
    outcomes.into_inner().unwrap()
}

#[test]
fn verify_each_verifies_each_token_once_with_its_index() {
    let mut tokens: Vec<_> = (0..40).map(token).collect();
    tokens[7] = token_by(&UNTRUSTED, 7);
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
fn the_memory_of_verify_each_does_not_depend_on_the_number_of_tokens() {
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
    // The first call initializes shared values.
    let _ = peak(1);
    let ten = peak(10);
    assert!(ten > 0);
    assert_eq!(peak(1000), ten);
}

#[test]
#[should_panic(expected = "panic of the callback")]
fn verify_each_propagates_a_panic_of_the_callback() {
    let tokens: Vec<_> = (0..20).map(token).collect();
    let threads = NonZeroUsize::new(2).unwrap();
    verifier(0).verify_each(&tokens, threads, |number, _| {
        assert_ne!(number, 19, "panic of the callback");
    });
}
