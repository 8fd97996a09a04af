//! Settings: values in the environment and in `keygen.toml`, their precedence, and refusals.

mod file;
mod key;
mod refusal;

use std::fs;

use super::*;

/// Returns the directory of a vendor with three keys, `one.key`, `two.key` and `three.key`.
fn workstation() -> Scratch {
    let workstation = Scratch::new();
    let keys = programs::workspace().join("fixtures/keys");
    for (name, key) in [("one", "vendor"), ("two", "stranger"), ("three", "spare")] {
        let key = fs::read(keys.join(format!("{key}.pem"))).unwrap();
        workstation.write_private(&format!("{name}.key"), key);
    }
    workstation
}

/// Writes the default settings file.
fn write_settings(workstation: &Scratch, text: &str) {
    let directory = workstation.home().join(".config/keygen");
    fs::create_dir_all(&directory).unwrap();
    write_own(workstation, "home/.config/keygen/keygen.toml", text);
}

/// Writes a file that only its owner can change, whatever the umask is.
fn write_own(workstation: &Scratch, name: &str, text: &str) {
    workstation.write_private(name, text);
}

/// Runs `keygen config --json`, and returns the report.
fn config(workstation: &Scratch, variables: &[(&str, &str)], options: &[&str]) -> Value {
    let run = Run::keygen(workstation).args(["config", "--json"]);
    let run = with_variables(run, variables).args(options);
    run.run().expect_code(0).json()
}

fn with_variables<'s>(run: Run<'s>, variables: &[(&str, &str)]) -> Run<'s> {
    let variables = variables.iter();
    variables.fold(run, |run, (name, value)| run.env(name, value))
}

/// Returns the value and the source of a setting in a report, such as `["one.key", "variable"]`.
/// A path is relative to the directory of the workstation.
fn setting(report: &Value, name: &str, workstation: &Scratch) -> [Option<String>; 2] {
    let setting = &report["settings"][name];
    let directory = format!("{}/", workstation.path().display());
    ["value", "source"].map(|member| {
        let text = setting[member].as_str()?;
        Some(text.replace(&directory, ""))
    })
}

/// The settings, each with its variable and its option.
const SETTINGS: [(&str, &str, Option<&str>); 7] = [
    ("key", "KEYGEN_KEY", Some("--key")),
    (
        "passphrase_file",
        "KEYGEN_PASSPHRASE_FILE",
        Some("--passphrase-file"),
    ),
    ("alg", "KEYGEN_ALG", Some("--alg")),
    ("pkcs11_module", "KEYGEN_PKCS11_MODULE", None),
    (
        "product_file",
        "KEYGEN_PRODUCT_FILE",
        Some("--product-file"),
    ),
    ("issuer", "KEYGEN_ISSUER", Some("--issuer")),
    ("ledger", "KEYGEN_LEDGER", Some("--ledger")),
];

#[cfg(target_os = "linux")]
#[test]
fn each_setting_comes_from_its_variable_or_else_from_the_file() {
    let workstation = workstation();
    for (name, variable, _) in SETTINGS {
        let (in_file, in_variable) = match name {
            "alg" => ("RS256", "PS256"),
            _ => ("one", "two"),
        };
        let line = format!("\n\n{name} = \"{in_file}\"\n");
        write_settings(&workstation, &line);
        let in_directory = match name {
            "alg" | "issuer" => in_file.to_owned(),
            _ => format!("home/.config/keygen/{in_file}"),
        };
        let report = config(&workstation, &[], &[]);
        let expected = [Some(in_directory), Some("file".to_owned())];
        assert_eq!(setting(&report, name, &workstation), expected);
        assert_eq!(report["settings"][name]["line"], 3, "{name}");
        // An empty variable counts as not set.
        let empty = config(&workstation, &[(variable, "")], &[]);
        assert_eq!(empty, report, "{name}");
        let report = config(&workstation, &[(variable, in_variable)], &[]);
        let expected = [Some(in_variable.to_owned()), Some("variable".to_owned())];
        assert_eq!(setting(&report, name, &workstation), expected);
        assert_eq!(report["settings"][name]["variable"], variable);
        let unused = json!([{"source": "file", "variable": null, "line": 3, "setting": name}]);
        assert_eq!(report["unused"], unused);
    }
}

/// Returns the id of the key that `keygen public` opens.
fn key_id(workstation: &Scratch, variables: &[(&str, &str)], options: &[&str]) -> String {
    let run = Run::keygen(workstation).args(["public", "--json"]);
    let run = with_variables(run, variables).args(options);
    let report = run.run().expect_code(0).json();
    report["kid"].as_str().unwrap().to_owned()
}

#[test]
fn an_option_precedes_a_variable_and_a_variable_precedes_the_file() {
    let workstation = workstation();
    let ids =
        ["one.key", "two.key", "three.key"].map(|key| key_id(&workstation, &[], &["--key", key]));
    write_own(
        &workstation,
        "keygen.toml",
        "key = \"one.key\"\nproduct_file = \"one.toml\"\n",
    );
    let settings = [("KEYGEN_CONFIG", "keygen.toml")];
    let both = [settings[0], ("KEYGEN_KEY", "two.key")];
    assert_eq!(key_id(&workstation, &settings, &[]), ids[0]);
    assert_eq!(key_id(&workstation, &both, &[]), ids[1]);
    assert_eq!(key_id(&workstation, &both, &["--key", "three.key"]), ids[2]);
    for (file, product) in [("one", "ONE"), ("two", "TWO"), ("three", "THREE")] {
        workstation.write(&format!("{file}.toml"), WIDGET.replace("WIDGET", product));
    }
    let both = [settings[0], ("KEYGEN_PRODUCT_FILE", "two.toml")];
    for (variables, file, product) in [
        (&settings[..], &[][..], "ONE"),
        (&both, &[], "TWO"),
        (&both, &["three.toml"], "THREE"),
    ] {
        let run = Run::keygen(&workstation).args(["product", "show", "--json"]);
        let report = with_variables(run, variables)
            .args(file)
            .run()
            .expect_code(0);
        assert_eq!(report.json()["product"], product);
    }
}

/// Returns the claim `iss` of a license that is issued with these variables and options.
fn issuer(workstation: &Scratch, variables: &[(&str, &str)], options: &[&str]) -> Value {
    let issue = words("issue --key one.key --tier pro --customer ACME --perpetual --json");
    let run = Run::keygen(workstation).args(issue).args(options);
    let report = with_variables(run, variables).run().expect_code(0).json();
    payload(report["token"].as_str().unwrap())["iss"].clone()
}

#[test]
fn the_issuer_of_the_settings_precedes_the_issuer_of_the_product() {
    let workstation = workstation();
    write_settings(&workstation, "issuer = \"Photon GmbH\"");
    let variable = [("KEYGEN_ISSUER", "Photon Ltd")];
    assert_eq!(issuer(&workstation, &[], &["--no-config"]), "CODITECT");
    assert_eq!(issuer(&workstation, &[], &[]), "Photon GmbH");
    assert_eq!(issuer(&workstation, &variable, &[]), "Photon Ltd");
    assert_eq!(
        issuer(&workstation, &variable, &["--issuer", "Photon Inc"]),
        "Photon Inc"
    );
    // Other artifacts have the same issuer.
    workstation.write("orders.csv", "customer,tier,days\nACME,pro,30\n");
    let batch = words("batch orders.csv --key one.key --out licenses");
    let _ = keygen(&workstation, &batch).expect_code(0);
    let licenses = fs::read_dir(workstation.file("licenses")).unwrap();
    let mut licenses = licenses.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let license = licenses
        .find(|text| text.starts_with("-----BEGIN"))
        .unwrap();
    let token: String = license
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    assert_eq!(payload(&token)["iss"], "Photon GmbH");
    let list = words("revocations --key one.key --json");
    let report = keygen(&workstation, &list).expect_code(0).json();
    assert_eq!(
        payload(report["token"].as_str().unwrap())["iss"],
        "Photon GmbH"
    );
}

#[test]
fn every_command_uses_the_settings() {
    let workstation = workstation();
    workstation.write("product.toml", WIDGET);
    let settings = "key = \"one.key\"\nproduct_file = \"product.toml\"\nissuer = \"Works\"\nledger = \"l.db\"\n";
    write_own(&workstation, "keygen.toml", settings);
    workstation.write("orders.csv", "customer,tier,days\nACME,shop,30\n");
    let run = |line: &str| {
        let run = Run::keygen(&workstation).args(words(line));
        let run = run.env("KEYGEN_CONFIG", "keygen.toml").run();
        run.expect_code(0).stdout
    };
    let _ = run("public --format jwk --out one.jwk");
    let key = words("public --key two.key --format jwk --out two.jwk");
    let _ = keygen(&workstation, &key).expect_code(0);
    let _ = run("trust one.jwk --out trust.jwks");
    let _ =
        run("issue --tier shop --customer ACME --days 30 --activation --user ann --out acme.lic");
    for line in [
        "trial --customer New --tier shop --days 7 --out trial.lic",
        "check-in acme.lic --out validation.lic",
        "upgrade acme.lic --tier site --dry-run",
        "renew acme.lic --days 30 --out next.lic",
        "batch orders.csv --out licenses",
        "enterprise-key --company ACME --seats 5 --perpetual --out acme.key",
        "revocations --out list.lic",
        "rotate --introduce two.jwk --out rotate.lic",
        "bundle acme.lic validation.lic --out bundle.lic",
        "diff acme.lic next.lic",
        "ledger list",
        "ledger stats",
        "ledger import acme.lic --trust trust.jwks",
        "ledger verify",
        "revoke acme.lic --reason test --dry-run",
        "usage summary",
        "product show",
    ] {
        let _ = run(line);
    }
    // The list names the licenses without a renewal: the trial and the license of the batch.
    workstation.write("due.csv", run("ledger expiring --within 400d --csv"));
    let renewed = run("renew --from due.csv --days 30 --out renewals");
    assert!(renewed.contains("WIDGET"), "{renewed}");
    assert!(workstation.file("l.db").is_file());
    assert_eq!(fs::read_dir(workstation.home()).unwrap().count(), 0);
    let license = workstation.read("licenses/manifest.csv");
    assert!(license.contains("WIDGET-"), "{license}");
}

#[test]
fn config_shows_each_setting_and_its_place_as_text() {
    let workstation = workstation();
    let settings =
        "# Photon\nkey = \"pkcs11:token=x?pin-value=1234\"\nissuer = \"Photon \u{202e}GmbH\"\n";
    write_own(&workstation, "keygen.toml", settings);
    let run = Run::keygen(&workstation).args(["config", "--config", "keygen.toml"]);
    let run = with_variables(
        run,
        &[
            ("KEYGEN_KEY", "one.key"),
            ("KEYGEN_PRODUCT_FILE", "no.toml"),
            ("KEYGEN_LEGDER", "secret"),
            ("KEYGEN_ACCOUNT", "secret"),
        ],
    );
    let shown = run.args(["--ledger", "l.db"]).run().expect_code(0);
    let expected = "file: keygen.toml

SETTING          VALUE                     FROM
key              one.key                   KEYGEN_KEY
passphrase_file  a prompt                  default
alg              the key's                 default
pkcs11_module    none                      default
product_file     no.toml (does not exist)  KEYGEN_PRODUCT_FILE
issuer           Photon \\u{202e}GmbH       file, line 3
ledger           l.db (does not exist)     option
";
    assert_eq!(shown.stdout, expected);
    let notes = "warning: UNKNOWN_VARIABLE: KEYGEN_ACCOUNT is not a variable of this program
warning: UNKNOWN_VARIABLE: KEYGEN_LEGDER is not a variable of this program; did you mean KEYGEN_LEDGER?
not used: key from keygen.toml, line 2
";
    assert_eq!(shown.stderr, notes);
    let report = config(
        &workstation,
        &[],
        &["--config", "keygen.toml", "--no-ledger"],
    );
    assert_eq!(report["settings"]["key"]["value"], "pkcs11:token=x?…");
    assert_eq!(report["settings"]["ledger"]["value"], Value::Null);
    let file = json!({"path": "keygen.toml", "exists": true, "source": "option"});
    assert_eq!(report["file"], file);
    assert_eq!(report["unknown_variables"], json!([]));
}

#[test]
fn the_help_of_each_option_names_its_variable_and_its_member() {
    let workstation = Scratch::new();
    let help = |command: &str| {
        let help = keygen(&workstation, &[command, "--help"])
            .expect_code(0)
            .stdout;
        help.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let (issue, config) = (help("issue"), help("config"));
    for (member, variable, option) in SETTINGS {
        let names = format!("[env: {variable}; keygen.toml: {member}]");
        match option {
            Some(option) => {
                assert!(issue.contains(&names), "{issue}");
                assert!(
                    config.contains(&format!("{option} {variable} {member}")),
                    "{config}"
                );
            }
            None => assert!(config.contains(&format!("{variable} {member}")), "{config}"),
        }
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = keygen(&workstation, &["completions", shell])
            .expect_code(0)
            .stdout;
        assert!(
            script.contains("no-config") && script.contains("config"),
            "{shell}"
        );
    }
    let top = keygen(&workstation, &["--help"]).expect_code(0).stdout;
    assert!(
        top.contains("keygen config") && top.contains("KEYGEN_CONFIG"),
        "{top}"
    );
}
