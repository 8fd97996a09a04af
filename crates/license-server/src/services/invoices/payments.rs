//! Payments of invoices, and mails with invoices.

use chrono::{Days, NaiveDate};
use serde_json::json;

use super::{InvoiceService, mails, wrong_state};
use crate::domain::{
    Actor, Invoice, InvoiceChange, InvoiceId, InvoicePayment, Money, Refusal, RefusalKind,
    ServerCode,
};
use crate::services::people::{bad_request, checked_name};

/// How long before the date of an invoice a payment can be made: a year.
const PREPAID: Days = Days::new(366);

/// A payment, as a request states it.
#[derive(Clone, Debug, Default)]
pub struct NewPayment {
    /// The date. `None`: today, in UTC.
    pub on: Option<NaiveDate>,
    /// The reference, such as the number of a bank statement.
    pub reference: String,
    /// The amount in the minor unit of the currency. `None`: the whole amount that is open.
    pub amount: Option<i64>,
}

impl InvoiceService {
    /// Records a payment of an invoice. The payment that completes the total issues the license. The
    /// same payment again changes nothing, so that a doubled report of a bank has no effect.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` for an unknown invoice, `INVOICE_STATE` for one that expects no payment,
    /// `INVOICE_PAYMENT` for more than the open amount and for a reference that has another amount,
    /// and `BAD_REQUEST` for a date in the future or more than a year before that of the invoice,
    /// and for another value that is not accepted. A license that cannot be issued now does
    /// not fail the request: it is issued later.
    pub async fn pay(
        &self,
        actor: &Actor,
        id: &InvoiceId,
        new: NewPayment,
    ) -> Result<Invoice, Refusal> {
        let (invoice, today) = (self.get(id).await?, self.today());
        let on = new.on.unwrap_or(today);
        let first = invoice.issued_on.unwrap_or(today);
        let first = first.checked_sub_days(PREPAID).unwrap_or(first);
        if !(first..=today).contains(&on) {
            return Err(bad_request("`paid_on` is not accepted")
                .values(format!("a day from {first} to {today}"), on));
        }
        let reference = checked_name("payment", &new.reference)?;
        if let Some(found) = invoice.payment(&reference) {
            let is_same = new.amount.is_none_or(|amount| amount == found.amount);
            return if is_same {
                Ok(invoice)
            } else {
                Err(other_amount())
            };
        }
        let open = invoice.open().map(Money::minor);
        let payment = InvoicePayment {
            on,
            reference,
            amount: new.amount.or(open).unwrap_or_default(),
        };
        check(&invoice, &payment)?;
        let (change, amount) = (InvoiceChange::Pay(payment.clone()), payment.amount);
        let details = json!({
            "received_on": on, "payment": payment.reference, "amount": amount,
        });
        let paid = self.try_change(actor, "invoice.pay", id, change, details);
        match paid.await? {
            Some(paid) => Ok(self.with_license(actor, paid).await),
            None => {
                // Another payment was recorded meanwhile.
                let invoice = self.get(id).await?;
                if invoice.payment(&payment.reference) == Some(&payment) {
                    return Ok(invoice);
                }
                check(&invoice, &payment)?;
                Err(other_amount())
            }
        }
    }

    /// Sends the PDF of an invoice or of a credit note to the address of the buyer, and waits until
    /// the mail server has accepted it. A repetition sends it again.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` for an unknown invoice, `INVOICE_STATE` for a draft, for a void invoice
    /// and for a buyer without an address, `MAIL_OFF` if the server cannot send mail, and
    /// `MAIL_FAILED` with the reason if the mail server does not accept the mail.
    pub async fn send(&self, actor: &Actor, id: &InvoiceId) -> Result<Invoice, Refusal> {
        let invoice = self.get(id).await?;
        if !invoice.can_be_sent() {
            let detail = "only an invoice that is issued can be sent";
            return Err(wrong_state(invoice.state, detail));
        }
        let pdf = self.pdf(id).await?;
        mails::invoice(&self.site, &invoice, pdf).await?;
        self.change(actor, "invoice.send", id, InvoiceChange::Send, json!({}))
            .await
    }
}

/// Checks that an invoice can have a payment.
fn check(invoice: &Invoice, payment: &InvoicePayment) -> Result<(), Refusal> {
    let Some(open) = invoice.open() else {
        return Err(wrong_state(invoice.state, "the invoice expects no payment"));
    };
    if payment.amount < 1 {
        return Err(bad_request("`amount` is not accepted")
            .values("an amount above zero", payment.amount)
            .hint("amounts are integers in the minor unit of the currency, such as cents"));
    }
    if payment.amount > open.minor() {
        let found = Money::new(payment.amount, open.currency());
        let found = found.map_or_else(|| payment.amount.to_string(), |found| found.to_string());
        let detail = "the payment is larger than the amount that is open";
        return Err(refused(detail)
            .values(format!("at most {open}"), found)
            .hint("record the open amount, and give the rest back to the customer"));
    }
    if invoice.payments.len() >= Invoice::MAX_PAYMENTS {
        let most = format!("at most {} payments", Invoice::MAX_PAYMENTS);
        let detail = "the invoice has too many payments";
        return Err(refused(detail).values(most, "another payment"));
    }
    Ok(())
}

fn other_amount() -> Refusal {
    refused("the invoice has a payment with the reference and another amount")
        .values("a new reference, or the same amount", "another amount")
        .hint("each payment has a reference of its own, such as the number of a bank statement")
}

fn refused(detail: &str) -> Refusal {
    Refusal::new(RefusalKind::Conflict, ServerCode::InvoicePayment, detail)
}
