//! Invoices with a real ledger and a real listener of SMTP.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::Days;
use license_core::time::{end_of_day, start_of_day};

use super::*;
use crate::domain::{InvoicePayment, PaymentState, TrialId, test_invoice};
use crate::services::IssueOrder;
use crate::services::trials::tests::Vendor;

/// Returns a draft for a license of a year.
fn new(order: Option<InvoiceOrder>) -> NewInvoice {
    NewInvoice {
        entity: "DE".to_owned(),
        content: test_invoice(1).content,
        order,
    }
}

fn team() -> IssueOrder {
    IssueOrder {
        customer: "ACME Ltd".to_owned(),
        tier: "team".to_owned(),
        days: Some(365),
        offline: true,
        ..IssueOrder::default()
    }
}

fn license() -> Option<InvoiceOrder> {
    Some(InvoiceOrder::Issue { order: team() })
}

/// Returns the payment of the whole open amount.
fn payment(reference: &str) -> NewPayment {
    NewPayment {
        reference: reference.to_owned(),
        ..NewPayment::default()
    }
}

impl Vendor {
    fn invoices(&self) -> InvoiceService {
        self.services.invoices.clone()
    }

    /// Issues an invoice for a license.
    async fn issued(&self) -> Invoice {
        let invoices = self.invoices();
        let draft = invoices
            .create(&Actor::Console, new(license()))
            .await
            .unwrap();
        invoices.issue(&Actor::Console, &draft.id).await.unwrap()
    }

    async fn licenses(&self) -> usize {
        let found = self.services.licenses.list(&PageRequest::first()).await;
        found.unwrap().items.len()
    }
}

#[tokio::test]
async fn a_license_is_issued_at_the_payment_and_not_before() {
    let mut vendor = Vendor::start(&[]).await;
    let (invoices, console) = (vendor.invoices(), Actor::Console);
    let issued = vendor.issued().await;
    assert_eq!(issued.number.map(|(_, number)| number), Some(1));
    assert_eq!(vendor.licenses().await, 0);
    let paid = invoices
        .pay(&console, &issued.id, payment("statement 7"))
        .await
        .unwrap();
    assert_eq!(paid.state, InvoiceState::Paid);
    assert!(paid.license.is_some());
    let mail = vendor.sink.next().await;
    assert!(mail.text.contains("BEGIN"), "{}", mail.text);
    // A doubled payment has no effect, and another one is refused.
    let again = invoices
        .pay(&console, &issued.id, payment("statement 7"))
        .await
        .unwrap();
    assert_eq!(again, paid);
    let other = invoices
        .pay(&console, &issued.id, payment("statement 8"))
        .await;
    assert_eq!(other.unwrap_err().code, "INVOICE_STATE");
    assert_eq!(vendor.licenses().await, 1);
    assert!(!vendor.sink.has_mail());
    let tomorrow = issued.issued_on.unwrap().checked_add_days(Days::new(1));
    let early = vendor.issued().await;
    let refused = invoices
        .pay(
            &console,
            &early.id,
            NewPayment {
                on: tomorrow,
                ..payment("statement 9")
            },
        )
        .await;
    assert_eq!(refused.unwrap_err().code, "BAD_REQUEST");
}

#[tokio::test]
async fn a_payment_that_is_reported_twice_at_the_same_time_has_one_effect() {
    let vendor = Vendor::start(&[]).await;
    let (invoices, console) = (vendor.invoices(), Actor::Console);
    let issued = vendor.issued().await;
    let pay = |reference| invoices.pay(&console, &issued.id, payment(reference));
    let (first, second, third) = tokio::join!(pay("7"), pay("7"), pay("7"));
    for paid in [first, second, third] {
        assert_eq!(paid.unwrap().state, InvoiceState::Paid);
    }
    let (first, second) = tokio::join!(pay("8"), pay("9"));
    assert!(first.is_err() && second.is_err());
    assert_eq!(vendor.licenses().await, 1);
    assert_eq!(vendor.events("invoice.pay").await.len(), 1);
}

#[tokio::test]
async fn a_payment_has_a_date_that_fits_the_invoice() {
    let vendor = Vendor::start(&[]).await;
    let (invoices, console) = (vendor.invoices(), Actor::Console);
    let issued = vendor.issued().await;
    let before = |days| issued.issued_on.unwrap().checked_sub_days(Days::new(days));
    let pay = |on| {
        let new = NewPayment { on, ..payment("7") };
        invoices.pay(&console, &issued.id, new)
    };
    for day in [before(367), NaiveDate::from_ymd_opt(-100, 1, 1)] {
        let refused = pay(day).await;
        assert_eq!(refused.unwrap_err().code, "BAD_REQUEST", "{day:?}");
    }
    // A customer can pay before the invoice.
    let paid = pay(before(366)).await;
    assert_eq!(paid.unwrap().paid_on, before(366));
}

#[tokio::test]
async fn a_license_before_the_payment_is_a_decision_and_stays_when_the_payment_is_late() {
    let mut vendor = Vendor::start(&[]).await;
    let (invoices, console) = (vendor.invoices(), Actor::Console);
    let issued = vendor.issued().await;
    let refused = invoices.activate(&console, &issued.id, " ").await;
    assert_eq!(refused.unwrap_err().code, "BAD_REQUEST");
    let reason = "long-standing customer";
    let active = invoices
        .activate(&console, &issued.id, reason)
        .await
        .unwrap();
    assert_eq!(active.state, InvoiceState::Issued);
    let license = active.license.clone().unwrap();
    vendor.sink.next().await;
    let refused = invoices.void(&console, &issued.id, "a mistake").await;
    assert_eq!(
        refused.unwrap_err().code,
        "INVOICE_STATE",
        "the customer has the license"
    );

    let due_on = issued.due_on.unwrap();
    vendor.clock.advance_to(end_of_day(due_on));
    invoices.work().await.unwrap();
    invoices.work().await.unwrap();
    let overdue = invoices.get(&issued.id).await.unwrap();
    assert_eq!(overdue.state, InvoiceState::Overdue);
    for (days, is_due) in [(1, true), (2, false), (7, true), (30, false)] {
        let day = due_on.checked_add_days(Days::new(days)).unwrap();
        vendor.clock.advance_to(start_of_day(day));
        invoices.work().await.unwrap();
        invoices.work().await.unwrap();
        if is_due {
            let mail = vendor.sink.next().await.text;
            let number = issued.number_text().unwrap();
            assert!(mail.contains(&number) && mail.contains("PO-4711"), "{mail}");
            assert!(mail.contains(&format!("{number}.pdf")), "{mail}");
        }
        assert!(!vendor.sink.has_mail(), "day {days}");
    }
    // The late customer keeps the license, and a late payment is accepted.
    let found = invoices.get(&issued.id).await.unwrap();
    assert_eq!(found.license.as_ref(), Some(&license));
    let denied = vendor.services.licenses.get(&license).await.unwrap();
    assert!(!format!("{denied:?}").contains("REVOKED"));
    let paid = invoices
        .pay(&console, &issued.id, payment("late"))
        .await
        .unwrap();
    assert_eq!(
        (paid.state, paid.license),
        (InvoiceState::Paid, Some(license))
    );
    assert_eq!(vendor.licenses().await, 1);
}

#[tokio::test]
async fn an_interrupted_license_is_issued_once_by_the_periodic_work() {
    let mut vendor = Vendor::start(&[]).await;
    let (invoices, console) = (vendor.invoices(), Actor::Console);
    let issued = vendor.issued().await;
    let pay = InvoiceChange::Pay(InvoicePayment {
        on: issued.issued_on.unwrap(),
        reference: "statement 7".to_owned(),
        amount: issued.open().unwrap().minor(),
    });
    // The server was killed after the payment, and after the ledger had the license.
    let paid = invoices.change(&console, "invoice.pay", &issued.id, pay, json!({}));
    let paid = paid.await.unwrap();
    let order = license().unwrap();
    let request = orders::request_of(&paid);
    let recorded = invoices
        .place(&console, order, Some(request))
        .await
        .unwrap();
    assert_eq!(paid.license, None);
    vendor.clock.advance_ms(61_000);
    for _ in 0..2 {
        invoices.work().await.unwrap();
    }
    let found = invoices.get(&issued.id).await.unwrap();
    assert_eq!(found.license, Some(recorded.id));
    assert_eq!(vendor.licenses().await, 1);
    vendor.sink.next().await;
    assert!(!vendor.sink.has_mail());
}

#[tokio::test]
async fn an_invoice_can_convert_a_trial_and_renew_a_license() {
    let mut vendor = Vendor::start(&[]).await;
    let (invoices, console) = (vendor.invoices(), Actor::Console);
    let trial = vendor.trial("ACME Ltd").await.trial;
    let convert = InvoiceOrder::Convert {
        trial: trial.id.to_string(),
        order: IssueOrder {
            customer: String::new(),
            ..team()
        },
    };
    let draft = invoices.create(&console, new(Some(convert))).await.unwrap();
    invoices.issue(&console, &draft.id).await.unwrap();
    let paid = invoices
        .pay(&console, &draft.id, payment("1"))
        .await
        .unwrap();
    let license = paid.license.unwrap();
    let converted = vendor.services.trials.get(&trial.id).await.unwrap();
    assert_eq!(converted.paid.as_ref(), Some(&license));

    let renew = InvoiceOrder::Renew {
        license: license.to_string(),
        order: crate::services::RenewOrder {
            days: Some(365),
            ..crate::services::RenewOrder::default()
        },
    };
    let draft = invoices.create(&console, new(Some(renew))).await.unwrap();
    invoices.issue(&console, &draft.id).await.unwrap();
    let paid = invoices
        .pay(&console, &draft.id, payment("2"))
        .await
        .unwrap();
    let renewal = paid.license.unwrap();
    assert_ne!(renewal, license);
    assert_eq!(vendor.licenses().await, 3);
}

#[tokio::test]
async fn a_draft_is_checked_with_its_order() {
    let vendor = Vendor::start(&[]).await;
    let (invoices, console) = (vendor.invoices(), Actor::Console);
    let unknown_trial = InvoiceOrder::Convert {
        trial: TrialId::new(vendor.services.now(), [1; 10]).to_string(),
        order: team(),
    };
    let unknown_tier = InvoiceOrder::Issue {
        order: IssueOrder {
            tier: "none".to_owned(),
            ..team()
        },
    };
    let mut japanese = new(None);
    japanese.content.buyer.name = "株式会社".to_owned();
    let mut free = new(None);
    free.content.lines.truncate(0);
    let other = NewInvoice {
        entity: "US".to_owned(),
        ..new(None)
    };
    for (draft, code) in [
        (new(Some(unknown_trial)), "NOT_FOUND"),
        (new(Some(unknown_tier)), "BAD_REQUEST"),
        (japanese, "BAD_REQUEST"),
        (free, "BAD_REQUEST"),
        (other, "BAD_REQUEST"),
    ] {
        let refused = invoices.create(&console, draft).await.unwrap_err();
        assert_eq!(refused.code, code, "{refused:?}");
    }
    let draft = invoices.create(&console, new(license())).await.unwrap();
    let mut changed = new(None);
    changed.content.net_days = 0;
    let changed = invoices.update(&console, &draft.id, changed).await.unwrap();
    assert_eq!((changed.content.net_days, changed.order), (0, None));
    let issued = invoices.issue(&console, &draft.id).await.unwrap();
    assert_eq!(issued.due_on, issued.issued_on);
    let update = invoices.update(&console, &draft.id, new(None)).await;
    let delete = invoices.delete(&console, &draft.id).await;
    let again = invoices.issue(&console, &draft.id).await;
    for refused in [update.map(drop), delete, again.map(drop)] {
        assert_eq!(refused.unwrap_err().code, "INVOICE_STATE");
    }
    let second = invoices.create(&console, new(None)).await.unwrap();
    invoices.delete(&console, &second.id).await.unwrap();
    let gone = invoices.get(&second.id).await.unwrap_err();
    assert_eq!(gone.code, "NOT_FOUND");
}

#[tokio::test]
async fn a_credit_note_cancels_an_invoice_and_revokes_nothing() {
    let mut vendor = Vendor::start(&[]).await;
    let (invoices, console) = (vendor.invoices(), Actor::Console);
    let issued = vendor.issued().await;
    let paid = invoices
        .pay(&console, &issued.id, payment("1"))
        .await
        .unwrap();
    vendor.sink.next().await;
    let credited = invoices
        .credit(&console, &issued.id, "refunded")
        .await
        .unwrap();
    assert_eq!(credited.state, InvoiceState::Credited);
    assert_eq!(credited.license, paid.license);
    let note = invoices
        .get(credited.credited_by.as_ref().unwrap())
        .await
        .unwrap();
    assert_eq!(note.number.map(|(_, number)| number), Some(2));
    let pdf = invoices.pdf(&note.id).await.unwrap();
    assert_eq!(pdf.name, format!("{}.pdf", note.number_text().unwrap()));
    assert!(pdf.content.starts_with(b"%PDF-1.7"));
    let [event] = &vendor.events("invoice.credit").await[..] else {
        panic!("expected one event");
    };
    assert_eq!(event.details["reason"], "refunded");
    let void = vendor.issued().await;
    assert_eq!(void.number.map(|(_, number)| number), Some(3));
    let void = invoices
        .void(&console, &void.id, "a mistake")
        .await
        .unwrap();
    assert_eq!(void.state, InvoiceState::Void);
    let next = vendor.issued().await;
    assert_eq!(next.number.map(|(_, number)| number), Some(4));
}

/// Returns the payment of a part.
fn part(reference: &str, amount: i64) -> NewPayment {
    NewPayment {
        amount: Some(amount),
        ..payment(reference)
    }
}

#[tokio::test]
async fn the_payment_that_completes_the_total_issues_the_license() {
    let mut vendor = Vendor::start(&[]).await;
    let (invoices, console) = (vendor.invoices(), Actor::Console);
    let id = vendor.issued().await.id;
    let pay = async |new: NewPayment| invoices.pay(&console, &id, new).await;
    let first = pay(part("first", 300_000)).await.unwrap();
    assert_eq!(first.payment_state(), Some(PaymentState::PartlyPaid));
    assert_eq!((first.license, vendor.licenses().await), (None, 0));
    // A doubled report has no effect, and a reference has one amount.
    let again = pay(part("first", 300_000)).await.unwrap();
    assert_eq!(again.payments.len(), 1);
    for (refused, code, text) in [
        (part("first", 1), "INVOICE_PAYMENT", "reference"),
        (part("second", 45_101), "INVOICE_PAYMENT", "451.00 EUR"),
        (part("second", 0), "BAD_REQUEST", "above zero"),
        (part("second", i64::MIN), "BAD_REQUEST", "above zero"),
        (part("second", i64::MAX), "INVOICE_PAYMENT", "451.00 EUR"),
    ] {
        let refused = pay(refused).await.unwrap_err();
        assert_eq!(refused.code, code, "{refused:?}");
        let shown = format!(
            "{} {}",
            refused.detail,
            refused.expected.unwrap_or_default()
        );
        assert!(shown.contains(text), "{shown}");
    }
    let void = invoices.void(&console, &id, "a mistake").await;
    assert_eq!(void.unwrap_err().code, "INVOICE_STATE");
    // Two reports of the rest at the same time: one of them counts.
    let both = tokio::join!(pay(part("second", 45_100)), pay(part("third", 45_100)));
    let paid = [both.0, both.1].into_iter().filter(Result::is_ok).count();
    assert_eq!(paid, 1);
    let found = invoices.get(&id).await.unwrap();
    assert_eq!(found.payment_state(), Some(PaymentState::Paid));
    assert!(found.license.is_some());
    assert_eq!(vendor.licenses().await, 1);
    assert!(vendor.sink.next().await.text.contains("BEGIN"));
    let events = vendor.events("invoice.pay").await;
    let amounts: Vec<_> = events
        .iter()
        .map(|event| &event.details["amount"])
        .collect();
    assert_eq!(amounts, [300_000, 45_100]);
}

#[tokio::test]
async fn an_invoice_is_sent_with_its_pdf_and_a_failure_states_its_reason() {
    let mut vendor = Vendor::start(&[250, 550, 450]).await;
    let (invoices, console) = (vendor.invoices(), Actor::Console);
    let draft = invoices.create(&console, new(None)).await.unwrap();
    let refused = invoices.send(&console, &draft.id).await.unwrap_err();
    assert_eq!(refused.code, "INVOICE_STATE");
    let issued = invoices.issue(&console, &draft.id).await.unwrap();
    let sent = invoices.send(&console, &issued.id).await.unwrap();
    assert_eq!(sent.sent_at, Some(vendor.services.now()));
    let mail = vendor.sink.next().await;
    assert!(mail.to[0].contains("billing@acme.example"), "{:?}", mail.to);
    let number = issued.number_text().unwrap();
    for part in [
        format!("Subject: Invoice {number}"),
        format!("filename=\"{number}.pdf\""),
        "application/pdf".to_owned(),
        "PO-4711".to_owned(),
        "3451.00 EUR".to_owned(),
    ] {
        assert!(mail.text.contains(&part), "{part} in {}", mail.text);
    }
    let (_, encoded) = mail
        .text
        .split_once("Content-Transfer-Encoding: base64")
        .unwrap();
    let encoded = encoded.split("--").next().unwrap();
    let encoded: String = encoded.split_whitespace().collect();
    let pdf = invoices.pdf(&issued.id).await.unwrap().content;
    assert_eq!(STANDARD.decode(encoded).unwrap(), pdf);
    for (status, kind) in [
        ("550", RefusalKind::Conflict),
        ("450", RefusalKind::Unavailable),
    ] {
        let refused = invoices.send(&console, &issued.id).await.unwrap_err();
        assert_eq!((refused.code, refused.kind), ("MAIL_FAILED", kind));
        assert!(refused.detail.contains(status), "{refused:?}");
        assert!(!refused.detail.contains('@'), "{refused:?}");
    }
    assert_eq!(vendor.events("invoice.send").await.len(), 1);
    let void = invoices.void(&console, &issued.id, "a mistake").await;
    assert_eq!(
        void.unwrap_err().code,
        "INVOICE_STATE",
        "the customer has it"
    );
    let mut unknown = new(None);
    unknown.content.buyer.email = None;
    let draft = invoices.create(&console, unknown).await.unwrap();
    invoices.issue(&console, &draft.id).await.unwrap();
    let refused = invoices.send(&console, &draft.id).await.unwrap_err();
    assert!(refused.detail.contains("no e-mail address"), "{refused:?}");
}
