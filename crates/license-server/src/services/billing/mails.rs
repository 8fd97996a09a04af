//! The mails to customers with subscriptions, in plain text.

use license_core::LicenseId;

use crate::domain::{BillingCustomer, BillingSubscription, EmailAddress};
use crate::log_limit;
use crate::services::people::Mail;
use crate::services::site::Site;
use crate::services::trials::mails::{install, text};
use crate::services::vendor;

/// Returns the license of a subscription that had none before. The customer gets the later ones
/// with the next validation.
pub(super) fn new_license<'a>(
    former: Option<&BillingSubscription>,
    changed: &'a BillingSubscription,
) -> Option<&'a LicenseId> {
    let had_none = former.is_none_or(|former| former.license.is_none());
    changed.license.as_ref().filter(|_| had_none)
}

/// Sends the first license of a subscription to the address that the customer has at the provider.
pub(super) async fn license(site: &Site, customer: &BillingCustomer, license: &LicenseId) {
    let address = customer.email.as_deref().and_then(EmailAddress::parse);
    let (Some(queue), Some(to)) = (site.people.mail_queue(), address) else {
        return;
    };
    let file = match vendor::file(site, license).await {
        Ok(file) => file,
        Err(refusal) => {
            if let Some(repeated) = log_limit::pass("subscription mail") {
                let (code, license) = (refusal.code, license.as_str());
                tracing::warn!(code, license, repeated, "a license is not sent by mail");
            }
            return;
        }
    };
    let product = site.matrix.product();
    queue.push(Mail {
        to,
        subject: format!("Your license of {product}"),
        text: text(&[
            format!("Here is the license of your subscription to {product}."),
            install(&file),
            "The license follows your subscription by itself, as far as the program reaches the \
             server. There is nothing to do when it renews."
                .to_owned(),
        ]),
        pdf: None,
    });
}
