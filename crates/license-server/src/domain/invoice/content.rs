//! The lines and the customer of an invoice.

use serde::{Deserialize, Serialize};

use crate::domain::email::EmailAddress;
use crate::domain::money::{Currency, Money};
use crate::domain::text::is_unsafe;

/// The largest number of lines.
const MAX_LINES: usize = 100;

/// The largest number of taxes.
const MAX_TAXES: usize = 10;

/// The largest number of lines of an address.
pub(super) const MAX_ADDRESS: usize = 6;

/// The longest text of a line, in characters.
pub(super) const MAX_TEXT: usize = 200;

/// The longest note, in characters.
const MAX_NOTE: usize = 1000;

/// The longest purchase order number, in characters.
const MAX_ORDER: usize = 64;

/// The longest time for a payment, in days.
const MAX_NET_DAYS: u32 = 120;

/// A customer who gets an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceBuyer {
    /// The name.
    pub name: String,
    /// The lines of the address.
    pub address: Vec<String>,
    /// The tax number.
    pub tax_id: Option<String>,
    /// The address for reminders.
    pub email: Option<String>,
}

/// A line of an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceLine {
    /// The description.
    pub description: String,
    /// The number of pieces.
    pub quantity: u32,
    /// The price of a piece, in the minor unit.
    pub unit_price: i64,
}

/// A tax, as the seller computed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceTax {
    /// The name, such as `VAT 19 %`, or the reason why there is none.
    pub label: String,
    /// The amount, in the minor unit.
    pub amount: i64,
}

/// The content of an invoice, which never changes after it was issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceContent {
    /// The customer.
    pub buyer: InvoiceBuyer,
    /// The code of the currency of all amounts.
    pub currency: String,
    /// The lines.
    pub lines: Vec<InvoiceLine>,
    /// The taxes.
    pub taxes: Vec<InvoiceTax>,
    /// The number of the customer's purchase order.
    pub purchase_order: Option<String>,
    /// The number of days for the payment, from 0 to 120.
    pub net_days: u32,
    /// A note for the customer.
    pub note: Option<String>,
}

/// A value of an invoice that is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvoiceFault {
    /// The member.
    pub member: &'static str,
    /// The accepted values.
    pub expected: String,
}

impl InvoiceFault {
    pub(super) fn new(member: &'static str, expected: impl Into<String>) -> Self {
        Self {
            member,
            expected: expected.into(),
        }
    }
}

impl InvoiceContent {
    /// Checks all values, and brings the currency to upper case.
    ///
    /// # Errors
    ///
    /// Returns the first value that is not accepted.
    pub fn checked(mut self) -> Result<Self, InvoiceFault> {
        self.currency = self.parsed_currency()?.to_string();
        self.buyer.check()?;
        if !(1..=MAX_LINES).contains(&self.lines.len()) {
            return Err(InvoiceFault::new(
                "lines",
                format!("1 to {MAX_LINES} lines"),
            ));
        }
        for line in &self.lines {
            check_text("lines", &line.description, MAX_TEXT)?;
            if line.quantity == 0 {
                return Err(InvoiceFault::new("lines", "a quantity of 1 or more"));
            }
        }
        if self.taxes.len() > MAX_TAXES {
            let expected = format!("at most {MAX_TAXES} taxes");
            return Err(InvoiceFault::new("taxes", expected));
        }
        for tax in &self.taxes {
            check_text("taxes", &tax.label, MAX_TEXT)?;
        }
        if let Some(order) = &self.purchase_order {
            check_text("purchase_order", order, MAX_ORDER)?;
        }
        if self.net_days > MAX_NET_DAYS {
            let expected = format!("a number of days from 0 to {MAX_NET_DAYS}");
            return Err(InvoiceFault::new("net_days", expected));
        }
        if let Some(note) = &self.note {
            check_text("note", note, MAX_NOTE)?;
        }
        if self.total()?.minor() <= 0 {
            let expected = "a total above zero; a credit note reduces an issued invoice";
            return Err(InvoiceFault::new("lines", expected));
        }
        Ok(self)
    }

    fn parsed_currency(&self) -> Result<Currency, InvoiceFault> {
        let currency = Currency::parse(&self.currency);
        currency.ok_or_else(|| InvoiceFault::new("currency", Currency::EXPECTED))
    }

    fn money(&self, minor: i64) -> Result<Money, InvoiceFault> {
        let amount = Money::new(minor, self.parsed_currency()?);
        amount.ok_or_else(too_large)
    }

    /// Returns the price of a piece of a line.
    ///
    /// # Errors
    ///
    /// Returns the amount that is too large. Each function about amounts does.
    pub fn unit_price(&self, line: &InvoiceLine) -> Result<Money, InvoiceFault> {
        self.money(line.unit_price)
    }

    /// Returns the amount of a line.
    ///
    /// # Errors
    ///
    /// Returns the amount that is too large.
    pub fn line_total(&self, line: &InvoiceLine) -> Result<Money, InvoiceFault> {
        let price = self.unit_price(line)?;
        price.times(line.quantity).ok_or_else(too_large)
    }

    /// Returns the amount of a tax.
    ///
    /// # Errors
    ///
    /// Returns the amount that is too large.
    pub fn tax(&self, tax: &InvoiceTax) -> Result<Money, InvoiceFault> {
        self.money(tax.amount)
    }

    /// Returns the sum of the lines.
    ///
    /// # Errors
    ///
    /// Returns the amount that is too large.
    pub fn subtotal(&self) -> Result<Money, InvoiceFault> {
        let amounts = self.lines.iter().map(|line| self.line_total(line));
        self.sum(amounts)
    }

    /// Returns the sum of the lines and the taxes.
    ///
    /// # Errors
    ///
    /// Returns the amount that is too large.
    pub fn total(&self) -> Result<Money, InvoiceFault> {
        let taxes = self.taxes.iter().map(|tax| self.tax(tax));
        self.sum([self.subtotal()].into_iter().chain(taxes))
    }

    fn sum(
        &self,
        mut amounts: impl Iterator<Item = Result<Money, InvoiceFault>>,
    ) -> Result<Money, InvoiceFault> {
        let zero = Money::zero(self.parsed_currency()?);
        amounts.try_fold(zero, |sum, amount| sum.plus(amount?).ok_or_else(too_large))
    }

    /// Returns the content of the credit note that cancels an invoice.
    #[must_use]
    pub fn negated(&self) -> Self {
        let lines = self.lines.iter().map(|line| InvoiceLine {
            unit_price: line.unit_price.saturating_neg(),
            ..line.clone()
        });
        let taxes = self.taxes.iter().map(|tax| InvoiceTax {
            amount: tax.amount.saturating_neg(),
            ..tax.clone()
        });
        Self {
            lines: lines.collect(),
            taxes: taxes.collect(),
            ..self.clone()
        }
    }
}

impl InvoiceBuyer {
    fn check(&self) -> Result<(), InvoiceFault> {
        check_text("buyer.name", &self.name, MAX_TEXT)?;
        check_address("buyer.address", &self.address)?;
        if let Some(id) = &self.tax_id {
            check_text("buyer.tax_id", id, MAX_TEXT)?;
        }
        if let Some(email) = &self.email
            && EmailAddress::parse(email).is_none()
        {
            return Err(InvoiceFault::new("buyer.email", EmailAddress::EXPECTED));
        }
        Ok(())
    }
}

fn too_large() -> InvoiceFault {
    let expected = format!("amounts up to {} in the minor unit", Money::MAX_MINOR);
    InvoiceFault::new("lines", expected)
}

/// Checks the lines of an address.
pub(super) fn check_address(member: &'static str, lines: &[String]) -> Result<(), InvoiceFault> {
    if !(1..=MAX_ADDRESS).contains(&lines.len()) {
        let expected = format!("an address of 1 to {MAX_ADDRESS} lines");
        return Err(InvoiceFault::new(member, expected));
    }
    lines
        .iter()
        .try_for_each(|line| check_text(member, line, MAX_TEXT))
}

/// Checks a text that is printed in one line or paragraph.
pub(super) fn check_text(
    member: &'static str,
    text: &str,
    most: usize,
) -> Result<(), InvoiceFault> {
    let is_accepted = (1..=most).contains(&text.chars().count())
        && text.trim() == text
        && !text.chars().any(is_unsafe);
    if is_accepted {
        return Ok(());
    }
    let expected = format!("texts of 1 to {most} characters without control characters");
    Err(InvoiceFault::new(member, expected))
}
