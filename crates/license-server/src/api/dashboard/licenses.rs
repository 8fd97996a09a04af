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
mod subscription;

use license_dashboard::{Field, Kind};

pub(super) use self::badges::{badge as license_badge, last_day};
pub(super) use self::install::request_action;
pub(super) use self::preview::blocks as preview_blocks;
use super::context::PageContext;
use super::pages::Pages;
use crate::api::problem::Problem;

/// Returns a field that chooses a tier of the product, or none.
pub(super) fn tier_choice(context: &PageContext, value: &str) -> Result<Field, Problem> {
    tier_options(context, value, Some("None"))
}

/// Returns a field that chooses a tier of the product. An unknown value, such as that of an older
/// product, stays a choice.
pub(super) fn tier_field(context: &PageContext, value: &str) -> Result<Field, Problem> {
    tier_options(context, value, value.is_empty().then_some("Choose a tier"))
}

fn tier_options(context: &PageContext, value: &str, none: Option<&str>) -> Result<Field, Problem> {
    let matrix = context.services()?.vendor.matrix();
    let tiers = matrix.tiers().iter().map(|tier| tier.name().to_string());
    let mut tiers: Vec<_> = tiers
        .map(|tier| (tier.to_owned(), tier.to_owned()))
        .collect();
    let chosen = tiers
        .iter()
        .find(|(tier, _)| tier.eq_ignore_ascii_case(value));
    let chosen = chosen.map_or(value, |(tier, _)| tier).to_owned();
    if let Some(label) = none {
        tiers.insert(0, (String::new(), label.to_owned()));
    }
    if !chosen.is_empty() && !tiers.iter().any(|(tier, _)| *tier == chosen) {
        tiers.insert(0, (chosen.clone(), chosen.clone()));
    }
    Ok(Field::new(Kind::Choice(tiers), "tier", "Tier").value(chosen))
}

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    let pages = list::pages(pages);
    let pages = install::pages(pages);
    let pages = orders::pages(pages);
    let pages = ending::pages(pages);
    detail::pages(pages)
}
