//! Licenses that start later. They are stored together with the license that is in effect until
//! then, and stay when another license is installed.

use license_core::{
    Artefacts, Bundle, Canonical, License, LicenseId, Timestamp, TokenKind, Validation,
};

/// A new license and the installed licenses that stay with it.
pub(crate) struct Early {
    /// The text of the license file.
    pub(super) text: String,
    /// The start of the first new license, if one of the two supersedes the other then.
    pub(super) begins: Option<Timestamp>,
}

impl Early {
    /// Returns the licenses to store together, or `None` if the new license simply replaces the
    /// installed one.
    ///
    /// - If one of the two supersedes the other later, both are stored. The new license is either a
    ///   renewal, or the license whose renewal is already installed.
    /// - An installed license of the same customer that has not started stays, unless the new one
    ///   supersedes it. The customer paid for it, and could not install it again before it starts.
    pub(super) fn of(new: &Bundle, installed: &Bundle, now: Timestamp) -> Option<Self> {
        let later = |license: &&License| license.not_before().is_some_and(|start| start > now);
        let awaited = |successors: &Bundle, others: &Bundle| {
            let successors = successors.licenses().iter().filter(later);
            let begins =
                successors.filter(|new| others.licenses().iter().any(|old| replaces(new, old)));
            begins.filter_map(License::not_before).min()
        };
        let both = [awaited(new, installed), awaited(installed, new)];
        let begins = both.into_iter().flatten().min();
        let (Canonical::File(new_text), Canonical::File(old_text)) =
            (new.canonical(), installed.canonical())
        else {
            return None;
        };
        let all = || new.licenses().iter().chain(installed.licenses());
        let goes_on = |old: &&License| {
            let is_new = new
                .licenses()
                .iter()
                .any(|license| license.id() == old.id());
            let mut begun = all().filter(|license| !later(license));
            !is_new && !begun.any(|license| replaces(license, old))
        };
        let waits = |old: &&License| begins.is_some() || later(old) && is_of_one(new, old);
        let kept = installed.licenses().iter().filter(goes_on).filter(waits);
        let kept: Vec<&License> = kept.collect();
        let is_said_of_former = |said: &&Validation| {
            let mut new = new.licenses().iter();
            new.any(|license| said.concerns(license) && !said.is_for(license))
        };
        let said = installed.validations().iter();
        if begins.is_none() && kept.is_empty() && !said.clone().any(|one| is_said_of_former(&one)) {
            return None;
        }
        let mut text = new_text.clone();
        text.extend(blocks(old_text, &kept)?);
        let is_kept = |said: &&Validation| kept.iter().any(|license| said.is_for(license));
        let said = said.filter(|said| is_kept(said) || is_said_of_former(said));
        text.extend(said.map(Validation::to_armor));
        Some(Self { text, begins })
    }
}

/// Returns whether both licenses have the same customer and product.
fn is_of_one(new: &Bundle, old: &License) -> bool {
    let mut new = new.licenses().iter();
    new.any(|new| new.product() == old.product() && new.customer() == old.customer())
}

fn replaces(new: &License, old: &License) -> bool {
    new.product() == old.product() && new.supersedes().contains(old.id())
}

/// Returns the armor blocks of these licenses, unchanged.
fn blocks(text: &str, licenses: &[&License]) -> Option<Vec<String>> {
    let artefacts = Artefacts::parse(text).ok()?;
    let is_meant = |id: &LicenseId| licenses.iter().any(|license| license.id() == id);
    let blocks = artefacts.of_kind(TokenKind::License);
    let blocks = blocks.filter(|block| {
        let claims = block.token.unverified_license_claims();
        claims.is_ok_and(|claims| is_meant(&claims.id))
    });
    Some(blocks.map(|block| block.token.to_armor()).collect())
}
