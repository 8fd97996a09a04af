//! Licenses that start later. Such a license is stored together with the license that is in effect
//! until then, and stays when another license is installed.

use license_core::chrono::{DateTime, Utc};
use license_core::license::{CanonicalText, Validation};
use license_core::{License, LicenseFile, LicenseId, TokenKind, VerifiedLicenses};

/// A license file with a new license and the installed licenses that stay.
pub(crate) struct CombinedFile {
    /// The text of the license file.
    pub(super) text: String,
    /// The earliest instant in the future at which a new license supersedes an installed license.
    pub(super) begins: Option<DateTime<Utc>>,
    /// The installed licenses that stay.
    pub(super) kept: Vec<LicenseId>,
}

impl CombinedFile {
    /// Returns the file to store, or `None` if the new license simply replaces the installed one.
    ///
    /// - If the new license supersedes the installed one at a later time, both are stored. The new
    ///   license is a renewal.
    /// - An installed license that has not started stays if it is the renewal of the new license, or
    ///   if it is of the same customer and the new license does not supersede it. The customer paid
    ///   for the installed license, and could not install it again before it starts.
    ///
    /// An installed license that has started does not stay because of an installed renewal. The new
    /// license takes effect in its place, and is compared with it.
    pub(super) fn new(
        new: &VerifiedLicenses,
        installed: &VerifiedLicenses,
        now: DateTime<Utc>,
    ) -> Option<Self> {
        let starts_later =
            |license: &&License| license.not_before().is_some_and(|start| start > now);
        let renews = |renewal: &License, others: &VerifiedLicenses| {
            let mut others = others.licenses().iter();
            others.any(|license| supersedes(renewal, license))
        };
        let renewals = new.licenses().iter().filter(starts_later);
        let renewals = renewals.filter(|renewal| renews(renewal, installed));
        let begins = renewals.filter_map(License::not_before).min();
        let (CanonicalText::File(new_text), CanonicalText::File(installed_text)) =
            (new.canonical(), installed.canonical())
        else {
            return None;
        };
        let all = || new.licenses().iter().chain(installed.licenses());
        let is_still_needed = |old: &&License| {
            let mut new = new.licenses().iter();
            let is_new = new.any(|license| license.id() == old.id());
            let mut started = all().filter(|license| !starts_later(license));
            !is_new && !started.any(|license| supersedes(license, old))
        };
        let is_awaited = |old: &&License| {
            let is_wanted = || is_of_same_customer(new, old) || renews(old, new);
            begins.is_some() || starts_later(old) && is_wanted()
        };
        let kept = installed.licenses().iter();
        let kept: Vec<&License> = kept.filter(is_still_needed).filter(is_awaited).collect();
        let is_for_predecessor = |token: &&Validation| {
            let mut new = new.licenses().iter();
            new.any(|license| token.applies_to(license) && !token.is_for(license))
        };
        let tokens = installed.validations().iter();
        let mut for_predecessors = tokens.clone().filter(is_for_predecessor);
        if begins.is_none() && kept.is_empty() && for_predecessors.next().is_none() {
            return None;
        }
        let mut text = new_text.clone();
        text.extend(blocks(installed_text, &kept)?);
        let is_for_kept = |token: &&Validation| kept.iter().any(|license| token.is_for(license));
        let tokens = tokens.filter(|token| is_for_kept(token) || is_for_predecessor(token));
        text.extend(tokens.map(Validation::to_armor));
        let kept = kept.into_iter().map(|license| license.id().clone());
        Some(Self {
            text,
            begins,
            kept: kept.collect(),
        })
    }
}

/// Returns whether both licenses have the same customer and product.
fn is_of_same_customer(new: &VerifiedLicenses, old: &License) -> bool {
    let mut new = new.licenses().iter();
    new.any(|new| new.product() == old.product() && new.customer() == old.customer())
}

fn supersedes(new: &License, old: &License) -> bool {
    new.product() == old.product() && new.supersedes().contains(old.id())
}

/// Returns the armor blocks of these licenses, unchanged.
pub(super) fn blocks(text: &str, licenses: &[&License]) -> Option<Vec<String>> {
    let file = LicenseFile::parse(text).ok()?;
    let is_selected = |id: &LicenseId| licenses.iter().any(|license| license.id() == id);
    let blocks = file.blocks_of_kind(TokenKind::License).filter(|block| {
        let claims = block.token.unverified_license_claims();
        claims.is_ok_and(|claims| is_selected(&claims.id))
    });
    Some(blocks.map(|block| block.token.to_armor()).collect())
}
