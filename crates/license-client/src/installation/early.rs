//! A renewal that is installed before it begins: what is installed goes on until then.

use license_core::{
    Artefacts, Bundle, Canonical, License, LicenseId, Timestamp, TokenKind, Validation,
};

/// A license that begins later, together with what it takes the place of.
pub(crate) struct Early {
    /// The text of both.
    pub(super) text: String,
    /// When the first of the new licenses begins.
    pub(super) begins: Timestamp,
}

impl Early {
    /// What to store, if one of the two replaces the other, but not yet: a renewal beside what is installed, or the license again of which
    /// the renewal is installed.
    pub(super) fn of(new: &Bundle, installed: &Bundle, now: Timestamp) -> Option<Self> {
        let later = |license: &&License| license.not_before().is_some_and(|start| start > now);
        let awaited = |successors: &Bundle, others: &Bundle| {
            let successors = successors.licenses().iter().filter(later);
            let begins =
                successors.filter(|new| others.licenses().iter().any(|old| replaces(new, old)));
            begins.filter_map(License::not_before).min()
        };
        let both = [awaited(new, installed), awaited(installed, new)];
        let begins = both.into_iter().flatten().min()?;
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
        let kept: Vec<&License> = installed.licenses().iter().filter(goes_on).collect();
        let mut text = new_text.clone();
        text.extend(blocks(old_text, &kept)?);
        let is_kept = |said: &&Validation| kept.iter().any(|license| said.is_for(license));
        let validations = installed.validations().iter().filter(is_kept);
        text.extend(validations.map(Validation::to_armor));
        Some(Self { text, begins })
    }
}

fn replaces(new: &License, old: &License) -> bool {
    new.product() == old.product() && new.supersedes().contains(old.id())
}

/// The blocks of these licenses, as they were verified.
fn blocks(text: &str, licenses: &[&License]) -> Option<Vec<String>> {
    let artefacts = Artefacts::parse(text).ok()?;
    let is_meant = |id: &LicenseId| licenses.iter().any(|license| license.id() == id);
    let blocks = artefacts.of_kind(TokenKind::License);
    let blocks = blocks.filter(|block| {
        let facts = block.token.unverified_facts();
        facts.is_ok_and(|facts| is_meant(&facts.id))
    });
    Some(blocks.map(|block| block.token.to_armor()).collect())
}
