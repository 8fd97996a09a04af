//! Limits of the size of rows.

use super::*;

/// The maximum size of a row in bytes.
const MAX_ROW: usize = 1 << 20;

#[test]
fn a_quotation_mark_in_a_wrong_place_is_an_error_that_names_the_line() {
    let workstation = Vendor::shared().workstation();
    let rows = "pro,A,9\n".repeat(MAX_ROW / 4);
    let no_end = "found the end of the line";
    for (table, line, expected) in [
        (
            format!("tier,customer,days\npro,A,9\npro,\"B,9\n{rows}"),
            3,
            no_end,
        ),
        // The rows after such a mark were part of a cell that sets nothing, and were lost.
        (
            "tier,customer,days,note\npro,A,9,\"hello\npro,B,9,x\npro,C,9,y\n".to_owned(),
            2,
            no_end,
        ),
        (
            "tier,days,customer\npro,9,\"Acme\npro,9,B\n".to_owned(),
            2,
            no_end,
        ),
        (
            "tier,customer,days,note\npro,A,9,\"hello\npro,B,9,\"x\"\n".to_owned(),
            2,
            no_end,
        ),
        (
            "tier,customer,days,note\npro,A,9,\"hello\r\npro,B,9,hi\"\r\n".to_owned(),
            2,
            no_end,
        ),
        (
            "sep=;\ntier;customer;days\n\npro;\"A\" y;9\n".to_owned(),
            4,
            "found more text",
        ),
        (
            "tier,customer,days\npro,A \"y\",9\n".to_owned(),
            2,
            "found a quotation mark inside",
        ),
        ("tier,\"customer,days\npro,A,9".to_owned(), 1, no_end),
        ("tier,customer,days\npro,9,\"A".to_owned(), 2, no_end),
    ] {
        workstation.write("orders.csv", &table);
        let table: String = table.chars().take(80).collect();
        for mode in [&["--dry-run"][..], &[]] {
            let error = batch(&workstation, mode).expect_failure(3);
            let line = format!("orders.csv: line {line}: expected ");
            assert!(error.message.starts_with(&line), "{table:?}: {error:?}");
            assert!(error.message.ends_with(expected) || error.message.contains(expected));
            assert!(error.hint.contains("line break"), "{error:?}");
        }
        assert!(files(&workstation).is_empty(), "{table:?}");
    }
}

#[test]
fn a_text_of_another_format_is_named() {
    let workstation = Vendor::shared().workstation();
    for (text, expected) in [
        ("<!DOCTYPE html>\n<table></table>\n", "found HTML or XML"),
        ("\n \n[{\"tier\": \"pro\"}]\n", "found JSON"),
        ("{\"tier\": \"pro\"}", "found JSON"),
    ] {
        workstation.write("orders.csv", text);
        let error = batch(&workstation, &[]).expect_failure(3);
        assert!(error.message.ends_with(expected), "{error:?}");
    }
}

#[test]
fn a_quotation_mark_of_a_word_processor_is_named() {
    let workstation = Vendor::shared().workstation();
    for row in ["“pro”,A,9", "pro,“Acme, Inc”,9", "pro,A,„9“", "pro,A,9,”"] {
        workstation.write("orders.csv", format!("tier,customer,days\n{row}\n"));
        let error = batch(&workstation, &["--dry-run"]).expect_failure(2);
        let mark = row.chars().find(|mark| "“„”".contains(*mark)).unwrap();
        let named = format!("{mark} (U+{:04X})", u32::from(mark));
        assert!(error.message.contains(&named), "{row}: {error:?}");
    }
}

#[test]
fn a_quotation_mark_around_a_name_is_a_warning_and_stays_in_the_name() {
    let workstation = Vendor::shared().workstation();
    let rows = [
        "“Best”,",
        "\u{200b}„Gut“,",
        "“Half,",
        "O’Neill,",
        "“Big” Co,",
        "C,‘ann’",
    ];
    let rows: String = rows.iter().map(|row| format!("pro,9,{row}\n")).collect();
    workstation.write("orders.csv", format!("tier,days,customer,user\n{rows}"));
    for mode in [&["--dry-run"][..], &[]] {
        let run = batch(&workstation, mode).expect_code(0);
        for warning in [
            "warning: QUOTATION_MARK: lines 2, 4: the name of the customer begins or ends with the quotation mark “ (U+201C)",
            "warning: QUOTATION_MARK: line 3: the name of the customer begins or ends with the quotation mark „ (U+201E)",
            "warning: QUOTATION_MARK: line 7: the name of a user begins or ends with the quotation mark ‘ (U+2018)",
        ] {
            assert!(run.stderr.contains(warning), "{warning}: {run:?}");
        }
        assert_eq!(run.stderr.matches("QUOTATION_MARK").count(), 3, "{run:?}");
    }
    let listed = licenses(&workstation);
    let names = ["“Best”", "„Gut“", "“Half", "O’Neill", "“Big” Co", "C"];
    for (license, name) in listed["licenses"].as_array().unwrap().iter().zip(names) {
        assert_eq!(license["customer"], name);
    }
}

#[test]
fn a_row_of_the_maximum_size_is_read() {
    let workstation = Vendor::shared().workstation();
    let table = |spaces: usize| {
        let blank = " ".repeat(spaces);
        format!("tier,customer,days\npro,A{blank},9\npro,B,9\n")
    };
    workstation.write("orders.csv", table(MAX_ROW - 100));
    let _ = batch(&workstation, &["--dry-run"]).expect_code(0);
    // The parser reads ahead, so the limit is not exact.
    workstation.write("orders.csv", table(MAX_ROW + 100_000));
    let error = batch(&workstation, &["--dry-run"]).expect_failure(3);
    assert!(
        error.message.contains("expected rows of at most"),
        "{error:?}"
    );
}

#[test]
fn a_header_is_limited_too() {
    let workstation = Vendor::shared().workstation();
    workstation.write("orders.csv", format!("tier{}", ",".repeat(2 * MAX_ROW)));
    let error = batch(&workstation, &[]).expect_failure(3);
    assert!(error.message.contains("in line 1 or later"), "{error:?}");
}
