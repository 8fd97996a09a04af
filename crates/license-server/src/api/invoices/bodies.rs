//! The bodies of requests and answers about invoices.

use license_core::LicenseId;
use license_core::chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::{
    Invoice, InvoiceBuyer, InvoiceContent, InvoiceId, InvoiceLine, InvoiceTax, LegalEntity, Money,
    PaymentState,
};
use crate::services::{InvoiceOrder, NewInvoice};

/// A customer who gets an invoice.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = InvoiceBuyer)]
pub(in crate::api) struct BuyerBody {
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// The lines of the address.
    #[schema(min_items = 1, max_items = 6)]
    address: Vec<String>,
    /// The tax number.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 200)]
    tax_id: Option<String>,
    /// The address for the license and for reminders.
    #[serde(default)]
    #[schema(min_length = 3, max_length = 254)]
    email: Option<String>,
}

/// A line of an invoice.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = InvoiceLine)]
pub(in crate::api) struct LineBody {
    #[schema(min_length = 1, max_length = 200)]
    description: String,
    #[schema(minimum = 1)]
    quantity: u32,
    /// The price of a piece in the minor unit of the currency, such as cents. A rebate is negative.
    unit_price: i64,
}

/// A tax, as the seller computed it.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = InvoiceTax)]
pub(in crate::api) struct TaxBody {
    /// The name, such as `VAT 19 %`, or the reason why there is none.
    #[schema(min_length = 1, max_length = 200)]
    label: String,
    /// The amount in the minor unit of the currency.
    amount: i64,
}

/// An invoice to draft.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewInvoice)]
pub(in crate::api) struct NewInvoiceBody {
    /// The code of the legal entity that issues the invoice.
    #[schema(min_length = 1, max_length = 10)]
    entity: String,
    buyer: BuyerBody,
    /// The code of the currency (ISO 4217), such as `EUR`.
    #[schema(min_length = 3, max_length = 3)]
    currency: String,
    #[schema(min_items = 1, max_items = 100)]
    lines: Vec<LineBody>,
    /// The taxes, as they are given. The server computes none.
    #[serde(default)]
    #[schema(max_items = 10)]
    taxes: Vec<TaxBody>,
    /// The number of the customer's purchase order.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 64)]
    purchase_order: Option<String>,
    /// The number of days for the payment.
    #[schema(maximum = 120)]
    net_days: u32,
    /// A note for the customer.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 1000)]
    note: Option<String>,
    /// The license that the customer gets after the payment.
    #[serde(default)]
    pub(super) license: Option<InvoiceOrder>,
}

impl From<NewInvoiceBody> for NewInvoice {
    fn from(body: NewInvoiceBody) -> Self {
        let buyer = body.buyer;
        let lines = body.lines.into_iter().map(|line| InvoiceLine {
            description: line.description,
            quantity: line.quantity,
            unit_price: line.unit_price,
        });
        let taxes = body.taxes.into_iter().map(|tax| InvoiceTax {
            label: tax.label,
            amount: tax.amount,
        });
        Self {
            entity: body.entity,
            content: InvoiceContent {
                buyer: InvoiceBuyer {
                    name: buyer.name,
                    address: buyer.address,
                    tax_id: buyer.tax_id,
                    email: buyer.email,
                },
                currency: body.currency,
                lines: lines.collect(),
                taxes: taxes.collect(),
                purchase_order: body.purchase_order,
                net_days: body.net_days,
                note: body.note,
            },
            order: body.license,
        }
    }
}

/// A payment of an invoice, to record.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = InvoicePayment)]
pub(in crate::api) struct PaymentBody {
    /// The date of the payment. The default is today, in UTC.
    #[serde(default)]
    pub(super) paid_on: Option<NaiveDate>,
    /// The reference of the payment, such as the number of a bank statement.
    #[schema(min_length = 1, max_length = 100)]
    pub(super) reference: String,
    /// The amount in the minor unit of the currency. The default is the whole open amount.
    #[serde(default)]
    #[schema(minimum = 1)]
    pub(super) amount: Option<i64>,
}

/// The reason of a change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = InvoiceReason)]
pub(in crate::api) struct ReasonBody {
    /// The reason, which the audit trail keeps.
    #[schema(min_length = 1, max_length = 1000)]
    pub(super) reason: String,
}

/// A legal entity that issues invoices.
#[derive(Serialize, ToSchema)]
#[schema(as = InvoiceEntity)]
pub(in crate::api) struct EntityBody {
    code: String,
    name: String,
}

impl From<LegalEntity> for EntityBody {
    fn from(entity: LegalEntity) -> Self {
        Self {
            code: entity.code,
            name: entity.name,
        }
    }
}

/// A payment of an invoice.
#[derive(Serialize, ToSchema)]
#[schema(as = RecordedPayment)]
pub(in crate::api) struct RecordedPaymentBody {
    /// The date of the payment.
    paid_on: NaiveDate,
    /// The reference of the payment.
    reference: String,
    /// The amount in the minor unit of the currency.
    amount: i64,
}

/// An invoice or a credit note.
#[derive(Serialize, ToSchema)]
#[schema(as = Invoice)]
pub(in crate::api) struct InvoiceBody {
    id: String,
    /// `invoice` or `credit_note`.
    kind: &'static str,
    /// `draft`, `issued`, `overdue`, `paid`, `void` or `credited`.
    state: &'static str,
    /// The number, such as `DE-2027-00042`, or null for a draft.
    number: Option<String>,
    /// The code of the legal entity.
    entity: String,
    buyer: BuyerBody,
    currency: String,
    lines: Vec<LineBody>,
    taxes: Vec<TaxBody>,
    /// The sum of the lines, in the minor unit of the currency.
    subtotal: i64,
    /// The sum of the lines and the taxes.
    total: i64,
    purchase_order: Option<String>,
    net_days: u32,
    note: Option<String>,
    issued_on: Option<NaiveDate>,
    due_on: Option<NaiveDate>,
    /// `open`, `partly_paid` or `paid`, or null for a document that expects no payment.
    payment_state: Option<&'static str>,
    /// The sum of the payments, in the minor unit of the currency.
    paid: i64,
    /// The amount that the customer still owes. 0 for a document that expects no payment.
    open: i64,
    /// The payments, in the order of their recording.
    payments: Vec<RecordedPaymentBody>,
    /// The date of the latest payment, if the invoice is paid in full.
    paid_on: Option<NaiveDate>,
    /// When the document was last sent by mail.
    sent_at: Option<DateTime<Utc>>,
    /// The number of days after the due date for which the last reminder was sent.
    reminded_days: Option<u32>,
    /// The license that the customer gets.
    #[schema(value_type = Option<Object>)]
    license_order: Option<Value>,
    /// Whether somebody decided that the license is issued before the payment.
    activated_early: bool,
    /// The id of the license that was issued.
    license: Option<String>,
    /// The id of the invoice that this credit note cancels.
    credits: Option<String>,
    /// The id of the credit note that cancels this invoice.
    credited_by: Option<String>,
    created_at: DateTime<Utc>,
    created_by: String,
}

impl From<Invoice> for InvoiceBody {
    fn from(invoice: Invoice) -> Self {
        let minor = |amount: Option<Money>| amount.map_or(0, Money::minor);
        let (paid, open) = (minor(invoice.paid()), minor(invoice.open()));
        let payment_state = invoice.payment_state().map(PaymentState::as_str);
        let payments = invoice.payments.iter().map(|payment| RecordedPaymentBody {
            paid_on: payment.on,
            reference: payment.reference.clone(),
            amount: payment.amount,
        });
        let payments = payments.collect();
        let (number, content) = (invoice.number_text(), invoice.content);
        let (subtotal, total) = (content.subtotal().ok(), content.total().ok());
        let lines = content.lines.into_iter().map(|line| LineBody {
            description: line.description,
            quantity: line.quantity,
            unit_price: line.unit_price,
        });
        let taxes = content.taxes.into_iter().map(|tax| TaxBody {
            label: tax.label,
            amount: tax.amount,
        });
        let buyer = content.buyer;
        Self {
            id: invoice.id.to_string(),
            kind: invoice.kind.as_str(),
            state: invoice.state.as_str(),
            number,
            entity: invoice.entity,
            buyer: BuyerBody {
                name: buyer.name,
                address: buyer.address,
                tax_id: buyer.tax_id,
                email: buyer.email,
            },
            currency: content.currency,
            lines: lines.collect(),
            taxes: taxes.collect(),
            subtotal: minor(subtotal),
            total: minor(total),
            purchase_order: content.purchase_order,
            net_days: content.net_days,
            note: content.note,
            issued_on: invoice.issued_on,
            due_on: invoice.due_on,
            payment_state,
            paid,
            open,
            payments,
            paid_on: invoice.paid_on,
            sent_at: invoice.sent_at,
            reminded_days: invoice.reminded,
            license_order: invoice.order,
            activated_early: invoice.is_activated,
            license: invoice.license.as_ref().map(LicenseId::to_string),
            credits: invoice.credits.as_ref().map(InvoiceId::to_string),
            credited_by: invoice.credited_by.as_ref().map(InvoiceId::to_string),
            created_at: invoice.created_at,
            created_by: invoice.created_by,
        }
    }
}
