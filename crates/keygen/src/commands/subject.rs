//! A license to compare: where it is found, and what is known of it.

use license_cli_support::{Exit, Failure, Source, escape};
use license_core::{
    Artefacts, Bundle, BundleError, License, LicenseClaims, LicenseKey, MAX_FILE_BYTES, Matrix,
    TokenKind, TrustSet, Unverified,
};
use license_issuer::ledger::LedgerReader;

use super::lookup::find_license;
use crate::failures;
use crate::inputs::now;

/// What was found under a name.
pub(super) struct Text {
    /// As messages call it.
    source: Source,
    text: String,
}

impl Text {
    /// Finds a license: in a file, in standard input, by a token or key itself, or in the ledger by
    /// an id or key. A key that proves nothing alone is looked up in the ledger too. `stdin` is the
    /// content of standard input, if it was read before.
    pub(super) fn find(
        source: &Source,
        stdin: Option<&str>,
        ledger: Option<&dyn LedgerReader>,
    ) -> Result<Self, Failure> {
        let named = match source {
            Source::File(path) if path.symlink_metadata().is_err() => path.to_str(),
            _ => None,
        };
        let text = match named {
            None => match stdin {
                Some(text) => text.to_owned(),
                None => source.read_text(MAX_FILE_BYTES)?,
            },
            Some(name) if is_artefact(name) => name.to_owned(),
            Some(name) => {
                let entered = of_ledger(name, ledger)?;
                entered.ok_or_else(|| not_found(name, ledger.is_some()))?
            }
        };
        let source = match named {
            Some(name) if is_artefact(name) => Source::File("the license given".into()),
            _ => source.clone(),
        };
        let entered = match LicenseKey::parse(&text) {
            Ok(LicenseKey::Enterprise(_)) | Err(_) => None,
            Ok(key) => of_ledger(&key.to_string(), ledger)?,
        };
        Ok(Self {
            text: entered.unwrap_or(text),
            source,
        })
    }
}

/// Whether it is a token or a full enterprise key itself.
fn is_artefact(text: &str) -> bool {
    matches!(LicenseKey::parse(text), Ok(LicenseKey::Enterprise(_)))
        || Unverified::parse(text).is_ok()
}

/// What was handed out as the license of this id or key.
fn of_ledger(name: &str, ledger: Option<&dyn LedgerReader>) -> Result<Option<String>, Failure> {
    let Some(ledger) = ledger else {
        return Ok(None);
    };
    let row = find_license(ledger, name, now())?;
    Ok(row.map(|row| row.entry.artifact))
}

/// Without what may be a whole key or token.
fn not_found(name: &str, has_ledger: bool) -> Failure {
    let shown = match name.chars().count() {
        0..=64 => format!("`{}`", escape(name)),
        count => format!("a text of {count} characters"),
    };
    let (expected, hint) = match has_ledger {
        true => (
            "a file, or an id or key that the ledger knows",
            "`keygen ledger find TEXT` looks for parts of ids, keys and names",
        ),
        false => (
            "a file, since there is no ledger",
            "give a license file, token or full enterprise key, or name a ledger with --ledger",
        ),
    };
    let message = format!("expected {expected}, found {shown}");
    Failure::new(Exit::Usage, "NOT_FOUND", message).hint(hint)
}

/// A license to compare.
pub(super) enum Subject {
    Verified(License),
    /// What it says, and the id of the key that it says has signed it.
    Unverified(Box<LicenseClaims>, Option<String>),
}

impl Subject {
    pub(super) fn read(
        text: &Text,
        trust: Option<&TrustSet>,
        matrix: &Matrix,
    ) -> Result<Self, Failure> {
        let refused = |error: BundleError| failures::not_judged(&text.source, &error);
        check_product(&text.text, matrix)?;
        match trust {
            Some(trust) => {
                let bundle = Bundle::verify(&text.text, trust, matrix).map_err(refused)?;
                check_count(bundle.licenses().len(), &text.source)?;
                let license = bundle.licenses().first().cloned();
                let license = license.ok_or_else(|| refused(BundleError::NoLicense))?;
                Ok(Self::Verified(license))
            }
            None => {
                let found = unverified(&text.text, matrix).map_err(refused)?;
                check_count(found.len(), &text.source)?;
                let found = found.into_iter().next();
                let (facts, key) = found.ok_or_else(|| refused(BundleError::NoLicense))?;
                Ok(Self::Unverified(Box::new(facts), key))
            }
        }
    }

    pub(super) fn claims(&self) -> &LicenseClaims {
        match self {
            Self::Verified(license) => license.claims(),
            Self::Unverified(facts, _) => facts,
        }
    }

    pub(super) fn key_id(&self) -> Option<&str> {
        match self {
            Self::Verified(license) => Some(license.key_id().as_str()),
            Self::Unverified(_, key) => key.as_deref(),
        }
    }
}

/// An enterprise key of another product would get this one's features.
fn check_product(text: &str, matrix: &Matrix) -> Result<(), Failure> {
    match LicenseKey::parse(text) {
        Ok(LicenseKey::Enterprise(key)) if key.unverified_terms().product != matrix.product() => {
            Err(failures::other_product(
                key.unverified_terms().product,
                matrix,
            ))
        }
        _ => Ok(()),
    }
}

fn check_count(found: usize, source: &Source) -> Result<(), Failure> {
    match found {
        0 | 1 => Ok(()),
        found => Err(Failure::usage(format!(
            "{source}: expected one license to compare, found {found} in the file"
        ))
        .hint("put each into a file of its own, or name it by its id in the ledger")),
    }
}

/// What the licenses in it say, and the keys that they say have signed them.
fn unverified(
    text: &str,
    matrix: &Matrix,
) -> Result<Vec<(LicenseClaims, Option<String>)>, BundleError> {
    if LicenseKey::is_likely(text) {
        return match LicenseKey::parse(text).map_err(BundleError::Key)? {
            LicenseKey::Enterprise(key) => {
                let facts = key.unverified_claims(matrix).map_err(BundleError::Verify)?;
                Ok(vec![(facts, None)])
            }
            LicenseKey::Standard(key) => Err(BundleError::NeedsLicenseFile {
                tier: Some(key.tier()),
            }),
            _ => Err(BundleError::NeedsLicenseFile { tier: None }),
        };
    }
    let artefacts = Artefacts::parse(text).map_err(BundleError::Parse)?;
    let licenses = artefacts.of_kind(TokenKind::License).map(|block| {
        let facts = block.token.unverified_license_claims();
        let key = Some(block.token.unverified_key_id().to_owned());
        Ok((facts.map_err(BundleError::Verify)?, key))
    });
    licenses.collect()
}
