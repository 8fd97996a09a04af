//! The constants are made of the file, here.

use std::fmt::Write;
use std::{env, fs};

use crate::ids::Tier;
use crate::matrix::Matrix;
use crate::policy::Quota;

/// Set, the test writes what it would compare.
const WRITE: &str = "WRITE_BUILT_IN_MATRIX";
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/matrix/built_in/data.rs");

fn of_the_file() -> Matrix {
    Matrix::parse(Matrix::built_in_text()).unwrap()
}

fn name(tier: Option<Tier>) -> Option<String> {
    tier.map(|tier| tier.as_str().to_owned())
}

fn source(matrix: &Matrix) -> String {
    let mut text = String::from(
        "//! Made of `coditect.toml` by a test: `WRITE_BUILT_IN_MATRIX=1 cargo test -p license-core built_in`.\n\n\
         use super::{Product, Row};\n\n\
         pub(super) const PRODUCT: Product = Product {\n",
    );
    let trial = matrix
        .trial()
        .map(|trial| (trial.tier.to_string(), trial.days));
    let enterprise = matrix.enterprise_tier().map(|terms| terms.name());
    for (member, value) in [
        ("product", format!("{:?}", matrix.product().as_str())),
        ("issuer", format!("{:?}", matrix.issuer())),
        (
            "base_tier",
            format!("{:?}", matrix.base_tier().name().as_str()),
        ),
        ("enterprise_tier", format!("{:?}", name(enterprise))),
        ("trial", format!("{trial:?}")),
        (
            "user_cool_down_days",
            matrix.user_cool_down_days().to_string(),
        ),
        ("seats_quota", format!("{:?}", matrix.seats_quota())),
        ("devices_quota", format!("{:?}", matrix.devices_quota())),
    ] {
        writeln!(text, "    {member}: {value},").unwrap();
    }
    text.push_str("    tiers: &[\n");
    for terms in matrix.tiers() {
        let check_in = terms
            .check_in()
            .map(|terms| (terms.every_hours(), terms.grace_hours()));
        let renewal = terms
            .renewal()
            .map(|terms| (terms.notify_days(), terms.grace_hours()));
        let quota = |(name, quota): (&str, Quota)| format!("({name:?}, {})", quota.to_number());
        let entitlements = terms.entitlements();
        let features = entitlements.features().map(|name| format!("{name:?}"));
        writeln!(
            text,
            "        Row {{\n            tier: {:?},",
            terms.name().as_str()
        )
        .unwrap();
        list(&mut text, "features", features);
        list(&mut text, "quotas", entitlements.quotas().map(quota));
        writeln!(text, "            check_in: {check_in:?},").unwrap();
        writeln!(
            text,
            "            offline_grace_hours: {},",
            terms.offline_grace_hours()
        )
        .unwrap();
        writeln!(text, "            renewal: {renewal:?},\n        }},").unwrap();
    }
    text.push_str("    ],\n};\n");
    text
}

fn list(text: &mut String, member: &str, items: impl Iterator<Item = String>) {
    writeln!(text, "            {member}: &[").unwrap();
    items.for_each(|item| writeln!(text, "                {item},").unwrap());
    text.push_str("            ],\n");
}

#[test]
fn the_constants_are_those_that_the_file_makes() {
    let made = source(&of_the_file());
    if env::var_os(WRITE).is_some() {
        fs::write(FILE, &made).unwrap();
    }
    let kept = fs::read_to_string(FILE).unwrap();
    assert_eq!(
        kept.replace("\r\n", "\n"),
        made,
        "write them anew: {WRITE}=1 cargo test -p license-core built_in"
    );
}

#[test]
fn the_built_in_matrix_is_that_of_the_file_in_every_member() {
    assert_eq!(
        format!("{:#?}", Matrix::built_in()),
        format!("{:#?}", of_the_file())
    );
}
