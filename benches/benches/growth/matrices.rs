//! Product files with 10 to 10,000 features per tier.

use std::fmt::Write;
use std::hint::black_box;

use license_benches::{Line, SampleVendor};
use license_core::chrono::TimeDelta;
use license_core::issue::KeyBits;
use license_core::{Context, Decision, FeatureMatrix};

const SIZES: [u32; 7] = [10, 30, 100, 300, 1000, 3000, 10_000];
const ROUNDS: usize = 61;

pub(crate) fn lines() -> Vec<Line> {
    let vendor = SampleVendor::new(KeyBits::B2048);
    let license = vendor.license();
    let before = Context::at(vendor.issued_at() - TimeDelta::hours(1));
    vec![
        Line::measure("parse a product file", ROUNDS, &SIZES, |size| {
            let text = product(size);
            (size, move || {
                drop(black_box(FeatureMatrix::parse(black_box(&text)).unwrap()));
            })
        }),
        Line::measure("deny a license", ROUNDS, &SIZES, |size| {
            let (license, matrix, before) = (license.clone(), matrix(size), before.clone());
            (size, move || {
                drop(black_box(license.evaluate(&matrix, black_box(&before))));
            })
        }),
        Line::measure("explain a denied feature", ROUNDS, &SIZES, |size| {
            let matrix = matrix(size);
            let decision = Decision::without_license(&matrix, &before);
            let feature = format!("larger_{:05}", size / 2);
            (size, move || {
                drop(black_box(decision.feature(black_box(&feature), &matrix)));
            })
        }),
        Line::measure("`allows`", ROUNDS, &SIZES, |size| {
            let decision = Decision::without_license(&matrix(size), &before);
            let feature = format!("feature_{:05}", size / 3);
            (size, move || {
                assert!(black_box(&decision).allows(black_box(&feature)));
            })
        }),
    ]
}

fn matrix(size: u32) -> FeatureMatrix {
    FeatureMatrix::parse(&product(size)).unwrap()
}

/// Returns a product file with two tiers of `size` features each.
fn product(size: u32) -> String {
    let mut text = "product = 'CODITECT'\nissuer = 'CODITECT'\nbase_tier = 'FREE'\n".to_owned();
    for (tier, word) in [("FREE", "feature"), ("PRO", "larger")] {
        write!(text, "[[tiers]]\nname = '{tier}'\nfeatures = [").unwrap();
        for number in 0..size {
            write!(text, "'{word}_{number:05}', ").unwrap();
        }
        text.push_str("]\n");
    }
    text
}
