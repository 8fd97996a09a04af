//! Rows: verification and evaluation of a license.

use std::hint::black_box;

use license_benches::{Row, SampleVendor, signed};
use license_core::jose::Backend;
use license_core::{FeatureMatrix, TrustSet, Unverified, Verifier};
use rsa::{BoxedUint, Pkcs1v15Sign, PublicKey};
use sha2::{Digest, Sha256};

use crate::{Planned, Vendors};

/// Returns the rows with the backend AWS-LC.
pub(crate) fn aws_lc(vendors: &Vendors) -> Vec<Planned<'_>> {
    let (small, large) = (&vendors.small, &vendors.large);
    vec![
        (
            "verify and evaluate, RSA-4096",
            Box::new(move |work| with_aws_lc(work, large, 1.10, 1.10)),
        ),
        (
            "verify and evaluate, RSA-2048",
            Box::new(move |work| with_aws_lc(work, small, 1.30, 1.12)),
        ),
        (
            "the same without a `Verifier`, RSA-2048",
            Box::new(move |work| alone(work, small)),
        ),
    ]
}

/// Returns the rows with the backend in pure Rust.
pub(crate) fn pure_rust(vendors: &Vendors) -> Vec<Planned<'_>> {
    #[cfg(feature = "peers")]
    license_benches::Provider::RustCrypto.install();
    vec![
        (
            "verify and evaluate, RSA-4096, pure Rust",
            Box::new(move |work| with_rust_crypto(work, &vendors.large, Some(1.05))),
        ),
        (
            "verify and evaluate, RSA-2048, pure Rust",
            Box::new(move |work| with_rust_crypto(work, &vendors.small, None)),
        ),
    ]
}

/// Returns the rows without a signature check.
pub(crate) fn deciding(vendors: &Vendors) -> Vec<Planned<'_>> {
    let vendor = &vendors.small;
    vec![
        (
            "verify a license again",
            Box::new(move |work| again(work, vendor)),
        ),
        (
            "evaluate a verified license",
            Box::new(move |work| {
                let (license, context) = (vendor.license(), vendor.context());
                let evaluate = move || {
                    let decision = license.evaluate(FeatureMatrix::built_in(), black_box(&context));
                    drop(black_box(decision));
                };
                Row::new(work, evaluate).under(1e-6)
            }),
        ),
        (
            "`allows(feature)`",
            Box::new(move |work| {
                let decision = vendor
                    .license()
                    .evaluate(FeatureMatrix::built_in(), &vendor.context());
                let allows = move || {
                    black_box(decision.allows(black_box("cloud_sync")));
                };
                Row::new(work, allows).under(50e-9)
            }),
        ),
    ]
}

/// The number of licenses that take turns, so that no cache helps for a single license.
const LICENSES: u64 = 16;

/// Returns a function that passes the next item to `each`. The first item follows the last one.
fn turns<T>(all: Vec<T>, mut each: impl FnMut(&T)) -> impl FnMut() {
    let mut at = 0;
    move || {
        each(black_box(all.get(at).unwrap()));
        at = (at + 1) % all.len();
    }
}

/// Verifies and evaluates licenses with a verifier that remembers no licenses.
fn verify<'a>(vendor: &'a SampleVendor, trust: TrustSet) -> impl FnMut() + 'a {
    let verifier = Verifier::with_cache_size(trust, 0);
    turns(vendor.tokens(LICENSES), move |token| {
        let license = verifier.verify(token).unwrap();
        drop(black_box(
            license.evaluate(FeatureMatrix::built_in(), &vendor.context()),
        ));
    })
}

/// Returns the signed text and the signature of each license.
fn all_signed(vendor: &SampleVendor) -> Vec<(Vec<u8>, Vec<u8>)> {
    let owned = |token: &String| {
        let (signed, signature) = signed(token);
        (signed.to_owned(), signature)
    };
    vendor.tokens(LICENSES).iter().map(owned).collect()
}

fn with_aws_lc<'a>(work: &'a str, vendor: &'a SampleVendor, limit: f64, peer: f64) -> Row<'a> {
    let key = vendor.parsed();
    let row = Row::new(work, verify(vendor, vendor.trust.clone()));
    let raw = turns(all_signed(vendor), move |(signed, signature)| {
        key.verify_sig(signed, signature).unwrap();
    });
    jsonwebtoken(
        row.lower_bound("aws-lc-rs", Some(limit), raw),
        vendor,
        Some(peer),
    )
}

/// Verifies and evaluates licenses without a verifier.
fn alone<'a>(work: &'a str, vendor: &'a SampleVendor) -> Row<'a> {
    let key = vendor.parsed();
    let ours = turns(vendor.tokens(LICENSES), |token| {
        let license = Unverified::parse(token).unwrap().verify(&vendor.trust);
        drop(black_box(
            license
                .unwrap()
                .evaluate(FeatureMatrix::built_in(), &vendor.context()),
        ));
    });
    let raw = turns(all_signed(vendor), move |(signed, signature)| {
        key.verify_sig(signed, signature).unwrap();
    });
    Row::new(work, ours).lower_bound("aws-lc-rs", None, raw)
}

fn with_rust_crypto<'a>(work: &'a str, vendor: &'a SampleVendor, limit: Option<f64>) -> Row<'a> {
    let trust = vendor.trust.with_backend(Backend::Rsa).unwrap();
    let row = Row::new(work, verify(vendor, trust));
    let public = vendor.trust.iter().next().unwrap();
    let [n, e] = [public.modulus(), public.exponent()].map(BoxedUint::from_be_slice_vartime);
    let key = PublicKey::new(n, e).unwrap();
    let scheme = Pkcs1v15Sign::new::<Sha256>();
    let raw = turns(all_signed(vendor), move |(signed, signature)| {
        let digest = Sha256::digest(signed);
        key.verify(scheme.clone(), &digest, signature).unwrap();
    });
    jsonwebtoken(row.lower_bound("rsa", limit, raw), vendor, None)
}

#[cfg(feature = "peers")]
fn jsonwebtoken<'a>(row: Row<'a>, vendor: &'a SampleVendor, times: Option<f64>) -> Row<'a> {
    let peer = license_benches::Peer::new(vendor);
    let decode = turns(vendor.tokens(LICENSES), move |token| {
        drop(black_box(peer.decode(token)));
    });
    row.peer("jsonwebtoken", times, decode)
}

#[cfg(not(feature = "peers"))]
fn jsonwebtoken<'a>(row: Row<'a>, _: &'a SampleVendor, _: Option<f64>) -> Row<'a> {
    row
}

/// Verifies a license that the verifier remembers. The lower bound is a comparison of the bytes.
fn again<'a>(work: &'a str, vendor: &'a SampleVendor) -> Row<'a> {
    let seen = vendor.token.clone();
    let verifier = Verifier::new(vendor.trust.clone());
    let verify = move || {
        drop(black_box(
            verifier.verify(black_box(&vendor.token)).unwrap(),
        ))
    };
    Row::new(work, verify)
        .under(1e-6)
        .lower_bound("comparing the bytes", None, move || {
            assert!(black_box(&seen) == black_box(&vendor.token));
        })
}
