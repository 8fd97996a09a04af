//! The fields of orders, and what they mean.

use std::collections::BTreeMap;

use license_core::FeatureMatrix;
use license_dashboard::{Field, Form, Kind};
use serde::{Deserialize, Serialize};

use crate::api::problem::Problem;
use crate::services::{ContentChanges, IssueOrder, ReassignOrder, RenewOrder, UpgradeOrder};

/// The form of a new license. A browser sends empty fields too, and no box that is not checked.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct IssueForm {
    request: String,
    customer: String,
    tier: String,
    expires: String,
    days: String,
    perpetual: Option<String>,
    not_before: String,
    company: String,
    seats: String,
    devices: String,
    quotas: String,
    #[serde(rename = "add_features[]")]
    add_features: String,
    #[serde(rename = "remove_features[]")]
    remove_features: String,
    users: String,
    machines: String,
    activation: Option<String>,
    offline: Option<String>,
    maintenance_until: String,
    max_version: String,
    server_request: String,
}

/// The form of a renewal.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RenewForm {
    request: String,
    until: String,
    days: String,
    perpetual: Option<String>,
    maintenance_until: String,
    seats: String,
    devices: String,
    quotas: String,
    #[serde(rename = "add_features[]")]
    add_features: String,
    #[serde(rename = "remove_features[]")]
    remove_features: String,
    refresh: Option<String>,
    accept_loss: Option<String>,
}

/// The form of an upgrade.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct UpgradeForm {
    request: String,
    tier: String,
    seats: String,
    devices: String,
    quotas: String,
    #[serde(rename = "add_features[]")]
    add_features: String,
    #[serde(rename = "remove_features[]")]
    remove_features: String,
    refresh: Option<String>,
    reissue: Option<String>,
    accept_loss: Option<String>,
}

/// The form of a reassignment.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ReassignForm {
    request: String,
    from: String,
    to: String,
    waive_cool_down: Option<String>,
}

/// The fields for the content of a license that changes.
struct ChangeFields<'a> {
    seats: &'a str,
    devices: &'a str,
    quotas: &'a str,
    add_features: &'a str,
    remove_features: &'a str,
    refresh: bool,
}

macro_rules! change_fields {
    ($form:expr) => {
        ChangeFields {
            seats: &$form.seats,
            devices: &$form.devices,
            quotas: &$form.quotas,
            add_features: &$form.add_features,
            remove_features: &$form.remove_features,
            refresh: $form.refresh.is_some(),
        }
    };
}

/// A form that orders a license.
pub(super) trait OrderForm: Clone + Default + Serialize {
    /// The order.
    type Order;

    /// The title of the page.
    const TITLE: &'static str;

    /// The label of the button that issues the license.
    const SUBMIT: &'static str;

    /// Returns the order that the fields state.
    fn order(&self, dry_run: bool) -> Result<Self::Order, Problem>;

    /// Adds the fields with their values to a form.
    fn fields(&self, form: Form, matrix: &FeatureMatrix) -> Form;

    /// Returns the number of the form, so that a double click orders once.
    fn request(&self) -> &str;

    /// Sets the number of the form.
    fn set_request(&mut self, request: String);
}

macro_rules! request {
    () => {
        fn request(&self) -> &str {
            &self.request
        }

        fn set_request(&mut self, request: String) {
            self.request = request;
        }
    };
}

impl OrderForm for IssueForm {
    type Order = IssueOrder;

    const TITLE: &'static str = "Issue a license";
    const SUBMIT: &'static str = "Issue the license";

    request!();

    fn order(&self, dry_run: bool) -> Result<IssueOrder, Problem> {
        Ok(IssueOrder {
            customer: self.customer.clone(),
            tier: self.tier.clone(),
            expires: text(&self.expires),
            days: number("days", &self.days)?,
            perpetual: self.perpetual.is_some(),
            not_before: text(&self.not_before),
            company: text(&self.company),
            seats: number("seats", &self.seats)?,
            devices: number("devices", &self.devices)?,
            quotas: quotas(&self.quotas)?,
            add_features: items(&self.add_features),
            remove_features: items(&self.remove_features),
            users: items(&self.users),
            machines: items(&self.machines),
            activation: self.activation.is_some(),
            offline: self.offline.is_some(),
            maintenance_until: text(&self.maintenance_until),
            max_version: text(&self.max_version),
            server_request: text(&self.server_request),
            dry_run,
            ..IssueOrder::default()
        })
    }

    fn fields(&self, form: Form, matrix: &FeatureMatrix) -> Form {
        let customer = Field::text("customer", "Customer").value(&self.customer);
        let tier = Field::new(Kind::Choice(tiers(matrix, false)), "tier", "Tier");
        let form = form
            .field(customer.required().max_length(200))
            .field(tier.value(&self.tier).required());
        let form = end(
            form,
            "expires",
            &self.expires,
            &self.days,
            self.perpetual.is_some(),
        );
        let start = Field::new(Kind::Date, "not_before", "First day");
        let company = Field::text("company", "Short code of the company")
            .help("2 to 16 characters of A–Z and 0–9.");
        let form = counts(form, &self.seats, &self.devices);
        let form = form
            .group("Start and company")
            .field(start.value(&self.not_before).help("The default is today."))
            .field(company.value(&self.company));
        let users = Field::new(Kind::Lines, "users", "Named users")
            .help("One in a line. Without names, every user may use the license.");
        let machines = Field::new(Kind::Lines, "machines", "Machines").help(
            "One in a line, as `license machine` prints them. Without, every machine is permitted.",
        );
        let activation = Field::new(Kind::Check, "activation", "Each machine must be activated");
        let offline = Field::new(Kind::Check, "offline", "Works without check-ins");
        let form = form
            .group("Users and machines")
            .field(users.value(&self.users))
            .field(machines.value(&self.machines))
            .field(activation.value(checked(self.activation.is_some())))
            .field(offline.value(checked(self.offline.is_some())));
        let form = content(
            form,
            matrix,
            &self.quotas,
            &self.add_features,
            &self.remove_features,
        );
        let version = Field::text("max_version", "Covered versions").help("Such as <3.0.0.");
        let request = Field::new(
            Kind::File,
            "server_request",
            "Request of the customer’s server",
        )
        .help("The file server.request. Without it, the license is for this server.");
        form.group("Versions and the server of the customer")
            .field(maintenance(&self.maintenance_until))
            .field(version.value(&self.max_version))
            .field(request.value(&self.server_request))
    }
}

impl OrderForm for RenewForm {
    type Order = RenewOrder;

    const TITLE: &'static str = "Renew the license";
    const SUBMIT: &'static str = "Issue the renewal";

    request!();

    fn order(&self, dry_run: bool) -> Result<RenewOrder, Problem> {
        Ok(RenewOrder {
            until: text(&self.until),
            days: number("days", &self.days)?,
            perpetual: self.perpetual.is_some(),
            maintenance_until: text(&self.maintenance_until),
            changes: change_fields!(self).changes()?,
            server_request: None,
            // A preview shows the losses, and the order needs the consent.
            accept_loss: dry_run || self.accept_loss.is_some(),
            dry_run,
        })
    }

    fn fields(&self, form: Form, matrix: &FeatureMatrix) -> Form {
        let form = end(
            form,
            "until",
            &self.until,
            &self.days,
            self.perpetual.is_some(),
        );
        let form = form
            .field(maintenance(&self.maintenance_until))
            .field(accept_loss(self.accept_loss.is_some()));
        change_fields!(self).fields(form, matrix)
    }
}

impl OrderForm for UpgradeForm {
    type Order = UpgradeOrder;

    const TITLE: &'static str = "Upgrade the license";
    const SUBMIT: &'static str = "Issue the upgrade";

    request!();

    fn order(&self, dry_run: bool) -> Result<UpgradeOrder, Problem> {
        Ok(UpgradeOrder {
            tier: text(&self.tier),
            changes: change_fields!(self).changes()?,
            reissue: self.reissue.is_some(),
            server_request: None,
            // A preview shows the losses, and the order needs the consent.
            accept_loss: dry_run || self.accept_loss.is_some(),
            dry_run,
        })
    }

    fn fields(&self, form: Form, matrix: &FeatureMatrix) -> Form {
        let tier = Field::new(Kind::Choice(tiers(matrix, true)), "tier", "Tier");
        let reissue = Field::new(Kind::Check, "reissue", "Issue again without changes")
            .help("Such as with the current key of this server.");
        let form = form
            .field(tier.value(&self.tier))
            .field(accept_loss(self.accept_loss.is_some()))
            .field(reissue.value(checked(self.reissue.is_some())));
        change_fields!(self).fields(form, matrix)
    }
}

impl OrderForm for ReassignForm {
    type Order = ReassignOrder;

    const TITLE: &'static str = "Reassign a user";
    const SUBMIT: &'static str = "Issue the license";

    request!();

    fn order(&self, dry_run: bool) -> Result<ReassignOrder, Problem> {
        Ok(ReassignOrder {
            from: self.from.clone(),
            to: self.to.clone(),
            waive_cool_down: self.waive_cool_down.is_some(),
            dry_run,
        })
    }

    fn fields(&self, form: Form, _: &FeatureMatrix) -> Form {
        let from = Field::text("from", "User who loses the place").value(&self.from);
        let to = Field::text("to", "User who gets the place").value(&self.to);
        let waive = Field::new(Kind::Check, "waive_cool_down", "Waive the cool-down");
        let waive = waive.help("The ledger records this.");
        form.field(from.required())
            .field(to.required())
            .field(waive.value(checked(self.waive_cool_down.is_some())))
    }
}

impl ChangeFields<'_> {
    fn changes(&self) -> Result<ContentChanges, Problem> {
        Ok(ContentChanges {
            seats: number("seats", self.seats)?,
            devices: number("devices", self.devices)?,
            quotas: quotas(self.quotas)?,
            add_features: items(self.add_features),
            remove_features: items(self.remove_features),
            refresh: self.refresh,
        })
    }

    fn fields(&self, form: Form, matrix: &FeatureMatrix) -> Form {
        let refresh = Field::new(Kind::Check, "refresh", "Add what the tier has now")
            .help("The license then also gets what was added to the tier since it was issued.");
        let form = counts(form, self.seats, self.devices);
        let form = form.field(refresh.value(checked(self.refresh)));
        content(
            form,
            matrix,
            self.quotas,
            self.add_features,
            self.remove_features,
        )
    }
}

/// Adds the fields for the end of a license.
fn end(form: Form, name: &'static str, until: &str, days: &str, perpetual: bool) -> Form {
    let until = Field::new(Kind::Date, name, "Last day").value(until);
    let days = Field::new(Kind::Number, "days", "Or: length in days").value(days);
    let perpetual =
        Field::new(Kind::Check, "perpetual", "Or: never ends").value(checked(perpetual));
    form.field(until.help("State exactly one end."))
        .field(days)
        .field(perpetual)
}

fn counts(form: Form, seats: &str, machines: &str) -> Form {
    let seats = Field::new(Kind::Number, "seats", "Seats").value(seats);
    let devices = Field::new(Kind::Number, "devices", "Machines that can be activated");
    form.field(seats).field(devices.value(machines))
}

/// Adds the fields for features and quotas that differ from the tier.
fn content(form: Form, matrix: &FeatureMatrix, quotas: &str, add: &str, remove: &str) -> Form {
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

fn maintenance(value: &str) -> Field {
    let field = Field::new(Kind::Date, "maintenance_until", "Maintenance through");
    field
        .value(value)
        .help("The last build date that the license covers.")
}

fn accept_loss(is_accepted: bool) -> Field {
    let label = "The customer may lose what the preview lists";
    Field::new(Kind::Check, "accept_loss", label).value(checked(is_accepted))
}

fn tiers(matrix: &FeatureMatrix, may_stay: bool) -> Vec<(String, String)> {
    let stay = may_stay.then(|| (String::new(), "As it is".to_owned()));
    let tiers = matrix.tiers().iter().map(|tier| {
        let name = tier.name().to_string();
        (name.clone(), name)
    });
    stay.into_iter().chain(tiers).collect()
}

const fn checked(is_checked: bool) -> &'static str {
    if is_checked { "true" } else { "" }
}

/// Returns a text, unless the field is empty.
fn text(value: &str) -> Option<String> {
    let value = value.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

/// Returns the items of a field: one in a line, or separated by commas.
fn items(value: &str) -> Vec<String> {
    let items = value.split(['\n', ',']).map(str::trim);
    let items = items.filter(|item| !item.is_empty());
    items.map(str::to_owned).collect()
}

/// Returns a number, unless the field is empty.
fn number(name: &str, value: &str) -> Result<Option<u32>, Problem> {
    let Some(value) = text(value) else {
        return Ok(None);
    };
    value.parse().map(Some).map_err(|_| {
        Problem::malformed(format!(
            "{name}: expected a whole number, found another text"
        ))
    })
}

/// Returns quotas: `name=number` or `name=unlimited` in each line.
fn quotas(value: &str) -> Result<BTreeMap<String, i64>, Problem> {
    let mut quotas = BTreeMap::new();
    for item in items(value) {
        let refused =
            || Problem::malformed("quotas: expected name=number or name=unlimited in each line");
        let (name, limit) = item.split_once('=').ok_or_else(refused)?;
        let limit = match limit.trim() {
            "unlimited" => -1,
            limit => limit.parse().map_err(|_| refused())?,
        };
        if quotas.insert(name.trim().to_owned(), limit).is_some() {
            return Err(Problem::malformed("quotas: a name has two limits"));
        }
    }
    Ok(quotas)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_fields_state_nothing_and_wrong_ones_are_refused_beside_the_field() {
        let order = IssueForm::default().order(true).unwrap();
        assert!(order.dry_run && order.expires.is_none() && order.seats.is_none());
        let form = IssueForm {
            users: "ann\r\n bob, carol\n\n".to_owned(),
            quotas: "a = 5\r\nb=unlimited".to_owned(),
            seats: " 7 ".to_owned(),
            perpetual: Some("true".to_owned()),
            ..IssueForm::default()
        };
        let order = form.order(false).unwrap();
        assert_eq!(order.users, ["ann", "bob", "carol"]);
        assert_eq!((order.quotas["a"], order.quotas["b"]), (5, -1));
        assert_eq!((order.seats, order.perpetual), (Some(7), true));
        for (name, form) in [
            (
                "seats",
                IssueForm {
                    seats: "1.5".to_owned(),
                    ..IssueForm::default()
                },
            ),
            (
                "days",
                IssueForm {
                    days: "-1".to_owned(),
                    ..IssueForm::default()
                },
            ),
            (
                "quotas",
                IssueForm {
                    quotas: "a".to_owned(),
                    ..IssueForm::default()
                },
            ),
            (
                "quotas",
                IssueForm {
                    quotas: "a=1\na=2".to_owned(),
                    ..IssueForm::default()
                },
            ),
        ] {
            let problem = form.order(false).unwrap_err();
            assert!(problem.refusal().detail.starts_with(&format!("{name}: ")));
        }
    }
}
