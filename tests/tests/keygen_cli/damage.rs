//! Changes that mail, editors and spreadsheets make to the files of a vendor.

use super::*;

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

#[test]
fn a_private_key_is_read_in_spite_of_changed_layout_or_its_kind_is_named() {
    let vendor = Vendor::shared();
    let workstation = vendor.workstation();
    let key = &vendor.key;
    for (name, content) in [
        ("UTF-8 mark", format!("\u{feff}{key}").into_bytes()),
        ("UTF-16 LE", utf16(key, u16::to_le_bytes)),
        (
            "UTF-16 BE with a mark",
            utf16(&format!("\u{feff}{key}"), u16::to_be_bytes),
        ),
        ("CR", key.replace('\n', "\r").into()),
        ("one line", key.replace('\n', " ").into()),
        ("one line without spaces", key.replace('\n', "").into()),
        ("spelled out", key.replace('\n', "\\n").into()),
        (
            "quoted",
            format!("> {}", key.trim_end().replace('\n', "\n> ")).into(),
        ),
        ("no-break spaces", key.replace(' ', "\u{a0}").into()),
        (
            "trailing spaces and Ctrl-Z",
            (key.replace('\n', " \n") + "\u{1a}").into(),
        ),
    ] {
        workstation.write_private("damaged.key", content);
        let output = public(&workstation, &["--key", "damaged.key"]).expect_code(0);
        assert_eq!(output.stdout, vendor.public, "{name}");
    }
    let openssh = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----\n";
    for (content, message, hint) in [
        (
            openssh.as_bytes(),
            "`OPENSSH PRIVATE KEY`",
            "ssh-keygen -p -m PKCS8",
        ),
        (
            b"PuTTY-User-Key-File-3: ssh-rsa\nPrivate-Lines: 1\nSECRET\n",
            "a private key of PuTTY",
            "puttygen",
        ),
        (
            b"ssh-rsa AAAA me@here\n",
            "a public key of OpenSSH",
            "private key",
        ),
        (b"\x89PNG\r\n\x1a\n\0", "a PNG image", ""),
        (b"\x30\x82\x04\xbd\x02\x01\0", "found DER", "openssl pkcs8"),
    ] {
        workstation.write_private("damaged.key", content);
        let run = public(&workstation, &["--key", "damaged.key"]);
        let error = run.expect_failure(3);
        assert!(error.message.contains(message), "{error:?}");
        assert!(error.hint.contains(hint), "{error:?}");
        assert!(!run.all_output().contains("SECRET"), "{error:?}");
    }
}

#[test]
fn orders_are_read_in_the_encodings_of_spreadsheets() {
    let workstation = Vendor::shared().workstation();
    let orders = "customer,tier,expires,offline\r\nM\u{fc}ller,pro,2030-12-31,yes\r\n";
    let marked = format!("\u{feff}{orders}");
    let batch = |content: Vec<u8>| {
        workstation.write("orders.csv", content);
        let batch = [
            "batch",
            "orders.csv",
            "--key",
            "vendor.key",
            "--out",
            "out",
            "--dry-run",
        ];
        Run::keygen(&workstation).args(batch).arg("--json").run()
    };
    let expected = batch(orders.into()).expect_code(0).json();
    for content in [
        marked.clone().into_bytes(),
        utf16(orders, u16::to_le_bytes),
        utf16(&marked, u16::to_le_bytes),
        utf16(&marked, u16::to_be_bytes),
        marked.replace("\r\n", "\r").into(),
        utf16(
            &format!("\u{feff}sep=;\r\n{}", orders.replace(',', ";")),
            u16::to_le_bytes,
        ),
    ] {
        assert_eq!(
            batch(content).expect_code(0).json()["rows"],
            expected["rows"]
        );
    }
    // Web pages and spreadsheets add blanks that cannot be seen around a cell.
    let blanks = orders
        .replace(',', "\u{a0},\u{200b}")
        .replace("\r\n", "\u{a0}\r\n");
    let batched = batch(blanks.into()).expect_code(0).json();
    assert_eq!(batched["rows"], expected["rows"]);
    let refused = batch(b"PK\x03\x04\x14\0\x06\0".to_vec());
    assert_eq!(refused.expect_json_failure(3), "MALFORMED");
    let output = refused.all_output();
    assert!(output.contains("an office document"), "{output}");
    assert!(output.contains("CSV UTF-8"), "{output}");
}
