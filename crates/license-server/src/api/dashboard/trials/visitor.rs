//! The pages of the links in mails about trials. The secret is in the fragment of the address,
//! which browsers do not send. A form sends it.

use axum::extract::State;
use axum::routing::get;
use license_dashboard::{Action, CodeBlock, Field, Form, Frame, Notice, Page};
use serde::Deserialize;

use crate::api::App;
use crate::api::dashboard::form::PageForm;
use crate::api::dashboard::form_errors::refused;
use crate::api::dashboard::pages::Pages;
use crate::api::dashboard::reply::{PageReply, html};
use crate::api::peer::Peer;
use crate::api::person::Visitor;
use crate::api::problem::Problem;

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    pages
        .open("/trial", get(open).post(confirm))
        .open("/trial-reminders", get(reminders).post(stop))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TrialCodeForm {
    code: String,
}

fn form(path: &str, submit: &str) -> Form {
    let code = Field::text("code", "Code of the mail").from_fragment();
    Form::new(path, submit).field(code.required().max_length(256))
}

fn start_page() -> Page {
    Page::new(Frame::new("Start your trial"))
        .with("This starts your trial, and shows the license file.")
}

async fn open() -> PageReply {
    Ok(html(&start_page().with(form("/trial", "Start the trial"))))
}

async fn confirm(
    State(app): State<App>,
    visitor: Visitor,
    PageForm(sent): PageForm<TrialCodeForm>,
) -> PageReply {
    let started = async {
        app.limit_visitor(&visitor)?;
        let address = visitor.peer.map(Peer::address);
        let trials = &app.services().trials;
        Ok::<_, Problem>(trials.confirm(sent.code.trim(), address).await?)
    };
    match started.await {
        Ok(started) => Ok(html(
            &Page::new(Frame::new("Your trial has started"))
                .with(Notice::good("Your trial has started").text(
                    "You also get the license by mail. Save these lines as license.lic, and \
                     install them with `license install license.lic`.",
                ))
                .with(CodeBlock::new("License file", started.file)),
        )),
        Err(problem) => {
            let form = form("/trial", "Start the trial");
            Ok(refused(start_page(), form, &problem))
        }
    }
}

fn stop_page() -> Page {
    Page::new(Frame::new("Stop the reminders"))
        .with("You get no more reminders of the end of your trial. The trial itself stays.")
}

async fn reminders() -> PageReply {
    let form = form("/trial-reminders", "Stop the reminders");
    Ok(html(&stop_page().with(form)))
}

async fn stop(
    State(app): State<App>,
    visitor: Visitor,
    PageForm(sent): PageForm<TrialCodeForm>,
) -> PageReply {
    let stopped = async {
        app.limit_visitor(&visitor)?;
        let address = visitor.peer.map(Peer::address);
        let trials = &app.services().trials;
        Ok::<_, Problem>(trials.stop_reminders(sent.code.trim(), address).await?)
    };
    match stopped.await {
        Ok(()) => Ok(html(
            &Page::new(Frame::new("No more reminders"))
                .with(Notice::good("You get no more reminders"))
                .with(vec![Action::link("Sign in", "/sign-in")]),
        )),
        Err(problem) => {
            let form = form("/trial-reminders", "Stop the reminders");
            Ok(refused(stop_page(), form, &problem))
        }
    }
}
