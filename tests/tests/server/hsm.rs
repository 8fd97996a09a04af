//! The server's key in an HSM. SoftHSM is the HSM, with a token for each test.

use std::thread;

use license_core::{LicenseFile, TrustSet, Unverified};
use license_tests::server::{Server, license_server};
use license_tests::tools::{self, SoftHsm};
use license_tests::vendor::IssuedLicense;
use license_tests::{Run, Scratch, Vendor, words};
use serde_json::{Value, json};

use super::site::{Site, TERMS, issue, metrics};

const PIN: &str = "471147";

/// A site whose HSM has a key with the label `server`.
struct HsmSite {
    scratch: Scratch,
    softhsm: &'static SoftHsm,
    /// The id of the key.
    kid: Value,
}

impl HsmSite {
    /// Creates a token and a key in it. Returns `None` if SoftHSM is not installed.
    fn new() -> Option<Self> {
        let softhsm = tools::softhsm()?;
        let scratch = Scratch::new();
        std::fs::create_dir(scratch.file("tokens")).unwrap();
        let conf = format!(
            "directories.tokendir = {}\n",
            scratch.file("tokens").display()
        );
        scratch.write("softhsm2.conf", conf);
        scratch.write_private("pin", format!("{PIN}\n"));
        let site = Self {
            scratch,
            softhsm,
            kid: Value::Null,
        };
        let init = softhsm
            .util
            .run(&site.scratch)
            .args(words("--init-token --free"));
        let init = init
            .args(words("--label site --so-pin 87654321 --pin"))
            .arg(PIN);
        site.with_env(init).run().expect_code(0);
        let uri = format!(
            "pkcs11:token=site;object=server?module-path={}",
            site.module()
        );
        let new_key = Run::keygen(&site.scratch).args(["new-key", "--bits", "2048", "--json"]);
        let new_key = new_key.args(["--key", &uri, "--passphrase-file", "pin"]);
        let kid = site.with_env(new_key).run().expect_code(0).json()["kid"].clone();
        Some(Self { kid, ..site })
    }

    fn module(&self) -> &str {
        self.softhsm.module.to_str().unwrap()
    }

    fn with_env<'s>(&self, run: Run<'s>) -> Run<'s> {
        run.env("SOFTHSM2_CONF", self.scratch.file("softhsm2.conf"))
    }

    /// Returns a run of the server with a key of this label in the token.
    fn server(&self, object: &str, pin_file: &str) -> Run<'_> {
        let run = self.with_env(license_server(&self.scratch));
        run.env(
            "LICENSE_SERVER_KEY",
            format!("pkcs11:token=site;object={object}"),
        )
        .env("LICENSE_SERVER_PIN_FILE", pin_file)
        .env("LICENSE_SERVER_PKCS11_MODULE", self.module())
    }

    /// Creates the request, and installs a license for the key in the HSM.
    fn install(&self) -> IssuedLicense {
        let init = self.server("server", "pin").args(["init", "--json"]).run();
        let report = init.expect_code(0).json();
        assert_eq!(
            (&report["kid"], &report["created"]),
            (&self.kid, &false.into())
        );
        let license = issue(
            &Vendor::shared().workstation(),
            &self.scratch,
            &words(TERMS),
        );
        self.scratch.write("trust.jwks", &Vendor::shared().trust);
        self.scratch.write("acme.lic", &license.file);
        let install = self
            .server("server", "pin")
            .args(words("install trust.jwks acme.lic"));
        install.run().expect_code(0);
        license
    }
}

#[test]
fn a_key_in_an_hsm_signs_leases_and_validations_and_never_leaves_it() {
    let Some(hsm) = HsmSite::new() else { return };
    let license = hsm.install();
    assert!(!hsm.scratch.file("data/server.key").exists());
    // The settings file can name the key. Its paths are relative to it.
    let file = format!(
        "key = \"pkcs11:token=site;object=server\"\npin_file = \"pin\"\npkcs11_module = \"{}\"\n",
        hsm.module()
    );
    hsm.scratch.write_private("server.toml", file);
    let run = hsm
        .with_env(license_server(&hsm.scratch))
        .args(["--config", "server.toml"]);
    let server = Server::start_with(run, &hsm.scratch, &[]);
    let trust = TrustSet::parse(&Vendor::shared().trust).unwrap();
    let verified = Unverified::parse(&license.token())
        .unwrap()
        .verify(&trust)
        .unwrap();
    let site = Site {
        scratch: Scratch::new(),
        vendor: Scratch::new(),
        license,
        variables: Vec::new(),
    };
    // Requests at the same time wait for the key, and each one gets its own lease.
    let granted: Vec<Value> = thread::scope(|scope| {
        let sessions = [1, 2].map(|number| site.session(number));
        let acquires = sessions.map(|session| {
            let server = &server;
            scope.spawn(move || session.acquire(server, false).expect(201))
        });
        acquires.map(|acquire| acquire.join().unwrap()).to_vec()
    });
    for seat in granted {
        let lease = Unverified::parse(seat["lease"].as_str().unwrap()).unwrap();
        assert!(verified.verify_lease(&lease).is_ok());
    }
    let body = json!({"license_key": site.license.key(), "machine_id": "machine-1"});
    let reply = server.post("/api/v1/licenses/validate", &body).expect(200);
    let token = Unverified::parse(reply["validation"].as_str().unwrap()).unwrap();
    assert!(token.verify_validation(&trust, &verified).is_ok());
    let metrics = metrics(&server);
    assert!(
        metrics.contains("\nlicense_sign_seconds_count 3\n"),
        "{metrics}"
    );
    let log = hsm.scratch.read("server.log");
    assert!(!log.contains(PIN), "{log}");
}

#[test]
fn a_copy_of_the_data_directory_cannot_serve_without_the_hsm() {
    let Some(hsm) = HsmSite::new() else { return };
    hsm.install();
    let backup = hsm
        .server("server", "pin")
        .args(words("backup --json --out copy"))
        .run();
    let files = backup.expect_code(0).json()["files"].clone();
    assert!(
        !files.as_array().unwrap().contains(&"server.key".into()),
        "{files}"
    );
    let copy = license_server(&hsm.scratch).args(words("run --data-dir copy --listen 127.0.0.1:0"));
    let refused = copy.run().expect_failure(4);
    assert_eq!(refused.code, "NOT_INITIALIZED", "{refused:?}");
    let status = hsm
        .server("server", "pin")
        .args(words("status --json --data-dir copy"));
    assert_eq!(status.run().expect_code(0).json()["kid"], hsm.kid);
}

#[test]
fn an_error_of_the_hsm_names_the_next_step() {
    let Some(hsm) = HsmSite::new() else { return };
    hsm.scratch.write_private("wrong", "000000\n");
    hsm.scratch.write_private("empty", "\n");
    let init = |object: &str, pin_file: &str| {
        let init = hsm.server(object, pin_file).arg("init").run();
        let refused = init.expect_failure(init.code.unwrap());
        assert!(!refused.text().contains(PIN) && !refused.hint.contains(PIN));
        (init.code.unwrap(), refused.code, refused.hint)
    };
    let (exit, code, hint) = init("other", "pin");
    assert_eq!((exit, code.as_str()), (4, "NO_KEY"));
    assert!(
        hint.contains("pkcs11-tool") && hint.contains("keygen new-key"),
        "{hint}"
    );
    let (exit, code, _) = init("server", "wrong");
    assert_eq!((exit, code.as_str()), (2, "WRONG_PASSPHRASE"));
    assert_eq!(init("server", "empty").0, 2);
    assert_eq!(init("server", "missing").0, 4);
    let run = hsm
        .server("server", "pin")
        .env("LICENSE_SERVER_PIN_FILE", "");
    let refused = run.arg("init").run().expect_failure(2);
    assert!(refused.hint.contains("--pin-file"), "{refused:?}");
    let run = hsm
        .server("server", "pin")
        .env("LICENSE_SERVER_PKCS11_MODULE", "");
    let refused = run.arg("init").run().expect_failure(2);
    assert!(refused.hint.contains("--pkcs11-module"), "{refused:?}");
    assert!(!hsm.scratch.file("data/server.key").exists());
}

#[test]
fn a_pin_in_the_uri_is_refused_and_shown_nowhere() {
    let scratch = Scratch::new();
    let uri = format!("pkcs11:token=site;object=server?pin-value={PIN}");
    let key = |run: Run<'_>| run.args(["--no-config", "--key", &uri]).run();
    let shown = key(license_server(&scratch).args(["check-config", "--json"]));
    assert!(!shown.all_output().contains(PIN), "{shown:?}");
    let shown = key(license_server(&scratch).arg("check-config"));
    assert!(!shown.all_output().contains(PIN), "{shown:?}");
    let refused = key(license_server(&scratch).arg("init"));
    let failure = refused.expect_failure(2);
    assert!(failure.hint.contains("change the PIN"), "{failure:?}");
    assert!(!refused.all_output().contains(PIN), "{refused:?}");
    // The key of a vendor's server is a URI too.
    let vendor = [
        "--no-config",
        "--ledger",
        "ledger.db",
        "--signing-key",
        &uri,
    ];
    for command in ["check-config", "run"] {
        let shown = license_server(&scratch).arg(command).args(vendor).run();
        assert!(!shown.all_output().contains(PIN), "{shown:?}");
    }
}

#[test]
fn a_key_that_is_not_in_an_hsm_is_refused() {
    let scratch = Scratch::new();
    for arguments in [
        ["--key", "server.key"],
        ["--key", "awskms:alias/server"],
        ["--pin-file", "pin"],
        ["--pkcs11-module", "module.so"],
    ] {
        let run = license_server(&scratch).args(["check-config", "--no-config"]);
        let refused = run.args(arguments).run();
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(
            refused.stderr.contains("pkcs11:token=TOKEN;object=NAME"),
            "{refused:?}"
        );
    }
}

#[test]
fn a_vendors_server_issues_with_a_key_in_an_hsm() {
    let Some(hsm) = HsmSite::new() else { return };
    let uri = format!(
        "pkcs11:token=site;object=server?module-path={}",
        hsm.module()
    );
    let key = ["--key", &uri, "--passphrase-file", "pin"];
    let keygen = || {
        let run = Run::keygen(&hsm.scratch);
        hsm.with_env(run.env("KEYGEN_LEDGER", hsm.scratch.file("ledger.db")))
    };
    let public = keygen().arg("public").args(key).run().expect_code(0).stdout;
    hsm.scratch.write("trust.jwks", public);
    let issue = [
        "issue",
        "--force",
        "--customer",
        "Zeta",
        "--tier",
        "pro",
        "--perpetual",
    ];
    let issued = keygen().args(issue).args(key).args(["--out", "zeta.lic"]);
    issued.run().expect_code(0);
    let init = hsm.with_env(license_server(&hsm.scratch).arg("init"));
    init.run().expect_code(0);
    let run = hsm.with_env(license_server(&hsm.scratch));
    let settings = ["--ledger", "ledger.db", "--signing-key", &uri];
    let settings = [&settings[..], &["--signing-key-passphrase-file", "pin"]].concat();
    let server = Server::start_with(run, &hsm.scratch, &settings);
    let administrator = server.administrator();
    let order = json!({"customer": "ACME Ltd", "tier": "team", "perpetual": true, "seats": 5});
    let issued = administrator
        .post("/api/v1/licenses/issue", &order)
        .expect(200);
    let file = issued["file"].as_str().unwrap();
    let file = LicenseFile::parse(file).unwrap();
    let token = &file.blocks()[0].token;
    assert_eq!(hsm.kid, token.unverified_key_id(), "{issued}");
    let trust = hsm.scratch.read("trust.jwks");
    let license = token.verify(&TrustSet::parse(&trust).unwrap()).unwrap();
    assert_eq!(license.customer(), "ACME Ltd");
    keygen().args(["ledger", "verify"]).run().expect_code(0);
}
