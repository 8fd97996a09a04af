//! Rows of the table: issuing a license.

use std::hint::black_box;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use license_benches::{Row, SampleVendor, random};
use license_core::issue::{SigningKey, VerifyingSigner};

use crate::{Planned, Vendors};

pub(crate) fn rows(vendors: &Vendors) -> Vec<Planned<'_>> {
    let vendor = &vendors.large;
    vec![
        (
            "sign one, RSA-4096",
            Box::new(move |work| {
                let sign = move || drop(black_box(vendor.draft.sign(&vendor.key).unwrap()));
                jsonwebtoken(with_signature_bound(Row::new(work, sign), vendor), vendor)
            }),
        ),
        (
            "the same, verified after signing",
            Box::new(move |work| {
                let key = SigningKey::from_pkcs8(&vendor.pkcs8, None, random).unwrap();
                let key = VerifyingSigner::new(Box::new(key));
                let issue = move || drop(black_box(vendor.draft.issue(&key).unwrap()));
                with_verified_signature_bound(Row::new(work, issue), vendor)
            }),
        ),
    ]
}

/// Adds the time of the signature alone as a lower bound.
fn with_signature_bound<'a>(row: Row<'a>, vendor: &'a SampleVendor) -> Row<'a> {
    let sign = signing(vendor);
    row.lower_bound("aws-lc-rs", Some(1.05), move || drop(black_box(sign())))
}

/// Adds the time of the signature and its verification as a lower bound.
fn with_verified_signature_bound<'a>(row: Row<'a>, vendor: &'a SampleVendor) -> Row<'a> {
    let (sign, public) = (signing(vendor), vendor.parsed());
    let (signed, _) = vendor.signed();
    row.lower_bound("aws-lc-rs, both", None, move || {
        public.verify_sig(signed, &sign()).unwrap();
    })
}

fn signing(vendor: &SampleVendor) -> impl Fn() -> Vec<u8> {
    let pair = vendor.pair();
    let (signed, _) = vendor.signed();
    move || {
        let mut signature = vec![0; pair.public_modulus_len()];
        let random = SystemRandom::new();
        let signing = pair.sign(&RSA_PKCS1_SHA256, &random, signed, &mut signature);
        signing.unwrap();
        signature
    }
}

#[cfg(feature = "peers")]
fn jsonwebtoken<'a>(row: Row<'a>, vendor: &SampleVendor) -> Row<'a> {
    let peer = license_benches::Peer::new(vendor);
    row.peer("jsonwebtoken", None, move || {
        drop(black_box(peer.encode()));
    })
}

#[cfg(not(feature = "peers"))]
fn jsonwebtoken<'a>(row: Row<'a>, _: &SampleVendor) -> Row<'a> {
    row
}
