//! A signing key in a hardware security module.

use license_tests::server::{Server, license_server};
use license_tests::{Run, Scratch, tools, words};

use super::{issue, order, validate};

const PIN: &str = "471147";

#[test]
fn the_signing_key_can_be_in_a_token() {
    let Some(softhsm) = tools::softhsm() else {
        return;
    };
    let scratch = Scratch::new();
    let tokens = scratch.file("tokens");
    std::fs::create_dir(&tokens).unwrap();
    let conf = format!(
        "directories.tokendir = {}\nlog.level = ERROR\n",
        tokens.display()
    );
    scratch.write("softhsm2.conf", conf);
    scratch.write_private("pin.txt", PIN);
    let conf = scratch.file("softhsm2.conf");
    let init = softhsm.util.run(&scratch).env("SOFTHSM2_CONF", &conf);
    let init = init.args(words(
        "--init-token --free --label vendor --so-pin 87654321 --pin",
    ));
    let _ = init.arg(PIN).run().expect_code(0);
    let key = format!(
        "pkcs11:token=vendor;object=sign?module-path={}",
        softhsm.module.display()
    );
    let new_key = Run::keygen(&scratch).env("SOFTHSM2_CONF", &conf);
    let new_key = new_key.args(["new-key", "--bits", "2048", "--key", &key]);
    let _ = new_key
        .args(["--passphrase-file", "pin.txt"])
        .run()
        .expect_code(0);

    // The location of a key in a token is not a path relative to the settings file.
    let settings = format!(
        "ledger = \"ledger.db\"\nsigning_key = \"{key}\"\nsigning_key_passphrase_file = \"pin.txt\"\n"
    );
    scratch.write_private("server.toml", settings);
    let config = ["--config", "server.toml"];
    let check = license_server(&scratch).args(["check-config", "--json"]);
    let checked = check.args(config).run().expect_code(0).json();
    assert_eq!(checked["settings"]["signing_key"]["value"], key.as_str());
    let ledger = checked["settings"]["ledger"]["value"].as_str().unwrap();
    assert!(
        ledger.starts_with('/') && ledger.ends_with("/ledger.db"),
        "{ledger}"
    );

    let run = license_server(&scratch).env("SOFTHSM2_CONF", &conf);
    let server = Server::start_with(run, &scratch, &config);
    let issued = issue(&server.administrator(), &order("ACME Ltd"));
    assert_eq!(validate(&server, &issued["key"]).expect(200)["valid"], true);
}
