//! The mails to customers, in plain text.

use crate::domain::{EmailAddress, Invoice};
use crate::services::people::Mail;
use crate::services::site::Site;
use crate::services::trials::mails::{install, text};

/// Sends the license of an invoice.
pub(super) fn license(site: &Site, invoice: &Invoice, file: &str) {
    let (Some(queue), Some(to)) = (site.people.mail_queue(), address(invoice)) else {
        return;
    };
    let product = site.matrix.product();
    let number = invoice.number_text().unwrap_or_default();
    queue.push(Mail {
        to,
        subject: format!("Your license of {product}"),
        text: text(&[
            format!("Here is the license of {product} for invoice {number}."),
            install(file),
        ]),
    });
}

/// Reminds a customer of an invoice. Returns whether the mail server has accepted the mail, or
/// `None` if no mail can be sent.
pub(super) async fn remind(site: &Site, invoice: &Invoice) -> Option<bool> {
    let (queue, to) = (site.people.mail_queue()?, address(invoice)?);
    let number = invoice.number_text()?;
    let (due_on, total) = (invoice.due_on?, invoice.content.total().ok()?);
    let order = invoice.content.purchase_order.as_deref();
    let order = order.map_or_else(String::new, |order| format!(" for your order {order}"));
    let seller = invoice.seller.as_ref().map(|seller| seller.name.as_str());
    let mut paragraphs = vec![
        format!(
            "Invoice {number}{order} over {total} was due on {due_on}. We have not recorded your \
             payment yet."
        ),
        "If you have paid meanwhile, ignore this mail.".to_owned(),
    ];
    if invoice.license.is_some() {
        paragraphs.push("Your license stays valid.".to_owned());
    }
    paragraphs.extend(seller.map(str::to_owned));
    let mail = Mail {
        to,
        subject: format!("Reminder of invoice {number}"),
        text: text(&paragraphs),
    };
    Some(queue.deliver(mail).await)
}

fn address(invoice: &Invoice) -> Option<EmailAddress> {
    EmailAddress::parse(invoice.content.buyer.email.as_deref()?)
}
