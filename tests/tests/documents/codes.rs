//! `docs/codes.md` has a row for each reason code, and no row for a code that does not exist.
//!
//! A code is a string literal in capitals in the sources of a crate, or a [`Code`]. Attributes and
//! code for tests are not examined.

use std::collections::BTreeSet;
use std::fs;

use license_core::Code;
use license_tests::programs;
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::Lit;

use super::document;
use super::sources::{Module, Sources};

const DOCUMENT: &str = "docs/codes.md";

/// The first line of a table of codes.
const HEADER: &str = "| code | meaning | program | exit code | remedy |";

/// Codes that `keygen` forms from the status of a license in the ledger.
const LEDGER_STATUS: [&str; 4] = ["EXPIRED", "FUTURE", "REVOKED", "SUPERSEDED"];

/// Literals in capitals that are not reason codes.
const NOT_CODES: &[&str] = &[
    "ABOVE",
    "ADDRESS",
    "AFS",
    "APPDATA",
    "ASC",
    "ASSIGNED",
    "AVIF",
    "BEGIN",
    "BLOB",
    "BMP",
    "BORROWED",
    "CARGO_MANIFEST_DIR",
    "CARGO_PKG_VERSION",
    "CERTIFICATE",
    "CIFS",
    "CLAIM",
    "COLUMNS",
    "COMMIT",
    "CORRECTIONS",
    "CREATED",
    "CRITICAL",
    "CUSTOMER",
    "DAYS",
    "DEL",
    "DELETE",
    "DESC",
    "DIGEST",
    "DIR",
    "DOAS_USER",
    "EC",
    "END",
    "ENDS",
    "ENT",
    "ES256",
    "EUR",
    "FAILED_PRECONDITION",
    "FEATURE",
    "FILE",
    "FILTER",
    "FORMAT",
    "FROM",
    "FULL",
    "GET",
    "GFS2",
    "GIF",
    "GPFS",
    "HEAD",
    "HEIC",
    "HELD",
    "HERE",
    "HGET",
    "HMGET",
    "HOME",
    "HOURS",
    "ID",
    "INCLUDED",
    "INFO",
    "INTEGER",
    "INVALID_ARGUMENT",
    "JPEG",
    "JSON",
    "JWT",
    "KEY",
    "LANG",
    "LATE",
    "LC_ALL",
    "LC_CTYPE",
    "LESS",
    "LICENSE",
    "LICENSES",
    "LIMIT",
    "LINES",
    "LOGNAME",
    "LOST",
    "MACHINE_ID",
    "METER",
    "MODE",
    "NAME",
    "NAMES",
    "NCP",
    "NETWORKS",
    "NFS",
    "NOTE",
    "NUL",
    "NUMBER",
    "OCFS2",
    "OK",
    "OPENSSH",
    "OPTIONS",
    "OUT_DIR",
    "PAGER",
    "PATCH",
    "PDF",
    "PERMISSION_DENIED",
    "PKEXEC_UID",
    "PNG",
    "POOL",
    "POST",
    "PRICE",
    "PS256",
    "PUT",
    "QUOTA",
    "RAW",
    "REASON",
    "RENEWAL",
    "REPLACES",
    "REQUEST_METHOD",
    "ROLLBACK",
    "RS256",
    "RSA",
    "RSASSA_PKCS1_V1_5_SHA_256",
    "RSASSA_PSS_SHA_256",
    "RSA_SIGN",
    "RSA_SIGN_PKCS1_2048_SHA256",
    "RSA_SIGN_PKCS1_3072_SHA256",
    "RSA_SIGN_PKCS1_4096_SHA256",
    "RSA_SIGN_PSS_2048_SHA256",
    "RSA_SIGN_PSS_3072_SHA256",
    "RSA_SIGN_PSS_4096_SHA256",
    "RSA_SIGN_RAW",
    "S256",
    "SCOPES",
    "SEATS",
    "SECONDS",
    "SENT",
    "SERVER",
    "SERVICE_DISABLED",
    "SETTING",
    "SIGN_VERIFY",
    "SMB",
    "SMB2",
    "SMBIOS",
    "STARTED",
    "STARTS",
    "STATUS",
    "SUBSCRIPTION",
    "SUDO_UID",
    "SUDO_USER",
    "SYSTEM_DIR",
    "TERM",
    "TERM_PROGRAM",
    "TIER",
    "TIFF",
    "UNAUTHENTICATED",
    "UNKNOWN",
    "UNTIL",
    "URI",
    "URL",
    "USED",
    "USER",
    "USERNAME",
    "UTF8",
    "VALUE",
    "VERSION",
    "WAITING",
    "WAL",
    "WT_SESSION",
];

/// Prefixes of the names of environment variables.
const VARIABLE_PREFIXES: [&str; 9] = [
    "AWS_",
    "BUILD_",
    "CLOUDSDK_",
    "CODITECT",
    "GCE_",
    "GOOGLE_",
    "KEYGEN_",
    "KUBERNETES_",
    "LICENSE_SERVER_",
];

/// A row of a table of codes.
struct Row<'a> {
    section: &'a str,
    cells: Vec<&'a str>,
}

impl<'a> Row<'a> {
    fn code(&self) -> &'a str {
        self.cells[0].trim_matches('`')
    }
}

fn rows(text: &str) -> Vec<Row<'_>> {
    let (mut rows, mut section, mut is_table) = (Vec::new(), "", false);
    for line in text.lines() {
        if line.starts_with('#') {
            section = line.trim_start_matches('#').trim();
        }
        is_table = line == HEADER || is_table && line.starts_with('|');
        if is_table && line.starts_with("| `") {
            let cells = line.trim_matches('|').split(" | ").map(str::trim);
            rows.push(Row {
                section,
                cells: cells.collect(),
            });
        }
    }
    rows
}

/// Returns the string literals in capitals that occur in the crates.
fn literals() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(programs::workspace().join("crates")).unwrap() {
        let root = Sources::from_directory(&entry.unwrap().path().join("src")).root();
        for module in std::iter::once(&root).chain(root.descendants()) {
            add_module(module, &mut found);
        }
    }
    found
}

fn add_module(module: &Module, found: &mut BTreeSet<String>) {
    for item in &module.items {
        add_tokens(item.to_token_stream(), found);
    }
}

fn add_tokens(tokens: TokenStream, found: &mut BTreeSet<String>) {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '#' => {
                let is_attribute = |next: &TokenTree| matches!(next, TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket);
                let _ = tokens.next_if(is_attribute);
            }
            TokenTree::Group(group) => add_tokens(group.stream(), found),
            TokenTree::Literal(literal) => {
                if let Lit::Str(text) = Lit::new(literal)
                    && is_in_capitals(&text.value())
                {
                    found.insert(text.value());
                }
            }
            _ => {}
        }
    }
}

fn is_in_capitals(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    text.len() > 1
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.chars().all(is_allowed)
}

/// Returns the reason codes of all crates.
fn codes() -> BTreeSet<String> {
    let mut codes = literals();
    codes.retain(|text| !NOT_CODES.contains(&text.as_str()));
    codes.retain(|text| {
        !VARIABLE_PREFIXES
            .iter()
            .any(|prefix| text.starts_with(prefix))
    });
    codes.extend(Code::ALL.iter().map(|code| code.as_str().to_owned()));
    codes.extend(LEDGER_STATUS.map(str::to_owned));
    codes
}

#[test]
fn every_code_has_a_row_and_every_row_has_a_code() {
    let text = document(DOCUMENT);
    let documented: BTreeSet<String> = rows(&text)
        .iter()
        .map(|row| row.code().to_owned())
        .collect();
    let codes = codes();
    assert!(codes.len() > 80, "{codes:?}");
    let missing: Vec<_> = codes.difference(&documented).collect();
    assert!(
        missing.is_empty(),
        "{DOCUMENT} has no row for {missing:?}; a text that is not a code belongs in NOT_CODES"
    );
    let unknown: Vec<_> = documented.difference(&codes).collect();
    assert!(
        unknown.is_empty(),
        "{DOCUMENT} has rows for {unknown:?}, which no crate contains"
    );
}

#[test]
fn each_row_has_a_meaning_a_program_an_exit_code_and_a_remedy() {
    let text = document(DOCUMENT);
    let mut seen = BTreeSet::new();
    for row in rows(&text) {
        let (code, cells) = (row.code(), &row.cells);
        assert_eq!(cells.len(), 5, "{code}: {cells:?}");
        assert!(cells[1].ends_with('.'), "{code}: {}", cells[1]);
        assert!(
            ["`license`", "`keygen`", "both", "`license-server`"].contains(&cells[2]),
            "{code}: {}",
            cells[2]
        );
        let is_exit_code = |c: char| "01234–".contains(c);
        assert!(cells[3].contains(is_exit_code), "{code}: {}", cells[3]);
        assert!(cells[4].ends_with('.'), "{code}: {}", cells[4]);
        assert!(
            seen.insert((row.section, code)),
            "{code} has two rows in {}",
            row.section
        );
    }
}
