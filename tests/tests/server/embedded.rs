//! A server with embedded keys and an embedded product needs only its license.

use std::fs;

use license_tests::server::Server;
use license_tests::{Run, Scratch, Vendor, programs, words};
use serde_json::json;

use super::validate::VALIDATE;

#[test]
fn a_site_with_embedded_keys_and_product_needs_only_its_license() {
    let vendor = Vendor::of_fixtures().workstation();
    let keygen = |line: &str| Run::keygen(&vendor).args(words(line)).run();
    let _ = keygen("product init PHOTON --out photon.toml").expect_code(0);
    let (keys, product) = (
        programs::workspace().join("fixtures/trust/vendor.jwks"),
        vendor.file("photon.toml"),
    );
    let program = programs::license_server_with(&[
        ("LICENSE_TRUST_SET", keys.as_os_str()),
        ("LICENSE_PRODUCT_FILE", product.as_os_str()),
    ]);
    let site = Scratch::new();
    let server = || {
        let run = Run::new(&program, &site).without_env("CODITECT_HOME");
        run.env("LICENSE_SERVER_DATA_DIR", site.file("data"))
    };
    server().arg("init").run().expect_code(0);
    vendor.write("server.request", site.read("data/server.request"));
    let issue = "issue --json --key vendor.key --product-file photon.toml --customer ACME \
                 --tier pro --perpetual --offline --server-key server.request --out acme.lic";
    let issued = keygen(issue).expect_code(0).json();
    site.write("acme.lic", vendor.read("acme.lic"));
    site.write("other.jwks", &Vendor::shared().trust);

    // The setting takes precedence over the embedded keys.
    let other = words("install --json --trust other.jwks acme.lic");
    let refused = server().args(other).run();
    assert_eq!(
        refused.json()["error"]["code"],
        "UNTRUSTED_KEY",
        "{refused:?}"
    );
    let keys = server().args(words("install --json other.jwks")).run();
    assert_eq!(keys.json()["error"]["code"], "USAGE", "{keys:?}");

    server().args(["install", "acme.lic"]).run().expect_code(0);
    let running = Server::start_with(server(), &site, &[]);
    let body = json!({"license_key": issued["key"], "machine_id": "machine-1"});
    let reply = running.post(VALIDATE, &body).expect(200);
    assert_eq!(reply["valid"], true, "{reply}");
    let settings = server().args(["check-config", "--no-config"]).run();
    let settings = settings.expect_code(0).stdout;
    assert!(settings.contains("the embedded keys"), "{settings}");
    assert!(settings.contains("the embedded product"), "{settings}");
}

#[test]
fn the_program_with_embedded_keys_has_the_dependencies_of_the_ordinary_program() {
    let read = |path: &str| fs::read_to_string(programs::workspace().join(path)).unwrap();
    let section = |manifest: &str, name: &str| {
        let (_, rest) = manifest.split_once(&format!("\n[{name}]\n")).unwrap();
        rest.split("\n\n").next().unwrap().trim().to_owned()
    };
    let (ordinary, embedded) = (
        read("crates/license-server/Cargo.toml"),
        read("tests/embedded-server/Cargo.toml"),
    );
    for name in ["features", "dependencies", "build-dependencies"] {
        assert_eq!(section(&ordinary, name), section(&embedded, name));
    }
}
