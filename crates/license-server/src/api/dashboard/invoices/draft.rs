//! The form of a draft.

use license_dashboard::{Field, Form, Kind, Page};
use serde::Deserialize;

use super::{INVOICES, name};
use crate::api::dashboard::context::PageContext;
use crate::api::dashboard::form::PageForm;
use crate::api::dashboard::form_values::{expected, number, required_number};
use crate::api::dashboard::licenses::tier_choice;
use crate::api::dashboard::reply::{PageReply, done, html};
use crate::api::invoices::{checked, invoice};
use crate::api::paths::StrictPath;
use crate::api::problem::Problem;
use crate::domain::{
    Currency, Invoice, InvoiceBuyer, InvoiceContent, InvoiceLine, InvoiceState, InvoiceTax, Money,
    Permission,
};
use crate::services::{InvoiceOrder, IssueOrder, NewInvoice};

/// The values of the form. The texts of several lines have a line for each item.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DraftForm {
    entity: String,
    buyer: String,
    address: String,
    tax_id: String,
    email: String,
    currency: String,
    lines: String,
    taxes: String,
    purchase_order: String,
    net_days: String,
    note: String,
    tier: Option<String>,
    days: Option<String>,
    seats: Option<String>,
}

impl DraftForm {
    /// Returns the values of a draft.
    fn of(invoice: &Invoice) -> Self {
        let content = &invoice.content;
        let decimal = |amount: Option<Money>| amount.map(Money::decimal).unwrap_or_default();
        let lines = content.lines.iter().map(|line| {
            let price = decimal(content.unit_price(line).ok());
            format!("{} x {price} {}", line.quantity, line.description)
        });
        let taxes = content.taxes.iter().map(|tax| {
            let amount = decimal(content.tax(tax).ok());
            format!("{amount} {}", tax.label)
        });
        let order: Option<InvoiceOrder> = invoice
            .order
            .clone()
            .and_then(|order| serde_json::from_value(order).ok());
        let order = match order {
            Some(InvoiceOrder::Issue { order }) => order,
            _ => IssueOrder::default(),
        };
        let text = |number: Option<u32>| number.map(|number| number.to_string());
        let optional = |text: &Option<String>| text.clone().unwrap_or_default();
        Self {
            entity: invoice.entity.clone(),
            buyer: content.buyer.name.clone(),
            address: content.buyer.address.join("\n"),
            tax_id: optional(&content.buyer.tax_id),
            email: optional(&content.buyer.email),
            currency: content.currency.clone(),
            lines: lines.collect::<Vec<_>>().join("\n"),
            taxes: taxes.collect::<Vec<_>>().join("\n"),
            purchase_order: optional(&content.purchase_order),
            net_days: content.net_days.to_string(),
            note: optional(&content.note),
            tier: Some(order.tier),
            days: text(order.days),
            seats: text(order.seats),
        }
    }

    fn draft(&self) -> Result<NewInvoice, Problem> {
        let currency = Currency::parse(self.currency.trim());
        let currency = currency.ok_or_else(|| expected("currency", Currency::EXPECTED))?;
        let lines = rows(&self.lines).map(|row| line(row, currency));
        let taxes = rows(&self.taxes).map(|row| tax(row, currency));
        Ok(NewInvoice {
            entity: self.entity.clone(),
            content: InvoiceContent {
                buyer: InvoiceBuyer {
                    name: self.buyer.trim().to_owned(),
                    address: rows(&self.address).map(str::to_owned).collect(),
                    tax_id: filled(&self.tax_id),
                    email: filled(&self.email),
                },
                currency: currency.to_string(),
                lines: lines.collect::<Result<_, _>>()?,
                taxes: taxes.collect::<Result<_, _>>()?,
                purchase_order: filled(&self.purchase_order),
                net_days: required_number("net_days", &self.net_days, 0)?,
                note: filled(&self.note),
            },
            order: self.order()?,
        })
    }

    fn order(&self) -> Result<Option<InvoiceOrder>, Problem> {
        let Some(tier) = self.tier.as_deref().and_then(filled) else {
            return Ok(None);
        };
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        Ok(Some(InvoiceOrder::Issue {
            order: IssueOrder {
                customer: self.buyer.trim().to_owned(),
                tier,
                days: Some(required_number("days", &text(&self.days), 1)?),
                seats: number("seats", &text(&self.seats), 1)?,
                ..IssueOrder::default()
            },
        }))
    }
}

fn filled(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn rows(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|row| !row.is_empty())
}

/// Parses a line such as `25 x 120.00 TEAM license, one year`.
fn line(row: &str, currency: Currency) -> Result<InvoiceLine, Problem> {
    let parsed = || {
        let (quantity, rest) = row.split_once(" x ")?;
        let (price, description) = rest.trim().split_once(' ')?;
        Some(InvoiceLine {
            description: description.trim().to_owned(),
            quantity: quantity.trim().parse().ok()?,
            unit_price: Money::parse_decimal(price, currency)?.minor(),
        })
    };
    parsed().ok_or_else(|| {
        let text = "lines: each line has a quantity, a price and a text";
        Problem::malformed(text).values("a line such as 25 x 120.00 TEAM license", row)
    })
}

/// Parses a line such as `551.00 VAT 19 %`.
fn tax(row: &str, currency: Currency) -> Result<InvoiceTax, Problem> {
    let parsed = || {
        let (amount, label) = row.split_once(' ')?;
        Some(InvoiceTax {
            label: label.trim().to_owned(),
            amount: Money::parse_decimal(amount, currency)?.minor(),
        })
    };
    parsed().ok_or_else(|| {
        let text = "taxes: each line has an amount and a text";
        Problem::malformed(text).values("a line such as 551.00 VAT 19 %", row)
    })
}

fn form(context: &PageContext, path: &str, sent: &DraftForm) -> Result<Form, Problem> {
    let entities = context.services()?.invoices.entities().iter();
    let entities = entities.map(|entity| (entity.code.clone(), entity.name.clone()));
    let entity = Kind::Choice(entities.collect());
    let optional = |text: &Option<String>| text.clone().unwrap_or_default();
    let text = |name: &str, label: &str, value: &str| Field::text(name, label).value(value);
    let several = |name: &str, label: &str, value: &str, help: &str| {
        let field = Field::new(Kind::Lines, name, label);
        field.value(value).help(help)
    };
    let form = Form::new(path, "Save the draft")
        .field(
            Field::new(entity, "entity", "Seller")
                .value(&sent.entity)
                .required(),
        )
        .field(
            text("buyer", "Customer", &sent.buyer)
                .required()
                .max_length(200),
        )
        .field(several("address", "Address", &sent.address, "At most six lines.").required())
        .field(text("tax_id", "Tax number of the customer", &sent.tax_id))
        .field(
            Field::new(Kind::Email, "email", "E-mail address")
                .value(&sent.email)
                .help("Gets the license and the reminders."),
        )
        .field(text("purchase_order", "Purchase order", &sent.purchase_order).max_length(64))
        .field(
            text("currency", "Currency", &sent.currency)
                .help("The code of ISO 4217, such as EUR.")
                .required(),
        )
        .field(
            several(
                "lines",
                "Lines",
                &sent.lines,
                "One in each line: quantity, price of a piece and text, such as `25 x 120.00 TEAM license, one year`. A rebate is negative.",
            )
            .required(),
        )
        .field(several(
            "taxes",
            "Taxes",
            &sent.taxes,
            "One in each line: amount and text, such as `551.00 VAT 19 %`. The server computes no taxes.",
        ))
        .field(
            Field::new(Kind::Number, "net_days", "Days for the payment")
                .value(&sent.net_days)
                .help("From 0 to 120.")
                .required(),
        )
        .field(text("note", "Note for the customer", &sent.note).max_length(1000));
    let form = if context.may(Permission::IssueLicenses) {
        let (tier, days, seats) = (
            optional(&sent.tier),
            optional(&sent.days),
            optional(&sent.seats),
        );
        let seats = Field::new(Kind::Number, "seats", "Seats of the license").value(seats);
        form.group("License after the payment")
            .field(tier_choice(context, &tier)?)
            .field(Field::new(Kind::Number, "days", "Days of the license").value(days))
            .field(seats.help("Empty: those of the tier."))
    } else {
        form
    };
    Ok(form.cancel("/invoices"))
}

pub(super) async fn new(context: PageContext) -> PageReply {
    let empty = DraftForm {
        currency: "EUR".to_owned(),
        net_days: "30".to_owned(),
        ..DraftForm::default()
    };
    let form = form(&context, "/invoices/new", &empty)?;
    let page = context.page_below(INVOICES, "Draft an invoice");
    Ok(html(&page.with(form)))
}

pub(super) async fn create(context: PageContext, PageForm(sent): PageForm<DraftForm>) -> PageReply {
    let created = async {
        let new = checked(context.caller()?, sent.draft()?)?;
        let invoices = &context.services()?.invoices;
        Ok::<_, Problem>(invoices.create(context.actor()?, new).await?)
    };
    match created.await {
        Ok(draft) => Ok(done(
            &format!("/invoices/{}", draft.id),
            "The draft is saved",
        )),
        Err(problem) => {
            let page = context.page_below(INVOICES, "Draft an invoice");
            let form = form(&context, "/invoices/new", &sent)?;
            Ok(context.refused(page, form, &problem))
        }
    }
}

fn edit_page(context: &PageContext, invoice: &Invoice) -> Page {
    let href = format!("/invoices/{}", invoice.id);
    context.page_below((&name(invoice), &href), "Change the draft")
}

/// Returns an invoice whose license the form can show. Otherwise, the form would change it.
async fn draft(context: &PageContext, path: &str) -> Result<Invoice, Problem> {
    let found = context.services()?.invoices.get(&invoice(path)?).await?;
    if found.order.is_none() || found.state != InvoiceState::Draft {
        return Ok(found);
    }
    context.caller()?.require(Permission::IssueLicenses)?;
    let shown = DraftForm::of(&found).order()?;
    let shown = shown.and_then(|order| serde_json::to_value(order).ok());
    if shown == found.order {
        return Ok(found);
    }
    let detail = "the license of the draft has terms that the form does not show";
    Err(Problem::malformed(detail).hint("change it with PUT /api/v1/invoices/{invoice}"))
}

pub(super) async fn edit(context: PageContext, StrictPath(path): StrictPath<String>) -> PageReply {
    let found = draft(&context, &path).await?;
    let path = format!("/invoices/{}/edit", found.id);
    let form = form(&context, &path, &DraftForm::of(&found))?;
    Ok(html(&edit_page(&context, &found).with(form)))
}

pub(super) async fn update(
    context: PageContext,
    StrictPath(path): StrictPath<String>,
    PageForm(sent): PageForm<DraftForm>,
) -> PageReply {
    let found = draft(&context, &path).await?;
    let updated = async {
        let new = checked(context.caller()?, sent.draft()?)?;
        let invoices = &context.services()?.invoices;
        Ok::<_, Problem>(invoices.update(context.actor()?, &found.id, new).await?)
    };
    match updated.await {
        Ok(draft) => Ok(done(
            &format!("/invoices/{}", draft.id),
            "The draft is changed",
        )),
        Err(problem) => {
            let path = format!("/invoices/{}/edit", found.id);
            let form = form(&context, &path, &sent)?;
            Ok(context.refused(edit_page(&context, &found), form, &problem))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_taxes_are_read_exactly_or_not_at_all() {
        let euros = Currency::parse("EUR").unwrap();
        let read = line("25 x 120.00 TEAM license x, one year", euros).unwrap();
        assert_eq!((read.quantity, read.unit_price), (25, 12_000));
        assert_eq!(read.description, "TEAM license x, one year");
        let rebate = line("1 x -5 Rebate", euros).unwrap();
        assert_eq!(rebate.unit_price, -500);
        for row in [
            "25",
            "25 x",
            "25 x 120.00",
            "x 120.00 A",
            "25 x 1.234 A",
            "-1 x 5 A",
        ] {
            assert!(line(row, euros).is_err(), "{row}");
        }
        let vat = tax("551.00 VAT 19 %", euros).unwrap();
        assert_eq!((vat.amount, vat.label.as_str()), (55_100, "VAT 19 %"));
        assert!(tax("VAT 19 %", euros).is_err());
    }
}
