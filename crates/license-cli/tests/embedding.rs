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

use embedding::{Embedding, EmbeddingError, EmbeddingRequest};
use license_core::TrustSet;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/trust")
}

/// Reads the embedding for this value of the variable.
fn embed(value: impl Into<OsString>) -> Result<Embedding, EmbeddingError> {
    EmbeddingRequest::new(Some(value.into()), Some(fixtures().into())).read()
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
    let request = EmbeddingRequest::new(None, Some(fixtures().into()));
    assert!(request.file().is_none() && !request.depends_on_directory());
    let embedding = request.read().ok().unwrap();
    assert_eq!(embedding.jwks(), "");
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
    let request = EmbeddingRequest::new(Some("vendor.jwks".into()), Some(fixtures().into()));
    assert_eq!(request.file(), Some(&*fixtures().join("vendor.jwks")));
    assert!(
        request.depends_on_directory(),
        "in another directory, the path names another file"
    );
    assert!(request.read().is_ok());
    let absolute = EmbeddingRequest::new(Some(fixtures().join("vendor.jwks").into()), None);
    assert!(!absolute.depends_on_directory());
    assert!(absolute.read().is_ok());
}

#[test]
fn a_relative_path_is_refused_without_a_working_directory() {
    for directory in [None, Some("".into()), Some("here".into())] {
        let request = EmbeddingRequest::new(Some("vendor.jwks".into()), directory);
        assert!(request.file().is_none() && request.depends_on_directory());
        let error = request.read().err().unwrap();
        assert!(error.line().contains("absolute path"), "{error}");
        assert_eq!(error.hint(), "use an absolute path");
    }
}

#[test]
fn an_empty_variable_is_refused() {
    let (message, hint) = refusal("");
    let expected = "CODITECT_TRUST_SET: expected the path of a trust set, found nothing";
    assert_eq!(message, expected);
    assert!(hint.contains("unset"), "{hint}");
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
fn directories_missing_files_noise_and_large_files_are_refused() {
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
