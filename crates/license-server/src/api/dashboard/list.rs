//! Parts of pages with lists and with choices.

use license_dashboard::{Cell, Field, Kind, Tone};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::context::PageContext;
use crate::domain::{Cursor, Permissions, Role};

/// Returns a path with a query. Values that are absent or empty are left out.
pub(super) fn with_query(path: &str, values: &[(&str, Option<&str>)]) -> String {
    let given = values.iter().filter_map(|(name, value)| {
        let value = value.filter(|value| !value.is_empty())?;
        Some(format!(
            "{name}={}",
            utf8_percent_encode(value, NON_ALPHANUMERIC)
        ))
    });
    let given: Vec<_> = given.collect();
    if given.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{}", given.join("&"))
    }
}

/// Returns the path of the next page of a list.
pub(super) fn next(
    path: &str,
    values: &[(&str, Option<&str>)],
    to: Option<Cursor>,
) -> Option<String> {
    let to = to?;
    let mut values = values.to_vec();
    values.push(("cursor", Some(to.as_str())));
    Some(with_query(path, &values))
}

/// Returns a number with its noun, such as `1 session` and `2 sessions`.
pub(super) fn counted(number: u64, one: &str, several: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        number => format!("{number} {several}"),
    }
}

/// Returns a text without spaces around it, unless it is empty.
pub(super) fn given(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

/// Returns the texts between spaces, commas and line breaks.
pub(super) fn words(text: &str) -> Vec<String> {
    let words = text.split([' ', ',', '\n', '\r', '\t']);
    let words = words.filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// Returns the name of a role as people read it.
pub(super) fn role_label(role: Role) -> &'static str {
    match role {
        Role::Owner => "Owner",
        Role::Administrator => "Administrator",
        Role::LicenseManager => "License manager",
        Role::Billing => "Billing",
        Role::Auditor => "Auditor",
        Role::Member => "Member",
    }
}

/// Returns the name of a role, and what it is for, for a choice.
fn role_choice(role: Role) -> String {
    let purpose = match role {
        Role::Owner => "everything, also owners and the deletion of the organization",
        Role::Administrator => "everything but owners",
        Role::LicenseManager => "licenses, seats and usage",
        Role::Billing => "subscriptions and invoices; sees licenses and usage",
        Role::Auditor => "sees everything, changes nothing",
        Role::Member => "the own seats and machines",
    };
    format!("{}: {purpose}", role_label(role))
}

pub(super) fn role_cell(role: Role) -> Cell {
    let tone = if role == Role::Owner {
        Tone::Good
    } else {
        Tone::Neutral
    };
    Cell::badge(tone, role_label(role))
}

/// Returns whether a person may give a role: it has no permission that the person lacks.
pub(super) fn covers(context: &PageContext, role: Role) -> bool {
    let own = context.principal().map(|principal| principal.permissions);
    let own = own.unwrap_or(Permissions::NONE);
    role.permissions().without(own).is_empty()
}

/// Returns a choice of the roles that a person may give. `none`: the label of no role.
pub(super) fn role_field(
    context: &PageContext,
    (name, label): (&str, &str),
    value: Option<Role>,
    none: Option<&str>,
) -> Field {
    let none = none.map(|label| (String::new(), label.to_owned()));
    let roles = Role::ALL.into_iter().filter(|role| covers(context, *role));
    let roles = roles.map(|role| (role.as_str().to_owned(), role_choice(role)));
    let choices = none.into_iter().chain(roles).collect();
    let value = value.map_or("", Role::as_str);
    Field::new(Kind::Choice(choices), name, label).value(value)
}

/// Returns a state that is on or off.
pub(super) fn switch(is_on: bool, on: &str, off: &str) -> Cell {
    if is_on {
        Cell::badge(Tone::Good, on)
    } else {
        Cell::badge(Tone::Neutral, off)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_has_the_given_values_only() {
        let values = [("a", Some("x y&z")), ("b", None), ("c", Some(""))];
        assert_eq!(with_query("/audit", &values), "/audit?a=x%20y%26z");
        assert_eq!(with_query("/audit", &[]), "/audit");
        let to = Some(Cursor::after("7"));
        let path = next("/audit", &values, to).unwrap();
        assert_eq!(path, "/audit?a=x%20y%26z&cursor=7");
        assert_eq!(next("/audit", &values, None), None);
    }

    #[test]
    fn words_are_separated_in_several_ways() {
        assert_eq!(words(" a, b\r\nc  "), ["a", "b", "c"]);
        assert!(words(" \n").is_empty());
    }
}
