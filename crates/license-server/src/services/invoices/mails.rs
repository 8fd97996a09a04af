//! The mails to customers, in plain text.

use super::{InvoicePdf, wrong_state};
use crate::domain::{EmailAddress, Invoice, InvoiceKind, Money, Refusal, RefusalKind, ServerCode};
use crate::services::people::{Mail, MailedPdf};
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
        pdf: None,
    });
}

/// Sends an invoice or a credit note, and waits for the mail server.
pub(super) async fn invoice(
    site: &Site,
    invoice: &Invoice,
    pdf: InvoicePdf,
) -> Result<(), Refusal> {
    let queue = site.people.mail_queue().ok_or_else(|| {
        let detail = "the server cannot send mail";
        Refusal::new(RefusalKind::Conflict, ServerCode::MailOff, detail)
            .hint("add the setting mail, or send the PDF yourself")
    })?;
    let to = address(invoice).ok_or_else(|| {
        wrong_state(
            invoice.state,
            "the invoice has no e-mail address of the buyer",
        )
        .hint("send the PDF yourself, and state the address in the next draft")
    })?;
    let number = invoice.number_text().unwrap_or_default();
    let (name, sentence) = match invoice.kind {
        InvoiceKind::Invoice => ("Invoice", due(invoice)),
        InvoiceKind::CreditNote => ("Credit note", None),
    };
    let order = order(invoice);
    let mut paragraphs = vec![format!(
        "{name} {number}{order} is attached to this mail as PDF."
    )];
    paragraphs.extend(sentence);
    paragraphs.extend(seller(invoice));
    let mail = Mail {
        to,
        subject: format!("{name} {number}"),
        text: text(&paragraphs),
        pdf: Some(attached(pdf)),
    };
    queue.send_now(mail).await.map_err(|failure| {
        let detail = format!(
            "the mail server has not accepted the mail: {}",
            failure.reason
        );
        let (kind, hint) = if failure.is_permanent {
            (
                RefusalKind::Conflict,
                "check the address of the buyer, or send the PDF yourself",
            )
        } else {
            (
                RefusalKind::Unavailable,
                "repeat the request later; if it fails again, check the setting mail",
            )
        };
        Refusal::new(kind, ServerCode::MailFailed, detail).hint(hint)
    })
}

/// Reminds a customer of an invoice. Returns whether the mail server has accepted the mail, or
/// `None` if no mail can be sent.
pub(super) async fn remind(
    site: &Site,
    invoice: &Invoice,
    pdf: Option<InvoicePdf>,
) -> Option<bool> {
    let (queue, to) = (site.people.mail_queue()?, address(invoice)?);
    let number = invoice.number_text()?;
    let (due_on, total) = (invoice.due_on?, invoice.content.total().ok()?);
    let (order, paid) = (order(invoice), invoice.paid()?);
    let state = match invoice.open().filter(|_| paid.minor() > 0) {
        Some(open) => format!("We have recorded {paid}, and {open} is open."),
        None => "We have not recorded your payment yet.".to_owned(),
    };
    let mut paragraphs = vec![
        format!("Invoice {number}{order} over {total} was due on {due_on}. {state}"),
        "If you have paid meanwhile, ignore this mail.".to_owned(),
    ];
    if invoice.license.is_some() {
        paragraphs.push("Your license stays valid.".to_owned());
    }
    paragraphs.extend(seller(invoice));
    let mail = Mail {
        to,
        subject: format!("Reminder of invoice {number}"),
        text: text(&paragraphs),
        pdf: pdf.map(attached),
    };
    Some(queue.deliver(mail).await)
}

/// Returns the sentence about the payment of an invoice that is not paid in full.
fn due(invoice: &Invoice) -> Option<String> {
    let (open, due_on) = (invoice.open()?, invoice.due_on?);
    let is_partly_paid = invoice.paid().is_some_and(|paid: Money| paid.minor() > 0);
    let open = if is_partly_paid {
        format!("The open amount of {open}")
    } else {
        format!("The amount of {open}")
    };
    Some(format!("{open} is due on {due_on}."))
}

fn order(invoice: &Invoice) -> String {
    let order = invoice.content.purchase_order.as_deref();
    order.map_or_else(String::new, |order| format!(" for your order {order}"))
}

fn seller(invoice: &Invoice) -> Option<String> {
    invoice.seller.as_ref().map(|seller| seller.name.clone())
}

fn attached(pdf: InvoicePdf) -> MailedPdf {
    MailedPdf {
        name: pdf.name,
        content: pdf.content,
    }
}

fn address(invoice: &Invoice) -> Option<EmailAddress> {
    EmailAddress::parse(invoice.content.buyer.email.as_deref()?)
}
