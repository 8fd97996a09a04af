//! Limits of the size of rows.

use super::*;

/// The maximum size of a row in bytes.
const MAX_ROW: usize = 1 << 20;

#[test]
fn a_quotation_mark_without_an_end_is_an_error_that_names_the_line() {
    let workstation = Vendor::shared().workstation();
    let rows = "pro,A,9\n".repeat(MAX_ROW / 4);
    let table = format!("tier,customer,days\npro,A,9\npro,\"B,9\n{rows}");
    workstation.write("orders.csv", table);
    let error = batch(&workstation, &[]).expect_failure(3);
    let expected = "expected rows of at most 1048576 bytes, found a longer one in line 3 or later";
    assert!(error.message.contains(expected), "{error:?}");
    assert!(error.hint.contains("quotation mark"), "{error:?}");
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
    workstation.write("orders.csv", format!("\"tier{}", "\n".repeat(2 * MAX_ROW)));
    let error = batch(&workstation, &[]).expect_failure(3);
    assert!(error.message.contains("in line 1 or later"), "{error:?}");
}
