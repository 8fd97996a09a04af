//! Tests of private keys at rest, and of their exchange with OpenSSL.

use super::super::error::ErrorCategory;
use super::*;
use pbes2::{EncryptionScheme, Salt};
use std::io::{self, Write};
use std::process::{Command, Stdio};

const ENTROPY: EncryptionEntropy = EncryptionEntropy {
    salt: [1; 16],
    iv: [2; 16],
};

/// Returns an Ed25519 private key (RFC 8410 section 7), which is short.
fn key() -> Vec<u8> {
    let header = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
    [header.as_slice(), &[7; 32]].concat()
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(Zeroizing::new(text.into())).unwrap()
}

fn correct() -> Passphrase {
    passphrase("correct horse")
}

fn not_requested() -> Passphrase {
    panic!("the passphrase was requested")
}

/// Opens a private key. Requests the passphrase only if the key is encrypted.
fn open(
    pem: &str,
    passphrase: impl FnOnce() -> Passphrase,
) -> Result<Zeroizing<Vec<u8>>, PrivateKeyError> {
    match StoredKey::parse(pem)? {
        StoredKey::Plain(der) => Ok(der),
        StoredKey::Encrypted(key) => key.decrypt(&passphrase()),
    }
}

fn encrypted() -> Zeroizing<String> {
    encrypt(&key(), &passphrase("correct horse"), &ENTROPY).unwrap()
}

#[test]
fn an_encrypted_key_opens_with_its_passphrase() {
    let pem = encrypted();
    assert!(pem.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
    assert_eq!(*open(&pem, correct).unwrap(), key());
}

#[test]
fn a_plain_key_opens_without_a_passphrase() {
    let pem = to_plain_pem(&key()).unwrap();
    assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    assert_eq!(*open(&pem, not_requested).unwrap(), key());
}

#[test]
fn a_wrong_passphrase_is_detected_even_if_the_padding_is_valid() {
    let pem = cheaply_encrypted();
    for number in 0..1000 {
        let error = open(&pem, || passphrase(&format!("wrong {number}"))).unwrap_err();
        assert_eq!(
            (error.advice().category, error.advice().code),
            (ErrorCategory::Request, "WRONG_PASSPHRASE")
        );
        // The message does not contain the passphrase.
        assert!(!error.to_string().contains("wrong"));
    }
    assert_eq!(*open(&pem, correct).unwrap(), key());
}

#[test]
fn different_entropy_produces_a_different_file() {
    let other = EncryptionEntropy {
        salt: [3; 16],
        iv: [2; 16],
    };
    let again = encrypt(&key(), &passphrase("correct horse"), &other).unwrap();
    assert_ne!(*again, *encrypted());
}

#[test]
fn line_endings_and_text_around_the_key_do_not_matter() {
    let pem = to_plain_pem(&key()).unwrap();
    let around = format!("Key of Acme:\n\n{}\n\n -- kept in the safe\n", *pem);
    for variant in [pem.replace('\n', "\r\n"), pem.trim_end().into(), around] {
        assert_eq!(*open(&variant, not_requested).unwrap(), key());
    }
    let crlf = encrypted().replace('\n', "\r\n");
    assert_eq!(*open(&crlf, correct).unwrap(), key());
}

#[test]
fn a_truncated_key_is_malformed_and_never_a_wrong_passphrase() {
    for pem in [encrypted(), to_plain_pem(&key()).unwrap()] {
        // The hyphens at the end are no part of the key.
        let end = pem.trim_end().trim_end_matches('-').len();
        for length in 0..=end {
            let error = open(&pem[..length], not_requested).unwrap_err();
            assert_eq!(error.advice().code, "MALFORMED", "{length}");
        }
    }
}

#[test]
fn a_key_with_a_missing_line_is_malformed() {
    let pem = encrypted();
    let lines: Vec<&str> = pem.lines().collect();
    for missing in 1..lines.len() - 1 {
        let mut rest = lines.clone();
        rest.remove(missing);
        assert_eq!(
            open(&rest.join("\n"), not_requested)
                .unwrap_err()
                .advice()
                .code,
            "MALFORMED"
        );
    }
}

#[test]
fn two_keys_in_one_file_are_refused() {
    let two = format!("{}{}", *to_plain_pem(&key()).unwrap(), *encrypted());
    assert!(
        open(&two, not_requested)
            .unwrap_err()
            .to_string()
            .contains("several")
    );
}

#[test]
fn other_key_formats_are_refused_with_the_command_that_converts_them() {
    let pkcs1 = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n";
    let legacy = pkcs1.replace(
        "MIIB",
        "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMIIB",
    );
    for pem in [pkcs1, &legacy] {
        let error = open(pem, not_requested).unwrap_err();
        assert_eq!(error.advice().code, "UNSUPPORTED");
        assert!(
            error.to_string().contains("found `RSA PRIVATE KEY`"),
            "{error}"
        );
        assert!(error.advice().hint.contains("openssl pkcs8 -topk8"));
    }
}

#[test]
fn a_public_key_is_refused_without_a_conversion_command() {
    let public = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n";
    let error = open(public, not_requested).unwrap_err();
    assert_eq!(error.advice().hint, "use the file with the private key");
}

#[test]
fn bytes_that_are_not_a_private_key_are_refused() {
    for der in [&b""[..], b"\x30\x00", b"not a key"] {
        let error = encrypt(der, &passphrase("x"), &ENTROPY).unwrap_err();
        assert_eq!(error.advice().code, "MALFORMED");
        assert_eq!(to_plain_pem(der).unwrap_err().advice().code, "MALFORMED");
    }
}

fn pem_with(kdf: Kdf, encrypted_data: &[u8]) -> Zeroizing<String> {
    let encryption = EncryptionScheme::Aes256Cbc { iv: ENTROPY.iv };
    let encryption_algorithm = pbes2::Parameters { kdf, encryption }.into();
    let info = EncryptedPrivateKeyInfoRef {
        encryption_algorithm,
        encrypted_data: OctetStringRef::new(encrypted_data).unwrap(),
    };
    let document = SecretDocument::try_from(info).unwrap();
    document.to_pem(ENCRYPTED, LineEnding::LF).unwrap()
}

fn scrypt(cost_parameter: u64, block_size: u16, parallelization: u16) -> Kdf {
    Kdf::Scrypt(ScryptParams {
        salt: Salt::new([1; 16]).unwrap(),
        cost_parameter,
        block_size,
        parallelization,
        key_length: None,
    })
}

fn pbkdf2(iteration_count: u32) -> Kdf {
    let prf = pbes2::Pbkdf2Prf::HmacWithSha256;
    Kdf::Pbkdf2(Pbkdf2Params {
        salt: Salt::new([1; 16]).unwrap(),
        iteration_count,
        key_length: None,
        prf,
    })
}

fn cheaply_encrypted() -> Zeroizing<String> {
    let encryption = EncryptionScheme::Aes256Cbc { iv: ENTROPY.iv };
    let scheme = pbes2::Parameters {
        kdf: pbkdf2(1),
        encryption,
    };
    pem_with(pbkdf2(1), &scheme.encrypt("correct horse", &key()).unwrap())
}

#[test]
fn hostile_parameters_are_refused_before_the_passphrase_is_requested() {
    let hostile = [
        (
            scrypt(1 << 21, 8, 1),
            "at most 1073741824 bytes of memory, found 2147483648",
        ),
        (scrypt(1 << 62, 65535, 65535), "found 18446744073709551615"),
        (scrypt(1 << 20, 8, 5), "at most 33554432, found 41943040"),
        (scrypt(0, 8, 1), "found N=0 r=8 p=1"),
        (scrypt(1, 8, 1), "found N=1 r=8 p=1"),
        (scrypt(1000, 8, 1), "found N=1000 r=8 p=1"),
        (scrypt(1024, 0, 1), "found N=1024 r=0 p=1"),
        (scrypt(1024, 8, 0), "found N=1024 r=8 p=0"),
        (
            pbkdf2(10_000_001),
            "1 to 10000000 iterations, found 10000001",
        ),
        (pbkdf2(u32::MAX), "found 4294967295"),
        (pbkdf2(0), "found 0"),
    ];
    for (kdf, expected) in hostile {
        let error = open(&pem_with(kdf, &[0; 64]), not_requested).unwrap_err();
        assert_eq!(
            (error.advice().category, error.advice().code),
            (ErrorCategory::Key, "UNSUPPORTED")
        );
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn the_largest_allowed_parameters_are_accepted() {
    check_cost(&scrypt(1 << 20, 8, 4)).unwrap();
    check_cost(&scrypt(1 << 17, 8, 1)).unwrap();
    check_cost(&pbkdf2(10_000_000)).unwrap();
}

#[test]
fn encrypted_data_with_a_partial_block_is_malformed() {
    for length in [0, 1, 15, 17] {
        let pem = pem_with(scrypt(1024, 8, 1), &vec![0; length]);
        assert_eq!(
            open(&pem, not_requested).unwrap_err().advice().code,
            "MALFORMED"
        );
    }
}

#[test]
fn a_derived_key_of_another_length_is_refused() {
    let kdf = Kdf::Scrypt(ScryptParams {
        salt: Salt::new([1]).unwrap(),
        cost_parameter: 2,
        block_size: 8,
        parallelization: 1,
        key_length: Some(65535),
    });
    assert_eq!(
        open(&pem_with(kdf, &[0; 16]), correct)
            .unwrap_err()
            .advice()
            .code,
        "UNSUPPORTED"
    );
}

/// Returns whether OpenSSL is installed. Panics if OpenSSL is missing and the tests require it.
fn has_openssl() -> bool {
    let version = Command::new("openssl").arg("version").output();
    let found = version.is_ok_and(|output| output.stdout.starts_with(b"OpenSSL "));
    if !found {
        assert!(
            std::env::var_os("LICENSE_TESTS_REQUIRE_TOOLS").is_none(),
            "openssl is missing"
        );
        writeln!(
            io::stderr(),
            "SKIPPED: exchange of keys with openssl: openssl is missing"
        )
        .unwrap();
    }
    found
}

fn openssl(arguments: &str, input: &str) -> String {
    let mut child = Command::new("openssl")
        .args(arguments.split(' '))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

fn rsa_key() -> String {
    openssl(
        "genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048",
        "",
    )
}

#[test]
fn openssl_opens_the_keys_that_this_module_writes() {
    if !has_openssl() {
        return;
    }
    let original = rsa_key();
    let der = open(&original, not_requested).unwrap();
    assert_eq!(*to_plain_pem(&der).unwrap(), original);
    let ours = encrypt(&der, &passphrase("correct-horse"), &ENTROPY).unwrap();
    assert_eq!(openssl("pkey -passin pass:correct-horse", &ours), original);
    assert_eq!(openssl("pkey", &to_plain_pem(&der).unwrap()), original);
}

#[test]
fn keys_that_openssl_encrypts_are_opened() {
    if !has_openssl() {
        return;
    }
    let original = rsa_key();
    let der = open(&original, not_requested).unwrap();
    for options in [
        "-scrypt",
        "-v2 aes-256-cbc",
        "-v2 aes-128-cbc -v2prf hmacWithSHA512",
    ] {
        let theirs = openssl(
            &format!("pkcs8 -topk8 {options} -passout pass:secret"),
            &original,
        );
        let opened = open(&theirs, || passphrase("secret")).unwrap();
        assert_eq!(*opened, *der, "{options}");
    }
}

#[test]
fn an_older_encryption_of_openssl_is_refused_with_a_hint_that_converts_the_key() {
    if !has_openssl() {
        return;
    }
    let original = rsa_key();
    for options in [
        "-v2 aes-256-cbc -v2prf hmacWithSHA1",
        "-v2 des3",
        "-v1 PBE-SHA1-3DES",
    ] {
        let theirs = openssl(
            &format!("pkcs8 -topk8 {options} -passout pass:secret"),
            &original,
        );
        let error = open(&theirs, || passphrase("secret")).unwrap_err();
        assert_eq!(error.advice().code, "UNSUPPORTED", "{error}");
        let hint = error.advice().hint;
        let (_, command) = hint.split_once("openssl ").unwrap();
        let options = command.replace(" -in OLD.pem -out NEW.pem", "");
        let passwords = "-passin pass:secret -passout pass:secret";
        let converted = openssl(&format!("{options} {passwords}"), &theirs);
        open(&converted, || passphrase("secret")).unwrap();
    }
}
