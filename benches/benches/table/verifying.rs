//! Rows: a license verified and evaluated.

use std::hint::black_box;

use license_benches::{Row, Vendor};
use license_core::{Backend, Matrix, TrustSet, Unverified, Verifier};
use rsa::{BigUint, Pkcs1v15Sign, RsaPublicKey};
use sha2::{Digest, Sha256};

use crate::{Planned, Vendors};

/// With AWS-LC below.
pub(crate) fn aws_lc(vendors: &Vendors) -> Vec<Planned<'_>> {
    let (small, large) = (&vendors.small, &vendors.large);
    vec![
        (
            "verify and evaluate, RSA-4096",
            Box::new(move |work| beside_aws_lc(work, large, 1.05, 1.15)),
        ),
        (
            "verify and evaluate, RSA-2048",
            Box::new(move |work| beside_aws_lc(work, small, 1.08, 1.25)),
        ),
    ]
}

/// With RustCrypto below, as without any feature.
pub(crate) fn pure_rust(vendors: &Vendors) -> Vec<Planned<'_>> {
    #[cfg(feature = "peers")]
    license_benches::Provider::RustCrypto.install();
    vec![
        (
            "verify and evaluate, RSA-4096, pure Rust",
            Box::new(move |work| beside_rust_crypto(work, &vendors.large, Some(1.03))),
        ),
        (
            "verify and evaluate, RSA-2048, pure Rust",
            Box::new(move |work| beside_rust_crypto(work, &vendors.small, None)),
        ),
    ]
}

/// After the signature has held.
pub(crate) fn deciding(vendors: &Vendors) -> Vec<Planned<'_>> {
    let vendor = &vendors.small;
    vec![
        (
            "verify again a license already seen",
            Box::new(move |work| again(work, vendor)),
        ),
        (
            "evaluate a verified license",
            Box::new(move |work| {
                let (license, context) = (vendor.license(), vendor.context());
                let evaluate = move || {
                    let decision = license.evaluate(Matrix::built_in(), black_box(&context));
                    drop(black_box(decision));
                };
                Row::new(work, evaluate).under(250e-9)
            }),
        ),
        (
            "`allows(feature)`",
            Box::new(move |work| {
                let decision = vendor
                    .license()
                    .evaluate(Matrix::built_in(), &vendor.context());
                let allows = move || {
                    black_box(decision.allows(black_box("cloud_sync")));
                };
                Row::new(work, allows).under(3e-9)
            }),
        ),
    ]
}

/// From the text to the decision, with the keys loaded.
fn verify(token: &str, trust: &TrustSet, vendor: &Vendor) {
    let license = Unverified::parse(black_box(token)).unwrap().verify(trust);
    let decision = license
        .unwrap()
        .evaluate(Matrix::built_in(), &vendor.context());
    drop(black_box(decision));
}

fn beside_aws_lc<'a>(work: &'a str, vendor: &'a Vendor, limit: f64, peer: f64) -> Row<'a> {
    let key = vendor.parsed();
    let (signed, signature) = vendor.signed();
    let row = Row::new(work, || verify(&vendor.token, &vendor.trust, vendor));
    let row = row.limit("aws-lc-rs", Some(limit), move || {
        key.verify_sig(black_box(signed), &signature).unwrap();
    });
    jsonwebtoken(row, vendor, Some(peer))
}

fn beside_rust_crypto<'a>(work: &'a str, vendor: &'a Vendor, limit: Option<f64>) -> Row<'a> {
    let trust = vendor.trust.with_backend(Backend::Rsa).unwrap();
    let row = Row::new(work, move || verify(&vendor.token, &trust, vendor));
    let public = vendor.trust.iter().next().unwrap();
    let [n, e] = [public.modulus(), public.exponent()].map(BigUint::from_bytes_be);
    let key = RsaPublicKey::new_with_max_size(n, e, 8192).unwrap();
    let (signed, signature) = vendor.signed();
    let scheme = Pkcs1v15Sign::new::<Sha256>();
    let row = row.limit("rsa", limit, move || {
        let digest = Sha256::digest(black_box(signed));
        key.verify(scheme.clone(), &digest, &signature).unwrap();
    });
    jsonwebtoken(row, vendor, None)
}

#[cfg(feature = "peers")]
fn jsonwebtoken<'a>(row: Row<'a>, vendor: &'a Vendor, times: Option<f64>) -> Row<'a> {
    let peer = license_benches::Peer::new(vendor);
    row.peer("jsonwebtoken", times, move || {
        drop(black_box(peer.decode(black_box(&vendor.token))));
    })
}

#[cfg(not(feature = "peers"))]
fn jsonwebtoken<'a>(row: Row<'a>, _: &'a Vendor, _: Option<f64>) -> Row<'a> {
    row
}

/// By a verifier that has seen it. The limit is to compare the bytes.
fn again<'a>(work: &'a str, vendor: &'a Vendor) -> Row<'a> {
    let seen = vendor.token.clone();
    let verifier = Verifier::new(vendor.trust.clone());
    let verify = move || {
        drop(black_box(
            verifier.verify(black_box(&vendor.token)).unwrap(),
        ))
    };
    Row::new(work, verify)
        .under(1e-6)
        .limit("comparing the bytes", None, move || {
            assert!(black_box(&seen) == black_box(&vendor.token));
        })
}
