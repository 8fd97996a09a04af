//! The first page after a sign-in.

use axum::routing::get;

use super::context::PageContext;
use super::pages::Pages;
use super::reply::{PageReply, html};

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    pages.own("/", get(show))
}

async fn show(context: PageContext) -> PageReply {
    Ok(html(&context.page("Overview")))
}
