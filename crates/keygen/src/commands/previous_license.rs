//! The license that a renewal or upgrade replaces.

use std::error::Error;

use license_cli_support::{Exit, Failure, Source, escape};
use license_core::chrono::{DateTime, Utc};
use license_core::diff::{Difference, Effect};
use license_core::encoding::decode_text;
use license_core::issue::LicenseDraft;
use license_core::jose::MAX_FILE_BYTES;
use license_core::{FeatureMatrix, License, TrustSet};
use license_issuer::ledger::{LedgerReader, LicenseStatus, RecordedLicense};
use license_issuer::services::entitlements::unify_counts;
use license_issuer::services::licenses::LicenseOrder;

use super::compared_license::{ComparedLicense, LicenseText};
use super::context::AppContext;
use super::license;
use super::lookup::{license_of, signing_keys, verified};
use super::server_key::refuse_trusted_key;
use super::token_denials;
use crate::args::SigningArgs;
use crate::failures;
use crate::inputs::{add_keys, fresh_id, matrix, now};

/// Verified license that is not revoked or replaced according to the ledger.
pub(super) struct PreviousLicense {
    pub(super) license: License,
    /// Time of issue of the replacement.
    pub(super) issued_at: DateTime<Utc>,
}

/// Inputs that name and verify the license to replace.
///
/// The inputs are read once, because the draft is made twice and standard input can be read only
/// once.
struct PreviousLicenseInput<'a> {
    license: &'a Source,
    stdin: Option<String>,
    trust: TrustSet,
    issued_at: Option<DateTime<Utc>>,
}

impl<'a> PreviousLicenseInput<'a> {
    fn read(
        license: &'a Source,
        trust_files: &[Source],
        issued_at: Option<DateTime<Utc>>,
    ) -> Result<Self, Failure> {
        let stdin = matches!(license, Source::Stdin)
            .then(|| license.read_text(MAX_FILE_BYTES, decode_text));
        let mut trust = TrustSet::default();
        add_keys(&mut trust, trust_files)?;
        Ok(Self {
            license,
            stdin: stdin.transpose()?,
            trust,
            issued_at,
        })
    }
}

/// Issues the license that replaces the license `previous`. `trust` are files with public keys that
/// are not in the ledger.
///
/// Calls `order` with the verified license, the product and the ledger.
pub(super) fn replace(
    app: AppContext<'_>,
    previous: &Source,
    trust: &[Source],
    signing: &SigningArgs,
    order: impl for<'m> Fn(
        &PreviousLicense,
        &'m FeatureMatrix,
        Option<&dyn LedgerReader>,
    ) -> Result<LicenseOrder<'m>, Failure>,
) -> Result<(), Failure> {
    let matrix = matrix(app.settings, signing.product_file.as_ref())?;
    let input = PreviousLicenseInput::read(previous, trust, signing.issued_at)?;
    license::issue(app, signing, &matrix, |ledger| {
        let previous = PreviousLicense::find(&input, &matrix, ledger)?;
        let mut order = order(&previous, &matrix, ledger)?;
        refuse_trusted_key(&order.draft, &input.trust)?;
        if let Some(ledger) = ledger {
            let PreviousLicense { license, issued_at } = &previous;
            let notes = token_denials::notes_of_replacement(license, *issued_at, ledger)?;
            order.notes.extend(notes);
        }
        Ok(order)
    })
}

impl PreviousLicense {
    /// Finds and verifies the license. Refuses a revoked or replaced license.
    fn find(
        input: &PreviousLicenseInput<'_>,
        matrix: &FeatureMatrix,
        ledger: Option<&dyn LedgerReader>,
    ) -> Result<Self, Failure> {
        let issued_at = input.issued_at.unwrap_or_else(now);
        let recorded = ledger.map(signing_keys).transpose()?.unwrap_or_default();
        let trust = input.trust.joined(&recorded);
        let text = LicenseText::find(input.license, input.stdin.as_deref(), ledger)?;
        let ComparedLicense::Verified(license) =
            ComparedLicense::read(&text, Some(&trust), matrix)?
        else {
            let error: Box<dyn Error> = "there is no public key".into();
            return Err(failures::not_verified("license", &*error));
        };
        if license.product() != matrix.product() {
            return Err(failures::other_product(license.product(), matrix));
        }
        if let Some(ledger) = ledger {
            check_status(&license, ledger, issued_at)?;
        }
        Ok(Self { license, issued_at })
    }

    /// Verifies a license of the ledger. Does not check its status.
    pub(super) fn recorded(
        recorded: &RecordedLicense,
        trust: &TrustSet,
        matrix: &FeatureMatrix,
        issued_at: DateTime<Utc>,
    ) -> Result<Self, Failure> {
        let license = verified(recorded, trust)?;
        if license.product() != matrix.product() {
            return Err(failures::other_product(license.product(), matrix));
        }
        Ok(Self { license, issued_at })
    }

    /// Returns a draft with the claims of the license.
    pub(super) fn successor(&self, matrix: &FeatureMatrix) -> Result<LicenseDraft, Failure> {
        let draft = LicenseDraft::successor_of(&self.license, fresh_id()?, self.issued_at);
        let mut draft = draft.ok_or_else(|| {
            Failure::usage("an enterprise key cannot be replaced by a license file")
                .hint("issue another key with `keygen enterprise-key --company CODE --seats N --expires YYYYMMDD`")
        })?;
        let unified = unify_counts(&mut draft, matrix);
        unified.map_err(|error| failures::draft_refused(&error))?;
        Ok(draft)
    }

    /// Returns the changes for the customer.
    pub(super) fn changes(
        &self,
        draft: &LicenseDraft,
        matrix: &FeatureMatrix,
    ) -> Result<LicenseChanges, Failure> {
        let claims = draft.read_back();
        let claims = claims.map_err(|error| failures::not_verified("license", &error))?;
        let difference = Difference::from_claims(self.license.claims(), &claims, matrix);
        // A later start is not a loss if the draft starts before or when the license ends.
        let is_continuous = draft.not_before.is_none_or(|start| {
            let end = self.license.expires_at();
            end.is_some_and(|end| start <= end)
        });
        let with_effect = |effect| {
            let changes = difference.with_effect(effect);
            let changes =
                changes.filter(|change| !(is_continuous && change.what() == "not_before"));
            let texts = changes.map(|change| escape(&change.to_string()).into_owned());
            texts.collect::<Vec<_>>()
        };
        let gains = with_effect(Effect::Gain)
            .into_iter()
            .map(|gain| format!("gained: {gain}"));
        let others = with_effect(Effect::Other).into_iter();
        let others = others.map(|other| format!("changed: {other}"));
        Ok(LicenseChanges {
            losses: with_effect(Effect::Loss),
            notes: gains.chain(others).collect(),
        })
    }
}

/// Changes that a new license brings for the customer.
pub(super) struct LicenseChanges {
    pub(super) losses: Vec<String>,
    /// Gains and neutral changes.
    pub(super) notes: Vec<String>,
}

impl LicenseChanges {
    pub(super) fn is_empty(&self) -> bool {
        self.losses.is_empty() && self.notes.is_empty()
    }

    /// Returns the order of the new license.
    pub(super) fn order(self, draft: LicenseDraft, matrix: &FeatureMatrix) -> LicenseOrder<'_> {
        LicenseOrder {
            notes: self.notes,
            losses: Some(self.losses),
            ..LicenseOrder::new(draft, matrix)
        }
    }
}

fn check_status(
    license: &License,
    ledger: &dyn LedgerReader,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let id = license.id().as_str();
    match license_of(ledger, id, now)?.map(|row| row.status) {
        Some(status @ (LicenseStatus::Revoked | LicenseStatus::Superseded)) => {
            Err(not_replaceable(id, status, ledger))
        }
        _ => Ok(()),
    }
}

/// Returns the failure of a license that cannot be replaced because of its status.
pub(super) fn not_replaceable(
    subject: &str,
    status: LicenseStatus,
    ledger: &dyn LedgerReader,
) -> Failure {
    let message = format!("license {subject} is {status}");
    let code = status.as_str().to_ascii_uppercase();
    let failure = Failure::new(Exit::Usage, code, message);
    match ledger.successor(subject) {
        Ok(Some(successor)) => failure.hint(format!(
            "use its successor, {successor}; `keygen ledger resend {successor} --out FILE` writes its file again"
        )),
        _ => failure.hint("issue a new license with `keygen issue --tier TIER --customer NAME --days N`"),
    }
}
