//! Reassignments: another user takes the place of a named user of a license.

use license_core::time::rfc3339;
use license_core::{Code, LicenseId};
use license_issuer::services::issue::Mode;
use license_issuer::services::named_users::{CoolDown, similar};
use serde_json::json;

use super::RequestId;
use super::issue::{CertifiedKey, IssuedLicense, OrderContext, issue_order};
use super::orders::ReassignOrder;
use super::refusals::{bad_request, ledger_refused};
use super::successor::Previous;
use super::terms::{check_shown, shown};
use crate::domain::{Actor, Refusal, RefusalKind, ServerCode};
use crate::services::site::Site;

/// Issues a license with another user in the place of a named one. It starts at once.
pub(super) async fn reassign(
    site: &Site,
    actor: &Actor,
    license: &LicenseId,
    order: ReassignOrder,
    request: Option<RequestId>,
) -> Result<IssuedLicense, Refusal> {
    let mode = Mode::new(order.dry_run);
    let certificate = CertifiedKey::new(site, None)?;
    let id = license.clone();
    issue_order(site, actor, request, mode, move |context| {
        let previous = Previous::find(&id, context)?;
        let license = &previous.license;
        if let Some(end) = license.expires_at().filter(|end| *end <= context.now) {
            let detail = format!("the license ended at {}", rfc3339(end));
            return Err(
                Refusal::of_license(RefusalKind::Conflict, Code::Expired, detail)
                    .hint("issue a new license, or renew this one first"),
            );
        }
        let mut draft = previous.successor(context.matrix, context.now)?;
        let (users, note) = replaced(&draft.users, &order)?;
        if !order.waive_cool_down {
            refuse_cool_down(&previous, &order, context)?;
        }
        draft.users = users;
        previous.start_at_once(&mut draft, context)?;
        // The place of the former user is lost on purpose.
        let mut issued = previous.order(draft, &certificate, true, context)?;
        issued.notes.extend(note);
        let change = json!({
            "from": order.from.trim(),
            "to": order.to.trim(),
            "cool_down_waived": order.waive_cool_down,
        });
        issued.members.insert("reassigned".to_owned(), change);
        Ok(issued)
    })
    .await
}

/// Returns the users with the new one, and a note about a similar name.
fn replaced(
    users: &[String],
    order: &ReassignOrder,
) -> Result<(Vec<String>, Option<String>), Refusal> {
    let (from, to) = (order.from.trim(), order.to.trim());
    if users.is_empty() {
        let detail = "the license is not limited to named users";
        return Err(
            Refusal::new(RefusalKind::Conflict, ServerCode::NoNamedUsers, detail)
                .hint("issue a license with `users`"),
        );
    }
    if to.is_empty() {
        return Err(bad_request("`to` is empty").values("the name of a user", "an empty text"));
    }
    check_shown("to", to)?;
    if users.iter().any(|user| user == to) {
        return Err(bad_request("`to` is already a user of the license")
            .values("a user whom the license does not name", shown(to)));
    }
    let mut users = users.to_vec();
    let Some(place) = users.iter().position(|user| user == from) else {
        let hint = match similar(from, &users) {
            Some(similar) => format!("upper and lower case count: the license names {similar}"),
            None => "use the name as it is in the license".to_owned(),
        };
        return Err(bad_request("`from` is not a user of the license")
            .values(users.join(", "), shown(from))
            .hint(hint));
    };
    users.remove(place);
    let note = similar(to, &users).map(|similar| {
        format!("users {to} and {similar} differ only by upper and lower case or spacing")
    });
    users.insert(place, to.to_owned());
    Ok((users, note))
}

fn refuse_cool_down(
    previous: &Previous,
    order: &ReassignOrder,
    context: &OrderContext<'_, '_>,
) -> Result<(), Refusal> {
    let Some(ledger) = context.ledger else {
        return Ok(());
    };
    let (from, license) = (order.from.trim(), &previous.license);
    let found = CoolDown::find(from, license, context.matrix, ledger, context.now);
    let Some(found) = found.map_err(ledger_refused)? else {
        return Ok(());
    };
    let detail = format!(
        "{} was added at {}, and cannot be replaced for {} days",
        shown(from),
        rfc3339(found.since),
        found.length.num_days()
    );
    Err(
        Refusal::new(RefusalKind::Conflict, ServerCode::CoolDown, detail)
            .values(
                format!("{} or later", rfc3339(found.until)),
                rfc3339(context.now),
            )
            .hint("wait until then, or add `waive_cool_down`; the ledger records the waiver"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_named_user_can_be_replaced_by_another_one() {
        let users = ["ann".to_owned(), "bob".to_owned()];
        let replace = |from: &str, to: &str| {
            let order = ReassignOrder {
                from: from.to_owned(),
                to: to.to_owned(),
                ..ReassignOrder::default()
            };
            replaced(&users, &order)
        };
        let (found, note) = replace(" ann ", "carol").unwrap();
        assert_eq!(
            (found, note),
            (vec!["carol".to_owned(), "bob".to_owned()], None)
        );
        let (_, note) = replace("ann", "Bob").unwrap();
        assert!(note.unwrap().contains("Bob and bob"));
        // The new name may be the former one in another case.
        assert_eq!(replace("ann", "Ann").unwrap().1, None);
        let refused = replace("ANN", "carol").unwrap_err();
        assert_eq!(refused.actual.as_deref(), Some("ANN"));
        assert!(refused.hint.unwrap().ends_with("the license names ann"));
        for (from, to) in [("carol", "dan"), ("ann", "bob"), ("ann", " ")] {
            assert_eq!(replace(from, to).unwrap_err().code, "BAD_REQUEST");
        }
        let order = ReassignOrder::default();
        assert_eq!(replaced(&[], &order).unwrap_err().code, "NO_NAMED_USERS");
    }
}
