//! The licenses that `keygen revoke` is about.

use license_cli_support::{Exit, Failure, Source, show_name};
use license_core::chrono::{DateTime, Utc};
use license_core::encoding::decode_text;
use license_core::jose::MAX_FILE_BYTES;
use license_core::{LicenseId, LicenseKey, TrustSet, Unverified};
use license_issuer::folding::folded;
use license_issuer::ledger::{LedgerReader, LicenseFilter, LicenseStatus, RecordedLicense};
use license_issuer::services::revoke::{has_ended, is_issued};

use super::super::lookup::{id_in_artifact, not_found, resolve, rows};
use super::super::release;
use crate::args::Revoke;
use crate::failures;
use crate::inputs::add_keys;

/// The license or customer that the command line names, before the ledger is opened.
pub(super) enum LicenseArgument<'a> {
    /// An id or a key.
    Named(String),
    /// The text of a license file or token, its source, and the keys of `--trust`.
    Artifact {
        source: &'a Source,
        text: String,
        trust: TrustSet,
    },
    Customer(&'a str),
}

impl<'a> LicenseArgument<'a> {
    pub(super) fn read(arguments: &'a Revoke) -> Result<Self, Failure> {
        let source = match (&arguments.customer, &arguments.license) {
            (Some(customer), _) => return Ok(Self::Customer(customer)),
            (None, Some(source)) => source,
            (None, None) => return Err(Failure::usage("expected a license, found none")),
        };
        let text = match source {
            Source::File(path) if path.symlink_metadata().is_err() => {
                path.to_string_lossy().into_owned()
            }
            source => source.read_text(MAX_FILE_BYTES, decode_text)?,
        };
        let is_file = matches!(source, Source::Stdin)
            || matches!(source, Source::File(path) if path.symlink_metadata().is_ok());
        let is_name = LicenseKey::is_likely(&text) || LicenseId::parse(text.trim()).is_some();
        if is_name || !(is_file || Unverified::parse(&text).is_ok()) {
            return Ok(Self::Named(text.trim().to_owned()));
        }
        let mut trust = TrustSet::default();
        add_keys(&mut trust, &arguments.trust)?;
        Ok(Self::Artifact {
            source,
            text,
            trust,
        })
    }
}

/// Licenses that the command line names.
pub(super) struct Selection {
    pub(super) licenses: Vec<String>,
    /// The customer, if the command line names one instead of a license.
    pub(super) customer: Option<String>,
}

impl Selection {
    pub(super) fn find(
        named: &LicenseArgument<'_>,
        arguments: &Revoke,
        ledger: Option<&dyn LedgerReader>,
        now: DateTime<Utc>,
    ) -> Result<Self, Failure> {
        // A license that the ledger does not contain cannot be reinstated.
        let is_forced = arguments.force && !arguments.undo;
        let license = match named {
            LicenseArgument::Customer(name) => {
                let undo = arguments.undo;
                let is_meant = |license: &RecordedLicense| {
                    (license.status == LicenseStatus::Revoked) == undo && !has_ended(license, now)
                };
                return Ok(Self {
                    licenses: licenses_of_customer(name, ledger, &is_meant)?,
                    customer: Some((*name).to_owned()),
                });
            }
            LicenseArgument::Named(name) => named_license(name, is_forced, ledger)?,
            LicenseArgument::Artifact {
                source,
                text,
                trust,
            } => {
                let id = id_in_artifact(source, text, trust, ledger)?;
                named_license(&id, is_forced, ledger)?
            }
        };
        Ok(Self {
            licenses: vec![license],
            customer: None,
        })
    }
}

/// Returns the ids of the licenses of a customer that meet a condition.
fn licenses_of_customer(
    name: &str,
    ledger: Option<&dyn LedgerReader>,
    is_meant: &dyn Fn(&RecordedLicense) -> bool,
) -> Result<Vec<String>, Failure> {
    let filter = LicenseFilter {
        customer: Some(name.to_owned()),
        ..LicenseFilter::default()
    };
    let mut licenses = ledger.map_or(Ok(Vec::new()), |ledger| rows(ledger, &filter))?;
    let name_key = folded(name);
    licenses.retain(|license| {
        let members = ["customer", "company"].map(|member| license.entry.member(member));
        let mut names = members.into_iter().flatten();
        names.any(|name| folded(&name) == name_key)
    });
    if licenses.is_empty() || name_key.is_empty() {
        let message = format!("the ledger has no license of customer {}", show_name(name));
        return Err(Failure::new(Exit::Usage, "NOT_FOUND", message)
            .hint("search for part of the name with `keygen ledger list --customer TEXT`"));
    }
    licenses.retain(|license| is_meant(license));
    let ids = licenses.into_iter().map(|license| license.entry.subject);
    Ok(ids.collect())
}

/// Returns the id of the license that an id or key names.
fn named_license(
    named: &str,
    force: bool,
    ledger: Option<&dyn LedgerReader>,
) -> Result<String, Failure> {
    if let Some(ledger) = ledger {
        if let Some(refused) = release::not_a_license(named, ledger) {
            return Err(refused);
        }
        if let Some(id) = resolve(ledger, named)? {
            let issued = is_issued(ledger, &id);
            if issued.map_err(failures::ledger_not_read(ledger))? {
                return Ok(id);
            }
        }
    }
    if force {
        unrecorded_id(named)
    } else if licenses_of_customer(named, ledger, &|_| true).is_ok() {
        Err(not_found(named).hint(format!(
            "{} is a customer; to revoke all licenses of the customer, use `keygen revoke --customer NAME --reason TEXT`",
            show_name(named)
        )))
    } else {
        Err(not_found(named))
    }
}

/// Returns the id of a license that the ledger does not contain.
fn unrecorded_id(text: &str) -> Result<String, Failure> {
    let key = LicenseKey::parse(text).ok();
    if key.iter().flat_map(LicenseKey::readings).count() > 1 {
        return Err(ambiguous_key());
    }
    let key_id = key.and_then(|key| key.license_id());
    let id = LicenseId::parse(&text.trim().to_ascii_lowercase()).or(key_id);
    id.map(|id| id.as_str().to_owned()).ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            "USAGE",
            "expected a license id or a short enterprise key, found other text",
        )
        .hint("use the license id (jti) that `keygen inspect FILE` shows")
    })
}

/// Returns the failure for an enterprise key with long dashes that the ledger does not contain. The
/// id of its license depends on the signature, so one of the two readings revokes nothing.
fn ambiguous_key() -> Failure {
    let message = "expected a key with hyphens, found a long dash, which can be `-` or `--`";
    Failure::usage(message).hint("copy the key from its file, or use the short key of the invoice")
}
