//! Lines: a product of ten features to ten thousand.

use std::fmt::Write;
use std::hint::black_box;

use license_benches::{Line, Vendor};
use license_core::issue::KeyBits;
use license_core::{Context, Decision, Matrix};

const SIZES: [u32; 7] = [10, 30, 100, 300, 1000, 3000, 10_000];
const ROUNDS: usize = 61;

pub(crate) fn lines() -> Vec<Line> {
    let vendor = Vendor::new(KeyBits::B2048);
    let license = vendor.license();
    let before = Context::at(vendor.issued_at().minus(3600));
    vec![
        Line::measure("a product file is read", ROUNDS, &SIZES, |size| {
            let text = product(size);
            (size, move || {
                drop(black_box(Matrix::parse(black_box(&text)).unwrap()));
            })
        }),
        Line::measure("a license is denied", ROUNDS, &SIZES, |size| {
            let (license, matrix, before) = (license.clone(), matrix(size), before.clone());
            (size, move || {
                drop(black_box(license.evaluate(&matrix, black_box(&before))));
            })
        }),
        Line::measure("a denied feature is explained", ROUNDS, &SIZES, |size| {
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

fn matrix(size: u32) -> Matrix {
    Matrix::parse(&product(size)).unwrap()
}

/// Two tiers with so many features each.
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
