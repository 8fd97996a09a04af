//! What was said of a license and of those that it replaces: a successor goes on with both the check-ins and the denials.

use super::Context;
use super::rules::is_here;
use crate::license::{License, Signer, Validation};
use crate::time::Timestamp;

/// The statements that count for a license, each with its place in the line of licenses that replaced one another.
pub(super) struct Said<'a> {
    own: usize,
    statements: Vec<(usize, &'a Validation)>,
}

impl<'a> Said<'a> {
    pub(super) fn of(
        license: &License,
        validations: impl Iterator<Item = &'a Validation>,
        context: &Context<'_>,
    ) -> Self {
        let here = validations.filter(|said| is_here(said, context));
        let statements = here.filter_map(|said| Some((place(said, license)?, said)));
        Self {
            own: license.supersedes().len(),
            statements: statements.collect(),
        }
    }

    /// When the license, or one that it replaces, was validated last.
    pub(super) fn checked_in_at(&self) -> Option<Timestamp> {
        self.statements
            .iter()
            .map(|(_, said)| said.issued_at())
            .max()
    }

    /// The newest denial that nothing has lifted. What is said later lifts it, of the same license or of one further on in the line; a
    /// customer's own server lifts nothing that the vendor said.
    pub(super) fn denial(&self) -> Option<&'a Validation> {
        let denials = self
            .statements
            .iter()
            .filter(|(_, said)| said.status().is_denial());
        let standing = denials.filter(|denial| !self.statements.iter().any(|by| lifts(by, denial)));
        let newest =
            standing.max_by_key(|(place, said)| (said.issued_at(), *place == self.own, said.id()));
        newest.map(|(_, said)| *said)
    }
}

/// Which of the licenses it speaks of, counted from the first that was replaced; none if it does not count. Of a license that is replaced
/// the vendor speaks, or the same server as for this one.
fn place(said: &Validation, license: &License) -> Option<usize> {
    if said.is_for(license) {
        return Some(license.supersedes().len());
    }
    let place = license
        .supersedes()
        .iter()
        .position(|id| id == said.license_id())?;
    let is_heard = said.product() == license.product()
        && match said.signer() {
            Signer::Vendor => true,
            Signer::Server => license
                .confirmation_key()
                .is_some_and(|key| said.is_signed_by(key)),
        };
    // Whoever minted the successor later than that knew of it.
    let is_known = said.status().is_denial()
        && license
            .issued_at()
            .is_some_and(|issued| said.issued_at() < issued);
    (is_heard && !is_known).then_some(place)
}

fn lifts((place, by): &(usize, &Validation), (denied, denial): &(usize, &Validation)) -> bool {
    let may = by.signer() == Signer::Vendor || denial.signer() == Signer::Server;
    !by.status().is_denial() && may && place >= denied && by.issued_at() > denial.issued_at()
}
