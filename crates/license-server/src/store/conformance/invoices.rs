//! Invoices.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use license_core::time;
use serde_json::json;

use super::sample::{audit, former_states, id, tenant};
use crate::domain::{
    AuditFilter, Invoice, InvoiceChange, InvoiceId, InvoiceKind, InvoicePayment, InvoiceState,
    LegalEntity, NewAuditEntry, PageRequest, ReminderDays, TenantId, test_invoice as invoice,
    test_seller as seller,
};
use crate::store::ServerStore;

pub(super) async fn check(store: &dyn ServerStore) {
    a_draft_is_changed_and_deleted(store).await;
    numbers_have_no_gaps_in_each_year_and_entity(store).await;
    concurrent_issues_get_different_numbers(store).await;
    a_credit_note_is_stored_with_the_change(store).await;
    a_change_is_audited_with_both_states(store).await;
    work_is_found_when_it_is_due(store).await;
}

fn at(days: i64) -> DateTime<Utc> {
    time::parse_instant("2027-01-15T09:00:00Z").unwrap() + TimeDelta::days(days)
}

fn audit_at(action: &'static str, days: i64) -> NewAuditEntry {
    NewAuditEntry {
        at: at(days),
        details: json!({ "reason": "a test" }),
        ..audit(action)
    }
}

fn issue(on: &str, code: &str) -> InvoiceChange {
    InvoiceChange::Issue {
        seller: Box::new(LegalEntity {
            code: code.to_owned(),
            ..seller()
        }),
        on: on.parse().unwrap(),
    }
}

async fn create(store: &dyn ServerStore, tenant: &TenantId, invoice: &Invoice) {
    let created = store.create_invoice(tenant, invoice.clone(), audit_at("invoice.create", 0));
    created.await.unwrap();
}

async fn change(
    store: &dyn ServerStore,
    tenant: &TenantId,
    id: &InvoiceId,
    change: InvoiceChange,
    day: i64,
) -> Option<Invoice> {
    let days = ReminderDays::new(vec![1, 7]);
    let changed = store.change_invoice(tenant, id, change, days, audit_at("invoice.change", day));
    changed.await.unwrap()
}

/// Stores a draft and issues it. Returns the number.
async fn issued(
    store: &dyn ServerStore,
    tenant: &TenantId,
    number: u8,
    code: &str,
    on: &str,
) -> Invoice {
    let draft = Invoice {
        entity: code.to_owned(),
        ..invoice(number)
    };
    create(store, tenant, &draft).await;
    let issued = change(store, tenant, &draft.id, issue(on, code), 0).await;
    issued.unwrap()
}

async fn a_draft_is_changed_and_deleted(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let draft = invoice(1);
    create(store, &own, &draft).await;
    assert_eq!(
        store.invoice(&own, &draft.id).await.unwrap(),
        Some(draft.clone())
    );
    assert_eq!(store.invoice(&other, &draft.id).await.unwrap(), None);
    let mut content = draft.content.clone();
    content.net_days = 14;
    let edit = InvoiceChange::Draft {
        entity: "US".to_owned(),
        content: Box::new(content.clone()),
        order: None,
    };
    assert_eq!(
        change(store, &other, &draft.id, edit.clone(), 0).await,
        None
    );
    let changed = change(store, &own, &draft.id, edit, 0).await.unwrap();
    assert_eq!((&changed.content, changed.order.as_ref()), (&content, None));
    assert_eq!(store.invoice(&own, &draft.id).await.unwrap(), Some(changed));
    let delete = async |tenant| {
        let deleted = store.delete_invoice(tenant, &draft.id, audit_at("invoice.delete", 0));
        deleted.await.unwrap()
    };
    assert!(!delete(&other).await);
    assert!(delete(&own).await);
    assert!(!delete(&own).await);
    let former = former_states(store, &own, "invoice.delete").await;
    assert_eq!(former.len(), 1);
    assert_eq!(former[0]["state"], "draft");
    // An issued invoice stays.
    let issued = issued(store, &own, 2, "DE", "2027-01-15").await;
    let deleted = store.delete_invoice(&own, &issued.id, audit_at("invoice.delete", 0));
    assert!(!deleted.await.unwrap());
    assert!(store.invoice(&own, &issued.id).await.unwrap().is_some());
}

async fn numbers_have_no_gaps_in_each_year_and_entity(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    for (number, code, on, expected) in [
        (1, "DE", "2027-01-15", "DE-2027-00001"),
        (2, "DE", "2027-01-15", "DE-2027-00002"),
        (3, "US", "2027-01-15", "US-2027-00001"),
        (4, "DE", "2028-01-01", "DE-2028-00001"),
        (5, "DE", "2027-12-31", "DE-2027-00003"),
    ] {
        let issued = issued(store, &own, number, code, on).await;
        assert_eq!(issued.number_text().as_deref(), Some(expected));
        // A change that is refused takes no number.
        let again = change(store, &own, &issued.id, issue(on, code), 0).await;
        assert_eq!(again, None);
    }
    // Another tenant has its own numbers.
    let first = issued(store, &other, 1, "DE", "2027-01-15").await;
    assert_eq!(first.number, Some((2027, 1)));
    let second = PageRequest::new(None, Some(2));
    let page = store.invoices(&own, None, &second).await.unwrap();
    let rest = PageRequest::new(page.next.clone(), None);
    let rest = store.invoices(&own, None, &rest).await.unwrap();
    let all = page.items.iter().chain(&rest.items);
    let ids: Vec<_> = all.map(|invoice| invoice.id.clone()).collect();
    let expected: Vec<_> = (1..=5).rev().map(|number| invoice(number).id).collect();
    assert_eq!(ids, expected);
    let first = PageRequest::first();
    let drafts = store.invoices(&own, Some(InvoiceState::Draft), &first);
    assert_eq!(drafts.await.unwrap().items, []);
}

async fn concurrent_issues_get_different_numbers(store: &dyn ServerStore) {
    let tenant = tenant();
    for number in 1..=8 {
        create(store, &tenant, &invoice(number)).await;
    }
    let one = async |number: u8| {
        let id = invoice(number).id;
        let issued = change(store, &tenant, &id, issue("2027-01-15", "DE"), 0).await;
        issued.unwrap().number.unwrap().1
    };
    let mut numbers = futures_util::future::join_all((1..=8).map(one)).await;
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8]);
}

async fn a_credit_note_is_stored_with_the_change(store: &dyn ServerStore) {
    let tenant = tenant();
    let invoice = issued(store, &tenant, 1, "DE", "2027-01-15").await;
    let note = InvoiceId::new(at(1), [9; 10]);
    let credit = InvoiceChange::Credit {
        note: note.clone(),
        on: "2027-01-16".parse::<NaiveDate>().unwrap(),
    };
    let credited = change(store, &tenant, &invoice.id, credit.clone(), 1)
        .await
        .unwrap();
    assert_eq!(credited.credited_by, Some(note.clone()));
    assert_eq!(credited.number, invoice.number);
    let found = store.invoice(&tenant, &note).await.unwrap().unwrap();
    assert_eq!(found.kind, InvoiceKind::CreditNote);
    assert_eq!(found.number_text().as_deref(), Some("DE-2027-00002"));
    assert_eq!(found.credits, Some(invoice.id.clone()));
    assert_eq!(found.content, invoice.content.negated());
    assert_eq!(found.seller, invoice.seller);
    // It cancels the invoice once, and takes one number.
    assert_eq!(change(store, &tenant, &invoice.id, credit, 1).await, None);
    let next = issued(store, &tenant, 2, "DE", "2027-01-16").await;
    assert_eq!(next.number, Some((2027, 3)));
}

async fn a_change_is_audited_with_both_states(store: &dyn ServerStore) {
    let tenant = tenant();
    let invoice = issued(store, &tenant, 1, "DE", "2027-01-15").await;
    let payment = |reference: &str, amount| {
        InvoiceChange::Pay(InvoicePayment {
            on: "2027-01-20".parse().unwrap(),
            reference: reference.to_owned(),
            amount,
        })
    };
    let part = payment("statement 7", 45_100);
    let partly = change(store, &tenant, &invoice.id, part.clone(), 4).await;
    assert_eq!(partly.as_ref().unwrap().payments.len(), 1);
    assert_eq!(store.invoice(&tenant, &invoice.id).await.unwrap(), partly);
    assert_eq!(change(store, &tenant, &invoice.id, part, 4).await, None);
    let sent = change(store, &tenant, &invoice.id, InvoiceChange::Send, 4).await;
    assert_eq!(sent.unwrap().sent_at, Some(at(4)));
    let pay = payment("statement 8", 300_000);
    let paid = change(store, &tenant, &invoice.id, pay.clone(), 5)
        .await
        .unwrap();
    assert_eq!(
        store.invoice(&tenant, &invoice.id).await.unwrap(),
        Some(paid)
    );
    assert_eq!(change(store, &tenant, &invoice.id, pay, 6).await, None);
    let license = InvoiceChange::License(id(1));
    let licensed = change(store, &tenant, &invoice.id, license, 6)
        .await
        .unwrap();
    assert_eq!(licensed.license, Some(id(1)));
    let former = former_states(store, &tenant, "invoice.change").await;
    let states: Vec<_> = former.iter().map(|state| &state["state"]).collect();
    assert_eq!(states, ["draft", "issued", "issued", "issued", "paid"]);
    let entries = store
        .audit(&tenant, &AuditFilter::default(), &PageRequest::first())
        .await
        .unwrap();
    let entry = &entries.items[4];
    let details: serde_json::Value = serde_json::from_str(&entry.details).unwrap();
    for (name, expected) in [
        ("state", json!("paid")),
        ("number", json!("DE-2027-00001")),
        ("total", json!(345_100)),
        ("paid", json!(345_100)),
        ("payments", json!(2)),
        ("currency", json!("EUR")),
        ("purchase_order", json!("PO-4711")),
        ("reason", json!("a test")),
    ] {
        assert_eq!(details[name], expected, "{name}");
    }
    let text = format!("{:?}", entries.items);
    assert!(!text.contains('@') && !text.contains("Road"), "{text}");
}

async fn work_is_found_when_it_is_due(store: &dyn ServerStore) {
    let tenant = tenant();
    let draft = Invoice {
        order: None,
        ..invoice(1)
    };
    create(store, &tenant, &draft).await;
    let issue = issue("2027-01-15", "DE");
    change(store, &tenant, &draft.id, issue, 0).await.unwrap();
    let due = async |day: i64| {
        let found = store.due_invoices(&tenant, at(day)).await.unwrap();
        found
            .into_iter()
            .map(|invoice| invoice.id)
            .collect::<Vec<_>>()
    };
    // The last day for the payment is 30 days later.
    assert_eq!(due(30).await, []);
    assert_eq!(due(31).await, std::slice::from_ref(&draft.id));
    store
        .postpone_invoice(&tenant, &draft.id, at(40))
        .await
        .unwrap();
    assert_eq!(due(39).await, []);
    assert_eq!(due(40).await, std::slice::from_ref(&draft.id));
    change(store, &tenant, &draft.id, InvoiceChange::Overdue, 40)
        .await
        .unwrap();
    change(store, &tenant, &draft.id, InvoiceChange::Remind(7), 40)
        .await
        .unwrap();
    assert_eq!(due(400).await, []);
    store
        .postpone_invoice(&tenant, &draft.id, at(0))
        .await
        .unwrap();
    assert_eq!(due(400).await, []);
}

/// Returns statements that insert a paid invoice and the position of a ledger, as the version
/// before payments has them.
pub(in crate::store) fn insert_old_invoice(hash: &str) -> String {
    let invoice = invoice(1);
    let content = serde_json::to_string(&invoice.content).unwrap();
    let id = invoice.id;
    format!(
        "INSERT INTO invoices (tenant, id, kind, state, entity, year, number, content, is_activated,
           created_at, created_by, paid_on, payment, customer, currency, total)
         VALUES ('site', '{id}', 'invoice', 'paid', 'DE', 2027, 1, '{content}', 0, 7, 'console',
           '2027-01-20', 'it''s \"statement\" 7', 'ACME Ltd', 'EUR', 345100);
         INSERT INTO ledger_positions (tenant, seq, hash) VALUES ('site', 1, {hash});"
    )
}

/// Checks what the migration has made of [`insert_old_invoice`].
pub(in crate::store) async fn old_invoice_keeps_its_payment(store: &dyn ServerStore) {
    let site = TenantId::site();
    let found = store.invoice(&site, &invoice(1).id).await.unwrap().unwrap();
    let payment = InvoicePayment {
        on: "2027-01-20".parse().unwrap(),
        reference: "it's \"statement\" 7".to_owned(),
        amount: 345_100,
    };
    assert_eq!(found.payments, [payment]);
    assert_eq!((found.state, found.sent_at), (InvoiceState::Paid, None));
    assert_eq!(store.ledger_position(&site).await.unwrap(), None);
}
