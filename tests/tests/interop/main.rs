//! Independent verifiers and OpenSSL accept the signatures of `keygen`, and `license` accepts
//! tokens that PyJWT and jose sign. Each test uses keys of all three sizes for both algorithms.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and prints the key it used"
)]

mod leases;
mod license_by_hand;
mod private_key;
mod product_schema;
mod qr_codes;
mod verifiers;

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use license_tests::tools::{self, Library, Tool};
use license_tests::vendor::{IssuedLicense, changed_at, payload};
use license_tests::{Run, RunOutput, Scratch, Vendor};
use serde_json::{Value, json};

use verifiers::verifiers;

const PRODUCT: &str = "CODITECT";
/// An instant at which all licenses of these tests are valid.
const NOW: &str = "2025-06-01T12:00:00Z";

/// Vendors with keys of all sizes and algorithms, created once.
static VENDORS: LazyLock<Vec<Vendor>> = LazyLock::new(|| {
    let sizes = ["2048", "3072", "4096"];
    let keys = sizes
        .iter()
        .flat_map(|bits| [(*bits, "RS256"), (*bits, "PS256")]);
    keys.map(|(bits, algorithm)| Vendor::with_new_key(bits, algorithm))
        .collect()
});

/// Calls the test with each vendor. Prints the key, which the output of a failed test shows.
fn each_vendor(mut test: impl FnMut(&Vendor)) {
    for vendor in &*VENDORS {
        println!("{} of {} bits", vendor.algorithm, vendor.bits);
        test(vendor);
    }
}

#[test]
fn keys_have_the_requested_size_and_algorithm() {
    let requested = [2048, 3072, 4096].map(|bits| [(bits, "RS256"), (bits, "PS256")]);
    let created = VENDORS.iter().map(|key| (key.bits, key.algorithm.as_str()));
    assert!(created.eq(requested.concat()));
}

/// Each verifier runs once, with the files of all vendors.
#[test]
fn the_verifiers_agree_about_what_keygen_issues() {
    let Some(verifiers) = verifiers() else { return };
    let scratch = Scratch::new();
    let (mut arguments, mut expected) = (Vec::new(), Vec::new());
    each_vendor(|vendor| {
        let trust = scratch.write(&format!("{}.jwks", vendor.kid), &vendor.trust);
        arguments.push(format!("--trust={}", trust.display()));
        let mut add = |name: &str, file: &str, code: &str, claims: Option<Value>| {
            let name = format!("{}-{name}", vendor.kid);
            scratch.write(&name, file);
            expected.push((name.clone(), code.to_owned(), claims));
            arguments.push(name);
        };
        let issued = team_license(vendor);
        add(
            "license",
            &issued.file,
            "VALID",
            Some(inspected_claims(vendor, &issued)),
        );
        add(
            "changed",
            &with_tier_ent(&issued.token()),
            "BAD_SIGNATURE",
            None,
        );
        let validation = validation_token(vendor, &issued);
        let with = |label: &str, token: &str| issued.file.clone() + &verifiers::block(label, token);
        let changed = with_tier_ent(&validation);
        let changed = with("LICENSE VALIDATION", &changed);
        add(
            "suspended",
            &with("LICENSE VALIDATION", &validation),
            "SUSPENDED",
            None,
        );
        add("validation-changed", &changed, "BAD_SIGNATURE", None);
        add(
            "validation-as-license",
            &with("LICENSE", &validation),
            "MALFORMED",
            None,
        );
    });
    for verifier in verifiers {
        let settings = [format!("--at={NOW}"), format!("--product={PRODUCT}")];
        let answers = verifier.answers(&scratch, settings.iter().chain(&arguments));
        assert_eq!(answers.len(), expected.len());
        for (answer, (name, code, claims)) in answers.iter().zip(&expected) {
            assert_eq!(
                &(&answer.file, &answer.code),
                &(name, code),
                "{}",
                verifier.name
            );
            if let Some(claims) = claims {
                assert_eq!(&answer.claims, claims, "{}", verifier.name);
            }
        }
    }
}

/// Returns the claims of a license as `license inspect` shows them, and the id of the key as `kid`.
fn inspected_claims(vendor: &Vendor, issued: &IssuedLicense) -> Value {
    let machine = vendor.customer_machine();
    machine.write("acme.lic", &issued.file);
    let inspect = Run::license(&machine).args(["inspect", "--json", "acme.lic"]);
    let shown = inspect.run().expect_code(0).json();
    assert_eq!(shown["tokens"][0]["header"], header(vendor));
    let mut claims = shown["tokens"][0]["claims"].clone();
    assert_eq!(
        claims["sub"], "Žofie & Söhne",
        "claims are shown without changes"
    );
    claims["kid"] = vendor.kid.clone().into();
    claims
}

/// Issues a validation token that suspends the license.
fn validation_token(vendor: &Vendor, issued: &IssuedLicense) -> String {
    let workstation = vendor.workstation();
    workstation.write("acme.lic", &issued.file);
    let check_in = ["check-in", "--key", "vendor.key", "acme.lic", "--json"];
    let check_in = Run::keygen(&workstation).args(check_in);
    let check_in = check_in.args(["--nonce", "4711", "--status", "suspended"]);
    let report = check_in.run().expect_code(0).json();
    let token = report["validations"][0]["token"].as_str().unwrap();
    assert_eq!(payload(token)["nonce"], "4711");
    token.to_owned()
}

#[test]
fn openssl_verifies_the_signature_of_a_license_over_header_and_payload() {
    let Some(openssl) = tools::openssl() else {
        return;
    };
    each_vendor(|vendor| {
        let token = team_license(vendor).token();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        verify_by_openssl(openssl, vendor, signed, signature).expect_code(0);
        let other = changed_at(signed, signed.len() - 1);
        verify_by_openssl(openssl, vendor, &other, signature).expect_code(1);
    });
}

#[test]
fn openssl_verifies_an_enterprise_key_over_the_text_before_the_fifth_hyphen() {
    let Some(openssl) = tools::openssl() else {
        return;
    };
    each_vendor(|vendor| {
        let key = vendor.enterprise_key();
        let signature = key.splitn(6, '-').last().unwrap();
        let signed = "CODITECT-ENT-ACME-100-20301231";
        assert_eq!(key, format!("{signed}-{signature}"));
        verify_by_openssl(openssl, vendor, signed, signature).expect_code(0);
        let more = "CODITECT-ENT-ACME-900-20301231";
        verify_by_openssl(openssl, vendor, more, signature).expect_code(1);
        let decision = decision(vendor, &key).expect_code(0).json();
        assert_eq!(decision["code"], "VALID");
    });
}

#[test]
fn a_token_that_pyjwt_or_jose_signs_with_the_claims_of_a_license_is_valid() {
    let Some(libraries) = libraries() else { return };
    each_vendor(|vendor| {
        let claims = team_license(vendor).claims();
        for library in libraries {
            let Some(token) = sign(library, vendor, &claims) else {
                return;
            };
            assert_eq!(payload(&token), claims);
            let decision = decision(vendor, &token).expect_code(0).json();
            assert_eq!(decision["code"], "VALID");
            assert_eq!(decision["license_id"], claims["jti"]);
        }
    });
}

#[test]
fn a_changed_token_of_pyjwt_or_jose_is_refused() {
    let Some(libraries) = libraries() else { return };
    each_vendor(|vendor| {
        let claims = team_license(vendor).claims();
        for library in libraries {
            let Some(token) = sign(library, vendor, &claims) else {
                return;
            };
            let refused = decision(vendor, &with_tier_ent(&token));
            assert_eq!(refused.expect_json_failure(3), "BAD_SIGNATURE");
        }
    });
}

#[test]
fn a_token_of_pyjwt_or_jose_with_the_wrong_algorithm_for_the_key_is_refused() {
    let Some(libraries) = libraries() else { return };
    each_vendor(|vendor| {
        let other = if vendor.algorithm == "RS256" {
            "PS256"
        } else {
            "RS256"
        };
        let claims = team_license(vendor).claims();
        for library in libraries {
            let Some(key) = plain_key(vendor) else { return };
            let token = sign_with_key(library, &key, other, &vendor.kid, &claims);
            assert_eq!(
                decision(vendor, &token).expect_json_failure(3),
                "BAD_SIGNATURE"
            );
        }
    });
}

#[test]
fn the_key_id_is_the_thumbprint_that_jose_computes() {
    let Some(jose) = tools::jose() else { return };
    each_vendor(|vendor| {
        let scratch = Scratch::new();
        scratch.write("vendor.jwk", vendor.jwk.to_string());
        let printed = jose.thumbprint(&scratch).arg("vendor.jwk").run();
        assert_eq!(printed.expect_code(0).stdout.trim(), vendor.kid);
        assert_eq!(vendor.jwk["kid"], vendor.kid);
    });
}

#[test]
fn openssl_verifies_both_signatures_of_a_retirement() {
    let Some(openssl) = tools::openssl() else {
        return;
    };
    let successor = Vendor::shared();
    each_vendor(|vendor| {
        let workstation = vendor.workstation();
        workstation.write_private("successor.key", &successor.key);
        let rotate = ["rotate", "--key", "vendor.key", "--json", "--retire"];
        let rotate = Run::keygen(&workstation).args(rotate);
        let rotate = rotate.args(["--with", "successor.key"]).run();
        let report = rotate.expect_code(0).json();
        let outer = report["statements"][0]["token"]
            .as_str()
            .unwrap()
            .to_owned();
        let inner = payload(&outer)["statement"].as_str().unwrap().to_owned();
        for (token, signer, other) in [(outer, successor, vendor), (inner, vendor, successor)] {
            let (signed, signature) = token.rsplit_once('.').unwrap();
            let verify_with = |key| verify_by_openssl(openssl, key, signed, signature);
            let _ = verify_with(signer).expect_code(0);
            let _ = verify_with(other).expect_code(1);
        }
    });
}

/// Returns PyJWT and jose, or `None` if one of them is not installed.
fn libraries() -> Option<[&'static Library; 2]> {
    let (python, node) = (tools::pyjwt(), tools::jose());
    Some([python?, node?])
}

/// Issues a license that has claims of all kinds and is valid until the end of 2999.
fn team_license(vendor: &Vendor) -> IssuedLicense {
    let options = [
        ["--tier", "team"],
        ["--customer", "Žofie & Söhne"],
        ["--expires", "2999-12-31"],
        ["--seats", "20"],
        ["--quota", "agents=-1"],
        ["--add-feature", "early_access"],
        ["--company", "ZOFIE"],
    ];
    vendor.issue(&[&["--offline"], options.as_flattened()].concat())
}

fn header(vendor: &Vendor) -> Value {
    json!({"alg": vendor.algorithm, "kid": vendor.kid, "typ": "license+jwt"})
}

/// Returns the token with another tier in its payload.
fn with_tier_ent(token: &str) -> String {
    let mut claims = payload(token);
    assert_eq!(claims["tier"], "TEAM");
    claims["tier"] = "ENT".into();
    let parts: Vec<_> = token.split('.').collect();
    [parts[0], &BASE64URL.encode(claims.to_string()), parts[2]].join(".")
}

fn sign(library: &Library, vendor: &Vendor, claims: &Value) -> Option<String> {
    let (algorithm, kid) = (&vendor.algorithm, &vendor.kid);
    let key = plain_key(vendor)?;
    Some(sign_with_key(library, &key, algorithm, kid, claims))
}

fn sign_with_key(
    library: &Library,
    key: &str,
    algorithm: &str,
    kid: &str,
    claims: &Value,
) -> String {
    let workstation = Scratch::new();
    workstation.write_private("plain.key", key);
    workstation.write("claims.json", claims.to_string());
    let sign = library
        .sign(&workstation)
        .args(["plain.key", algorithm, kid, "claims.json"]);
    sign.run().expect_code(0).stdout.trim().to_owned()
}

/// Returns the key without its restriction to one algorithm, because jose cannot parse the
/// restriction.
///
/// OpenSSL extracts the RSA key from the PKCS#8 container and writes it to a new container.
fn plain_key(vendor: &Vendor) -> Option<String> {
    let openssl = tools::openssl()?;
    let workstation = vendor.workstation();
    let run = |args: &[&str]| {
        openssl
            .run(&workstation)
            .args(args)
            .run()
            .expect_code(0)
            .stdout
    };
    let outline = run(&["asn1parse", "-in", "vendor.key"]);
    let numbers = outline
        .lines()
        .find(|line| line.contains("OCTET STRING"))
        .unwrap();
    let offset = numbers.split(':').next().unwrap().trim();
    run(&[
        "asn1parse",
        "-in",
        "vendor.key",
        "-strparse",
        offset,
        "-noout",
        "-out",
        "numbers.der",
    ]);
    Some(run(&["pkey", "-inform", "DER", "-in", "numbers.der"]))
}

/// Verifies a signature (base64url) of the vendor with OpenSSL.
fn verify_by_openssl(openssl: &Tool, vendor: &Vendor, signed: &str, signature: &str) -> RunOutput {
    verify_digest(
        openssl,
        &vendor.algorithm,
        &vendor.public,
        signed,
        signature,
    )
}

/// Verifies a signature (base64url) with OpenSSL and a public key in PEM.
fn verify_digest(
    openssl: &Tool,
    algorithm: &str,
    key: &str,
    signed: &str,
    signature: &str,
) -> RunOutput {
    let machine = Scratch::new();
    machine.write("key.pem", key);
    machine.write("signed", signed);
    machine.write("signature", BASE64URL.decode(signature).unwrap());
    let pss = [
        "rsa_padding_mode:pss",
        "rsa_pss_saltlen:32",
        "rsa_mgf1_md:sha256",
    ];
    let options = if algorithm == "PS256" { &pss[..] } else { &[] };
    let mut digest = openssl
        .run(&machine)
        .args(["dgst", "-sha256", "-verify", "key.pem"]);
    for option in options {
        digest = digest.args(["-sigopt", option]);
    }
    digest.args(["-signature", "signature", "signed"]).run()
}

fn decision(vendor: &Vendor, license: &str) -> RunOutput {
    let machine = vendor.customer_machine();
    let verify = ["verify", "--json", "--trust", "trust.jwks", "--at", NOW];
    Run::license(&machine).args(verify).arg(license).run()
}
