//! Installation of files of the vendor on a site server.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use license_dashboard::{Action, Field, Form, Kind, Page};
use serde::Deserialize;

use crate::api::App;
use crate::api::dashboard::context::PageContext;
use crate::api::dashboard::form::PageForm;
use crate::api::dashboard::pages::Pages;
use crate::api::dashboard::reply::{PageReply, done, html};
use crate::api::paths::not_found;
use crate::domain::Permission;

/// The path of the form.
const PATH: &str = "/licenses/install";

/// The path of the request of the server for its vendor.
const REQUEST: &str = "/licenses/request";

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    pages
        .page(PATH, Permission::IssueLicenses, get(show).post(install))
        .page(REQUEST, Permission::IssueLicenses, get(request))
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
    let help = "The text of the file: public keys of the vendor (trust.jwks), licenses, a revocation \
                list, or a trust statement. Install the public keys before the first license. \
                Nothing is installed if a part of the file is refused.";
    let file = Field::new(Kind::File, "file", "File of the vendor");
    Form::new(PATH, "Install")
        .field(file.value(text).help(help).required())
        .cancel("/licenses")
}

async fn show(State(app): State<App>, context: PageContext) -> PageReply {
    let page = page(&context).with(form(""));
    Ok(html(
        &page.with_some(request_action(&app).map(|one| vec![one])),
    ))
}

/// Returns the link to the request of the server for its vendor, if there is one.
pub(in crate::api::dashboard) fn request_action(app: &App) -> Option<Action> {
    app.server_request()?;
    Some(Action::download(
        "Download the request for the vendor",
        REQUEST,
    ))
}

async fn request(State(app): State<App>) -> PageReply {
    let request = app.server_request().ok_or_else(|| not_found("request"))?;
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"server.request\"",
        ),
    ];
    Ok((headers, request.to_owned()).into_response())
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
        count(report.keys.len(), "public key", "public keys"),
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
        // The license comes next.
        [] if !report.keys.is_empty() => PATH.to_owned(),
        [only] => format!("/licenses/{}", only.record.id),
        _ => "/licenses".to_owned(),
    };
    Ok(done(&target, &message))
}
