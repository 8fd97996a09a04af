//! The short examples of the guide, as one program.

use license_tests::{Run, Vendor, license, words};

#[test]
fn the_short_examples_of_the_guide_run() {
    let issued = Vendor::of_fixtures().issue(&words("--tier pro --perpetual --offline"));
    let machine = Vendor::of_fixtures().customer_machine();
    machine.write("acme.lic", &issued.file);
    let install = words("install --trust trust.jwks acme.lic");
    let _ = license(&machine, &install).expect_code(0);
    let program = Run::new(env!("CARGO_BIN_EXE_guide-snippets"), &machine);
    let outcome = program.arg(issued.token()).run().expect_code(0);
    let expected = [
        "0: ACME Ltd",
        "tier: PRO",
        "syncing",
        "granted: true",
        "VALID, false, true, true",
        "may sign in: false",
        "remaining: Unlimited",
    ];
    assert_eq!(outcome.stdout.lines().collect::<Vec<_>>(), expected);
    assert_eq!(outcome.stderr, "");
}
