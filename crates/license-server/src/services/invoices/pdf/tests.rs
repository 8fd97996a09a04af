//! The PDF, as other programs read it.

use std::path::Path;
use std::process::Command;

use super::*;
use crate::domain::{InvoiceTax, test_invoice, test_seller};

/// Runs a program over a PDF, and returns its output. Without the program, the test is skipped.
fn run(program: &str, arguments: &[&str], pdf: &Path) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .arg(pdf)
        .arg("-")
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) if std::env::var_os("LICENSE_TESTS_REQUIRE_TOOLS").is_some() => {
            panic!("{program}: {error}")
        }
        Err(_) => {
            eprintln!("SKIPPED: install {program} to check the PDF of invoices");
            return None;
        }
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{program}: {output:?}");
    Some(text)
}

fn issued() -> Invoice {
    Invoice {
        state: InvoiceState::Issued,
        number: Some((2027, 42)),
        issued_on: "2027-01-15".parse().ok(),
        due_on: "2027-02-14".parse().ok(),
        seller: Some(test_seller()),
        ..test_invoice(1)
    }
}

fn write(directory: &Path, invoice: &Invoice, canceled: Option<&str>) -> std::path::PathBuf {
    let pdf = render(invoice, &test_seller(), canceled).unwrap();
    let path = directory.join("invoice.pdf");
    std::fs::write(&path, pdf).unwrap();
    path
}

#[test]
fn other_programs_read_the_text_and_find_embedded_fonts() {
    let directory = tempfile::tempdir().unwrap();
    let mut invoice = issued();
    invoice.content.buyer.name = "Müller & Söhne Łódź Ελλάδα Москва".to_owned();
    invoice.content.note = Some(
        "Reverse charge: the recipient owes the tax. "
            .repeat(9)
            .trim()
            .to_owned(),
    );
    let pdf = write(directory.path(), &invoice, None);
    let Some(text) = run("pdftotext", &["-layout"], &pdf) else {
        return;
    };
    for expected in [
        "Invoice DE-2027-00042",
        "Müller & Söhne Łódź Ελλάδα Москва",
        "Coditect GmbH",
        "Hauptstraße 1",
        "PO-4711",
        "2027-02-14",
        "30 days net",
        "TEAM license, one year",
        "25",
        "120.00",
        "3 000.00",
        "\u{2212}100.00",
        "VAT 19 %",
        "551.00",
        "EUR 3 451.00",
        "IBAN DE02",
        "Page 1 of 1",
    ] {
        assert!(text.contains(expected), "{expected}:\n{text}");
    }
    let output = Command::new("qpdf").arg("--check").arg(&pdf).output();
    if let Ok(output) = output {
        assert!(output.status.success(), "{output:?}");
    }
    let output = Command::new("pdffonts").arg(&pdf).output().unwrap();
    let fonts = String::from_utf8_lossy(&output.stdout).into_owned();
    let fonts: Vec<_> = fonts.lines().skip(2).collect();
    assert_eq!(fonts.len(), 2, "{fonts:?}");
    // The columns are: embedded, subset, Unicode.
    for font in fonts {
        let has_all = font.contains("LiberationSans") && font.contains("yes yes yes");
        assert!(has_all, "{font}");
    }
}

#[test]
fn a_long_invoice_has_several_pages_and_loses_no_line() {
    let directory = tempfile::tempdir().unwrap();
    let mut invoice = issued();
    invoice.content.lines = (1..=100)
        .map(|number| InvoiceLine {
            description: format!(
                "Position {number} with {}",
                "a long description ".repeat(8).trim()
            ),
            quantity: number,
            unit_price: 100,
        })
        .collect();
    invoice.content.taxes = vec![
        InvoiceTax {
            label: "VAT".to_owned(),
            amount: 1,
        };
        10
    ];
    let pdf = write(directory.path(), &invoice, None);
    let Some(text) = run("pdftotext", &["-layout"], &pdf) else {
        return;
    };
    for number in 1..=100 {
        assert!(
            text.contains(&format!("Position {number} with")),
            "{number}"
        );
    }
    let pages = text.matches('\u{c}').count();
    assert!(pages > 5, "{pages}");
    assert!(text.contains(&format!("Page {pages} of {pages}")));
    assert_eq!(text.matches("Unit price").count(), pages);
    assert_eq!(text.matches("Subtotal").count(), 1);
}

#[test]
fn a_credit_note_names_its_invoice_and_asks_for_no_payment() {
    let directory = tempfile::tempdir().unwrap();
    let invoice = issued();
    let note = invoice.credit_note(
        crate::domain::InvoiceId::new(invoice.created_at, [9; 10]),
        (2027, 43),
        "2027-02-01".parse().unwrap(),
        invoice.created_at,
        "console".to_owned(),
    );
    let pdf = write(directory.path(), &note, Some("DE-2027-00042"));
    let Some(text) = run("pdftotext", &["-layout"], &pdf) else {
        return;
    };
    for expected in [
        "Credit note DE-2027-00043",
        "DE-2027-00042",
        "EUR \u{2212}3 451.00",
    ] {
        assert!(text.contains(expected), "{expected}:\n{text}");
    }
    assert!(
        !text.contains("IBAN") && !text.contains("Due date"),
        "{text}"
    );
    let draft = write(directory.path(), &test_invoice(1), None);
    let text = run("pdftotext", &["-layout"], &draft).unwrap();
    assert!(text.contains("Draft of an invoice"), "{text}");
}

#[test]
fn amounts_are_grouped_by_thousands() {
    let money = |minor, code| {
        let currency = crate::domain::Currency::parse(code).unwrap();
        grouped(Money::new(minor, currency).unwrap())
    };
    assert_eq!(money(5, "EUR"), "0.05");
    assert_eq!(money(99_999, "EUR"), "999.99");
    assert_eq!(money(100_000, "EUR"), "1\u{a0}000.00");
    assert_eq!(money(-123_456_789, "EUR"), "\u{2212}1\u{a0}234\u{a0}567.89");
    assert_eq!(money(1_234_567, "JPY"), "1\u{a0}234\u{a0}567");
}

#[test]
fn characters_that_cannot_be_shown_are_found() {
    assert_eq!(unprintable("Zoë Åström, Łódź – Ελλάδα, Москва, 5 €"), None);
    assert_eq!(unprintable("ACME 株式会社"), Some('株'));
    assert_eq!(unprintable("שלום"), Some('ש'));
    assert_eq!(unprintable("ok 👩"), Some('👩'));
}
