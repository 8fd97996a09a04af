//! Named users of a license: changes, and the cool-down before a user can be replaced.

use license_cli_support::{Exit, Failure, escape, plural, shell_word, show_name};
use license_core::chrono::{DateTime, Utc};
use license_core::issue::LicenseDraft;
use license_core::{FeatureMatrix, License, time};
use license_issuer::ledger::LedgerReader;
use license_issuer::services::named_users::{CoolDown, similar};

use super::draft::distinct_users;
use crate::failures;

/// Users to add to a license and to remove from it.
pub(super) struct UserChanges<'a> {
    pub(super) added: &'a [String],
    pub(super) removed: &'a [String],
    /// Whether the customer may lose something.
    pub(super) is_loss_accepted: bool,
}

impl UserChanges<'_> {
    /// Applies the changes to the draft of a successor, and returns notes about the names.
    ///
    /// Refuses to take the license from a user, unless the loss is accepted.
    pub(super) fn apply(&self, draft: &mut LicenseDraft) -> Result<Vec<String>, Failure> {
        if self.added.is_empty() && self.removed.is_empty() {
            return Ok(Vec::new());
        }
        let users = &draft.users;
        for user in self.removed {
            check_named("--remove-user", user, users)?;
        }
        if let Some(refused) = self.loss(users).filter(|_| !self.is_loss_accepted) {
            return Err(refused);
        }
        let is_removed =
            |user: &&String| self.removed.iter().any(|removed| removed.trim() == *user);
        let mut users: Vec<_> = users
            .iter()
            .filter(|user| !is_removed(user))
            .cloned()
            .collect();
        let (added, mut notes) = distinct_users(self.added);
        for user in added {
            check_new("--user", &user, &users)?;
            notes.extend(similar_note(&user, &users));
            users.push(user);
        }
        if users.is_empty() {
            return Err(Failure::usage(
                "--remove-user: expected at least one remaining user, found none",
            )
            .hint(
                "add another user with --user NAME; without users, everyone could use the license",
            ));
        }
        notes.extend(seats_note(&users, draft.seats));
        draft.users = users;
        Ok(notes)
    }

    /// Returns the failure of a change that takes the license from somebody.
    fn loss(&self, users: &[String]) -> Option<Failure> {
        if users.is_empty() {
            let message =
                "--user: the license is for all users, and would be for the named users only";
            return Some(Failure::usage(message).hint("add --force to exclude the other users"));
        }
        let user = escape(self.removed.first()?.trim());
        let message = format!("--remove-user: the license has the user {user}");
        Some(Failure::usage(message).hint("add --force to take the license from the user"))
    }

    /// Refuses to remove a user within the cool-down of the product.
    pub(super) fn check_cool_down(
        &self,
        license: &License,
        matrix: &FeatureMatrix,
        ledger: &dyn LedgerReader,
        now: DateTime<Utc>,
    ) -> Result<(), Failure> {
        let hint = "wait until then; `keygen reassign LICENSE --from USER --to USER --waive-cool-down` replaces the user at once";
        self.removed.iter().try_for_each(|user| {
            check_cool_down(user.trim(), license, matrix, ledger, now)
                .map_err(|failure| failure.hint(hint))
        })
    }
}

/// Returns a note if a license names more users than it has seats.
fn seats_note(users: &[String], seats: Option<u64>) -> Option<String> {
    let seats =
        seats.filter(|seats| u64::try_from(users.len()).is_ok_and(|users| users > *seats))?;
    Some(format!(
        "the license names {}, and has {}; add --seats {} if all of them work at the same time",
        plural(users.len(), "user", "users"),
        plural(seats, "seat", "seats"),
        users.len()
    ))
}

/// Refuses the name of a user that the license does not have. The hint shows a name that differs
/// only by upper and lower case.
pub(super) fn check_named(option: &str, user: &str, users: &[String]) -> Result<(), Failure> {
    let user = user.trim();
    if users.iter().any(|other| other == user) {
        return Ok(());
    }
    let names: Vec<_> = users.iter().map(|user| escape(user)).collect();
    let hint = match similar(user, users) {
        Some(similar) => format!(
            "use {option} {}, because upper and lower case count",
            shell_word(similar)
        ),
        None => "use the name as it is in the license".to_owned(),
    };
    Err(Failure::usage(format!(
        "{option}: expected a user of the license ({}), found {}",
        names.join(", "),
        show_name(user)
    ))
    .hint(hint))
}

/// Refuses a new user who has no name, or whom the license already has.
pub(super) fn check_new(option: &str, user: &str, users: &[String]) -> Result<(), Failure> {
    if user.is_empty() {
        let message = format!("{option}: expected a user, found an empty name");
        let hint = format!("add the name of the new user after {option}");
        return Err(Failure::usage(message).hint(hint));
    }
    if users.iter().any(|other| other == user) {
        let message = format!(
            "{option}: {} is already a user of the license",
            escape(user)
        );
        return Err(Failure::usage(message).hint(format!("use another user with {option}")));
    }
    Ok(())
}

/// Returns a note about a new user whose name differs from another one only by upper and lower
/// case.
pub(super) fn similar_note(user: &str, users: &[String]) -> Option<String> {
    let similar = similar(user, users)?;
    Some(format!(
        "users {} and {} differ only by upper and lower case; a program compares names exactly",
        escape(user),
        escape(similar)
    ))
}

/// Refuses to remove a user within the cool-down of the product.
pub(super) fn check_cool_down(
    user: &str,
    license: &License,
    matrix: &FeatureMatrix,
    ledger: &dyn LedgerReader,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let found = CoolDown::find(user, license, matrix, ledger, now)
        .map_err(failures::ledger_not_read(ledger))?;
    let Some(found) = found else { return Ok(()) };
    let days = plural(found.length.num_days(), "day", "days");
    let [since, end] = [found.since, found.until].map(time::rfc3339);
    let message = format!(
        "{} was added at {since} and cannot be replaced for {days}, until {end}",
        escape(user)
    );
    Err(Failure::new(Exit::Usage, "COOL_DOWN", message)
        .hint("wait until then, or add --waive-cool-down; the ledger records the waiver"))
}
