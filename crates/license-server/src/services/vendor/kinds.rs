//! The relation of a license of the ledger to the license that it replaces.

use license_core::License;

/// The name that the audit trail gives to a recorded license. `previous` is the license that it
/// replaces.
///
/// A license that continues or replaces a trial is issued: the trail has the change of the trial
/// too.
pub(super) fn action(license: &License, previous: Option<&License>) -> &'static str {
    let Some(previous) = previous.filter(|previous| !previous.is_trial()) else {
        return "license.issue";
    };
    let users = |license: &License| -> Option<Vec<String>> {
        let users = license.users()?;
        Some(users.map(str::to_owned).collect())
    };
    if users(license) != users(previous) {
        "license.reassign"
    } else if lasts_longer(license, previous) {
        "license.renew"
    } else {
        "license.upgrade"
    }
}

/// Returns whether a license ends later than another one, or covers later builds.
fn lasts_longer(license: &License, previous: &License) -> bool {
    let ends_later = match (license.expires_at(), previous.expires_at()) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(end), Some(before)) => end > before,
    };
    let covers_more = match (license.maintenance_until(), previous.maintenance_until()) {
        (Some(until), Some(before)) => until > before,
        _ => false,
    };
    ends_later || covers_more
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use license_core::issue::LicenseDraft;
    use license_core::{License, Unverified};

    use super::action;
    use crate::services::tests::{token, trust};

    fn license(change: impl FnOnce(&mut LicenseDraft)) -> License {
        let token = token(1, change);
        Unverified::parse(&token).unwrap().verify(&trust()).unwrap()
    }

    #[test]
    fn each_change_of_a_license_has_its_action() {
        let first = license(|_| {});
        let later = first.expires_at().unwrap() + TimeDelta::days(30);
        let named = |users: &[&str]| {
            let users = users.iter().map(|user| (*user).to_owned()).collect();
            license(|draft| draft.users = users)
        };
        let trial = license(|draft| draft.trial = true);
        let longer = license(|draft| draft.expires_at = Some(later));
        for (new, previous, expected) in [
            (&first, None, "license.issue"),
            (&first, Some(&trial), "license.issue"),
            (
                &license(|draft| draft.expires_at = None),
                Some(&first),
                "license.renew",
            ),
            (&longer, Some(&first), "license.renew"),
            (&first, Some(&longer), "license.upgrade"),
            (
                &license(|draft| draft.seats = Some(9)),
                Some(&first),
                "license.upgrade",
            ),
            (
                &named(&["ann", "carol"]),
                Some(&named(&["ann", "bob"])),
                "license.reassign",
            ),
            (&named(&["ann"]), Some(&named(&["ann"])), "license.upgrade"),
        ] {
            assert_eq!(action(new, previous), expected);
        }
    }
}
