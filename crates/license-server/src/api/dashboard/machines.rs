//! The machines that use licenses.

use axum::routing::get;
use license_dashboard::{Cell, Column, EmptyState, Field, Form, Table};
use serde::Deserialize;

use super::context::PageContext;
use super::list::with_query;
use super::pages::Pages;
use super::reply::{PageReply, html};
use crate::api::pages::{PageQuery, StrictQuery};
use crate::domain::Permission;

/// The path of the list.
const PATH: &str = "/machines";

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    pages.page(PATH, Permission::ReadLicenses, get(list))
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct MachinesQuery {
    machine: String,
    cursor: String,
}

impl MachinesQuery {
    fn path(&self, cursor: &str) -> String {
        let values = [
            ("machine", Some(self.machine.as_str())),
            ("cursor", Some(cursor)),
        ];
        with_query(PATH, &values)
    }
}

async fn list(context: PageContext, StrictQuery(query): StrictQuery<MachinesQuery>) -> PageReply {
    let licenses = &context.services()?.licenses;
    let cursor = Some(query.cursor.clone()).filter(|cursor| !cursor.is_empty());
    let request = PageQuery::new(cursor, None).request()?;
    let found = licenses.all_machines(Some(&query.machine), &request);
    let found = found.await?;
    let columns = vec![
        Column::text("Machine"),
        Column::text("License"),
        Column::text("Version"),
        Column::text("First seen"),
        Column::text("Last seen"),
    ];
    let mut table = Table::new("Machines", columns);
    for machine in found.items {
        // The license may have been removed since.
        let license = licenses.get(&machine.license).await.ok();
        let id = machine.license.to_string();
        let link = match license {
            Some(license) => Cell::link(format!("/licenses/{id}"), license.record.customer),
            None => Cell::code(id),
        };
        table.row(vec![
            Cell::code(machine.machine),
            link,
            Cell::optional(machine.version),
            Cell::Time(machine.first_seen),
            Cell::Time(machine.last_seen),
        ]);
    }
    let field = Field::text("machine", "Beginning of the name or digest").max_length(200);
    table.filter = Some(Form::new(PATH, "Search").field(field.value(&query.machine)));
    table.empty = if query.machine.is_empty() {
        EmptyState::new("No machine has validated a license yet")
    } else {
        EmptyState::new("No machine matches")
            .text("`license machine` prints the digest of a machine.")
    };
    table.next = found.next.map(|next| query.path(next.as_str()));
    table.first = (!query.cursor.is_empty()).then(|| query.path(""));
    let about = "A machine is shown when it has validated a license, or held a seat of a license with \
                 assigned users. The pages of Seats show the machines that hold seats now. A machine \
                 that was not seen for a year is forgotten.";
    Ok(html(&context.page("Machines").with(about).with(table)))
}
