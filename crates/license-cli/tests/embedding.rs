//! The trust sets that the build embeds, and the files that it refuses.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "../build/embedding.rs"]
mod embedding;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use embedding::{Embedding, EmbeddingError, EmbeddingRequest, PRODUCT_FILE, TRUST_SET};
use license_core::{FeatureMatrix, TrustSet};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/trust")
}

/// Requests the trust set in this file.
fn request(value: impl Into<OsString>) -> EmbeddingRequest {
    EmbeddingRequest::new(TRUST_SET, Some(value.into()), Some(fixtures().into()))
}

/// Creates the embedding for this value of the variable.
fn embed(value: impl Into<OsString>) -> Result<Embedding, EmbeddingError> {
    Embedding::new(request(value).read()?, None, None)
}

/// Creates an embedding from a product file and the name of a program, without keys.
fn embed_product(product: &Path, program: &str) -> Result<Embedding, EmbeddingError> {
    let product = EmbeddingRequest::new(PRODUCT_FILE, Some(product.into()), None);
    Embedding::new(None, product.read()?, Some(program))
}

#[track_caller]
fn refusal(value: impl Into<OsString>) -> (String, &'static str) {
    match embed(value) {
        Ok(embedding) => panic!("embedded: {}", embedding.jwks()),
        Err(error) => (error.line(), error.hint()),
    }
}

#[test]
fn without_the_variable_no_keys_are_embedded_and_the_version_reports_this() {
    let request = EmbeddingRequest::new(TRUST_SET, None, Some(fixtures().into()));
    assert!(request.file().is_none() && !request.depends_on_directory());
    let embedding = Embedding::new(request.read().ok().unwrap(), None, None);
    let embedding = embedding.ok().unwrap();
    assert_eq!((embedding.jwks().as_str(), embedding.product()), ("", ""));
    assert_eq!(embedding.program(), "license");
    assert_eq!(embedding.product_code(), "CODITECT");
    assert_eq!(
        embedding.version("1.2.3"),
        "1.2.3\nno embedded keys; keys from --trust and installed keys are accepted"
    );
}

#[test]
fn the_keys_of_the_file_are_embedded_and_the_version_lists_them() {
    for file in ["vendor.jwks", "vendor.pem", "bundle.pem", "ps256.pem"] {
        let path = fixtures().join(file);
        let keys = TrustSet::parse(&fs::read_to_string(&path).unwrap()).unwrap();
        let embedding = embed(path).ok().unwrap();
        let inside = TrustSet::parse(&embedding.jwks()).unwrap();
        assert_eq!(inside.to_jwks(), keys.to_jwks(), "{file}");
        let version = embedding.version("1.2.3");
        let heading = match keys.len() {
            1 => "1.2.3\n1 embedded key; no other key is accepted:\n".to_owned(),
            count => format!("1.2.3\n{count} embedded keys; no other key is accepted:\n"),
        };
        assert!(version.starts_with(&heading), "{version}");
        for key in keys.iter() {
            let line = format!("\n  {} {} {} bits", key.id(), key.algorithm(), key.bits());
            assert!(version.contains(&line), "{version}");
        }
    }
}

#[test]
fn a_relative_path_starts_at_the_directory_in_which_cargo_was_called() {
    let request = request("vendor.jwks");
    assert_eq!(request.file(), Some(&*fixtures().join("vendor.jwks")));
    assert!(
        request.depends_on_directory(),
        "in another directory, the path names another file"
    );
    assert!(request.read().is_ok());
    let path = fixtures().join("vendor.jwks").into();
    let absolute = EmbeddingRequest::new(TRUST_SET, Some(path), None);
    assert!(!absolute.depends_on_directory());
    assert!(absolute.read().is_ok());
}

#[test]
fn a_relative_path_is_refused_without_a_working_directory() {
    for directory in [None, Some("".into()), Some("here".into())] {
        let request = EmbeddingRequest::new(TRUST_SET, Some("vendor.jwks".into()), directory);
        assert!(request.file().is_none() && request.depends_on_directory());
        let error = request.read().err().unwrap();
        assert!(error.line().contains("absolute path"), "{error}");
        assert_eq!(error.hint(), "use an absolute path");
    }
}

#[test]
fn an_empty_variable_is_refused() {
    let (message, hint) = refusal("");
    let expected = "LICENSE_TRUST_SET: expected the path of a trust set, found nothing";
    assert_eq!(message, expected);
    assert!(hint.contains("unset"), "{hint}");
}

#[test]
fn the_earlier_name_of_the_variable_is_refused() {
    assert!(embedding::refuse_retired(false).is_ok());
    let error = embedding::refuse_retired(true).err().unwrap();
    assert!(
        error
            .line()
            .starts_with("CODITECT_TRUST_SET: expected LICENSE_TRUST_SET")
    );
    assert!(error.hint().contains("rename"));
}

#[test]
fn every_file_without_valid_keys_is_refused_with_one_line() {
    let mut refused = 0;
    for file in fs::read_dir(fixtures()).unwrap() {
        let path = file.unwrap().path();
        let text = String::from_utf8(fs::read(&path).unwrap()).unwrap();
        match (embed(&path), TrustSet::parse(&text)) {
            (Ok(embedding), Ok(keys)) => assert_eq!(embedding.jwks(), keys.to_jwks().to_string()),
            (Err(error), Err(_)) => {
                let line = error.line();
                let name = path.file_name().unwrap().to_str().unwrap();
                assert!(line.contains(name) && !line.contains('\n'), "{line}");
                refused += 1;
            }
            (embedded, _) => panic!("{}: {}", path.display(), embedded.is_ok()),
        }
    }
    assert!(refused > 40, "{refused}");
}

#[test]
fn a_private_key_is_refused_with_a_hint_and_without_its_text() {
    for file in ["private.pem", "private.jwk", "private-crt.jwk"] {
        let (message, hint) = refusal(file);
        assert!(message.contains("found a private key"), "{message}");
        assert!(hint.contains("keygen public"), "{hint}");
        let secret = fs::read_to_string(fixtures().join(file)).unwrap();
        let secret = secret.lines().max_by_key(|line| line.len()).unwrap();
        assert!(!message.contains(secret), "{message}");
    }
}

#[test]
fn a_path_that_is_not_a_small_text_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = directory.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    for (path, expected) in [
        (directory.path().to_owned(), "not a regular file"),
        (directory.path().join("missing"), "cannot read"),
        (
            file("noise", &[0x80, 0xff, 0]),
            "expected text, found a NUL byte",
        ),
        (
            file("large", "A".repeat(256 * 1024 + 1).as_bytes()),
            "at most 262144 bytes",
        ),
        (directory.path().join("two\nlines"), "two\\nlines"),
    ] {
        let (message, hint) = refusal(path);
        assert!(message.contains(expected), "{message}");
        assert!(!message.contains('\n') && !hint.is_empty());
    }
}

#[cfg(unix)]
#[test]
fn an_endless_device_is_refused() {
    assert!(refusal("/dev/zero").0.contains("not a regular file"));
}

/// A product with a label and, in its upper tier, a feature that not every user has.
const PHOTON: &str = "
    product = 'PHOTON'
    label = 'Photon'
    issuer = 'Photon Ltd'
    base_tier = 'HOBBY'

    [[tiers]]
    name = 'HOBBY'
    features = ['render']
    quotas = { exports = 3, renders_per_day = 5 }

    [[tiers]]
    name = 'STUDIO'
    extends = 'HOBBY'
    features = ['batch']
";

#[test]
fn a_product_is_embedded_and_the_version_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("photon.toml");
    fs::write(&file, PHOTON).unwrap();
    let embedding = embed_product(&file, "photon-license").ok().unwrap();
    let matrix = FeatureMatrix::parse(embedding.product()).unwrap();
    assert_eq!(matrix, FeatureMatrix::parse(PHOTON).unwrap());
    assert_eq!(embedding.program(), "photon-license");
    assert_eq!(embedding.product_code(), "PHOTON");
    let samples = (embedding.sample_feature(), embedding.sample_quota());
    assert_eq!(samples, ("batch", "renders_per_day"));
    assert_eq!(
        embedding.version("1.2.3"),
        "1.2.3\nproduct PHOTON (Photon); no other product is accepted\n\
         no embedded keys; keys from --trust and installed keys are accepted"
    );
    let smallest = PHOTON.replace("'render'", "").replace("'batch'", "");
    let smallest = smallest.replace("exports = 3, renders_per_day = 5", "");
    fs::write(&file, smallest).unwrap();
    let embedding = embed_product(&file, "p").ok().unwrap();
    let samples = (embedding.sample_feature(), embedding.sample_quota());
    assert_eq!(samples, ("FEATURE", "QUOTA"));
}

#[test]
fn an_invalid_product_file_is_refused_with_one_line() {
    let directory = tempfile::tempdir().unwrap();
    for (text, expected) in [
        ("product = 7", "invalid type"),
        (&*PHOTON.replace("'Photon'", "''"), "`label`: expected"),
        (&*PHOTON.replace("HOBBY'", "hobby'"), "expected"),
        (&*"#".repeat(256 * 1024 + 1), "a product file of at most"),
    ] {
        let file = directory.path().join("photon.toml");
        fs::write(&file, text).unwrap();
        let error = embed_product(&file, "photon-license").err().unwrap();
        let line = error.line();
        assert!(line.starts_with("LICENSE_PRODUCT_FILE: "), "{line}");
        assert!(line.contains(expected) && !line.contains('\n'), "{line}");
        assert!(error.hint().contains("keygen product"), "{}", error.hint());
    }
    let empty = EmbeddingRequest::new(PRODUCT_FILE, Some("".into()), None);
    let error = empty.read().err().unwrap();
    let expected = "LICENSE_PRODUCT_FILE: expected the path of a product file, found nothing";
    assert_eq!(error.line(), expected);
    assert!(error.hint().contains("built-in product"));
}

#[test]
fn a_program_has_a_name_that_files_and_shells_accept() {
    for name in [
        "p",
        "license",
        "photon-license",
        "Photon_2.0",
        &"a".repeat(64),
    ] {
        let embedding = Embedding::new(None, None, Some(name)).ok().unwrap();
        assert_eq!(embedding.program(), name);
    }
    for name in [
        "",
        "-p",
        ".p",
        "a b",
        "a/b",
        "a\nb",
        "ä",
        "p.exe",
        "P.EXE",
        "$(p)",
        &"a".repeat(65),
    ] {
        let error = Embedding::new(None, None, Some(name)).err().unwrap();
        let line = error.line();
        assert!(
            line.starts_with("LICENSE_PROGRAM: expected a name"),
            "{line}"
        );
        assert!(error.hint().contains("photon-license"));
    }
}
