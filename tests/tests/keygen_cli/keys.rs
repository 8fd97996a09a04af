//! Private keys and their passphrases: `keygen new-key`, and the secrecy of keys and passphrases.

use super::*;

fn new_key(workstation: &Scratch, options: &[&str]) -> RunOutput {
    Run::keygen(workstation)
        .args(["new-key", "--bits", "2048"])
        .args(options)
        .run()
}

/// Returns a run without a terminal, as on a build server. `None` if there is no `setsid`.
fn without_terminal(workstation: &Scratch) -> Option<Run<'_>> {
    let found = Run::new("sh", workstation)
        .args(["-c", "command -v setsid"])
        .run();
    if found.code != Some(0) {
        eprintln!(
            "SKIPPED: setsid not found; without it, `keygen` might use the terminal of the test"
        );
        return None;
    }
    Some(
        Run::new("setsid", workstation)
            .arg("--wait")
            .arg(programs::keygen()),
    )
}

/// Returns a directory with an encrypted `vendor.key` and its passphrase in `passphrase`.
fn encrypted() -> Scratch {
    let workstation = Scratch::new();
    workstation.write_private("passphrase", format!("{PASSPHRASE}\n"));
    let options = ["--out", "vendor.key", "--passphrase-file", "passphrase"];
    let _ = new_key(&workstation, &options).expect_code(0);
    workstation
}

#[test]
fn a_new_key_is_encrypted_and_only_its_owner_can_read_it() {
    let workstation = encrypted();
    assert!(
        workstation
            .read("vendor.key")
            .starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    );
    #[cfg(unix)]
    assert_eq!(workstation.mode("vendor.key"), 0o600);
}

#[test]
fn an_unencrypted_key_is_private_to_its_owner_and_causes_a_warning() {
    let workstation = Scratch::new();
    let made = new_key(&workstation, &["--out", "vendor.key", "--no-passphrase"]).expect_code(0);
    assert!(
        made.stderr.contains("warning: UNENCRYPTED_KEY: "),
        "{}",
        made.stderr
    );
    assert!(
        workstation
            .read("vendor.key")
            .starts_with("-----BEGIN PRIVATE KEY-----\n")
    );
    #[cfg(unix)]
    assert_eq!(workstation.mode("vendor.key"), 0o600);
}

#[test]
fn new_key_prints_the_id_of_the_public_key() {
    let workstation = Scratch::new();
    let made = new_key(&workstation, &["--out", "vendor.key", "--no-passphrase"]).expect_code(0);
    let kid = made.stdout.strip_prefix("kid: ").unwrap().trim_end();
    let public = public(&workstation, &["--key", "vendor.key", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(
        (&public["kid"], &public["jwk"]["kid"]),
        (&json!(kid), &json!(kid))
    );
}

#[test]
fn json_of_a_new_key_has_every_member() {
    let workstation = Scratch::new();
    workstation.write_private("passphrase", PASSPHRASE);
    let options = words("--out vendor.key --passphrase-file passphrase --alg PS256 --json");
    let report = new_key(&workstation, &options).expect_code(0).json();
    assert!(report["kid"].as_str().is_some_and(|kid| kid.len() == 43));
    let rest = ["alg", "bits", "encrypted", "path"].map(|member| &report[member]);
    assert_eq!(
        rest,
        [
            &json!("PS256"),
            &json!(2048),
            &json!(true),
            &json!("vendor.key")
        ]
    );
}

#[test]
fn the_default_key_size_is_4096_bits() {
    let workstation = Scratch::new();
    let new_key = words("new-key --json --no-passphrase --out vendor.key");
    let report = Run::keygen(&workstation)
        .args(new_key)
        .run()
        .expect_code(0)
        .json();
    assert_eq!(report["bits"], 4096);
}

#[test]
fn a_new_key_never_replaces_a_file() {
    let workstation = Scratch::new();
    workstation.write("file", "precious");
    #[cfg(unix)]
    std::os::unix::fs::symlink("nowhere", workstation.file("link")).unwrap();
    for name in if cfg!(unix) {
        &["file", "link", "home"][..]
    } else {
        &["file", "home"]
    } {
        let error = new_key(&workstation, &["--no-passphrase", "--out", name]).expect_failure(2);
        assert!(error.hint.contains("--out"), "{error:?}");
    }
    assert_eq!(workstation.read("file"), "precious");
    assert!(!workstation.file("nowhere").exists());
    let forced = new_key(
        &workstation,
        &["--no-passphrase", "--out", "file", "--force"],
    );
    forced.expect_failure(2);
}

#[test]
fn a_new_key_with_an_invalid_size_or_without_a_destination_is_refused() {
    let workstation = Scratch::new();
    for options in [
        &["--bits", "1024", "--out", "vendor.key", "--no-passphrase"][..],
        &["--bits", "2049", "--out", "vendor.key", "--no-passphrase"],
        &["--no-passphrase"],
        &["--out", "vendor.key", "--alg", "RS512", "--no-passphrase"],
        &words("--out vendor.key --no-passphrase --passphrase-file passphrase"),
    ] {
        Run::keygen(&workstation)
            .arg("new-key")
            .args(options)
            .run()
            .expect_failure(2);
    }
    new_key(
        &workstation,
        &["--no-passphrase", "--out", "missing/vendor.key"],
    )
    .expect_failure(4);
    assert!(!workstation.file("vendor.key").exists());
}

#[test]
fn an_empty_or_missing_passphrase_file_creates_no_key() {
    let workstation = Scratch::new();
    workstation.write_private("empty", "\nsecond line\n");
    let with = |file| {
        new_key(
            &workstation,
            &["--out", "vendor.key", "--passphrase-file", file],
        )
    };
    let error = with("empty").expect_failure(2);
    assert!(error.message.contains("empty"), "{error:?}");
    with("missing").expect_failure(4);
    assert!(!workstation.file("vendor.key").exists());
}

#[test]
fn no_key_is_created_or_opened_without_a_terminal_or_a_passphrase_file() {
    let workstation = encrypted();
    let Some(run) = without_terminal(&workstation) else {
        return;
    };
    let error = run
        .args(["new-key", "--out", "new.key"])
        .run()
        .expect_failure(2);
    assert!(error.hint.contains("--passphrase-file"), "{error:?}");
    assert!(!workstation.file("new.key").exists());
    let run = without_terminal(&workstation)
        .unwrap()
        .args(["public", "--key", "vendor.key"]);
    let error = run.run().expect_failure(2);
    assert!(error.hint.contains("--passphrase-file"), "{error:?}");
}

#[test]
fn a_passphrase_file_that_others_can_read_causes_a_warning() {
    let workstation = encrypted();
    workstation.write("open", PASSPHRASE);
    let public = public(
        &workstation,
        &["--key", "vendor.key", "--passphrase-file", "open"],
    );
    assert!(
        public
            .expect_code(0)
            .stderr
            .contains("warning: INSECURE_FILE: ")
    );
}

#[test]
fn the_passphrase_opens_the_key_for_every_command() {
    let workstation = encrypted();
    let with = ["--key", "vendor.key", "--passphrase-file", "passphrase"];
    let run = |args: &[&str]| {
        Run::keygen(&workstation)
            .args(args)
            .args(with)
            .run()
            .expect_code(0)
    };
    assert!(
        run(&["public"])
            .stdout
            .starts_with("-----BEGIN PUBLIC KEY-----\n")
    );
    assert!(
        run(&["issue", "--tier", "pro", "--customer", "X", "--perpetual"])
            .stdout
            .contains("LICENSE")
    );
    let key = run(&words(
        "enterprise-key --company ACME --seats 1 --perpetual",
    ));
    assert!(key.stdout.starts_with("CODITECT-ENT-ACME-1-99991231-"));
}

#[test]
fn a_wrong_passphrase_opens_nothing_and_writes_nothing() {
    let workstation = encrypted();
    workstation.write_private("wrong", "incorrect horse\n");
    let with = words("--key vendor.key --passphrase-file wrong --out new");
    for command in [
        &["public"][..],
        &["issue", "--tier", "pro", "--customer", "X", "--perpetual"],
        &words("enterprise-key --company ACME --seats 1 --perpetual"),
    ] {
        let run = || Run::keygen(&workstation).args(command).args(&with);
        run().run().expect_failure(2);
        assert_eq!(
            run().arg("--json").run().expect_json_failure(2),
            "WRONG_PASSPHRASE"
        );
        assert!(!workstation.file("new").exists());
    }
}

#[test]
fn no_secret_is_ever_printed() {
    let workstation = encrypted();
    workstation.write_private("wrong", "incorrect horse\n");
    let key = workstation.read("vendor.key");
    let plain = Vendor::shared();
    workstation.write_private("plain.key", &plain.key);
    workstation.write_private("cut.key", &plain.key[..900]);
    let bodies = [&key, &plain.key].map(|pem| pem.lines().nth(2).unwrap().to_owned());
    let term = words("issue --tier pro --customer X --perpetual --key");
    for args in [
        &words("public --key vendor.key --passphrase-file passphrase")[..],
        &words("public --key vendor.key --passphrase-file wrong"),
        &["public", "--key", "plain.key", "--json"],
        &["public", "--key", "cut.key"],
        &words("new-key --bits 2048 --out new.key --passphrase-file passphrase"),
        &["trust", "plain.key"],
        &["inspect", "plain.key"],
        &["inspect", "cut.key"],
        &["inspect", "passphrase"],
        &[&term[..], &["plain.key"]].concat(),
        &[&term[..], &["cut.key"]].concat(),
        &[&term[..], &["passphrase"]].concat(),
    ] {
        let output = Run::keygen(&workstation).args(args).run().all_output();
        let secrets = [PASSPHRASE, "incorrect horse", "PRIVATE KEY-----\n"];
        for secret in secrets.into_iter().chain(bodies.iter().map(String::as_str)) {
            assert!(
                !output.contains(secret),
                "{args:?} prints a secret: {output}"
            );
        }
    }
}

#[test]
fn a_key_in_place_of_a_file_name_is_never_printed() {
    let vendor = Vendor::shared();
    let workstation = vendor.workstation();
    let body: Vec<_> = vendor.key.lines().filter(|l| l.len() == 64).collect();
    let line = body.iter().find(|line| line.contains('/')).unwrap();
    let one_line = vendor.key.replace('\n', r"\n");
    for key in [
        &one_line,
        &vendor.key,
        &(*line).to_owned(),
        &format!("/{line}"),
    ] {
        let issue = "issue --tier pro --customer A --days 3 --no-ledger";
        for command in [
            &format!("{issue} --key=KEY"),
            &format!("{issue} --key vendor.key --out=KEY"),
            &format!("{issue} --key vendor.key --product-file=KEY"),
            &format!("{issue} --key vendor.key --passphrase-file=KEY"),
            &format!("{issue} --key vendor.key --seats=KEY"),
            "public --key=KEY",
            "public --key vendor.key --out=KEY",
            "inspect -- KEY",
            "trust -- KEY",
            "activate --key vendor.key -- KEY",
            "rotate --key vendor.key --introduce=KEY",
            "batch --key vendor.key --out out -- KEY",
            "batch --key vendor.key --out=KEY -- orders.csv",
            "usage verify -- KEY",
            "ledger backup --out=KEY",
            "ledger show -- KEY",
            "ledger list --ledger=KEY",
            "issue --tier pro --customer A --days 3 --key vendor.key --ledger=KEY",
            "KEY",
            "issue KEY",
            "license usage-report --out=KEY",
            "license install -- KEY",
            "license request --out=KEY -- vendor.key",
            "license KEY",
        ] {
            // A ledger is created, and then its path is printed.
            if command.ends_with("vendor.key --ledger=KEY") && !key.contains("BEGIN") {
                continue;
            }
            let (run, command) = match command.strip_prefix("license ") {
                Some(command) => (Run::license(&workstation), command),
                None => (Run::keygen(&workstation), command),
            };
            let args: Vec<_> = words(command)
                .iter()
                .map(|arg| arg.replace("KEY", key))
                .collect();
            let output = run.args(&args).run().all_output();
            for secret in &body[1..] {
                assert!(!output.contains(&secret[16..40]), "{command}: {output}");
            }
        }
    }
}

#[test]
fn an_unusable_key_file_gets_a_hint_that_works() {
    let vendor = Vendor::shared();
    let workstation = vendor.workstation();
    let der = [b"\x30\x82\x01\x22".as_slice(), &[0; 290]].concat();
    workstation.write_private("key.der", der);
    workstation.write_private("nul.key", format!("{}\0", vendor.key));
    let curve = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n\
        -----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----\n";
    workstation.write_private("curve.key", curve);
    let hidden = vendor.key.replacen("\nM", "\nM\u{200b}", 1);
    workstation.write_private("hidden.key", hidden);
    let dash = vendor.key.replacen("\nM", "\nM\u{2013}", 1);
    workstation.write_private("dash.key", dash);
    let jwk = "{\"kty\":\"RSA\",\"alg\":\"RS256\",\"e\":\"AQAB\",\"n\":\"AB\u{200b}C\"}";
    workstation.write("hidden.jwk", jwk);
    let capitals = vendor.key.replace("BEGIN PRIVATE KEY", "Begin Private key");
    workstation.write_private("capitals.key", capitals);
    let begin = vendor.key.replace("BEGIN", "Begin");
    workstation.write_private("begin.key", begin);
    let delimiter = vendor.key.replace("-BEGIN", "-\u{200b}BEGIN");
    workstation.write_private("delimiter.key", delimiter);
    workstation.write_private("key.jwk", "{\"kty\":\"RSA\",\"d\":\"AQAB\"}");
    // Other users can read these files.
    workstation.write("open.key", &vendor.key);
    let certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    workstation.write("cert.pem", certificate);
    for (args, message, hint) in [
        (
            "public --key capitals.key",
            "found no `-----BEGIN PRIVATE KEY-----` line",
            "use the key file that `keygen new-key` wrote",
        ),
        (
            "public --key begin.key",
            "found no `-----BEGIN PRIVATE KEY-----` line",
            "use the key file that `keygen new-key` wrote",
        ),
        (
            "public --key delimiter.key",
            "-----BEGIN PUBLIC KEY-----",
            "",
        ),
        (
            "public --key key.jwk",
            "expected a private key in PEM, found a private key in JSON (JWK)",
            "use the file with the private key",
        ),
        ("public --key open.key", "mode 0600", "chmod 600"),
        (
            "public --key cert.pem",
            "found `CERTIFICATE`",
            "use the file with the private key",
        ),
        ("trust key.der", "found DER", "openssl x509 -inform DER"),
        ("public --key key.der", "found DER", "openssl pkcs12"),
        ("public --key nul.key", "found a NUL byte", "tr -d"),
        (
            "public --key curve.key",
            "found `EC PRIVATE KEY`",
            "RSA key",
        ),
        ("trust curve.key", "found `EC PARAMETERS`", "RSA key"),
        (
            "public --key hidden.key",
            "at line 2, character 2: expected a private key in PEM, found U+200B (zero-width space)",
            "remove this character",
        ),
        (
            "public --key dash.key",
            "at line 2, character 2: expected a private key in PEM, found U+2013",
            "remove this character",
        ),
        (
            "trust hidden.jwk",
            "JWK member `n`, character 3: expected base64url, found U+200B (zero-width space)",
            "remove this character",
        ),
    ] {
        let args = words(args);
        let run = Run::keygen(&workstation).args(&args).run();
        let output = run.all_output();
        assert!(output.contains(message), "{args:?}: {output}");
        assert!(output.contains(hint), "{args:?}: {output}");
    }
}
