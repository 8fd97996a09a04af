//! Private keys are interchangeable: OpenSSL opens the encrypted keys of `keygen`, and `keygen`
//! signs with keys of OpenSSL.

use license_tests::{Run, Scratch, Vendor, tools, words};

use crate::{decision, team_license};

#[test]
fn openssl_opens_an_encrypted_key_only_with_its_passphrase() {
    let Some(openssl) = tools::openssl() else {
        return;
    };
    let workstation = Scratch::new();
    workstation.write_private("passphrase", "correct horse\n");
    workstation.write_private("wrong", "battery staple\n");
    let new_key = words("new-key --bits 2048 --out vendor.key --passphrase-file passphrase");
    let _ = Run::keygen(&workstation).args(new_key).run().expect_code(0);
    assert!(
        workstation
            .read("vendor.key")
            .starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    );
    let public = words("public --key vendor.key --passphrase-file passphrase");
    let ours = Run::keygen(&workstation)
        .args(public)
        .run()
        .expect_code(0)
        .stdout;
    let open = |passphrase: &str| {
        let pkey = ["pkey", "-in", "vendor.key", "-pubout", "-passin"];
        openssl
            .run(&workstation)
            .args(pkey)
            .arg(format!("file:{passphrase}"))
            .run()
    };
    assert_eq!(open("passphrase").expect_code(0).stdout, ours);
    assert_ne!(open("wrong").code, Some(0));
}

#[test]
fn keys_of_openssl_sign_licenses() {
    let kinds = [
        ("RSA", &[][..], "RS256"),
        ("RSA-PSS", &PSS_RESTRICTED[..], "PS256"),
    ];
    for (kind, restrictions, algorithm) in kinds {
        let Some(key) = openssl_key(kind, restrictions) else {
            return;
        };
        let vendor = Vendor::from_key(key, &[]);
        assert_eq!(vendor.algorithm, algorithm);
        let decision = decision(&vendor, &team_license(&vendor).token());
        assert_eq!(decision.expect_code(0).json()["code"], "VALID");
    }
}

#[test]
fn a_key_of_openssl_without_an_algorithm_can_sign_with_both_algorithms() {
    let Some(key) = openssl_key("RSA", &[]) else {
        return;
    };
    for algorithm in ["RS256", "PS256"] {
        let vendor = Vendor::from_key(key.clone(), &["--alg", algorithm]);
        let issued = vendor.issue(&["--tier", "free", "--perpetual", "--alg", algorithm]);
        let verified = decision(&vendor, &issued.token()).expect_code(0);
        assert_eq!(verified.json()["code"], "VALID");
        let machine = vendor.customer_machine();
        let inspect = Run::license(&machine)
            .args(["inspect", "--json"])
            .arg(issued.token());
        let shown = inspect.run().expect_code(0).json();
        assert_eq!(shown["tokens"][0]["header"]["alg"], algorithm);
    }
}

#[test]
fn a_key_of_openssl_for_pss_signs_only_with_ps256() {
    let Some(key) = openssl_key("RSA-PSS", &PSS_RESTRICTED) else {
        return;
    };
    let workstation = Scratch::new();
    workstation.write_private("vendor.key", key);
    let issue = words("issue --key vendor.key --alg RS256 --tier free");
    let issue = Run::keygen(&workstation)
        .args(issue)
        .args(["--customer", "X", "--perpetual"]);
    let refused = issue.run().expect_failure(3);
    assert!(refused.message.contains("PS256"), "{}", refused.message);
}

#[test]
fn keygen_opens_a_key_that_openssl_encrypted() {
    let Some(openssl) = tools::openssl() else {
        return;
    };
    let vendor = Vendor::shared();
    let workstation = vendor.workstation();
    workstation.write_private("passphrase", "correct horse\n");
    let encrypt = words("pkcs8 -topk8 -v2 aes-256-cbc -in vendor.key -out encrypted.key");
    let encrypt = openssl
        .run(&workstation)
        .args(encrypt)
        .args(["-passout", "file:passphrase"]);
    let _ = encrypt.run().expect_code(0);
    workstation.write_private("encrypted.key", workstation.read("encrypted.key"));
    let public = words("public --key encrypted.key --passphrase-file passphrase");
    let public = Run::keygen(&workstation).args(public).run().expect_code(0);
    assert_eq!(public.stdout, vendor.public);
}

/// The restrictions of a key that `new-key --alg PS256` creates.
const PSS_RESTRICTED: [&str; 3] = [
    "rsa_pss_keygen_md:sha256",
    "rsa_pss_keygen_mgf1_md:sha256",
    "rsa_pss_keygen_saltlen:32",
];

/// Generates a key of 2048 bits in PKCS#8.
fn openssl_key(kind: &str, restrictions: &[&str]) -> Option<String> {
    let openssl = tools::openssl()?;
    let workstation = Scratch::new();
    let mut genpkey = openssl
        .run(&workstation)
        .args(["genpkey", "-algorithm", kind]);
    for option in ["rsa_keygen_bits:2048"].iter().chain(restrictions) {
        genpkey = genpkey.args(["-pkeyopt", option]);
    }
    Some(genpkey.run().expect_code(0).stdout)
}
