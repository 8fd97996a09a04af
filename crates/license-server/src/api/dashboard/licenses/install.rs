//! Installation of files of the vendor on a site server.

use axum::routing::get;
use license_dashboard::{Field, Form, Kind, Page};
use serde::Deserialize;

use crate::api::dashboard::context::PageContext;
use crate::api::dashboard::form::PageForm;
use crate::api::dashboard::pages::Pages;
use crate::api::dashboard::reply::{PageReply, done, html};
use crate::domain::Permission;

/// The path of the form.
const PATH: &str = "/licenses/install";

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    pages.page(PATH, Permission::IssueLicenses, get(show).post(install))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InstallForm {
    file: String,
}

fn page(context: &PageContext) -> Page {
    context.page_below(("Licenses", "/licenses"), "Install a file")
}

fn form(text: &str) -> Form {
    let help = "The text of the file: licenses, a revocation list, or new public keys of the vendor. \
                Nothing is installed if a part of it is refused.";
    let file = Field::new(Kind::File, "file", "File of the vendor");
    Form::new(PATH, "Install")
        .field(file.value(text).help(help).required())
        .cancel("/licenses")
}

async fn show(context: PageContext) -> PageReply {
    Ok(html(&page(&context).with(form(""))))
}

async fn install(context: PageContext, PageForm(sent): PageForm<InstallForm>) -> PageReply {
    let licenses = &context.services()?.licenses;
    let report = match licenses.install(context.actor()?, &sent.file).await {
        Ok(report) => report,
        Err(refusal) => {
            let form = form(&sent.file);
            return Ok(context.refused(page(&context), form, &refusal.into()));
        }
    };
    let count = |number: usize, one: &str, many: &str| match number {
        0 => None,
        1 => Some(format!("1 {one}")),
        number => Some(format!("{number} {many}")),
    };
    let parts = [
        count(report.new_licenses, "new license", "new licenses"),
        count(
            report.revocations.len(),
            "revocation list",
            "revocation lists",
        ),
        count(
            report.statements,
            "statement about keys",
            "statements about keys",
        ),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    let message = if parts.is_empty() {
        "The server had everything in the file already".to_owned()
    } else {
        format!("Installed: {}", parts.join(", "))
    };
    let target = match report.licenses.as_slice() {
        [only] => format!("/licenses/{}", only.record.id),
        _ => "/licenses".to_owned(),
    };
    Ok(done(&target, &message))
}
