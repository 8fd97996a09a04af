//! The policy of a pool.

use axum::routing::{get, post};
use license_core::machine::MachineDigest;
use license_dashboard::{Cell, Facts, Field, Form, Kind, Notice, Page as Html};
use license_seats::{HolderDisplay, Overage, Reservation, ReservationTarget};
use serde::Deserialize;

use super::context::PageContext;
use super::form::PageForm;
use super::form_values::{number, required_number};
use super::pages::Pages;
use super::reply::{PageReply, done, html};
use super::seats::{PoolTab, path_of, tabs};
use crate::api::paths::StrictPath;
use crate::api::pools::pool;
use crate::api::problem::Problem;
use crate::domain::{Permission, PoolId, SeatPolicy};

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    let path = "/seats/{pool}/policy";
    pages.page(path, Permission::ReadSeats, get(show)).page(
        path,
        Permission::ManageSeats,
        post(submit),
    )
}

async fn show(context: PageContext, StrictPath(path): StrictPath<String>) -> PageReply {
    let pool = pool(&path)?;
    let policy = context.services()?.pools.policy(&pool).await?;
    let page = page(&context, &pool).await?;
    let page = if context.may(Permission::ManageSeats) {
        page.with(form(&pool, &PolicyForm::new(&policy)))
    } else {
        page.with(facts(&PolicyForm::new(&policy)))
    };
    Ok(html(&page))
}

async fn submit(
    context: PageContext,
    StrictPath(path): StrictPath<String>,
    PageForm(sent): PageForm<PolicyForm>,
) -> PageReply {
    let pool = pool(&path)?;
    let changed = match sent.policy() {
        Ok(policy) => {
            let (pools, actor) = (&context.services()?.pools, context.actor()?);
            let changed = pools.set_policy(actor, &pool, policy).await;
            changed.map_err(Problem::from)
        }
        Err(problem) => Err(problem),
    };
    match changed {
        Ok(()) => {
            let path = format!("{}/policy", path_of(&pool));
            Ok(done(&path, "The policy is in effect"))
        }
        Err(problem) => {
            let page = page(&context, &pool).await?;
            Ok(context.refused(page, form(&pool, &sent), &problem))
        }
    }
}

async fn page(context: &PageContext, pool: &PoolId) -> Result<Html, Problem> {
    let status = context.services()?.pools.get(pool).await?;
    let note = Notice::new(
        license_dashboard::Tone::Neutral,
        "The license sets the bounds",
    )
    .text(
        "A policy narrows the license. Overage and borrowing have an effect only if the license \
         permits them.",
    );
    Ok(context
        .page_below(("Seats", "/seats"), status.customer.clone())
        .with(tabs(pool, PoolTab::Policy))
        .with(note))
}

/// The fields of a policy, as people write them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyForm {
    lifetime_seconds: String,
    renew_seconds: String,
    max_queue: String,
    overage: String,
    overage_number: String,
    max_borrowed: String,
    max_borrow_days: String,
    borrow_low_water: String,
    reservations: String,
    holders: String,
}

/// The ways in which a denial names the holders of seats.
const HOLDERS: [(&str, HolderDisplay, &str); 3] = [
    ("names", HolderDisplay::Names, "Users and machines"),
    ("anonymous", HolderDisplay::Anonymous, "Only since when"),
    ("hidden", HolderDisplay::Hidden, "Nothing"),
];

/// The kinds of overage.
const OVERAGE: [(&str, &str); 3] = [
    ("none", "No seat"),
    ("seats", "A number of seats"),
    ("percent", "A percentage of the seats"),
];

impl PolicyForm {
    fn new(policy: &SeatPolicy) -> Self {
        let optional = |number: Option<u32>| number.map(|number| number.to_string());
        let (overage, number) = match policy.overage {
            Overage::None => ("none", None),
            Overage::Seats(seats) => ("seats", Some(seats)),
            Overage::Percent(percent) => ("percent", Some(percent)),
        };
        let holders = HOLDERS.iter().find(|(_, one, _)| *one == policy.holders);
        let reservations = policy.reservations.iter().map(line).collect::<Vec<_>>();
        Self {
            lifetime_seconds: policy.lifetime_seconds.to_string(),
            renew_seconds: policy.renew_seconds.to_string(),
            max_queue: policy.max_queue.to_string(),
            overage: overage.to_owned(),
            overage_number: optional(number).unwrap_or_default(),
            max_borrowed: optional(policy.max_borrowed).unwrap_or_default(),
            max_borrow_days: optional(policy.max_borrow_days).unwrap_or_default(),
            borrow_low_water: policy.borrow_low_water.to_string(),
            reservations: reservations.join("\n"),
            holders: holders.map_or("names", |(name, ..)| *name).to_owned(),
        }
    }

    /// Returns the policy.
    ///
    /// # Errors
    ///
    /// Returns `BAD_REQUEST` with the name of the first field whose value is not acceptable.
    fn policy(&self) -> Result<SeatPolicy, Problem> {
        let overage_number = || required_number("overage_number", &self.overage_number, 0);
        let overage = match self.overage.as_str() {
            "none" => Overage::None,
            "seats" => Overage::Seats(overage_number()?),
            "percent" => Overage::Percent(overage_number()?),
            _ => return Err(bad("overage", "choose one of the kinds")),
        };
        let holders = HOLDERS.iter().find(|(name, ..)| *name == self.holders);
        let lines = self.reservations.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty());
        Ok(SeatPolicy {
            lifetime_seconds: required_number("lifetime_seconds", &self.lifetime_seconds, 0)?
                .into(),
            renew_seconds: required_number("renew_seconds", &self.renew_seconds, 0)?.into(),
            max_queue: required_number("max_queue", &self.max_queue, 0)?,
            overage,
            max_borrowed: number("max_borrowed", &self.max_borrowed, 0)?,
            max_borrow_days: number("max_borrow_days", &self.max_borrow_days, 0)?,
            borrow_low_water: required_number("borrow_low_water", &self.borrow_low_water, 0)?,
            reservations: lines.map(reservation).collect::<Result<_, _>>()?,
            holders: holders
                .map(|(_, display, _)| *display)
                .ok_or_else(|| bad("holders", "choose one of the ways"))?,
        })
    }
}

/// Returns the problem of a field.
fn bad(field: &str, detail: &str) -> Problem {
    Problem::malformed(format!("{field}: {detail}"))
}

/// Returns the line of a reservation.
fn line(reservation: &Reservation) -> String {
    let (kind, name) = match &reservation.target {
        ReservationTarget::Group(group) => ("group", group.to_string()),
        ReservationTarget::User(user) => ("user", user.to_string()),
        ReservationTarget::Machine(machine) => ("machine", machine.to_string()),
    };
    let seats = reservation.seats;
    match reservation.at_most {
        None => format!("{kind} {seats} {name}"),
        Some(most) => format!("{kind} {seats}/{most} {name}"),
    }
}

/// Parses the line of a reservation.
fn reservation(line: &str) -> Result<Reservation, Problem> {
    let refused = || {
        let shown: String = line.chars().take(60).collect();
        bad(
            "reservations",
            &format!(
                "“{shown}” is not a reservation; write group, user or machine, the number of seats, \
                 and the name, such as “group 5 simulation”"
            ),
        )
    };
    let mut words = line.splitn(3, char::is_whitespace);
    let (Some(kind), Some(seats), Some(name)) = (words.next(), words.next(), words.next()) else {
        return Err(refused());
    };
    let name = name.trim();
    let target = match kind {
        "group" => ReservationTarget::Group(name.into()),
        "user" => ReservationTarget::User(name.into()),
        "machine" => {
            let machine = MachineDigest::parse(name);
            ReservationTarget::Machine(machine.ok_or_else(refused)?)
        }
        _ => return Err(refused()),
    };
    let (seats, at_most) = match seats.split_once('/') {
        None => (seats, None),
        Some((seats, most)) => (seats, Some(most.parse().map_err(|_| refused())?)),
    };
    let seats = seats.parse().map_err(|_| refused())?;
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(refused());
    }
    Ok(Reservation {
        target,
        seats,
        at_most,
    })
}

/// The fields: their names, labels and explanations.
fn fields(policy: &PolicyForm) -> Vec<(Field, String, String)> {
    let holders = HOLDERS.map(|(value, _, label)| (value.to_owned(), label.to_owned()));
    let overage = OVERAGE.map(|(value, label)| (value.to_owned(), label.to_owned()));
    let choice = |options: &[(String, String)]| Kind::Choice(options.to_vec());
    let label_of = |options: &[(String, String)], value: &str| {
        let found = options.iter().find(|(name, _)| name == value);
        found.map_or_else(|| value.to_owned(), |(_, label)| label.clone())
    };
    let field = |kind, name: &str, label: &str, help: &str, value: &str| {
        let field = Field::new(kind, name, label).value(value);
        let field = if help.is_empty() {
            field
        } else {
            field.help(help)
        };
        (field, label.to_owned(), value.to_owned())
    };
    let number = |name, label, help, value: &str| field(Kind::Number, name, label, help, value);
    let required =
        |(field, label, value): (Field, String, String)| (field.required(), label, value);
    let (overage_field, overage_label, _) = field(
        choice(&overage),
        "overage",
        "Seats above the license",
        "Each such seat is visible in its token, in events and in metrics.",
        &policy.overage,
    );
    let (holders_field, holders_label, _) = field(
        choice(&holders),
        "holders",
        "What a denial says about the holders",
        "",
        &policy.holders,
    );
    vec![
        required(number(
            "lifetime_seconds",
            "Lifetime of a lease (seconds)",
            "From 10 to 3600. A crashed session blocks its seat for this time.",
            &policy.lifetime_seconds,
        )),
        required(number(
            "renew_seconds",
            "Renewal after (seconds)",
            "At most half of the lifetime.",
            &policy.renew_seconds,
        )),
        required(number(
            "max_queue",
            "Longest queue (sessions)",
            "With 0, the queue is closed.",
            &policy.max_queue,
        )),
        (
            overage_field.required(),
            overage_label,
            label_of(&overage, &policy.overage),
        ),
        number(
            "overage_number",
            "Number or percentage above the license",
            "",
            &policy.overage_number,
        ),
        number(
            "max_borrowed",
            "Borrowed seats at most",
            "Empty: as many as the license permits.",
            &policy.max_borrowed,
        ),
        number(
            "max_borrow_days",
            "Longest loan (days)",
            "With 0, seats cannot be borrowed.",
            &policy.max_borrow_days,
        ),
        required(number(
            "borrow_low_water",
            "Seats that cannot be borrowed",
            "",
            &policy.borrow_low_water,
        )),
        field(
            Kind::Lines,
            "reservations",
            "Reservations",
            "One in each line: group, user or machine, the number of seats, and the name, such as \
             “group 5 simulation”. With “group 5/8 simulation”, the group holds at most 8 seats.",
            &policy.reservations,
        ),
        (
            holders_field.required(),
            holders_label,
            label_of(&holders, &policy.holders),
        ),
    ]
}

fn form(pool: &PoolId, policy: &PolicyForm) -> Form {
    let base = path_of(pool);
    let form = Form::new(format!("{base}/policy"), "Save the policy").cancel(base);
    let fields = fields(policy).into_iter();
    fields.fold(form, |form, (field, ..)| form.field(field))
}

fn facts(policy: &PolicyForm) -> Facts {
    let fields = fields(policy).into_iter();
    fields.fold(Facts::new().title("Policy"), |facts, (_, label, value)| {
        let lines: Vec<_> = value.lines().map(Cell::text).collect();
        let cell = match lines.len() {
            0 => Cell::Empty,
            _ => Cell::Lines(lines),
        };
        facts.fact(label, cell)
    })
}

#[cfg(test)]
mod tests;
