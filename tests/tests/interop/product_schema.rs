//! The JSON Schema of product files accepts the same files as the parser. Python's `jsonschema`
//! validates the files.

use std::collections::BTreeMap;
use std::fs;

use license_core::FeatureMatrix;
use license_tests::tools::schema_validator;
use license_tests::{WIDGET, programs};

use super::*;

/// Files that are invalid because of a relation between members, which the schema cannot express.
const NOT_IN_SCHEMA: [&str; 14] = [
    "base-tier-unknown",
    "enterprise-tier-unknown",
    "trial-tier-unknown",
    "extends-unknown",
    "extends-itself",
    "extends-later",
    "tier-twice",
    "grace-below-check-in",
    "grace-one-below-check-in",
    "label-control-character",
    "label-invisible",
    "tier-label-twice",
    "feature-label-twice",
    // In JSON, 30.0 is the integer 30.
    "days-with-a-point",
];

/// A product file with all members.
const FULL: &str = r#"
product = "ACME"
label = "Acme Suite"
issuer = "Acme Inc"
base_tier = "BASIC"
enterprise_tier = "GOLD"
seats_quota = "users"
devices_quota = "devices"
trial = { tier = "GOLD", days = 30 }

[[tiers]]
name = "BASIC"
features = ["view"]
quotas = { documents = 3 }

[[tiers]]
name = "GOLD"
label = "Gold"
extends = "BASIC"
features = ["edit"]
quotas = { documents = -1 }
check_in_every_hours = 24
offline_grace_hours = 168
renewal = { notify_days = 14, grace_hours = 72 }

[features]
view = { label = "View" }
edit = { label = "Edit documents" }

[quotas.documents]
label = "Documents"
"#;

/// Name, replaced part of [`FULL`], and replacement.
const EDITS: &[(&str, &str, &str)] = &[
    (
        "extends-later",
        "features = [\"view\"]",
        "features = []\nextends = \"GOLD\"",
    ),
    (
        "grace-one-below-check-in",
        "offline_grace_hours = 168",
        "offline_grace_hours = 23",
    ),
    (
        "grace-equal-to-check-in",
        "offline_grace_hours = 168",
        "offline_grace_hours = 24",
    ),
    ("days-with-a-point", "days = 30", "days = 30.0"),
    ("days-with-a-fraction", "days = 30", "days = 30.5"),
    ("days-zero", "days = 30", "days = 0"),
    ("days-negative", "days = 30", "days = -1"),
    ("days-maximum", "days = 30", "days = 3660"),
    ("days-too-many", "days = 30", "days = 3661"),
    (
        "cool-down-maximum",
        "seats_quota",
        "user_cool_down_days = 3660\nseats_quota",
    ),
    (
        "cool-down-zero",
        "seats_quota",
        "user_cool_down_days = 0\nseats_quota",
    ),
    (
        "cool-down-too-long",
        "seats_quota",
        "user_cool_down_days = 3661\nseats_quota",
    ),
    (
        "cool-down-negative",
        "seats_quota",
        "user_cool_down_days = -1\nseats_quota",
    ),
    ("days-text", "days = 30", "days = \"30\""),
    (
        "trial-array",
        "{ tier = \"GOLD\", days = 30 }",
        "[\"GOLD\", 30]",
    ),
    ("trial-text", "{ tier = \"GOLD\", days = 30 }", "\"GOLD\""),
    ("trial-more", "days = 30", "days = 30, hours = 2"),
    ("product-short", "\"ACME\"", "\"A\""),
    ("product-long", "\"ACME\"", "\"ACMEACMEACMEACMEA\""),
    ("product-longest", "\"ACME\"", "\"ACMEACMEACMEACME\""),
    ("product-digit", "\"ACME\"", "\"4CME\""),
    ("product-number", "\"ACME\"", "4"),
    ("issuer-empty", "\"Acme Inc\"", "\"\""),
    ("issuer-number", "\"Acme Inc\"", "7"),
    (
        "base-tier-lower",
        "base_tier = \"BASIC\"",
        "base_tier = \"basic\"",
    ),
    (
        "enterprise-tier-false",
        "enterprise_tier = \"GOLD\"",
        "enterprise_tier = false",
    ),
    (
        "seats-quota-long",
        "seats_quota = \"users\"",
        "seats_quota = \"uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu\"",
    ),
    (
        "seats-quota-longest",
        "seats_quota = \"users\"",
        "seats_quota = \"uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu\"",
    ),
    ("feature-number", "[\"edit\"]", "[1]"),
    (
        "feature-twice",
        "[\"edit\"]",
        "[\"edit\", \"edit\", \"view\"]",
    ),
    ("feature-dash", "[\"edit\"]", "[\"cloud-sync\"]"),
    ("features-table", "[\"edit\"]", "{ edit = true }"),
    ("quota-minus-two", "documents = -1", "documents = -2"),
    ("quota-zero", "documents = -1", "documents = 0"),
    (
        "quota-maximum",
        "documents = -1",
        "documents = 9223372036854775807",
    ),
    (
        "quota-too-much",
        "documents = -1",
        "documents = 9223372036854775808",
    ),
    ("quota-true", "documents = -1", "documents = true"),
    ("quota-name-empty", "documents = -1", "\"\" = 1"),
    (
        "quotas-array",
        "quotas = { documents = -1 }",
        "quotas = [-1]",
    ),
    ("quotas-empty", "quotas = { documents = -1 }", "quotas = {}"),
    (
        "check-in-zero",
        "check_in_every_hours = 24",
        "check_in_every_hours = 0",
    ),
    (
        "check-in-equal-to-default-grace",
        "check_in_every_hours = 24\noffline_grace_hours = 168",
        "check_in_every_hours = 168",
    ),
    (
        "check-in-above-default-grace",
        "check_in_every_hours = 24\noffline_grace_hours = 168",
        "check_in_every_hours = 169",
    ),
    (
        "grace-maximum",
        "offline_grace_hours = 168",
        "offline_grace_hours = 4294967296",
    ),
    (
        "grace-too-much",
        "offline_grace_hours = 168",
        "offline_grace_hours = 4294967297",
    ),
    (
        "grace-without-check-in",
        "check_in_every_hours = 24\noffline_grace_hours = 168",
        "offline_grace_hours = 18446744073709551615",
    ),
    (
        "grace-zero-without-check-in",
        "check_in_every_hours = 24\noffline_grace_hours = 168",
        "offline_grace_hours = 0",
    ),
    (
        "grace-negative",
        "offline_grace_hours = 168",
        "offline_grace_hours = -1",
    ),
    (
        "renewal-maximum",
        "notify_days = 14",
        "notify_days = 4294967296",
    ),
    (
        "renewal-too-many",
        "notify_days = 14",
        "notify_days = 4294967297",
    ),
    (
        "renewal-array",
        "{ notify_days = 14, grace_hours = 72 }",
        "[14, 72]",
    ),
    (
        "renewal-more",
        "grace_hours = 72",
        "grace_hours = 72, grace = 1",
    ),
    ("label-empty", "\"Acme Suite\"", "\"\""),
    ("label-one", "\"Acme Suite\"", "\"A\""),
    ("label-blank", "\"Acme Suite\"", "\"Acme \""),
    ("label-number", "\"Acme Suite\"", "7"),
    ("label-invisible", "\"Acme Suite\"", "\"Acme\\u200BSuite\""),
    (
        "label-longest",
        "\"Acme Suite\"",
        "\"ääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääää\"",
    ),
    (
        "label-too-long",
        "\"Acme Suite\"",
        "\"äääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääää\"",
    ),
    ("tier-label-twice", "\"Gold\"", "\"Basic\""),
    ("tier-label-own-name", "\"Gold\"", "\"GOLD\""),
    ("feature-label-twice", "\"View\"", "\"edit\""),
    ("feature-label-text", "{ label = \"View\" }", "\"View\""),
    (
        "feature-label-more",
        "label = \"View\"",
        "label = \"View\", id = 1",
    ),
    ("feature-label-name", "view = {", "cloud-view = {"),
    (
        "feature-label-unused",
        "view = { label = \"View\" }",
        "sso = { label = \"Sign-on\" }",
    ),
    ("features-labels-array", "[features]", "[[features]]"),
    (
        "quota-label-name",
        "[quotas.documents]",
        "[quotas.Documents]",
    ),
    (
        "tiers-table",
        "[[tiers]]\nname = \"BASIC\"",
        "[tiers]\nname = \"BASIC\"",
    ),
];

/// Returns a copy of [`FULL`] for each of its members. The copy does not contain the member.
fn without_a_member() -> Vec<(String, String)> {
    let lines = FULL.lines().enumerate();
    let members = lines.filter(|(_, line)| line.contains(" = "));
    let without = |number: usize| {
        let lines = FULL.lines().enumerate();
        let remaining = lines.filter(|(other, _)| *other != number);
        remaining
            .map(|(_, line)| format!("{line}\n"))
            .collect::<String>()
    };
    let lines =
        members.map(|(number, line)| (format!("without line {number} {line}"), without(number)));
    let parts = [
        "tier = \"GOLD\", ",
        ", days = 30",
        "notify_days = 14, ",
        ", grace_hours = 72",
    ];
    let parts = parts.map(|part| (format!("without {part}"), FULL.replacen(part, "", 1)));
    lines.chain(parts).collect()
}

fn tiers(count: usize) -> String {
    let head = "product = \"ACME\"\nissuer = \"Acme\"\nbase_tier = \"T0\"\n".to_owned();
    let tier = |number| format!("[[tiers]]\nname = \"T{number}\"\nfeatures = []\n");
    head + &(0..count).map(tier).collect::<String>()
}

/// Returns all product files by name, valid and invalid.
fn files() -> BTreeMap<String, String> {
    let scratch = Scratch::new();
    let init = Run::keygen(&scratch).args(["product", "init", "GADGET"]);
    let mut files: BTreeMap<String, String> = [
        ("built-in", FeatureMatrix::built_in_text().to_owned()),
        ("widget", WIDGET.to_owned()),
        ("template", init.run().expect_code(0).stdout),
        ("full", FULL.to_owned()),
        ("tiers-maximum", tiers(64)),
        ("tiers-too-many", tiers(65)),
        ("tiers-none", tiers(0) + "tiers = []\n"),
    ]
    .map(|(name, text)| (name.to_owned(), text))
    .into();
    files.extend(EDITS.iter().map(|(name, from, to)| {
        assert!(FULL.contains(from), "{name} changes nothing");
        ((*name).to_owned(), FULL.replacen(from, to, 1))
    }));
    files.extend(without_a_member());
    let vectors = programs::workspace().join("fixtures/vectors/matrices");
    for vector in fs::read_dir(vectors).unwrap() {
        let path = vector.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        // The headers of the vector come before the product file.
        let (_, body) = text.split_once("\n\n").unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        files.insert(name.to_owned(), body.to_owned());
    }
    files
}

#[test]
fn the_schema_and_the_parser_accept_the_same_files() {
    let Some(python) = schema_validator() else {
        return;
    };
    let workstation = Scratch::new();
    let schema = ["product", "schema", "--out", "schema.json"];
    let _ = Run::keygen(&workstation).args(schema).run().expect_code(0);
    let files = files();
    let names: Vec<_> = (0..files.len())
        .map(|number| format!("{number}.toml"))
        .collect();
    for (name, text) in names.iter().zip(files.values()) {
        workstation.write(name, text);
    }
    let validate = python
        .run(&workstation)
        .arg(tools::script("product_schema.py"));
    let validate = validate.arg("schema.json").args(&names).run();
    let errors = validate.expect_code(0).json();
    let mut valid = 0;
    for ((file, text), name) in files.iter().zip(&names) {
        let (parsed, schema_error) = (FeatureMatrix::parse(text), &errors[name]);
        let is_not_in_schema = NOT_IN_SCHEMA.contains(&file.as_str());
        match parsed {
            Ok(_) => assert!(
                schema_error.is_null() && !is_not_in_schema,
                "{file} is valid: {schema_error}"
            ),
            Err(error) if is_not_in_schema => {
                assert!(schema_error.is_null(), "{file}: {error}; {schema_error}")
            }
            Err(error) => assert!(schema_error.is_string(), "{file} is invalid: {error}"),
        }
        valid += usize::from(schema_error.is_null());
    }
    assert!(
        valid > 20 && valid + 20 < files.len(),
        "{valid} of {} are valid",
        files.len()
    );
    for name in NOT_IN_SCHEMA {
        assert!(files.contains_key(name), "{name} is missing");
    }
}
