use super::*;
use crate::domain::money::Currency;

fn at(text: &str) -> DateTime<Utc> {
    license_core::time::parse_instant(text).unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// Returns a legal entity.
pub(crate) fn seller() -> LegalEntity {
    LegalEntity {
        code: "DE".to_owned(),
        name: "Coditect GmbH".to_owned(),
        address: vec!["Hauptstraße 1".to_owned(), "10115 Berlin".to_owned()],
        tax_id: Some("DE123456789".to_owned()),
        payment: vec!["IBAN DE02 1203 0000 0000 2020 51".to_owned()],
        footer: vec!["HRB 12345, Berlin".to_owned()],
    }
}

fn content() -> InvoiceContent {
    InvoiceContent {
        buyer: InvoiceBuyer {
            name: "ACME Ltd".to_owned(),
            address: vec!["1 Road".to_owned(), "London".to_owned()],
            tax_id: Some("GB123456789".to_owned()),
            email: Some("billing@acme.example".to_owned()),
        },
        currency: "EUR".to_owned(),
        lines: vec![
            InvoiceLine {
                description: "TEAM license, one year".to_owned(),
                quantity: 25,
                unit_price: 12_000,
            },
            InvoiceLine {
                description: "Rebate".to_owned(),
                quantity: 1,
                unit_price: -10_000,
            },
        ],
        taxes: vec![InvoiceTax {
            label: "VAT 19 %".to_owned(),
            amount: 55_100,
        }],
        purchase_order: Some("PO-4711".to_owned()),
        net_days: 30,
        note: None,
    }
}

/// Returns a draft.
pub(crate) fn invoice(number: u8) -> Invoice {
    Invoice {
        id: InvoiceId::new(at("2027-01-15"), [number; 10]),
        kind: InvoiceKind::Invoice,
        state: InvoiceState::Draft,
        entity: "DE".to_owned(),
        number: None,
        content: content(),
        seller: None,
        order: Some(json!({ "kind": "issue", "order": { "tier": "team" } })),
        is_activated: false,
        license: None,
        created_at: at("2027-01-15T09:00:00Z"),
        created_by: "console".to_owned(),
        issued_on: None,
        due_on: None,
        paid_on: None,
        payments: Vec::new(),
        sent_at: None,
        reminded: None,
        credits: None,
        credited_by: None,
        next_at: None,
    }
}

fn days() -> ReminderDays {
    ReminderDays::new(vec![1, 7, 14])
}

fn apply(change: &InvoiceChange, invoice: &Invoice, now: &str) -> Option<Invoice> {
    change.apply(invoice, Some((2027, 1)), &days(), at(now))
}

fn issued() -> Invoice {
    let issue = InvoiceChange::Issue {
        seller: Box::new(seller()),
        on: day("2027-01-15"),
    };
    apply(&issue, &invoice(1), "2027-01-15T10:00:00Z").unwrap()
}

fn license() -> LicenseId {
    LicenseId::from_random(at("2027-01-01"), &[1; 10])
}

/// Returns the payment of an amount.
fn payment(on: &str, reference: &str, amount: i64) -> InvoiceChange {
    InvoiceChange::Pay(InvoicePayment {
        on: day(on),
        reference: reference.to_owned(),
        amount,
    })
}

/// Returns the payment of the whole invoice.
fn pay() -> InvoiceChange {
    payment("2027-02-01", "statement 7", 345_100)
}

fn credit() -> InvoiceChange {
    InvoiceChange::Credit {
        note: InvoiceId::new(at("2027-02-01"), [9; 10]),
        on: day("2027-02-01"),
    }
}

#[test]
fn the_total_is_the_sum_of_lines_and_taxes_in_the_minor_unit() {
    let content = content().checked().unwrap();
    assert_eq!(content.subtotal().unwrap().to_string(), "2900.00 EUR");
    assert_eq!(content.total().unwrap().to_string(), "3451.00 EUR");
    assert_eq!(content.negated().total().unwrap().minor(), -345_100);
    let yen = InvoiceContent {
        currency: "jpy".to_owned(),
        ..content
    };
    let yen = yen.checked().unwrap();
    assert_eq!(
        yen.total().unwrap().currency(),
        Currency::parse("JPY").unwrap()
    );
    assert_eq!(yen.total().unwrap().to_string(), "345100 JPY");
}

#[test]
fn each_value_has_bounds() {
    type Change = (&'static str, fn(&mut InvoiceContent));
    let changes: [Change; 16] = [
        ("currency", |content| content.currency = "EURO".to_owned()),
        ("buyer.name", |content| content.buyer.name.clear()),
        ("buyer.address", |content| content.buyer.address.clear()),
        ("buyer.address", |content| {
            content.buyer.address = vec!["x".to_owned(); 7]
        }),
        ("buyer.email", |content| {
            content.buyer.email = Some("x".to_owned())
        }),
        ("buyer.tax_id", |content| {
            content.buyer.tax_id = Some("a\nb".to_owned())
        }),
        ("lines", |content| content.lines.clear()),
        ("lines", |content| {
            content.lines = vec![content.lines[0].clone(); 101]
        }),
        ("lines", |content| content.lines[0].quantity = 0),
        ("lines", |content| {
            content.lines[0].description = "\u{202e}".to_owned()
        }),
        ("lines", |content| content.lines[0].unit_price = i64::MAX),
        ("lines", |content| content.lines.truncate(0)),
        ("lines", |content| content.lines[1].unit_price = -900_000),
        ("purchase_order", |content| {
            content.purchase_order = Some("x".repeat(65))
        }),
        ("net_days", |content| content.net_days = 121),
        ("note", |content| content.note = Some(" ".to_owned())),
    ];
    for (member, change) in changes {
        let mut content = content();
        change(&mut content);
        let fault = content.clone().checked().unwrap_err();
        assert_eq!(fault.member, member, "{content:?}");
    }
    let most = InvoiceContent {
        net_days: 120,
        purchase_order: Some("x".repeat(64)),
        ..content()
    };
    assert!(most.checked().is_ok());
    let mut entity = seller();
    assert_eq!(entity.check(), Ok(()));
    entity.code = "de".to_owned();
    assert_eq!(entity.check().unwrap_err().member, "code");
}

#[test]
fn an_issued_invoice_has_a_number_a_due_date_and_never_changes() {
    let issued = issued();
    assert_eq!(issued.number_text().as_deref(), Some("DE-2027-00001"));
    assert_eq!(issued.due_on, Some(day("2027-02-14")));
    assert_eq!(issued.next_at, Some(at("2027-02-15")));
    assert_eq!(issued.seller, Some(seller()));
    let draft = InvoiceChange::Draft {
        entity: "DE".to_owned(),
        content: Box::new(content()),
        order: None,
    };
    let again = InvoiceChange::Issue {
        seller: Box::new(seller()),
        on: day("2027-01-16"),
    };
    for change in [draft, again] {
        assert_eq!(apply(&change, &issued, "2027-01-16"), None, "{change:?}");
    }
    let other = InvoiceChange::Issue {
        seller: Box::new(LegalEntity {
            code: "US".to_owned(),
            ..seller()
        }),
        on: day("2027-01-15"),
    };
    assert_eq!(apply(&other, &invoice(1), "2027-01-15"), None);
}

#[test]
fn a_late_payment_leads_to_reminders_and_to_nothing_else() {
    let issued = issued();
    let last = "2027-02-14T23:59:59Z";
    assert_eq!(apply(&InvoiceChange::Overdue, &issued, last), None);
    let overdue = apply(&InvoiceChange::Overdue, &issued, "2027-02-15").unwrap();
    assert_eq!(overdue.state, InvoiceState::Overdue);
    assert_eq!(days().due_after(&overdue, at("2027-02-15")), Some(1));
    let reminded = apply(&InvoiceChange::Remind(1), &overdue, "2027-02-15").unwrap();
    assert_eq!(days().due_after(&reminded, at("2027-02-15")), None);
    assert_eq!(reminded.next_at, Some(at("2027-02-21")));
    // The server was down for a week. Only the latest reminder is sent.
    assert_eq!(days().due_after(&reminded, at("2027-03-05")), Some(14));
    let reminded = apply(&InvoiceChange::Remind(14), &reminded, "2027-03-05").unwrap();
    assert_eq!(reminded.next_at, None);
    assert_eq!((reminded.license, reminded.is_activated), (None, false));
    // A license that was issued before stays.
    let activated = apply(&InvoiceChange::Activate, &issued, "2027-01-16").unwrap();
    let licensed = apply(&InvoiceChange::License(license()), &activated, "2027-01-16");
    let overdue = apply(&InvoiceChange::Overdue, &licensed.unwrap(), "2027-02-15");
    assert_eq!(overdue.unwrap().license, Some(license()));
}

#[test]
fn a_license_is_issued_after_the_payment_or_by_decision_once() {
    let issued = issued();
    assert!(!issued.needs_license());
    let now = "2027-02-01T10:00:00Z";
    for change in [pay(), InvoiceChange::Activate] {
        let changed = apply(&change, &issued, now).unwrap();
        assert!(changed.needs_license(), "{change:?}");
        // An interrupted issue is tried again in a minute.
        assert_eq!(changed.next_at, Some(at("2027-02-01T10:01:00Z")));
        assert_eq!(apply(&change, &changed, now), None);
        let licensed = apply(&InvoiceChange::License(license()), &changed, now).unwrap();
        assert!(!licensed.needs_license());
        assert_eq!(
            apply(&InvoiceChange::License(license()), &licensed, now),
            None
        );
        assert_eq!(apply(&InvoiceChange::Activate, &licensed, now), None);
    }
    let without = Invoice {
        order: None,
        ..issued
    };
    assert_eq!(apply(&InvoiceChange::Activate, &without, now), None);
    assert!(!apply(&pay(), &without, now).unwrap().needs_license());
}

#[test]
fn a_credit_note_cancels_an_invoice_and_a_void_one_was_never_used() {
    let issued = issued();
    let now = "2027-02-01T10:00:00Z";
    let paid = apply(&pay(), &issued, now).unwrap();
    for invoice in [&issued, &paid] {
        let credited = apply(&credit(), invoice, now).unwrap();
        assert_eq!(credited.state, InvoiceState::Credited);
        assert_eq!(credited.next_at, None);
        for change in [pay(), credit(), InvoiceChange::Void] {
            assert_eq!(apply(&change, &credited, now), None, "{change:?}");
        }
    }
    let note = issued.credit_note(
        InvoiceId::new(at(now), [9; 10]),
        (2027, 2),
        day("2027-02-01"),
        at(now),
        "console".to_owned(),
    );
    assert_eq!(note.number_text().as_deref(), Some("DE-2027-00002"));
    assert_eq!(note.credits, Some(issued.id.clone()));
    assert_eq!(note.content.total().unwrap().minor(), -345_100);
    for change in [pay(), credit(), InvoiceChange::Void, InvoiceChange::Overdue] {
        assert_eq!(apply(&change, &note, "2028-01-01"), None, "{change:?}");
    }
    let void = apply(&InvoiceChange::Void, &issued, now).unwrap();
    assert_eq!(void.number_text().as_deref(), Some("DE-2027-00001"));
    assert_eq!(apply(&InvoiceChange::Void, &paid, now), None);
    assert_eq!(apply(&InvoiceChange::Void, &invoice(1), now), None);
    let activated = apply(&InvoiceChange::Activate, &issued, now).unwrap();
    // The license may be in the ledger already.
    assert_eq!(apply(&InvoiceChange::Void, &activated, now), None);
    let licensed = apply(&InvoiceChange::License(license()), &activated, now);
    assert_eq!(apply(&InvoiceChange::Void, &licensed.unwrap(), now), None);
}

#[test]
fn several_payments_settle_an_invoice_and_none_is_above_the_open_amount() {
    let issued = issued();
    let now = "2027-02-01T10:00:00Z";
    assert_eq!(issued.payment_state(), Some(PaymentState::Open));
    let first = apply(&payment("2027-02-02", "first", 300_000), &issued, now).unwrap();
    assert_eq!(first.payment_state(), Some(PaymentState::PartlyPaid));
    assert_eq!((first.state, first.paid_on), (InvoiceState::Issued, None));
    assert_eq!(first.open().unwrap().to_string(), "451.00 EUR");
    assert!(!first.needs_license(), "a part issues no license");
    for refused in [
        payment("2027-02-01", "second", 45_101),
        payment("2027-02-01", "second", 0),
        payment("2027-02-01", "second", -1),
        payment("2027-02-01", "first", 1),
        InvoiceChange::Void,
    ] {
        assert_eq!(apply(&refused, &first, now), None, "{refused:?}");
    }
    let overdue = apply(&InvoiceChange::Overdue, &first, "2027-02-15").unwrap();
    assert_eq!(overdue.payment_state(), Some(PaymentState::PartlyPaid));
    let last = apply(&payment("2027-02-01", "last", 45_100), &overdue, now).unwrap();
    assert_eq!(last.state, InvoiceState::Paid);
    assert_eq!(last.payment_state(), Some(PaymentState::Paid));
    // The date is that of the latest payment, in whatever order they were recorded.
    assert_eq!(last.paid_on, Some(day("2027-02-02")));
    assert_eq!((last.open(), last.paid().unwrap().minor()), (None, 345_100));
    assert!(last.needs_license());
    let many = (1..=100).try_fold(issued, |invoice, number| {
        apply(
            &payment("2027-02-01", &format!("{number}"), 1),
            &invoice,
            now,
        )
    });
    let one_more = payment("2027-02-01", "one more", 1);
    assert_eq!(apply(&one_more, &many.unwrap(), now), None);
}

#[test]
fn an_invoice_that_was_sent_cannot_become_void() {
    let now = "2027-02-01T10:00:00Z";
    assert_eq!(apply(&InvoiceChange::Send, &invoice(1), now), None);
    let sent = apply(&InvoiceChange::Send, &issued(), now).unwrap();
    assert_eq!(sent.sent_at, Some(at(now)));
    assert_eq!(apply(&InvoiceChange::Void, &sent, now), None);
    let again = apply(&InvoiceChange::Send, &sent, "2027-02-02").unwrap();
    assert_eq!(again.sent_at, Some(at("2027-02-02")));
    let void = apply(&InvoiceChange::Void, &issued(), now).unwrap();
    assert_eq!(apply(&InvoiceChange::Send, &void, now), None);
}
