//! Invoices as PDF/A-2u: the fonts are embedded, and the text can be extracted.

mod canvas;
mod face;

use chrono::{Datelike, NaiveDate};

use canvas::{Canvas, LEFT, RIGHT, Style};
pub(super) use face::unprintable;

use crate::domain::{
    Invoice, InvoiceContent, InvoiceFault, InvoiceKind, InvoiceLine, InvoiceState, LegalEntity,
    Money, Refusal, RefusalKind, ServerCode,
};

/// The right edges of the columns of numbers.
const QUANTITY: f32 = 360.0;
const PRICE: f32 = 450.0;

/// The width of a description.
const DESCRIPTION: f32 = 240.0;

/// The left edge of the block with numbers and dates.
const FACTS: f32 = 330.0;

/// Returns the PDF of an invoice. A draft shows `seller`, the legal entity of now. `canceled` is
/// the number of the invoice that a credit note cancels.
///
/// # Errors
///
/// Returns a refusal if an amount is too large or the document cannot be written.
pub(super) fn render(
    invoice: &Invoice,
    seller: &LegalEntity,
    canceled: Option<&str>,
) -> Result<Vec<u8>, Refusal> {
    let mut canvas = Canvas::new().ok_or_else(failed)?;
    let document = Document {
        invoice,
        content: &invoice.content,
        canceled,
    };
    head(&mut canvas, seller, &document);
    document.lines(&mut canvas).map_err(|_| failed())?;
    document.end(&mut canvas, seller).map_err(|_| failed())?;
    let date = invoice.issued_on.unwrap_or(invoice.created_at.date_naive());
    canvas
        .finish(&document.title(), &seller.name, &seller.footer, date)
        .ok_or_else(failed)
}

fn failed() -> Refusal {
    let detail = "the PDF of the invoice cannot be written";
    Refusal::new(RefusalKind::Internal, ServerCode::StorageFailed, detail)
        .hint("the log of the server has the cause")
}

struct Document<'a> {
    invoice: &'a Invoice,
    content: &'a InvoiceContent,
    canceled: Option<&'a str>,
}

/// Draws the seller, the customer, and the numbers and dates.
fn head(canvas: &mut Canvas, seller: &LegalEntity, document: &Document<'_>) {
    canvas.text(LEFT, Style::Name, &seller.name);
    canvas.down(16.0);
    for line in &seller.address {
        canvas.line_of(Style::Small, line);
    }
    if let Some(id) = &seller.tax_id {
        canvas.line_of(Style::Small, &format!("Tax number {id}"));
    }
    canvas.move_to(170.0);
    let buyer = &document.content.buyer;
    canvas.line_of(Style::Bold, &buyer.name);
    for line in &buyer.address {
        canvas.line_of(Style::Normal, line);
    }
    if let Some(id) = &buyer.tax_id {
        canvas.line_of(Style::Normal, &format!("Tax number {id}"));
    }
    let below = canvas.position();
    canvas.move_to(170.0);
    for (name, value) in document.facts() {
        canvas.text(FACTS, Style::Normal, name);
        canvas.text_to(RIGHT, Style::Normal, &value);
        canvas.down(15.0);
    }
    canvas.move_to(below.max(canvas.position()) + 24.0);
    canvas.text(LEFT, Style::Title, &document.title());
    canvas.down(24.0);
}

impl Document<'_> {
    fn title(&self) -> String {
        let invoice = self.invoice;
        let kind = match invoice.kind {
            InvoiceKind::Invoice => "Invoice",
            InvoiceKind::CreditNote => "Credit note",
        };
        match (invoice.number_text(), invoice.state) {
            (None, _) => "Draft of an invoice".to_owned(),
            (Some(number), InvoiceState::Void) => format!("{kind} {number} (void)"),
            (Some(number), _) => format!("{kind} {number}"),
        }
    }

    /// Returns the numbers and dates.
    fn facts(&self) -> Vec<(&'static str, String)> {
        let invoice = self.invoice;
        let date = |date: NaiveDate| date.format("%Y-%m-%d").to_string();
        let mut facts = Vec::new();
        facts.extend(invoice.number_text().map(|number| ("Number", number)));
        facts.extend(invoice.issued_on.map(|on| ("Date", date(on))));
        facts.extend(
            self.canceled
                .map(|number| ("For invoice", number.to_owned())),
        );
        let order = self.content.purchase_order.clone();
        facts.extend(order.map(|order| ("Your order", order)));
        if invoice.kind == InvoiceKind::Invoice {
            let terms = match self.content.net_days {
                0 => "on receipt".to_owned(),
                1 => "1 day net".to_owned(),
                days => format!("{days} days net"),
            };
            facts.push(("Payment", terms));
            facts.extend(invoice.due_on.map(|on| ("Due date", date(on))));
        }
        facts
    }

    /// Draws the table of lines, on as many pages as it needs.
    fn lines(&self, canvas: &mut Canvas) -> Result<(), InvoiceFault> {
        heading(canvas);
        for line in &self.content.lines {
            let description = canvas.wrapped(Style::Normal, &line.description, DESCRIPTION);
            if canvas.needs_page(description.len()) {
                canvas.next_page();
                heading(canvas);
            }
            self.amounts(canvas, line)?;
            for text in description {
                canvas.line_of(Style::Normal, &text);
            }
            canvas.down(3.0);
        }
        canvas.rule();
        Ok(())
    }

    /// Draws the numbers of a line, at the height of the first line of its description.
    fn amounts(&self, canvas: &mut Canvas, line: &InvoiceLine) -> Result<(), InvoiceFault> {
        let (price, total) = (
            self.content.unit_price(line)?,
            self.content.line_total(line)?,
        );
        canvas.text_to(QUANTITY, Style::Normal, &line.quantity.to_string());
        canvas.text_to(PRICE, Style::Normal, &grouped(price));
        canvas.text_to(RIGHT, Style::Normal, &grouped(total));
        Ok(())
    }

    /// Draws the sums, how the customer pays, and the note.
    fn end(&self, canvas: &mut Canvas, seller: &LegalEntity) -> Result<(), InvoiceFault> {
        let content = self.content;
        let note = content.note.as_deref().unwrap_or_default();
        let note = canvas.wrapped(Style::Normal, note, RIGHT - LEFT);
        let sums = content.taxes.len().saturating_add(3);
        if canvas.needs_page(sums) {
            canvas.next_page();
        }
        let subtotal = content.subtotal()?;
        sum(canvas, Style::Normal, "Subtotal", &grouped(subtotal));
        for tax in &content.taxes {
            sum(
                canvas,
                Style::Normal,
                &tax.label,
                &grouped(content.tax(tax)?),
            );
        }
        let total = content.total()?;
        let text = format!("{} {}", total.currency(), grouped(total));
        canvas.down(3.0);
        sum(canvas, Style::Bold, "Total", &text);
        canvas.down(18.0);
        let is_payable = self.invoice.kind == InvoiceKind::Invoice;
        let payment = seller.payment.iter().filter(|_| is_payable);
        let payment: Vec<_> = payment.map(String::as_str).collect();
        for paragraph in [payment, note.iter().map(String::as_str).collect()] {
            if canvas.needs_page(paragraph.len()) {
                canvas.next_page();
            }
            for line in &paragraph {
                canvas.line_of(Style::Normal, line);
            }
            canvas.down(8.0);
        }
        Ok(())
    }
}

/// Draws the names of the columns.
fn heading(canvas: &mut Canvas) {
    canvas.text(LEFT, Style::Bold, "Description");
    canvas.text_to(QUANTITY, Style::Bold, "Quantity");
    canvas.text_to(PRICE, Style::Bold, "Unit price");
    canvas.text_to(RIGHT, Style::Bold, "Amount");
    canvas.down(6.0);
    canvas.rule();
}

fn sum(canvas: &mut Canvas, style: Style, name: &str, amount: &str) {
    // A long name of a tax gets more room to the left.
    canvas.text_to(PRICE, style, name);
    canvas.text_to(RIGHT, style, amount);
    canvas.down(15.0);
}

/// Returns an amount with thin spaces between groups of three digits (ISO 80000-1), so that it
/// reads alike in each country.
fn grouped(money: Money) -> String {
    let text = money.decimal();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("\u{2212}", digits),
        None => ("", text.as_str()),
    };
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, format!(".{fraction}")),
        None => (digits, String::new()),
    };
    let mut groups = String::new();
    for (place, digit) in whole.chars().enumerate() {
        let left = whole.len().saturating_sub(place);
        if place > 0 && left.is_multiple_of(3) {
            groups.push('\u{a0}');
        }
        groups.push(digit);
    }
    format!("{sign}{groups}{fraction}")
}

/// Returns the year, the month and the day of a date for the metadata.
fn metadata_date(date: NaiveDate) -> krilla::metadata::DateTime {
    let year = u16::try_from(date.year()).unwrap_or_default();
    let part = |number: u32| u8::try_from(number).unwrap_or(1);
    krilla::metadata::DateTime::new(year)
        .month(part(date.month()))
        .day(part(date.day()))
}

#[cfg(test)]
mod tests;
