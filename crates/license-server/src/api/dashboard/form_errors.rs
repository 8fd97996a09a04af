//! Messages of forms about values that are not accepted, for people.
//!
//! A refusal is written for programs too: it names a member of the request, the expected and the
//! found value. A form shows it at the field of the member, as the next step of the person.

use axum::response::{IntoResponse, Response};
use license_dashboard::{Form, Notice, Page};

use super::reply::html;
use crate::api::problem::Problem;
use crate::domain::Refusal;

/// Members of requests whose fields have another name, with the names of these fields.
const FIELDS: [(&str, &str); 8] = [
    ("reason", "note"),
    ("machines", "machine"),
    ("organization", "name"),
    ("password", "new"),
    ("buyer.name", "buyer"),
    ("group", "roles"),
    ("department", "departments"),
    ("customer", "buyer"),
];

/// The ends of messages that only state that a value is refused.
const BARE: [&str; 3] = ["not accepted", "not acceptable", "is out of range"];

/// Texts of hints that are for programs.
const FOR_PROGRAMS: [&str; 4] = ["/api/", "Idempotency-Key", "the member", "a program"];

/// Returns the page of a form that was refused: with the values that the person entered, and the
/// reason at its field or above the form.
pub(super) fn refused(page: Page, mut form: Form, problem: &Problem) -> Response {
    let refusal = problem.refusal();
    let field = field_of(refusal, &form);
    let hint = refusal.hint.as_deref();
    let hint = hint.filter(|hint| !FOR_PROGRAMS.iter().any(|text| hint.contains(text)));
    let hint = hint.map(|hint| with_labels(hint, &form));
    let notice = match field {
        Some(field) => {
            let text = if form.lacks_value(&field) {
                "Fill in this field.".to_owned()
            } else {
                with_labels(&message(refusal), &form)
            };
            form.set_error(&field, &text);
            let label = label(&form, &field).unwrap_or_default();
            Notice::danger(format!("Correct the field “{label}”"))
        }
        None => {
            let title = with_labels(&capitalized(&refusal.detail), &form);
            let notice = Notice::danger(title);
            match (&refusal.expected, &refusal.actual) {
                (Some(expected), Some(actual)) => {
                    let text = format!("Expected: {expected}. Found: {actual}.");
                    notice.text(with_labels(&text, &form))
                }
                _ => notice,
            }
        }
    };
    let notice = notice.code(refusal.code).hint(hint);
    (problem.status(), html(&page.with(notice).with(form))).into_response()
}

/// Returns the field of the form that a refusal is about.
fn field_of(refusal: &Refusal, form: &Form) -> Option<String> {
    let member = refusal.member.or_else(|| {
        let (member, _) = split(&refusal.detail)?;
        Some(member)
    })?;
    let last = member.rsplit('.').next().unwrap_or(member);
    let others = FIELDS.iter().filter(|(name, _)| *name == member);
    // A field that is sent several times has brackets in its name.
    let several = format!("{member}[]");
    let names = [member, last, several.as_str()].into_iter();
    let mut names = names.chain(others.map(|(_, field)| *field));
    let found = names.find(|name| form.label(name).is_some())?;
    Some(found.to_owned())
}

/// Returns the member that a message is about, and the rest of the message. Such a message has the
/// form `name: …`, or it begins with the name between backticks.
fn split(detail: &str) -> Option<(&str, &str)> {
    let marked = detail.strip_prefix('`');
    let marked = marked.and_then(|rest| rest.split_once('`'));
    let named = || detail.split_once(": ");
    marked.map_or_else(named, |(name, rest)| {
        Some((name, rest.trim_start_matches([':', ' '])))
    })
}

/// Returns the message at a field: the reason, unless it only states that the value is refused, and
/// the value to enter.
fn message(refusal: &Refusal) -> String {
    let detail = refusal.detail.as_str();
    let is_named = refusal.member.is_none() || detail.starts_with('`');
    let reason = match split(detail).filter(|_| is_named) {
        Some((_, rest)) if detail.starts_with('`') && !detail.contains("`: ") => {
            format!("the value {rest}")
        }
        Some((_, rest)) => rest.to_owned(),
        None => detail.to_owned(),
    };
    let is_bare = BARE.iter().any(|end| reason.ends_with(end));
    match &refusal.expected {
        None => sentence(&reason),
        Some(expected) if is_bare || reason.starts_with("enter ") => {
            sentence(&format!("enter {expected}"))
        }
        Some(expected) => format!(
            "{} {}",
            sentence(&reason),
            sentence(&format!("enter {expected}"))
        ),
    }
}

fn sentence(text: &str) -> String {
    let end = if text.ends_with(['.', '?', '!']) {
        ""
    } else {
        "."
    };
    format!("{}{end}", capitalized(text))
}

fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(char::to_uppercase);
    let first = first.into_iter().flatten();
    first.chain(characters).collect()
}

/// Returns the label of a field. One of several alternatives begins with `Or: `.
fn label(form: &Form, field: &str) -> Option<String> {
    let label = form.label(field)?;
    Some(capitalized(label.strip_prefix("Or: ").unwrap_or(label)))
}

/// Returns a text in which the names of members are the labels of their fields.
fn with_labels(text: &str, form: &Form) -> String {
    let parts: Vec<_> = text.split('`').collect();
    // An odd number of backticks marks nothing.
    if parts.len() % 2 == 0 {
        return text.to_owned();
    }
    let parts = parts.iter().enumerate();
    let parts = parts.map(|(place, part)| match (place % 2, label(form, part)) {
        (0, _) => (*part).to_owned(),
        (_, Some(label)) => format!("“{label}”"),
        (_, None) => format!("`{part}`"),
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use license_dashboard::Field;

    use super::*;
    use crate::domain::{RefusalKind, ServerCode};

    fn refusal(detail: &str) -> Refusal {
        Refusal::new(RefusalKind::BadRequest, ServerCode::BadRequest, detail)
    }

    fn form() -> Form {
        Form::new("/", "Send")
            .field(Field::text("days", "Or: length in days"))
            .field(Field::text("buyer", "Customer").required())
            .field(Field::text("address", "Address"))
            .field(Field::text("note", "Reason").value("x").required())
    }

    #[test]
    fn a_refusal_names_its_field() {
        let field = |refusal: &Refusal| field_of(refusal, &form());
        for (detail, expected) in [
            ("days: enter a whole number", Some("days")),
            ("`days` is out of range", Some("days")),
            ("`buyer.address` is not accepted", Some("address")),
            ("`buyer.name` is not accepted", Some("buyer")),
            ("`customer` is empty", Some("buyer")),
            ("`tier` is not a tier of the product", None),
            ("the order has no end", None),
            ("`", None),
        ] {
            let found = field(&refusal(detail));
            assert_eq!(found.as_deref(), expected, "{detail}");
        }
        let reason = refusal("the reason is not accepted").about("reason");
        assert_eq!(field(&reason).as_deref(), Some("note"));
        assert!(form().lacks_value("buyer") && !form().lacks_value("note"));
        assert!(!form().lacks_value("days"));
    }

    #[test]
    fn a_message_says_what_to_enter() {
        let refusal = |detail| refusal(detail).values("1 or more", 0);
        for (refusal, expected) in [
            (refusal("`days` is out of range"), "Enter 1 or more."),
            (refusal("days: enter a whole number"), "Enter 1 or more."),
            (refusal("the reason is not accepted"), "Enter 1 or more."),
            (
                refusal("`days` is less than before"),
                "The value is less than before. Enter 1 or more.",
            ),
            (
                refusal("`file`: the file is empty"),
                "The file is empty. Enter 1 or more.",
            ),
            (
                super::tests::refusal("quotas: a name has two limits"),
                "A name has two limits.",
            ),
            (
                super::tests::refusal("state one end: a day, or a length").about("days"),
                "State one end: a day, or a length.",
            ),
        ] {
            assert_eq!(message(&refusal), expected);
        }
        assert_eq!(
            with_labels("one of `days` and `until`", &form()),
            "one of “Length in days” and `until`"
        );
        assert_eq!(with_labels("an ` alone", &form()), "an ` alone");
    }
}
