//! The list of licenses: search, filters, orders and pages, all in the URL.

use axum::routing::get;
use license_dashboard::{Action, Cell, Column, EmptyState, Field, Form, Kind, Table};
use license_issuer::ledger::LicenseStatus;
use serde::Deserialize;

use super::badges::{badge, last_day};
use crate::api::dashboard::context::PageContext;
use crate::api::dashboard::list::{given, with_query};
use crate::api::dashboard::names::short_id;
use crate::api::dashboard::pages::Pages;
use crate::api::dashboard::reply::{PageReply, html};
use crate::api::pages::{PageQuery, StrictQuery};
use crate::domain::Permission;
use crate::services::{InstalledLicense, LicenseSearch, Services};

/// The path of the list.
const PATH: &str = "/licenses";

/// The value of the filter for licenses that end soon.
const ENDING: &str = "ending";

/// The days in which a license ends soon.
const ENDING_DAYS: u32 = 30;

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    pages.page(PATH, Permission::ReadLicenses, get(list))
}

/// The state of the list. A browser sends empty fields too.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LicenseListQuery {
    text: String,
    state: String,
    tier: String,
    sort: String,
    order: String,
    cursor: String,
}

impl LicenseListQuery {
    fn is_filtered(&self) -> bool {
        [&self.text, &self.state, &self.tier]
            .iter()
            .any(|value| !value.trim().is_empty())
    }

    fn is_descending(&self) -> bool {
        self.order == "desc"
    }

    fn search(&self) -> LicenseSearch {
        let some = |text: &String| given(text).map(str::to_owned);
        let is_ending = self.state == ENDING;
        LicenseSearch {
            customer: None,
            text: some(&self.text),
            tier: some(&self.tier),
            status: some(&self.state).filter(|_| !is_ending),
            expires_within: is_ending.then_some(ENDING_DAYS),
            sort: some(&self.sort),
            is_descending: self.is_descending(),
        }
    }

    /// Returns the path of the list in this state.
    fn path(&self) -> String {
        let members = [
            ("text", &self.text),
            ("state", &self.state),
            ("tier", &self.tier),
            ("sort", &self.sort),
            ("order", &self.order),
            ("cursor", &self.cursor),
        ];
        with_query(
            PATH,
            &members.map(|(name, value)| (name, Some(value.as_str()))),
        )
    }

    /// Returns the path of another page of the list.
    fn at(&self, cursor: &str) -> String {
        Self {
            cursor: cursor.to_owned(),
            ..self.clone()
        }
        .path()
    }

    /// Returns a column that sorts the list. A second click reverses the order.
    fn sorted(&self, label: &str, sort: &str, is_default: bool) -> Column {
        let is_current = self.sort == sort || is_default && self.sort.is_empty();
        let ascends = !self.is_descending();
        let order = if is_current && ascends { "desc" } else { "" };
        let target = Self {
            sort: sort.to_owned(),
            order: order.to_owned(),
            cursor: String::new(),
            ..self.clone()
        };
        Column::text(label).sorted_by(target.path(), is_current.then_some(ascends))
    }
}

async fn list(
    context: PageContext,
    StrictQuery(query): StrictQuery<LicenseListQuery>,
) -> PageReply {
    let services = context.services()?;
    let cursor = Some(query.cursor.clone()).filter(|cursor| !cursor.is_empty());
    let page = PageQuery::new(cursor, None).request()?;
    let found = services.licenses.search(&query.search(), &page).await?;
    let mut table = table(&query, services);
    let now = services.now();
    for license in &found.items {
        table.row(row(services, license, now));
    }
    table.empty = empty(&context, &query);
    table.next = found.next.map(|next| query.at(next.as_str()));
    table.first = (!query.cursor.is_empty()).then(|| query.at(""));
    let page = context.page("Licenses");
    let page = if !context.may(Permission::IssueLicenses) {
        page
    } else if context.is_vendor() {
        page.action(Action::link("Issue a license", "/licenses/issue").primary())
    } else {
        page.action(Action::link("Install a file", "/licenses/install").primary())
    };
    Ok(html(&page.with(table)))
}

fn table(query: &LicenseListQuery, services: &Services) -> Table {
    let columns = vec![
        query.sorted("Customer", "customer", false),
        Column::text("State"),
        Column::text("Tier"),
        Column::number("Seats"),
        query.sorted("Issued", "issued", false),
        query.sorted("Last day", "expires", false),
        query.sorted("Id", "installed", true),
    ];
    let mut table = Table::new("Licenses", columns);
    table.filter = Some(filter(query, services));
    table
}

fn filter(query: &LicenseListQuery, services: &Services) -> Form {
    let choice = |value: &str, label: &str| (value.to_owned(), label.to_owned());
    let states = vec![
        choice("", "All"),
        choice(LicenseStatus::Active.as_str(), "Active"),
        choice(ENDING, "Active, ends within 30 days"),
        choice(LicenseStatus::Future.as_str(), "Starts later"),
        choice(LicenseStatus::Expired.as_str(), "Ended"),
        choice(LicenseStatus::Superseded.as_str(), "Replaced"),
        choice(LicenseStatus::Revoked.as_str(), "Revoked"),
    ];
    let tiers = services.vendor.matrix().tiers().iter();
    let tiers = tiers.map(|tier| choice(tier.name().as_str(), tier.name().as_str()));
    let tiers = std::iter::once(choice("", "All")).chain(tiers).collect();
    let text = Field::text("text", "Customer, user, id or key").max_length(200);
    Form::new(PATH, "Search")
        .hidden("sort", &query.sort)
        .hidden("order", &query.order)
        .field(text.value(&query.text))
        .field(Field::new(Kind::Choice(states), "state", "State").value(&query.state))
        .field(Field::new(Kind::Choice(tiers), "tier", "Tier").value(&query.tier))
}

fn row(
    services: &Services,
    found: &InstalledLicense,
    now: chrono::DateTime<chrono::Utc>,
) -> Vec<Cell> {
    let (record, license) = (&found.record, &found.license);
    let state = services.licenses.state(license);
    let tier = license.tier().to_string();
    let seats = license.seats().and_then(|seats| i64::try_from(seats).ok());
    let tier = if license.is_trial() {
        format!("{tier}, trial")
    } else {
        tier
    };
    vec![
        Cell::link(format!("{PATH}/{}", record.id), record.customer.as_str()),
        badge(license, state, record.is_superseded, now),
        Cell::text(tier),
        seats.map_or(Cell::Empty, Cell::Number),
        license
            .issued_at()
            .map_or(Cell::Empty, |at| Cell::Date(at.date_naive())),
        last_day(license.expires_at()),
        Cell::code(short_id(record.id.as_str())),
    ]
}

fn empty(context: &PageContext, query: &LicenseListQuery) -> EmptyState {
    if query.is_filtered() || !query.cursor.is_empty() {
        return EmptyState::new("No license matches")
            .text("Search for the beginnings of words, or show all licenses.")
            .action(Action::link("Show all", PATH));
    }
    let empty = EmptyState::new("There are no licenses yet");
    match (context.may(Permission::IssueLicenses), context.is_vendor()) {
        (false, _) => empty,
        (true, true) => empty.action(Action::link("Issue a license", "/licenses/issue")),
        (true, false) => empty
            .text("Install the file that the vendor sent.")
            .action(Action::link("Install a file", "/licenses/install")),
    }
}
