//! `keygen product constants`: the written module compiles and has the names of the product.

use std::fs;
use std::process::Command;

use license_core::{FeatureMatrix, Tier};
use license_tests::{Scratch, WIDGET, keygen, programs};

use crate::widget;

/// The module for the sample product, which this test compiles.
const MODULE: &str = include_str!("widget.rs");

/// A product with names that are not Rust identifiers. The test replaces `LONG` with a name so long
/// that the value needs its own line.
const ODD: &str = r#"
product = "ODD"
issuer = "Odd Works"
base_tier = "A1"

[[tiers]]
name = "A1"
features = ["3d", "_3d", "n_3d", "_", "fn", "self", "LONG"]
quotas = { 3d = 1, fn = 2 }
"#;

#[test]
fn the_module_has_a_constant_for_each_tier_feature_and_quota() {
    let machine = Scratch::new();
    machine.write("widget.toml", WIDGET);
    let printed = keygen(&machine, &["product", "constants", "widget.toml"]).expect_code(0);
    assert_eq!(printed.stdout, MODULE);
    let matrix = FeatureMatrix::parse(WIDGET).unwrap();
    assert_eq!(widget::PRODUCT, matrix.product().as_str());
    let base = matrix.tier(Tier::parse(widget::tiers::BASE).unwrap());
    assert!(base.unwrap().entitlements().allows(widget::features::VIEW));
    assert!(matrix.first_tier_with(widget::features::EXPORT).is_some());
    let mut quotas = matrix.quotas();
    assert!(quotas.any(|quota| quota == widget::quotas::PRINTS_PER_DAY));
}

#[test]
fn the_module_in_the_guide_is_the_one_that_keygen_prints() {
    let guide = programs::workspace().join("crates/license-client/fixtures/guide");
    let product = guide.join("product.toml");
    let constants = ["product", "constants", product.to_str().unwrap()];
    let printed = keygen(&Scratch::new(), &constants).expect_code(0);
    let module = fs::read_to_string(guide.join("product.rs")).unwrap();
    assert_eq!(printed.stdout, module);
}

#[test]
fn the_module_is_written_to_a_new_file_and_replaces_a_file_only_with_force() {
    let machine = Scratch::new();
    machine.write("widget.toml", WIDGET);
    let constants = ["product", "constants", "widget.toml", "--out", "product.rs"];
    let written = keygen(&machine, &constants).expect_code(0);
    assert!(written.stderr.contains("wrote product.rs"), "{written:?}");
    assert_eq!(machine.read("product.rs"), MODULE);
    assert!(
        keygen(&machine, &constants)
            .expect_failure(2)
            .hint
            .contains("--force")
    );
    keygen(&machine, &["product", "constants"]).expect_failure(2);
}

#[test]
fn a_module_with_odd_names_compiles_and_is_formatted() {
    let machine = Scratch::new();
    machine.write("odd.toml", ODD.replace("LONG", &"long_".repeat(12)));
    let constants = ["product", "constants", "odd.toml", "--out", "product.rs"];
    let _ = keygen(&machine, &constants).expect_code(0);
    let module = machine.read("product.rs");
    for constant in [
        r#"pub const _3D: &str = "_3d";"#,
        r#"pub const N_3D: &str = "n_3d";"#,
        r#"pub const N_N_3D: &str = "3d";"#,
        r#"pub const N__: &str = "_";"#,
        r#"pub const FN: &str = "fn";"#,
        r#"pub const SELF: &str = "self";"#,
        r#"pub const N_3D: &str = "3d";"#,
    ] {
        assert!(module.contains(constant), "{constant}\n{module}");
    }
    machine.write("main.rs", "mod product;\n\nfn main() {}\n");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut rustc = Command::new(rustc);
    rustc.args(["--edition", "2024", "--emit", "metadata", "main.rs"]);
    rustc.args(["-D", "warnings", "-D", "unreachable_pub"]);
    let compiled = rustc.current_dir(machine.path()).output().unwrap();
    let errors = String::from_utf8_lossy(&compiled.stderr);
    assert!(compiled.status.success(), "{errors}\n{module}");
    let mut rustfmt = Command::new("rustfmt");
    rustfmt.args(["--edition", "2024", "--check", "product.rs"]);
    let formatted = rustfmt.current_dir(machine.path()).output().unwrap();
    let difference = String::from_utf8_lossy(&formatted.stdout);
    assert!(formatted.status.success(), "{difference}");
}
