//! Pages for licenses.

mod badges;
mod detail;
mod ending;
mod install;
mod list;
mod order_fields;
mod order_form;
mod orders;
mod preview;

pub(super) use badges::last_day;
pub(super) use install::request_action;

use super::pages::Pages;

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    let pages = list::pages(pages);
    let pages = install::pages(pages);
    let pages = orders::pages(pages);
    let pages = ending::pages(pages);
    detail::pages(pages)
}
