//! License orders: the draft of a license, with members for the ledger and notes for the vendor.

use license_core::claims::LicenseClaims;
use license_core::issue::{LicenseDraft, SigningError, VerifyingSigner};
use license_core::{FeatureMatrix, License, Unverified};
use serde_json::{Map, Value};

use crate::folding::folded;
use crate::ledger::NewLedgerEntry;
use crate::records;
use crate::services::issue::{ArtifactName, Draft, SerialSource, SignError};
use crate::services::warnings::IssueWarning;

const LICENSE: ArtifactName = ArtifactName("license");

/// A license to issue, with its product and the notes for the vendor.
///
/// The [issue service](crate::services::issue::IssueService) issues any type that implements
/// [`Draft`]. An order implements `Draft`, and contains the content of the license as a
/// [`LicenseDraft`].
///
/// ```
/// use license_core::issue::LicenseDraft;
/// use license_core::{FeatureMatrix, Tier};
/// use license_issuer::clock::{Clock, SystemClock};
/// use license_issuer::random;
/// use license_issuer::services::licenses::LicenseOrder;
///
/// let matrix = FeatureMatrix::built_in();
/// let tier = matrix.tier(Tier::parse("PRO")?).ok_or("the product has no tier PRO")?;
/// let id = random::license_id(&SystemClock)?;
/// let customer = "ACME Ltd".to_owned();
/// let draft = LicenseDraft::for_tier(matrix, tier, id, customer, SystemClock.now());
/// let order = LicenseOrder::new(draft, matrix);
/// assert_eq!(order.claims()?.customer, "ACME Ltd");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct LicenseOrder<'m> {
    /// The content of the license.
    pub draft: LicenseDraft,
    /// The feature matrix of the product.
    pub matrix: &'m FeatureMatrix,
    /// Members of the ledger entry that the license does not contain.
    pub members: Map<String, Value>,
    /// Notes for the vendor.
    pub notes: Vec<String>,
    /// Warnings about the license.
    pub warnings: Vec<IssueWarning>,
    /// The entitlements that the customer loses, if the license replaces another license.
    pub losses: Option<Vec<String>>,
}

impl<'m> LicenseOrder<'m> {
    /// Creates an order without notes.
    pub fn new(draft: LicenseDraft, matrix: &'m FeatureMatrix) -> Self {
        Self {
            draft,
            matrix,
            members: Map::new(),
            notes: Vec::new(),
            warnings: Vec::new(),
            losses: None,
        }
    }

    /// Returns the claims as a verifier would read them.
    ///
    /// # Errors
    ///
    /// Returns an error if no verifier would accept the draft.
    pub fn claims(&self) -> Result<LicenseClaims, SignError> {
        LICENSE.map_verify_error(self.draft.read_back())
    }
}

/// A signed and verified license.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let directory = tempfile::tempdir()?;
/// # let signed = fixture::issue(directory.path())?;
/// // `signed` comes from the report of the issue service. The customer receives `file`.
/// assert!(signed.file.starts_with("-----BEGIN LICENSE-----"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SignedLicense {
    /// The license.
    pub license: License,
    /// The token.
    pub token: String,
    /// The license file.
    pub file: String,
    /// The short enterprise key, if the license has one.
    pub short_key: Option<String>,
    /// The ledger entry.
    pub entry: NewLedgerEntry,
}

impl SignedLicense {
    /// Signs a draft, and verifies the result with the public half of the key.
    ///
    /// # Errors
    ///
    /// Returns an error if the key cannot sign, or if a verifier refuses the license.
    pub fn sign(
        draft: &LicenseDraft,
        key: &VerifyingSigner,
        matrix: &FeatureMatrix,
    ) -> Result<Self, SignError> {
        let (license, token) = LICENSE.map_signing_error(draft.issue(key))?;
        let short_key = license.short_enterprise_key(matrix);
        Ok(Self {
            entry: LICENSE.map_verify_error(records::license(&license, &token, matrix))?,
            file: LICENSE
                .map_verify_error(Unverified::parse(&token))?
                .to_armor(),
            short_key: short_key.map(|key| key.to_string()),
            license,
            token,
        })
    }
}

impl Draft<VerifyingSigner, SignedLicense> for LicenseOrder<'_> {
    fn check(&self) -> Result<(), SignError> {
        LICENSE.map_signing_error(self.draft.check())?;
        // Invisible characters are no name.
        if folded(&self.draft.customer).is_empty() {
            return LICENSE.map_signing_error(Err(SigningError::Empty { claim: "sub" }));
        }
        self.claims().map(drop)
    }

    fn sign(
        &self,
        signer: Option<&VerifyingSigner>,
        serials: &mut dyn SerialSource,
    ) -> Result<SignedLicense, SignError> {
        let signer = LICENSE.signer(signer)?;
        let mut draft = self.draft.clone();
        draft.serial = Some(serials.next_serial()?);
        let mut signed = SignedLicense::sign(&draft, signer, self.matrix)?;
        if let Some(body) = signed.entry.body.as_object_mut() {
            body.extend(self.members.clone());
        }
        Ok(signed)
    }

    fn entries(signed: &SignedLicense) -> Vec<NewLedgerEntry> {
        vec![signed.entry.clone()]
    }
}
