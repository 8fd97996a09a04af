//! The fields of orders, and what they mean.

use license_core::{FeatureMatrix, Tier};
use license_dashboard::{Field, Form, Kind};
use serde::{Deserialize, Serialize};

use super::order_fields::{
    accept_loss, check_end, checked, content, counts, end, items, maintenance, quotas, text, tiers,
};
use crate::api::dashboard::form_values::number;
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
    /// The tier of the license. Lower ones are not offered.
    #[serde(skip)]
    lowest: Option<Tier>,
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

    /// Sets the tier of the license that the form changes.
    fn set_tier(&mut self, _: Tier) {}
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
        check_end(
            "expires",
            &self.expires,
            &self.days,
            self.perpetual.is_some(),
        )?;
        Ok(IssueOrder {
            customer: self.customer.clone(),
            tier: self.tier.clone(),
            expires: text(&self.expires),
            days: number("days", &self.days, 1)?,
            perpetual: self.perpetual.is_some(),
            not_before: text(&self.not_before),
            company: text(&self.company),
            seats: number("seats", &self.seats, 1)?,
            devices: number("devices", &self.devices, 1)?,
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
        let tier = Field::new(
            Kind::Choice(tiers(matrix, "Choose a tier", None)),
            "tier",
            "Tier",
        );
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
        check_end("until", &self.until, &self.days, self.perpetual.is_some())?;
        Ok(RenewOrder {
            until: text(&self.until),
            days: number("days", &self.days, 1)?,
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

    fn set_tier(&mut self, tier: Tier) {
        self.lowest = Some(tier);
    }

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
        let tier = Field::new(
            Kind::Choice(tiers(matrix, "As it is", self.lowest)),
            "tier",
            "Tier",
        );
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
            seats: number("seats", self.seats, 1)?,
            devices: number("devices", self.devices, 1)?,
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
