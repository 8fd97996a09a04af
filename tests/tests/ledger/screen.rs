//! The ledger on a terminal: no line ends inside a word, an id or a digest.

use license_tests::tools;

use super::*;

const CUSTOMER: &str = "Electrical Engineering and Plant Construction South-West Holding Ltd";

/// Returns the lines of a command on a terminal, without styles. `None` if there is no `script`.
fn lines(vendor: &Scratch, columns: u16, line: &str) -> Option<Vec<String>> {
    let line = format!("$KEYGEN --no-pager {line}");
    let output = tools::on_terminal(tools::terminal()?, vendor, columns, &line).run();
    let styled = output.expect_code(0).stdout;
    let parts = styled.split("\u{1b}[").enumerate();
    let plain = parts.map(|(index, part)| match index {
        0 => part,
        _ => part.split_once('m').unwrap().1,
    });
    let plain: String = plain.collect();
    Some(plain.lines().map(str::to_owned).collect())
}

#[test]
fn lines_end_at_words_and_between_the_components_of_a_fingerprint() {
    let vendor = vendor();
    let hex = "0123456789abcdef01234567";
    let fingerprint = format!("fp1:id={hex},mac={hex},cpu={hex},disk={hex}");
    let terms = ["--customer", CUSTOMER, "--machine", &fingerprint];
    let issued = issue(&vendor, "1.lic", &terms);
    let id = text(&issued["license_id"]);
    let revoke = format!("revoke {id} --dry-run --reason 'the customer paid too late'");
    let kid = &Vendor::shared().kid;
    for command in [
        format!("ledger show {id}"),
        format!("ledger show {kid}"),
        "ledger list".to_owned(),
        revoke,
    ] {
        let Some(shown) = lines(&vendor, 80, &command) else {
            return;
        };
        for line in &shown {
            assert!(line.chars().count() <= 80, "{command}: {line}");
        }
        let all = shown.join("\n");
        let whole = if command.contains(kid) { kid } else { id };
        assert!(all.contains(whole), "{command}: {all}");
    }
    let shown = lines(&vendor, 80, &format!("ledger show {id}")).unwrap();
    let end = format!("  cpu={hex}, disk={hex}");
    let last = shown.iter().any(|line| line.ends_with(&end));
    assert!(last, "{shown:#?}");
}

#[test]
fn a_long_name_without_spaces_leaves_the_list_a_table() {
    let vendor = vendor();
    issue(
        &vendor,
        "1.lic",
        &["--customer", &"\u{6771}\u{4eac}".repeat(11)],
    );
    let Some(shown) = lines(&vendor, 120, "ledger list") else {
        return;
    };
    assert_eq!(shown.len(), 2, "{shown:#?}");
    assert!(shown[0].starts_with("CUSTOMER"), "{shown:#?}");
}
