//! Parts of pages with lists and with choices.

use license_dashboard::{Cell, Field, Kind, Tone};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::context::PageContext;
use crate::domain::{Cursor, Permissions, Role};

/// The state and the position of a list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StateQuery {
    pub(super) state: Option<String>,
    pub(super) cursor: Option<String>,
}

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

/// Returns a number with its noun, such as `1 pool` and `2 pools`.
pub(super) fn counted(count: impl TryInto<u64>, one: &str, many: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Returns the name of a state as people read it, such as `In grace`.
pub(super) fn state_label(name: &str) -> String {
    let mut characters = name.chars();
    let first = characters.next().map(char::to_uppercase);
    let rest = characters.as_str().replace('_', " ");
    first.into_iter().flatten().chain(rest.chars()).collect()
}

/// Returns a field that chooses a state, or all of them.
pub(super) fn state_field(states: impl IntoIterator<Item = &'static str>, chosen: &str) -> Field {
    let all = (String::new(), "All".to_owned());
    let states = states.into_iter();
    let states = states.map(|state| (state.to_owned(), state_label(state)));
    let choices = std::iter::once(all).chain(states).collect();
    Field::new(Kind::Choice(choices), "state", "State").value(chosen)
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
    fn a_state_is_a_word_of_a_sentence() {
        assert_eq!(state_label("in_grace"), "In grace");
        assert_eq!(state_label("paid"), "Paid");
        assert_eq!(state_label(""), "");
    }

    #[test]
    fn a_number_has_its_noun() {
        assert_eq!(counted(0_u32, "pool", "pools"), "0 pools");
        assert_eq!(counted(1_usize, "pool", "pools"), "1 pool");
        assert_eq!(counted(2_u64, "pool", "pools"), "2 pools");
    }

    #[test]
    fn words_are_separated_in_several_ways() {
        assert_eq!(words(" a, b\r\nc  "), ["a", "b", "c"]);
        assert!(words(" \n").is_empty());
    }
}
