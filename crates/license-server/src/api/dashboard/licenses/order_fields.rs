//! Fields that several orders have, and their values.

use std::collections::BTreeMap;

use license_core::{FeatureMatrix, Tier};
use license_dashboard::{Field, Form, Kind};

use crate::api::dashboard::form_values::expected;
use crate::api::dashboard::list::given;
use crate::api::problem::Problem;

/// Adds the fields for the end of a license.
pub(super) fn end(
    form: Form,
    name: &'static str,
    until: &str,
    days: &str,
    perpetual: bool,
) -> Form {
    let until = Field::new(Kind::Date, name, "Last day").value(until);
    let days = Field::new(Kind::Number, "days", "Or: length in days").value(days);
    let perpetual =
        Field::new(Kind::Check, "perpetual", "Or: never ends").value(checked(perpetual));
    form.field(until.help("State exactly one end."))
        .field(days)
        .field(perpetual)
}

/// Refuses more than one end, at the field of the first one that is stated.
pub(super) fn check_end(
    name: &'static str,
    until: &str,
    days: &str,
    perpetual: bool,
) -> Result<(), Problem> {
    let stated = [
        (name, given(until).is_some()),
        ("days", given(days).is_some()),
        ("perpetual", perpetual),
    ];
    let mut stated = stated.iter().filter(|(_, is_stated)| *is_stated);
    match (stated.next(), stated.next()) {
        (Some((first, _)), Some(_)) => Err(Problem::malformed(
            "state one end only: the last day, the length, or that the license never ends",
        )
        .about(first)),
        _ => Ok(()),
    }
}

pub(super) fn counts(form: Form, seats: &str, machines: &str) -> Form {
    let seats = Field::new(Kind::Number, "seats", "Seats").value(seats);
    let devices = Field::new(Kind::Number, "devices", "Machines that can be activated");
    form.field(seats).field(devices.value(machines))
}

/// Adds the fields for features and quotas that differ from the tier.
pub(super) fn content(
    form: Form,
    matrix: &FeatureMatrix,
    quotas: &str,
    add: &str,
    remove: &str,
) -> Form {
    let names: Vec<_> = matrix.quotas().collect();
    let limits = Field::new(Kind::Lines, "quotas", "Quotas").help(format!(
        "One in a line, such as name=100 or name=unlimited. The product has: {}.",
        names.join(", ")
    ));
    let chosen = |value: &str| {
        let chosen = items(value);
        let features = matrix.features().into_iter().map(|(name, tier)| {
            let is_chosen = chosen.iter().any(|item| item == name);
            (name.to_owned(), format!("{name} ({tier})"), is_chosen)
        });
        Kind::Choices(features.collect())
    };
    let added = Field::new(chosen(add), "add_features[]", "Additional features")
        .help("The tier in parentheses is the lowest one that has the feature.");
    let removed = Field::new(chosen(remove), "remove_features[]", "Features to leave out");
    form.group("Quotas")
        .field(limits.value(quotas))
        .group("Features")
        .field(added)
        .field(removed)
}

pub(super) fn maintenance(value: &str) -> Field {
    let field = Field::new(Kind::Date, "maintenance_until", "Maintenance through");
    field
        .value(value)
        .help("The last build date that the license covers.")
}

pub(super) fn accept_loss(is_accepted: bool) -> Field {
    let label = "The customer may lose what the preview lists";
    Field::new(Kind::Check, "accept_loss", label).value(checked(is_accepted))
}

/// Returns the tiers from the lowest one that a license can have, with a choice of none.
pub(super) fn tiers(
    matrix: &FeatureMatrix,
    none: &str,
    lowest: Option<Tier>,
) -> Vec<(String, String)> {
    let tiers = matrix.tiers();
    let first = tiers.iter().position(|tier| Some(tier.name()) == lowest);
    let tiers = tiers.iter().skip(first.unwrap_or(0)).map(|tier| {
        let name = tier.name().to_string();
        (name.clone(), name)
    });
    let none = (String::new(), none.to_owned());
    std::iter::once(none).chain(tiers).collect()
}

pub(super) const fn checked(is_checked: bool) -> &'static str {
    if is_checked { "true" } else { "" }
}

/// Returns a text, unless the field is empty.
pub(super) fn text(value: &str) -> Option<String> {
    given(value).map(str::to_owned)
}

/// Returns the items of a field: one in a line, or separated by commas.
pub(super) fn items(value: &str) -> Vec<String> {
    let items = value.split(['\n', ',']).map(str::trim);
    let items = items.filter(|item| !item.is_empty());
    items.map(str::to_owned).collect()
}

/// Returns quotas: `name=number` or `name=unlimited` in each line.
pub(super) fn quotas(value: &str) -> Result<BTreeMap<String, i64>, Problem> {
    let mut quotas = BTreeMap::new();
    for item in items(value) {
        let refused = || expected("quotas", "name=number or name=unlimited in each line");
        let (name, limit) = item.split_once('=').ok_or_else(refused)?;
        let limit = match limit.trim() {
            "unlimited" => -1,
            limit => limit.parse().map_err(|_| refused())?,
        };
        if quotas.insert(name.trim().to_owned(), limit).is_some() {
            return Err(Problem::malformed("quotas: state one limit for each name"));
        }
    }
    Ok(quotas)
}
