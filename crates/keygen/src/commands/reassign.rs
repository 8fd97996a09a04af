//! `keygen reassign`: replaces a named user of a license.

use license_cli_support::{Exit, Failure, escape, plural, show_name};
use license_core::chrono::{DateTime, Utc};
use license_core::issue::LicenseDraft;
use license_core::{FeatureMatrix, License, Unverified, time};
use license_issuer::ledger::{LedgerReader, LicenseStatus};
use license_issuer::services::licenses::LicenseOrder;
use serde_json::json;

use super::context::AppContext;
use super::license;
use super::lookup::{find_named, not_found, require_ledger, signing_keys, verified};
use super::previous_license::not_replaceable;
use super::successor::{Replacement, refuse_replaced, start_at_once};
use crate::args::Reassign;
use crate::failures;
use crate::inputs::{fresh_id, matrix, now};

pub(crate) fn run(arguments: &Reassign, app: AppContext<'_>) -> Result<(), Failure> {
    require_ledger(app.location, "a reassignment")?;
    let matrix = matrix(app.settings, arguments.signing.product_file.as_ref())?;
    license::issue(app, &arguments.signing, &matrix, |ledger| {
        order(arguments, &matrix, ledger)
    })
}

fn order<'m>(
    arguments: &Reassign,
    matrix: &'m FeatureMatrix,
    ledger: Option<&dyn LedgerReader>,
) -> Result<LicenseOrder<'m>, Failure> {
    let issued_at = arguments.signing.issued_at.unwrap_or_else(now);
    let ledger = ledger.ok_or_else(|| not_found(&arguments.license))?;
    let license = find(&arguments.license, ledger, issued_at)?;
    refuse_replaced(&license, Replacement::Amendment, ledger, issued_at)?;
    if license.product() != matrix.product() {
        return Err(failures::other_product(license.product(), matrix));
    }
    let users: Vec<_> = license
        .users()
        .into_iter()
        .flatten()
        .map(str::to_owned)
        .collect();
    let users = replace_user(&users, arguments)?;
    if !arguments.waive_cool_down {
        check_cool_down(arguments, &license, matrix, ledger, issued_at)?;
    }
    let draft = LicenseDraft::successor_of(&license, fresh_id()?, issued_at);
    let mut draft = draft.ok_or_else(|| no_users(&arguments.license))?;
    draft.users = users;
    let start_note = start_at_once(&mut draft, &license, Some(ledger))?;
    let change = json!({
        "from": arguments.from,
        "to": arguments.to,
        "cool_down_waived": arguments.waive_cool_down,
    });
    let mut order = LicenseOrder::new(draft, matrix);
    order.notes.extend(start_note);
    order.members.insert("reassigned".to_owned(), change);
    order.notes.push(format!(
        "license {} is replaced where the new license is installed; elsewhere it stays valid until its end",
        license.id()
    ));
    Ok(order)
}

/// Returns the license in the ledger that an id, a key or a file names. Refuses a license that is
/// revoked, replaced or expired.
fn find(named: &str, ledger: &dyn LedgerReader, now: DateTime<Utc>) -> Result<License, Failure> {
    let row = find_named(ledger, named, now)?;
    let subject = &row.entry.subject;
    if !matches!(row.status, LicenseStatus::Active | LicenseStatus::Future) {
        return Err(not_replaceable(subject, row.status, ledger));
    }
    if Unverified::parse(&row.entry.artifact).is_err() {
        return Err(no_users(subject));
    }
    verified(&row, &signing_keys(ledger)?)
}

/// Returns the users with `--to` instead of `--from`.
fn replace_user(users: &[String], arguments: &Reassign) -> Result<Vec<String>, Failure> {
    if users.is_empty() {
        return Err(no_users(&arguments.license));
    }
    let (from, to) = (arguments.from.trim(), arguments.to.trim());
    if to.is_empty() {
        return Err(Failure::usage("--to: expected a user, found an empty name")
            .hint("add the name of the new user after --to"));
    }
    if users.iter().any(|user| user == to) {
        return Err(Failure::usage(format!(
            "--to: {} is already a user of the license",
            escape(to)
        ))
        .hint("use another user with --to"));
    }
    let Some(position) = users.iter().position(|user| user == from) else {
        let names: Vec<_> = users.iter().map(|user| escape(user)).collect();
        return Err(Failure::usage(format!(
            "--from: expected a user of the license ({}), found {}",
            names.join(", "),
            show_name(from)
        ))
        .hint("use the name as it is in the license"));
    };
    let mut users = users.to_vec();
    if let Some(user) = users.get_mut(position) {
        to.clone_into(user);
    }
    Ok(users)
}

/// Refuses to remove a user within the cool-down of the product.
fn check_cool_down(
    arguments: &Reassign,
    license: &License,
    matrix: &FeatureMatrix,
    ledger: &dyn LedgerReader,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let cool_down = matrix.user_cool_down();
    let user = arguments.from.trim();
    let since = ledger
        .named_since(license.id().as_str(), user)
        .map_err(failures::ledger_not_read(ledger))?;
    let Some(since) = since else { return Ok(()) };
    let end = time::saturating_add(since, cool_down);
    if now >= end {
        return Ok(());
    }
    let days = plural(cool_down.num_days(), "day", "days");
    let [since, end] = [since, end].map(time::rfc3339);
    let message = format!(
        "{} was added at {since} and cannot be replaced for {days}, until {end}",
        escape(user)
    );
    Err(Failure::new(Exit::Usage, "COOL_DOWN", message)
        .hint("wait until then, or add --waive-cool-down; the ledger records the waiver"))
}

fn no_users(named: &str) -> Failure {
    Failure::usage(format!(
        "license {} is not limited to named users",
        show_name(named)
    ))
    .hint("issue a license for named users with `keygen issue --user NAME`")
}
