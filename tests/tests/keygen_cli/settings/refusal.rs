//! Refusals of values, and the place that each failure names.

use super::*;

/// Failures: settings file, variable, command line, exit code and end of the message.
const FAILURES: [&str; 14] = [
    "key = 'none.key' | | public | 4 | (key from keygen.toml, line 1)",
    "# | KEYGEN_KEY=none.key | public | 4 | (key from KEYGEN_KEY)",
    "key = 'four.key'\n\npassphrase_file = 'wrong' | | public | 2 | (passphrase_file from keygen.toml, line 3)",
    "key = 'four.key' | KEYGEN_PASSPHRASE_FILE=none | public | 4 | (passphrase_file from KEYGEN_PASSPHRASE_FILE)",
    "key = 'pkcs11:token=x;object=y?module-path=/none.so' | | public | 4 | (key from keygen.toml, line 1)",
    "key = 'pkcs11:object=y'\npkcs11_module = 'none.so' | | public | 4 | (pkcs11_module from keygen.toml, line 2)",
    "key = 'awskms:alias/x'\npassphrase_file = 'wrong' | | public | 2 | (passphrase_file from keygen.toml, line 2)",
    "product_file = 'broken.toml' | | product show | 3 | (product_file from keygen.toml, line 1)",
    "# | KEYGEN_PRODUCT_FILE=none.toml | product show | 4 | (product_file from KEYGEN_PRODUCT_FILE)",
    "ledger = 'none.db' | | ledger list | 4 | (ledger from keygen.toml, line 1)",
    "# | KEYGEN_LEDGER=one.key | ledger list | 3 | (ledger from KEYGEN_LEDGER)",
    "# | KEYGEN_ISSUER=\t | product show | 2 | (issuer from KEYGEN_ISSUER)",
    "key = 'one.key' | KEYGEN_ALG=none | public | 2 | (alg from KEYGEN_ALG)",
    // The user sees the value of an option.
    "# | | public --key none.key | 4 | no such file or directory",
];

#[test]
fn a_failure_names_the_place_of_the_value() {
    let workstation = workstation();
    workstation.write_private("passphrase", PASSPHRASE);
    let new_key = words("new-key --bits 2048 --out four.key --passphrase-file passphrase");
    let _ = keygen(&workstation, &new_key).expect_code(0);
    workstation.write_private("wrong", "wrong");
    workstation.write("broken.toml", "product = 7");
    for case in FAILURES {
        let parts: Vec<_> = case.split('|').collect();
        write_own(&workstation, "keygen.toml", parts[0]);
        let run = Run::keygen(&workstation).args(words(parts[2].trim()));
        let run = match parts[1].trim_matches(' ').split_once('=') {
            Some((name, value)) => run.env(name, value),
            None => run,
        };
        let run = run.env("KEYGEN_CONFIG", "keygen.toml").run();
        let error = run.expect_failure(parts[3].trim().parse().unwrap());
        assert!(
            error.message.ends_with(parts[4].trim()),
            "{case}: {error:?}"
        );
    }
}

#[test]
fn standard_input_is_only_for_options() {
    let workstation = workstation();
    for variable in [
        "KEYGEN_KEY",
        "KEYGEN_PASSPHRASE_FILE",
        "KEYGEN_PRODUCT_FILE",
        "KEYGEN_LEDGER",
    ] {
        let run = Run::keygen(&workstation).args(["public", "--key", "one.key"]);
        let error = run.env(variable, "-").run().expect_failure(2);
        assert!(error.text().starts_with(variable), "{error:?}");
    }
}
