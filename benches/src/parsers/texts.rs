//! License files, product files, machine requests and usage reports.

use std::fmt::Write;

use license_core::requests::MachineRequest;
use license_core::usage::{OpenPeriod, UsageCounts, UsageReport, write};
use license_core::{FeatureMatrix, LicenseFile, ProductCode};

use super::json::expensive_members;
use super::tokens::{armored, unsigned};
use super::{InputKind, repeated};
use crate::vendor::now;

/// License files of many blocks.
pub(super) fn files() -> Vec<InputKind<'static>> {
    let parse = |text: &str| LicenseFile::parse(text).is_ok();
    let block = armored(&unsigned("{}"));
    let one_line = block.replace('\n', " ");
    let long = |bytes: usize| {
        let payload = format!(r#"{{"x":"{}"}}"#, "x".repeat(bytes * 3 / 4));
        armored(&unsigned(&payload))
    };
    let begin = "-----BEGIN LICENSE REVOCATIONS-----\n";
    vec![
        InputKind::new("short blocks", move |bytes| repeated(&block, bytes), parse),
        InputKind::new(
            "short blocks on one line",
            move |bytes| repeated(&one_line, bytes),
            parse,
        ),
        InputKind::new("one long block", long, parse),
        InputKind::new(
            "lines of hyphens",
            move |bytes| format!("{begin}{}", repeated("-\n", bytes)),
            parse,
        ),
        InputKind::new(
            "blank lines in a token",
            move |bytes| format!("{begin}{}", repeated("a \n \n", bytes)),
            parse,
        ),
    ]
}

const PRODUCT: &str = "product = 'CODITECT'\nissuer = 'CODITECT'\nbase_tier = 'T0'\n";

/// Product files.
pub(super) fn product_files() -> Vec<InputKind<'static>> {
    let parse = |text: &str| FeatureMatrix::parse(text).is_ok();
    let features = |bytes: usize| {
        let count = bytes / "'f0000',".len();
        let names: String = (0..count)
            .map(|number| format!("'f{number:04x}',"))
            .collect();
        format!("[[tiers]]\nname = 'T0'\nfeatures = [{names}]\n")
    };
    let extended = move |bytes: usize| {
        let mut text = format!("{PRODUCT}{}", features(bytes.saturating_sub(64 * 60)));
        for tier in 1..64 {
            let before = tier - 1;
            let _ = write!(
                text,
                "[[tiers]]\nname='T{tier}'\nextends='T{before}'\nfeatures=[]\n"
            );
        }
        text
    };
    let unknown = |item: &str, bytes: usize| format!("x = [{}]\n{PRODUCT}", repeated(item, bytes));
    let keys = |bytes: usize| {
        let count = bytes / "f0000=0\n".len();
        let keys: String = (0..count)
            .map(|number| format!("f{number:04x}=0\n"))
            .collect();
        format!("{PRODUCT}[[tiers]]\nname='T0'\nfeatures=[]\n[tiers.quotas]\n{keys}")
    };
    vec![
        InputKind::new(
            "features",
            move |bytes| format!("{PRODUCT}{}", features(bytes)),
            parse,
        ),
        InputKind::new("features in 64 tiers", extended, parse),
        InputKind::new("quotas", keys, parse),
        InputKind::new(
            "an array of zeros",
            move |bytes| unknown("0,", bytes),
            parse,
        ),
        InputKind::new(
            "an array of arrays",
            move |bytes| unknown("[0],", bytes),
            parse,
        ),
        InputKind::new(
            "an array of tables",
            move |bytes| unknown("{a=0},", bytes),
            parse,
        ),
        InputKind::new(
            "a dotted key",
            |bytes| format!("{}a = 0\n", repeated("a.", bytes)),
            parse,
        ),
        InputKind::new(
            "nested arrays",
            |bytes| format!("a = {}", repeated("[", bytes)),
            parse,
        ),
    ]
}

/// Machine requests.
pub(super) fn requests() -> Vec<InputKind<'static>> {
    let parse = |text: &str| MachineRequest::parse(text).is_ok();
    let armored = |body: &str| {
        let label = "LICENSE ACTIVATION REQUEST";
        format!("-----BEGIN {label}-----\n{{{body}}}\n-----END {label}-----\n")
    };
    let members = expensive_members().into_iter().map(|kind| {
        let make = move |bytes: usize| armored(&(kind.make)(bytes.saturating_sub(100)));
        InputKind::new(kind.name, make, parse)
    });
    let mut inputs: Vec<_> = members.collect();
    let line = "02  000G-40R4-0M30-E2XC\n";
    inputs.push(InputKind::new(
        "lines",
        move |bytes| repeated(line, bytes),
        parse,
    ));
    inputs.push(InputKind::new(
        "words",
        |bytes| repeated("0 ", bytes),
        parse,
    ));
    inputs
}

/// Usage reports.
pub(super) fn usage_reports() -> Vec<InputKind<'static>> {
    let parse = |text: &str| UsageReport::parse_all(text).is_ok();
    let header = report(1, 1);
    let header = header.lines().next().expect("a header").to_owned();
    let header_line = format!("{header}\n");
    let mut inputs = vec![
        InputKind::new(
            "entries",
            |bytes| report(bytes / report(1, 1).len() + 1, 1),
            parse,
        ),
        InputKind::new(
            "names in an entry",
            |bytes| report(1, bytes / 40 + 1),
            parse,
        ),
        InputKind::new("headers", move |bytes| repeated(&header_line, bytes), parse),
    ];
    for kind in expensive_members() {
        let header = header.clone();
        let make = move |bytes| format!("{header}\n{{\"private\":{{{}}}}}\n", (kind.make)(bytes));
        inputs.push(InputKind::new(kind.name, make, parse));
    }
    inputs
}

/// Returns a report with entries of one day, each with this number of features and users.
fn report(entries: usize, names: usize) -> String {
    let product = ProductCode::parse("CODITECT").expect("a product");
    let mut period = OpenPeriod::new(None, [7; 16], 0);
    let mut closed = Vec::new();
    for _ in 0..entries {
        let mut counts = UsageCounts::quota_used("commands_per_day", 3);
        for name in 0..names {
            counts.add(&UsageCounts::quota_used(&format!("q{name:x}"), 1));
            counts = counts.user(Some(&format!("u{name:x}")));
        }
        period.add(None, &counts, now());
        let salt = || Some([9; 16]);
        closed.extend(period.close(product, None, 0, salt).expect("salts"));
    }
    write(product, &closed, false)
}
