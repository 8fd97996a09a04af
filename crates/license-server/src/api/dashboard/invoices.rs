//! Invoices and credit notes.

mod changes;
mod draft;

use axum::routing::{get, post};
use license_core::LicenseId;
use license_core::chrono::NaiveDate;
use license_dashboard::{Action, Cell, Column, EmptyState, Facts, Form, Notice, Table, Tone};

use super::context::PageContext;
use super::list::{StateQuery, counted, state_field, state_label};
use super::pages::Pages;
use super::reply::{PageReply, html};
use crate::api::invoices::{document, invoice, state};
use crate::api::pages::{PageQuery, StrictQuery};
use crate::api::paths::StrictPath;
use crate::domain::{
    Currency, Invoice, InvoiceKind, InvoiceState, Money, PaymentState, Permission,
};

/// The page to which the pages below it lead back.
const INVOICES: (&str, &str) = ("Invoices", "/invoices");

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    let (read, manage) = (Permission::ReadBilling, Permission::ManageBilling);
    let change = |path: &str| format!("/invoices/{{invoice}}/{path}");
    pages
        .page("/invoices", read, get(list))
        .page("/invoices/new", manage, get(draft::new).post(draft::create))
        .page("/invoices/{invoice}", read, get(show))
        .page(&change("pdf"), read, get(pdf))
        .page(
            &change("edit"),
            manage,
            get(draft::edit).post(draft::update),
        )
        .page(&change("delete"), manage, post(changes::delete))
        .page(
            &change("issue"),
            manage,
            get(changes::issuing).post(changes::issue),
        )
        .page(
            &change("payment"),
            manage,
            get(changes::paying).post(changes::pay),
        )
        .page(
            &change("send"),
            manage,
            get(changes::sending).post(changes::send),
        )
        .page(
            &change("activate"),
            manage,
            get(changes::activating).post(changes::activate),
        )
        .page(
            &change("void"),
            manage,
            get(changes::voiding).post(changes::void),
        )
        .page(
            &change("credit"),
            manage,
            get(changes::crediting).post(changes::credit),
        )
}

async fn list(context: PageContext, StrictQuery(query): StrictQuery<StateQuery>) -> PageReply {
    let chosen = query.state.filter(|state| !state.is_empty());
    let state = chosen.as_deref().map(state).transpose()?;
    let page = PageQuery::new(query.cursor.clone(), None).request()?;
    let invoices = &context.services()?.invoices;
    let found = invoices.list(state, &page).await?;
    let mut table = Table::new(
        "Invoices",
        vec![
            Column::text("Number"),
            Column::text("Customer"),
            Column::text("State"),
            Column::text("Issued"),
            Column::text("Due"),
            Column::number("Total"),
            Column::number("Open"),
        ],
    );
    for invoice in found.items {
        table.row(vec![
            Cell::link(format!("/invoices/{}", invoice.id), short_name(&invoice)),
            Cell::text(&invoice.content.buyer.name),
            state_of(&invoice),
            invoice.issued_on.map_or(Cell::Empty, Cell::Date),
            invoice.due_on.map_or(Cell::Empty, Cell::Date),
            money(invoice.content.total().ok().map(|total| total.to_string())),
            money(invoice.open().map(|open| open.to_string())),
        ]);
    }
    table.filter = Some(filter(chosen.as_deref()));
    table.empty = EmptyState::new("No invoices")
        .text("A draft becomes an invoice with a number when it is issued.");
    let with_state = |cursor: Option<&str>| {
        let parts = [("state", chosen.as_deref()), ("cursor", cursor)];
        let parts = parts
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        let query = serde_urlencoded::to_string(parts.collect::<Vec<_>>()).unwrap_or_default();
        format!("/invoices?{query}")
    };
    table.first = query.cursor.map(|_| with_state(None));
    table.next = found.next.map(|next| with_state(Some(next.as_str())));
    let can_draft = context.may(Permission::ManageBilling) && !invoices.entities().is_empty();
    let about = "For customers who pay by bank transfer. The license is issued when the payment is \
                 recorded, or before by decision.";
    let mut page = context.page("Invoices").with(about);
    if can_draft {
        page = page.action(Action::link("Draft an invoice", "/invoices/new").primary());
    }
    if invoices.entities().is_empty() {
        let notice = Notice::new(Tone::Neutral, "Invoices are not set up");
        let text =
            "The setting `invoice_entities` names a file with the companies that issue invoices.";
        page = page.with(notice.text(text));
    }
    Ok(html(&page.with(table)))
}

/// Returns an amount of money, or a dash.
fn money(amount: Option<String>) -> Cell {
    amount.map_or(Cell::Empty, Cell::Amount)
}

fn filter(chosen: Option<&str>) -> Form {
    let states = InvoiceState::ALL.into_iter().map(InvoiceState::as_str);
    let field = state_field(states, chosen.unwrap_or_default());
    Form::new("/invoices", "Filter").field(field)
}

/// Returns the name of an invoice in lists and titles.
fn name(invoice: &Invoice) -> String {
    let kind = match invoice.kind {
        InvoiceKind::Invoice => "Invoice",
        InvoiceKind::CreditNote => "Credit note",
    };
    match invoice.number_text() {
        Some(number) => format!("{kind} {number}"),
        None => "Draft".to_owned(),
    }
}

/// Returns the name of an invoice in a list of invoices.
fn short_name(invoice: &Invoice) -> String {
    let name = name(invoice);
    name.strip_prefix("Invoice ")
        .map_or_else(|| name.clone(), str::to_owned)
}

/// Returns the state, and whether a part is paid.
fn state_of(invoice: &Invoice) -> Cell {
    let state = invoice.state;
    let text = match invoice.payment_state() {
        Some(PaymentState::PartlyPaid) => format!("{}, partly paid", state.as_str()),
        _ => state.as_str().to_owned(),
    };
    let tone = match state {
        InvoiceState::Paid => Tone::Good,
        InvoiceState::Overdue => Tone::Warning,
        _ => Tone::Neutral,
    };
    Cell::badge(tone, state_label(&text))
}

async fn show(context: PageContext, StrictPath(path): StrictPath<String>) -> PageReply {
    let found = context.services()?.invoices.get(&invoice(&path)?).await?;
    let mut page = context.page_below(INVOICES, name(&found));
    for action in actions(&context, &found) {
        page = page.action(action);
    }
    let mut page = page.with(facts(&found)).with(lines(&found));
    if !found.payments.is_empty() {
        page = page.with(payments(&found));
    }
    Ok(html(&page))
}

/// Returns what the person may do with an invoice in its state.
fn actions(context: &PageContext, invoice: &Invoice) -> Vec<Action> {
    let path = |action: &str| format!("/invoices/{}/{action}", invoice.id);
    let mut actions = vec![Action::link("PDF", path("pdf"))];
    if !context.may(Permission::ManageBilling) {
        return actions;
    }
    if invoice.state == InvoiceState::Draft {
        actions.insert(
            0,
            Action::dialog("Issue the invoice", path("issue")).primary(),
        );
        actions.push(Action::link("Change", path("edit")));
        actions.push(Action::post("Delete", path("delete")).danger());
    }
    if invoice.is_open() {
        actions.insert(
            0,
            Action::dialog("Record a payment", path("payment")).primary(),
        );
        let can_activate = invoice.order.is_some() && invoice.license.is_none();
        if can_activate && context.may(Permission::IssueLicenses) {
            actions.push(Action::dialog("Issue the license now", path("activate")));
        }
        if invoice.can_be_void() {
            actions.push(Action::dialog("Mark as void", path("void")).danger());
        }
    }
    if invoice.can_be_sent() && invoice.content.buyer.email.is_some() {
        actions.push(Action::dialog("Send by mail", path("send")));
    }
    let is_invoice = invoice.kind == InvoiceKind::Invoice;
    if is_invoice && (invoice.is_open() || invoice.state == InvoiceState::Paid) {
        actions.push(Action::dialog("Cancel with a credit note", path("credit")).danger());
    }
    actions
}

fn facts(invoice: &Invoice) -> Facts {
    let content = &invoice.content;
    let buyer = &content.buyer;
    let date = |date: Option<NaiveDate>| date.map(Cell::Date);
    let text = |text: &Option<String>| text.clone().map(Cell::text);
    let address = [&buyer.name].into_iter().chain(&buyer.address);
    let license = match &invoice.license {
        Some(id) => Cell::link(format!("/licenses/{id}"), LicenseId::as_str(id)),
        None if invoice.order.is_some() => Cell::text("is issued when the invoice is paid in full"),
        None => Cell::text("none ordered"),
    };
    let linked =
        |id: &crate::domain::InvoiceId, text: &str| Cell::link(format!("/invoices/{id}"), text);
    let mut facts = Facts::new()
        .fact("State", state_of(invoice))
        .fact("Customer", Cell::Lines(address.map(Cell::text).collect()))
        .some("Tax number", text(&buyer.tax_id))
        .some("E-mail address", text(&buyer.email))
        .some("Purchase order", text(&content.purchase_order))
        .fact("Payment", Cell::text(payment_term(content.net_days)))
        .some("Issued", date(invoice.issued_on))
        .some("Due", date(invoice.due_on))
        .some("Sent by mail", invoice.sent_at.map(Cell::Time))
        .some(
            "Open amount",
            invoice.open().map(|open| Cell::Amount(open.to_string())),
        )
        .some("Paid", date(invoice.paid_on))
        .fact("License", license);
    if let Some(id) = &invoice.credits {
        facts = facts.fact("Cancels", linked(id, "the invoice"));
    }
    if let Some(id) = &invoice.credited_by {
        facts = facts.fact("Canceled by", linked(id, "the credit note"));
    }
    facts.some("Note", text(&content.note))
}

/// Returns the time that a customer has for the payment.
fn payment_term(net_days: u32) -> String {
    match net_days {
        0 => "at once".to_owned(),
        days => format!("within {}", counted(days, "day", "days")),
    }
}

fn lines(invoice: &Invoice) -> Table {
    let content = &invoice.content;
    let columns = vec![
        Column::text("Description"),
        Column::number("Quantity"),
        Column::number("Unit price"),
        Column::number("Amount"),
    ];
    let mut table = Table::new("Lines and taxes", columns);
    let amount = |amount: Option<Money>| money(amount.map(Money::decimal));
    for line in &content.lines {
        table.row(vec![
            Cell::text(&line.description),
            Cell::Number(line.quantity.into()),
            amount(content.unit_price(line).ok()),
            amount(content.line_total(line).ok()),
        ]);
    }
    for tax in &content.taxes {
        let cells = [Cell::text(&tax.label), Cell::Empty, Cell::Empty];
        let mut cells = cells.to_vec();
        cells.push(amount(content.tax(tax).ok()));
        table.row(cells);
    }
    let total = content.total().ok().map(|total| total.to_string());
    table.row(vec![
        Cell::text("Total"),
        Cell::Empty,
        Cell::Empty,
        money(total),
    ]);
    table
}

fn payments(invoice: &Invoice) -> Table {
    let columns = vec![
        Column::text("Date"),
        Column::text("Reference"),
        Column::number("Amount"),
    ];
    let mut table = Table::new("Payments", columns);
    let currency = Currency::parse(&invoice.content.currency);
    for payment in &invoice.payments {
        let amount = currency.and_then(|currency| Money::new(payment.amount, currency));
        table.row(vec![
            Cell::Date(payment.on),
            Cell::text(&payment.reference),
            money(amount.map(Money::decimal)),
        ]);
    }
    table
}

async fn pdf(context: PageContext, StrictPath(path): StrictPath<String>) -> PageReply {
    document(context.caller()?, &path).await
}
