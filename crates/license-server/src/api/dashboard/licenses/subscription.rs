//! The subscription that pays for a license, on the page of the license.

use license_dashboard::{Cell, Notice};

use super::badges::last;
use crate::api::dashboard::billing::{reason, state_cell};
use crate::api::dashboard::context::PageContext;
use crate::domain::{BillingReason, BillingState, BillingSubscription, Permission};

/// Returns the state, the reason, the end and the link of a subscription.
pub(super) fn cell(context: &PageContext, paid: &BillingSubscription) -> Cell {
    let link = if context.may(Permission::ReadBilling) {
        Cell::link(format!("/billing/subscriptions/{}", paid.id), &paid.id)
    } else {
        Cell::code(&paid.id)
    };
    let until = last(paid.until).map(|day| format!("until {day}"));
    let text = match until {
        Some(until) => format!("{}, {until}", reason(paid)),
        None => reason(paid),
    };
    Cell::Lines(vec![state_cell(paid.state), Cell::text(text), link])
}

/// Returns what a person must know about a license whose subscription does not simply continue.
pub(super) fn notice(paid: &BillingSubscription) -> Option<Notice> {
    if let Some(fault) = &paid.fault {
        return Some(Notice::warning("The license does not follow its subscription").text(fault));
    }
    let text = match (paid.state, paid.reason) {
        (BillingState::Pending | BillingState::Active, _) => {
            let end = last(paid.cancel_at)?;
            format!("The subscription is canceled at the end of {end}, and is not renewed then.")
        }
        (BillingState::InGrace, _) => {
            "A payment is late. The license is valid in the meantime, and \
             ends with the time of grace."
                .to_owned()
        }
        (_, BillingReason::Canceled) => {
            "The subscription is canceled. The license is not renewed, \
             and lasts to the end of the paid time."
                .to_owned()
        }
        (_, BillingReason::Paused) => {
            "The subscription is paused. The license is not renewed, and \
             lasts to the end of the paid time."
                .to_owned()
        }
        (_, BillingReason::Disputed) => {
            "The customer disputes the payment. The license is revoked \
             until the dispute ends."
                .to_owned()
        }
        (_, BillingReason::DisputeLost) => "A dispute about the payment is lost.".to_owned(),
        (_, BillingReason::Refunded) => "The payment is refunded.".to_owned(),
        (_, _) => "The payments have failed.".to_owned(),
    };
    let title = format!("The subscription: {}", reason(paid).to_lowercase());
    Some(Notice::warning(title).text(text))
}
