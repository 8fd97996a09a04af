//! The forms that issue, settle and cancel invoices.

use axum::response::Response;
use license_dashboard::{Field, Form, Kind, Page};
use serde::Deserialize;

use super::name;
use crate::api::dashboard::context::PageContext;
use crate::api::dashboard::form::{NoFields, PageForm};
use crate::api::dashboard::form_values::{day, expected};
use crate::api::dashboard::reply::{PageReply, done, html};
use crate::api::invoices::invoice;
use crate::api::paths::StrictPath;
use crate::api::problem::Problem;
use crate::domain::{Currency, Invoice, Money, Permission, Refusal};
use crate::services::NewPayment;

/// A change with a form of its own.
#[derive(Clone, Copy)]
struct InvoiceStep {
    path: &'static str,
    title: &'static str,
    text: &'static str,
    is_danger: bool,
    /// The message after the change.
    done: &'static str,
}

const ISSUE: InvoiceStep = InvoiceStep {
    path: "issue",
    title: "Issue the invoice",
    text: "The invoice gets the next number and today's date. It never changes again.",
    is_danger: false,
    done: "The invoice is issued",
};

const PAYMENT: InvoiceStep = InvoiceStep {
    path: "payment",
    title: "Record a payment",
    text: "The payment that completes the total issues the license of the invoice.",
    is_danger: false,
    done: "The payment is recorded",
};

const SEND: InvoiceStep = InvoiceStep {
    path: "send",
    title: "Send by mail",
    text: "The buyer gets the document as PDF.",
    is_danger: false,
    done: "The mail server has accepted the mail",
};

const ACTIVATE: InvoiceStep = InvoiceStep {
    path: "activate",
    title: "Issue the license now",
    text: "The customer gets the license before the payment.",
    is_danger: false,
    done: "The license is issued before the payment",
};

const VOID: InvoiceStep = InvoiceStep {
    path: "void",
    title: "Mark as void",
    text: "For an invoice that the customer never got. Its number stays.",
    is_danger: true,
    done: "The invoice is void",
};

const CREDIT: InvoiceStep = InvoiceStep {
    path: "credit",
    title: "Cancel with a credit note",
    text: "The credit note gets a number of its own. The license of the customer stays until \
           somebody revokes it.",
    is_danger: true,
    done: "A credit note cancels the invoice",
};

impl InvoiceStep {
    fn page(self, context: &PageContext, invoice: &Invoice) -> Page {
        let (label, href) = (name(invoice), format!("/invoices/{}", invoice.id));
        context
            .page_below((&label, &href), self.title)
            .with(self.text)
    }

    fn form(self, invoice: &Invoice) -> Form {
        let href = format!("/invoices/{}", invoice.id);
        let form = Form::new(format!("{href}/{}", self.path), self.title).cancel(href);
        if self.is_danger { form.danger() } else { form }
    }

    fn with_reason(self, invoice: &Invoice, reason: &str) -> Form {
        let field = Field::text("reason", "Reason").value(reason);
        let field = field.help("The audit trail keeps it").required();
        self.form(invoice).field(field.max_length(1000))
    }

    /// Answers with the form for a reason.
    async fn ask_reason(self, context: &PageContext, path: &str) -> PageReply {
        let invoice = found(context, path).await?;
        let form = self.with_reason(&invoice, "");
        Ok(html(&self.page(context, &invoice).with(form)))
    }

    /// Answers as [`answer`](Self::answer), with the form for a reason.
    fn answer_reason(
        self,
        context: &PageContext,
        invoice: &Invoice,
        sent: &InvoiceReasonForm,
        result: Result<Invoice, Refusal>,
    ) -> Response {
        let form = self.with_reason(invoice, &sent.reason);
        self.answer(context, invoice, form, result.map_err(Problem::from))
    }

    /// Answers with the page of the invoice, or with the form and the reason of the refusal.
    fn answer(
        self,
        context: &PageContext,
        invoice: &Invoice,
        form: Form,
        result: Result<Invoice, Problem>,
    ) -> Response {
        match result {
            Ok(changed) => done(&format!("/invoices/{}", changed.id), self.done),
            Err(problem) => context.refused(self.page(context, invoice), form, &problem),
        }
    }
}

async fn found(context: &PageContext, path: &str) -> Result<Invoice, Problem> {
    let invoices = &context.services()?.invoices;
    Ok(invoices.get(&invoice(path)?).await?)
}

type Path = StrictPath<String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InvoiceReasonForm {
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PaymentForm {
    paid_on: String,
    reference: String,
    amount: String,
}

pub(super) async fn delete(
    context: PageContext,
    StrictPath(path): Path,
    PageForm(NoFields {}): PageForm<NoFields>,
) -> PageReply {
    let invoices = &context.services()?.invoices;
    invoices.delete(context.actor()?, &invoice(&path)?).await?;
    Ok(done("/invoices", "The draft is deleted"))
}

pub(super) async fn issuing(context: PageContext, StrictPath(path): Path) -> PageReply {
    let invoice = found(&context, &path).await?;
    Ok(html(
        &ISSUE.page(&context, &invoice).with(ISSUE.form(&invoice)),
    ))
}

pub(super) async fn issue(
    context: PageContext,
    StrictPath(path): Path,
    PageForm(NoFields {}): PageForm<NoFields>,
) -> PageReply {
    let invoice = found(&context, &path).await?;
    let invoices = &context.services()?.invoices;
    let issued = invoices.issue(context.actor()?, &invoice.id).await;
    let issued = issued.map_err(Problem::from);
    Ok(ISSUE.answer(&context, &invoice, ISSUE.form(&invoice), issued))
}

impl PaymentForm {
    /// Returns the values of the form for the whole open amount.
    fn of(invoice: &Invoice) -> Self {
        Self {
            paid_on: String::new(),
            reference: String::new(),
            amount: invoice.open().map(Money::decimal).unwrap_or_default(),
        }
    }

    /// Parses the values.
    fn payment(&self, invoice: &Invoice) -> Result<NewPayment, Problem> {
        Ok(NewPayment {
            on: day("paid_on", &self.paid_on)?,
            reference: self.reference.clone(),
            amount: Some(amount(&self.amount, invoice)?),
        })
    }
}

/// Parses an amount with a decimal point in the currency of an invoice.
fn amount(text: &str, invoice: &Invoice) -> Result<i64, Problem> {
    let currency = Currency::parse(&invoice.content.currency);
    let money = currency.and_then(|currency| Money::parse_decimal(text.trim(), currency));
    money
        .map(Money::minor)
        .ok_or_else(|| expected("amount", "an amount such as 12.50"))
}

fn payment_form(invoice: &Invoice, sent: &PaymentForm) -> Form {
    let currency = &invoice.content.currency;
    PAYMENT
        .form(invoice)
        .field(
            Field::new(Kind::Date, "paid_on", "Date of the payment")
                .value(&sent.paid_on)
                .help("Empty: today"),
        )
        .field(
            Field::text("amount", format!("Amount in {currency}"))
                .value(&sent.amount)
                .help("With a decimal point. A part of the open amount is accepted")
                .required(),
        )
        .field(
            Field::text("reference", "Reference")
                .value(&sent.reference)
                .help("Such as the number of the bank statement")
                .required()
                .max_length(100),
        )
}

pub(super) async fn paying(context: PageContext, StrictPath(path): Path) -> PageReply {
    let invoice = found(&context, &path).await?;
    let form = payment_form(&invoice, &PaymentForm::of(&invoice));
    Ok(html(&PAYMENT.page(&context, &invoice).with(form)))
}

pub(super) async fn pay(
    context: PageContext,
    StrictPath(path): Path,
    PageForm(sent): PageForm<PaymentForm>,
) -> PageReply {
    let invoice = found(&context, &path).await?;
    let invoices = &context.services()?.invoices;
    let paid = async {
        let payment = sent.payment(&invoice)?;
        let paid = invoices.pay(context.actor()?, &invoice.id, payment);
        Ok::<_, Problem>(paid.await?)
    };
    let form = payment_form(&invoice, &sent);
    Ok(PAYMENT.answer(&context, &invoice, form, paid.await))
}

pub(super) async fn sending(context: PageContext, StrictPath(path): Path) -> PageReply {
    let invoice = found(&context, &path).await?;
    Ok(html(
        &SEND.page(&context, &invoice).with(SEND.form(&invoice)),
    ))
}

pub(super) async fn send(
    context: PageContext,
    StrictPath(path): Path,
    PageForm(NoFields {}): PageForm<NoFields>,
) -> PageReply {
    let invoice = found(&context, &path).await?;
    let invoices = &context.services()?.invoices;
    let sent = invoices.send(context.actor()?, &invoice.id).await;
    let sent = sent.map_err(Problem::from);
    Ok(SEND.answer(&context, &invoice, SEND.form(&invoice), sent))
}

pub(super) async fn activating(context: PageContext, StrictPath(path): Path) -> PageReply {
    context.caller()?.require(Permission::IssueLicenses)?;
    ACTIVATE.ask_reason(&context, &path).await
}

pub(super) async fn activate(
    context: PageContext,
    StrictPath(path): Path,
    PageForm(sent): PageForm<InvoiceReasonForm>,
) -> PageReply {
    context.caller()?.require(Permission::IssueLicenses)?;
    let invoice = found(&context, &path).await?;
    let invoices = &context.services()?.invoices;
    let activated = invoices.activate(context.actor()?, &invoice.id, &sent.reason);
    Ok(ACTIVATE.answer_reason(&context, &invoice, &sent, activated.await))
}

pub(super) async fn voiding(context: PageContext, StrictPath(path): Path) -> PageReply {
    VOID.ask_reason(&context, &path).await
}

pub(super) async fn void(
    context: PageContext,
    StrictPath(path): Path,
    PageForm(sent): PageForm<InvoiceReasonForm>,
) -> PageReply {
    let invoice = found(&context, &path).await?;
    let invoices = &context.services()?.invoices;
    let voided = invoices.void(context.actor()?, &invoice.id, &sent.reason);
    Ok(VOID.answer_reason(&context, &invoice, &sent, voided.await))
}

pub(super) async fn crediting(context: PageContext, StrictPath(path): Path) -> PageReply {
    CREDIT.ask_reason(&context, &path).await
}

pub(super) async fn credit(
    context: PageContext,
    StrictPath(path): Path,
    PageForm(sent): PageForm<InvoiceReasonForm>,
) -> PageReply {
    let invoice = found(&context, &path).await?;
    let invoices = &context.services()?.invoices;
    let credited = invoices.credit(context.actor()?, &invoice.id, &sent.reason);
    Ok(CREDIT.answer_reason(&context, &invoice, &sent, credited.await))
}
