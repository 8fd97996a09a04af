//! Explanations of licenses: every claim, the result of each rule, and the chain of renewals.

use license_cli_support::QrCode;
use license_core::claims::ClaimEntry;
use license_core::evaluate::{Rule, RuleResult};
use license_core::{Context, LicenseId, Unverified};

use super::licenses::{InstalledLicense, LicenseService, LicenseState};
use super::vendor;
use super::verdict::Verdict;
use crate::domain::{Refusal, RefusalKind, ServerCode};

/// The largest number of licenses of a chain.
const MAX_CHAIN: usize = 200;

/// Everything that the server knows about a license.
#[derive(Clone, Debug)]
pub struct LicenseExplanation {
    /// The license.
    pub license: InstalledLicense,
    /// Whether the server can use the license, with the reason.
    pub state: LicenseState,
    /// The claims, in the order of the token.
    pub claims: Vec<ClaimEntry>,
    /// The result of each rule, in the order of evaluation.
    pub rules: Vec<ExplainedRule>,
    /// The licenses of the same pool, which replace each other, in the order of installation.
    pub chain: Vec<InstalledLicense>,
}

/// The result of a rule.
#[derive(Clone, Debug)]
pub struct ExplainedRule {
    /// The result, as a program would have it without further facts.
    pub result: RuleResult,
    /// To what the rule applies.
    pub scope: RuleScope,
}

/// To what a rule applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleScope {
    /// The rule decides about the license for every program.
    License,
    /// The result depends on the machine, the user and the program.
    Program,
    /// The server does not apply the rule, because it takes its place: it answers check-ins, lends
    /// seats, and knows the successor.
    Server,
}

impl RuleScope {
    /// Returns the name of the scope.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::License => "license",
            Self::Program => "program",
            Self::Server => "server",
        }
    }

    fn new(rule: Rule) -> Self {
        if Verdict::NOT_APPLIED.contains(&rule) {
            Self::Server
        } else if Verdict::ABOUT_PROGRAM.contains(&rule) {
            Self::Program
        } else {
            Self::License
        }
    }
}

/// The content of a QR code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeContent {
    /// The license itself, which `license install` reads from a picture.
    License,
    /// The license key.
    Key,
}

impl LicenseService {
    /// Explains a license.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the license is not installed, and another refusal if it does not
    /// verify.
    pub async fn explain(&self, id: &LicenseId) -> Result<LicenseExplanation, Refusal> {
        let site = self.site();
        vendor::copy_changes(site).await?;
        let license = self.get(id).await?;
        let content = site.content();
        let context = Context::at(site.now()).revocations(&content.lists);
        let rules = license.license.explain(&site.matrix, &context);
        let rules = rules.into_iter().map(|result| ExplainedRule {
            scope: RuleScope::new(result.rule),
            result,
        });
        let (store, pool) = (&site.store, &license.record.pool);
        let mut chain = store.licenses_of_pool(&site.tenant, pool).await?;
        chain.truncate(MAX_CHAIN);
        // A license whose key the vendor has retired cannot be shown as valid.
        let chain = chain.into_iter();
        let chain = chain.filter_map(|record| site.verified(record).ok());
        let claims = license.license.claims().entries().map_err(|error| {
            let detail = license_core::with_causes(&error).to_string();
            Refusal::new(RefusalKind::Internal, ServerCode::StorageFailed, detail)
        });
        Ok(LicenseExplanation {
            state: self.state(&license.license),
            claims: claims?,
            rules: rules.collect(),
            chain: chain.collect(),
            license,
        })
    }

    /// Returns a QR code as an SVG document.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the license is not installed or has no key, and `TOO_LONG` if the
    /// license does not fit into a QR code.
    pub async fn qr_code(&self, id: &LicenseId, content: CodeContent) -> Result<String, Refusal> {
        let license = self.get(id).await?;
        let text = match content {
            CodeContent::License => {
                let token = Unverified::parse(&license.record.token);
                token.map_or_else(|_| license.record.token.clone(), |token| token.to_qr_text())
            }
            CodeContent::Key => license.record.key.ok_or_else(|| {
                let detail = format!("license {id} has no license key");
                Refusal::new(RefusalKind::NotFound, ServerCode::NotFound, detail)
            })?,
        };
        let code = QrCode::new(&text).map_err(|_| {
            let detail = "the license is too long for a QR code";
            Refusal::with_code(RefusalKind::Conflict, "TOO_LONG", detail)
                .values("at most 2,953 bytes", format!("{} bytes", text.len()))
                .hint("send the license as a file")
        })?;
        Ok(code.to_svg())
    }
}
