//! Orders of licenses on a vendor's server: issue, renew, upgrade and reassign.

use axum::routing::{get, post};
use license_core::{Code, LicenseId};
use license_dashboard::{Form, Notice, Page};

use super::order_form::{IssueForm, OrderForm, ReassignForm, RenewForm, UpgradeForm};
use super::preview;
use crate::api::dashboard::context::PageContext;
use crate::api::dashboard::form::PageForm;
use crate::api::dashboard::form_number;
use crate::api::dashboard::pages::Pages;
use crate::api::dashboard::reply::{PageReply, done, html};
use crate::api::licenses::license;
use crate::api::paths::StrictPath;
use crate::api::problem::Problem;
use crate::domain::{Actor, Permission, Refusal, RefusalKind, ServerCode};
use crate::services::{IssuedLicense, RequestId, VendorService};

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    let issue = Permission::IssueLicenses;
    let pages = pages
        .page(
            "/licenses/issue",
            issue,
            get(show_issue).post(issue_license),
        )
        .page("/licenses/issue/preview", issue, post(preview_issue));
    let pages = pages
        .page(
            "/licenses/{license}/renew",
            issue,
            get(show::<RenewForm>).post(order::<RenewForm>),
        )
        .page(
            "/licenses/{license}/renew/preview",
            issue,
            post(show_preview::<RenewForm>),
        );
    let pages = pages
        .page(
            "/licenses/{license}/upgrade",
            issue,
            get(show::<UpgradeForm>).post(order::<UpgradeForm>),
        )
        .page(
            "/licenses/{license}/upgrade/preview",
            issue,
            post(show_preview::<UpgradeForm>),
        );
    pages
        .page(
            "/licenses/{license}/reassign",
            issue,
            get(show::<ReassignForm>).post(order::<ReassignForm>),
        )
        .page(
            "/licenses/{license}/reassign/preview",
            issue,
            post(show_preview::<ReassignForm>),
        )
}

/// A form that changes a license.
trait SuccessorForm: OrderForm + serde::de::DeserializeOwned + Send {
    /// The last part of the path.
    const NAME: &'static str;

    /// Makes or checks the order.
    async fn send(
        &self,
        vendor: &VendorService,
        actor: &Actor,
        license: &LicenseId,
        request: Option<RequestId>,
    ) -> Result<IssuedLicense, Problem>;
}

macro_rules! change_form {
    ($form:ty, $name:literal, $method:ident) => {
        impl SuccessorForm for $form {
            const NAME: &'static str = $name;

            async fn send(
                &self,
                vendor: &VendorService,
                actor: &Actor,
                license: &LicenseId,
                request: Option<RequestId>,
            ) -> Result<IssuedLicense, Problem> {
                let order = self.order(request.is_none())?;
                Ok(vendor.$method(actor, license, order, request).await?)
            }
        }
    };
}

change_form!(RenewForm, "renew", renew);
change_form!(UpgradeForm, "upgrade", upgrade);
change_form!(ReassignForm, "reassign", reassign);

/// Returns the request of a form, so that it orders one license.
fn request_of(
    form: &impl OrderForm,
    context: &PageContext,
    path: &str,
) -> Result<RequestId, Problem> {
    let values = serde_urlencoded::to_string(form).unwrap_or_default();
    form_number::request(context, path, form.request(), &[&values])
}

/// Returns the form with its values. The button that issues is shown after a preview.
fn form_of(form: &impl OrderForm, context: &PageContext, path: &str) -> Result<Form, Problem> {
    filled(form, context, path, &format!("{path}/preview"), "Preview")
}

/// Returns the form with its values and the button that issues.
fn final_form<F: OrderForm>(form: &F, context: &PageContext, path: &str) -> Result<Form, Problem> {
    let filled = filled(form, context, path, path, F::SUBMIT)?;
    Ok(filled.other_target("Preview again", format!("{path}/preview")))
}

fn filled(
    form: &impl OrderForm,
    context: &PageContext,
    path: &str,
    target: &str,
    submit: &str,
) -> Result<Form, Problem> {
    let matrix = context.services()?.vendor.matrix();
    let cancel = path
        .rsplit_once('/')
        .map_or("/licenses", |(parent, _)| parent);
    let filled = Form::new(target, submit).hidden(form_number::FIELD, form.request());
    Ok(form.fields(filled, matrix).cancel(cancel))
}

/// Refuses a page that only a vendor's server has.
fn require_vendor(context: &PageContext) -> Result<(), Problem> {
    if context.is_vendor() {
        return Ok(());
    }
    let detail = "a site server issues no licenses";
    Err(
        Refusal::new(RefusalKind::Conflict, ServerCode::WrongRole, detail)
            .values("a vendor's server", "a site server")
            .hint("install the file that the vendor sent")
            .into(),
    )
}

fn issue_page(context: &PageContext) -> Page {
    context.page_below(("Licenses", "/licenses"), IssueForm::TITLE)
}

async fn show_issue(context: PageContext) -> PageReply {
    require_vendor(&context)?;
    let mut form = IssueForm::default();
    form.set_request(form_number::new()?);
    let form = form_of(&form, &context, "/licenses/issue")?;
    Ok(html(&issue_page(&context).with(form)))
}

async fn preview_issue(context: PageContext, PageForm(sent): PageForm<IssueForm>) -> PageReply {
    require_vendor(&context)?;
    let path = "/licenses/issue";
    let result = send_issue(&context, &sent, None).await;
    previewed(&context, issue_page(&context), &sent, path, result)
}

async fn issue_license(context: PageContext, PageForm(sent): PageForm<IssueForm>) -> PageReply {
    require_vendor(&context)?;
    let path = "/licenses/issue";
    let request = request_of(&sent, &context, path)?;
    let result = send_issue(&context, &sent, Some(request)).await;
    ordered(&context, issue_page(&context), &sent, path, result)
}

async fn send_issue(
    context: &PageContext,
    form: &IssueForm,
    request: Option<RequestId>,
) -> Result<IssuedLicense, Problem> {
    let order = form.order(request.is_none())?;
    let vendor = &context.services()?.vendor;
    Ok(vendor.issue(context.actor()?, order, request).await?)
}

/// Shows what an order would do, or why it is refused.
fn previewed<F: OrderForm>(
    context: &PageContext,
    page: Page,
    form: &F,
    path: &str,
    result: Result<IssuedLicense, Problem>,
) -> PageReply {
    match result {
        Ok(issued) => {
            let blocks = preview::blocks(&issued).into_iter();
            let page = blocks.fold(page, Page::with);
            Ok(html(&page.with(final_form(form, context, path)?)))
        }
        Err(problem) => {
            let form = form_of(form, context, path)?;
            Ok(context.refused(page, form, &problem))
        }
    }
}

/// Leads to the new license, or shows why the order is refused.
fn ordered<F: OrderForm>(
    context: &PageContext,
    page: Page,
    form: &F,
    path: &str,
    result: Result<IssuedLicense, Problem>,
) -> PageReply {
    match result {
        Ok(issued) => {
            let target = format!("/licenses/{}", issued.id);
            Ok(done(&target, "The license is issued"))
        }
        Err(problem) => {
            let form = final_form(form, context, path)?;
            let problem = if problem.refusal().code == Code::Loss.as_str() {
                problem.hint(
                    "correct the order, or check “The customer may lose what the preview lists”",
                )
            } else {
                problem
            };
            Ok(context.refused(page, form, &problem))
        }
    }
}

/// Returns the page of a form that changes a license, with the license. The form gets its tier.
async fn change_page<F: SuccessorForm>(
    context: &PageContext,
    id: &LicenseId,
    form: &mut F,
) -> Result<Page, Problem> {
    require_vendor(context)?;
    let found = context.services()?.licenses.get(id).await?;
    let parent = format!("/licenses/{id}");
    let page = context.page_below((&found.record.customer, &parent), F::TITLE);
    let end = found.license.expires_at();
    let end = end.map_or("never ends".to_owned(), |end| {
        let last = license_core::time::saturating_sub(end, chrono::TimeDelta::seconds(1));
        format!("has its last day on {}", last.date_naive())
    });
    let tier = found.license.tier();
    form.set_tier(tier);
    let mut about = format!("The {tier} license of {} {end}.", found.record.customer);
    if let Some(users) = found.license.users() {
        let names: Vec<_> = users.collect();
        about.push_str(&format!(" Its users are {}.", names.join(", ")));
    }
    let page = page.with(about);
    Ok(if found.record.is_superseded {
        page.with(
            Notice::warning("Another license replaces this one").hint(Some(
                "Change the newest license instead: the page of the license lists it.",
            )),
        )
    } else {
        page
    })
}

async fn show<F: SuccessorForm>(
    context: PageContext,
    StrictPath(path): StrictPath<String>,
) -> PageReply {
    let id = license(&path)?;
    let mut form = F::default();
    let page = change_page(&context, &id, &mut form).await?;
    form.set_request(form_number::new()?);
    let path = format!("/licenses/{id}/{}", F::NAME);
    Ok(html(&page.with(form_of(&form, &context, &path)?)))
}

async fn show_preview<F: SuccessorForm>(
    context: PageContext,
    StrictPath(path): StrictPath<String>,
    PageForm(mut sent): PageForm<F>,
) -> PageReply {
    let id = license(&path)?;
    let page = change_page(&context, &id, &mut sent).await?;
    let path = format!("/licenses/{id}/{}", F::NAME);
    let vendor = &context.services()?.vendor;
    let result = sent.send(vendor, context.actor()?, &id, None).await;
    previewed(&context, page, &sent, &path, result)
}

async fn order<F: SuccessorForm>(
    context: PageContext,
    StrictPath(path): StrictPath<String>,
    PageForm(mut sent): PageForm<F>,
) -> PageReply {
    let id = license(&path)?;
    let page = change_page(&context, &id, &mut sent).await?;
    let path = format!("/licenses/{id}/{}", F::NAME);
    let request = request_of(&sent, &context, &path)?;
    let vendor = &context.services()?.vendor;
    let result = sent
        .send(vendor, context.actor()?, &id, Some(request))
        .await;
    ordered(&context, page, &sent, &path, result)
}
