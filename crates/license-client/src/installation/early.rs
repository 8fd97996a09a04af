//! Licenses that begin later: installed early, they wait beside what holds until then, and outlast what is installed after them.

use license_core::{
    Artefacts, Bundle, Canonical, License, LicenseId, Timestamp, TokenKind, Validation,
};

/// A license together with what stays beside it.
pub(crate) struct Early {
    /// The text of all.
    pub(super) text: String,
    /// When the first of the new licenses begins, if one of the two replaces the other then.
    pub(super) begins: Option<Timestamp>,
}

impl Early {
    /// What to store, if one of the two replaces the other, but not yet: a renewal beside what is installed, or the license again of which
    /// the renewal is installed. Else what is installed of the same customer stays if it has not begun and the new one does not replace
    /// it: it is paid for, and could not be put back before it begins.
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

/// Whether it is a license of the same customer for the same product.
fn is_of_one(new: &Bundle, old: &License) -> bool {
    let mut new = new.licenses().iter();
    new.any(|new| new.product() == old.product() && new.customer() == old.customer())
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
        let claims = block.token.unverified_license_claims();
        claims.is_ok_and(|claims| is_meant(&claims.id))
    });
    Some(blocks.map(|block| block.token.to_armor()).collect())
}
