//! Lists of licenses to renew: tables and JSON of `keygen ledger`, and manifests.

use std::io::Read;
use std::path::Path;

use license_cli_support::{Failure, Source, escape, show_path};
use license_core::FeatureMatrix;
use license_core::encoding::{decode_text, trim_blanks};
use license_core::{License, time};
use license_issuer::ledger::RecordedLicense;
use serde_json::Value;

use super::super::batch::dialect::{CsvDialect, check_file, count_error};
use super::super::batch::encoding::Utf8Lines;
use super::super::batch::manifest;
use super::super::ledger;
use crate::output::csv;
use crate::output::date::last_day;

/// Maximum size of a list in JSON.
const MAX_JSON: usize = 256 << 20;

/// Number of bytes that show whether a list is JSON.
const MAX_START: u64 = 4096;

/// Column and JSON member with the id of the license.
const LICENSE_ID: &str = "license_id";

/// Column of a manifest with the id of the license that was renewed.
pub(super) const REPLACES: &str = "replaces";

/// Hint about the format of a list.
const FORMAT_HINT: &str =
    "use the output of `keygen ledger expiring --csv`, or a table with the column license_id";

/// List of licenses.
pub(super) struct RenewalList {
    /// Path of the file in messages.
    pub(super) name: String,
    /// Titles of the columns that do not describe the license, and that the manifest repeats.
    pub(super) carried: Vec<String>,
    pub(super) licenses: Vec<ListedLicense>,
}

/// License of a list.
pub(super) struct ListedLicense {
    /// Line of the table, or position in the JSON array, counted from 1.
    pub(super) number: u64,
    pub(super) id: String,
    /// Cells that describe the license, and their columns.
    described: Vec<(Described, String)>,
    /// Cells of the columns that the manifest repeats.
    pub(super) carried: Vec<String>,
}

/// Columns that must describe the license, because vendors may have changed them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Described {
    Tier,
    Customer,
    Seats,
    ExpiresAt,
    /// Last day in a manifest.
    Expires,
}

/// Meaning of a column.
enum ListColumn {
    LicenseId,
    Described(Described),
    /// A column that describes the license and is not compared.
    Ignored,
    Carried(String),
}

impl Described {
    const ALL: [Self; 5] = [
        Self::Tier,
        Self::Customer,
        Self::Seats,
        Self::ExpiresAt,
        Self::Expires,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Tier => "tier",
            Self::Customer => "customer",
            Self::Seats => "seats",
            Self::ExpiresAt => "expires_at",
            Self::Expires => "expires",
        }
    }
}

impl ListColumn {
    fn new(title: &str) -> Self {
        let title = trim_blanks(title);
        let name = title.to_lowercase().replace([' ', '-'], "_");
        if name == LICENSE_ID {
            return Self::LicenseId;
        }
        let mut described = Described::ALL.into_iter();
        if let Some(column) = described.find(|column| column.name() == name) {
            return Self::Described(column);
        }
        let mut known = ledger::COLUMNS.iter().chain(&manifest::COLUMNS);
        if name.is_empty() || name == REPLACES || known.any(|column| *column == name) {
            return Self::Ignored;
        }
        Self::Carried(title.to_owned())
    }
}

impl RenewalList {
    /// Reads a list. The format is JSON if the text starts with a brace, and CSV otherwise.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        check_file(path, "licenses")?;
        let name = show_path(path);
        if is_json(path, &name)? {
            Self::read_json(path, name)
        } else {
            Self::read_table(path, name)
        }
    }

    fn read_table(path: &Path, name: String) -> Result<Self, Failure> {
        let dialect = CsvDialect::detect(path)?;
        let header = dialect.header(path, &name)?;
        let columns: Vec<_> = header.iter().map(ListColumn::new).collect();
        let has_id = |column: &ListColumn| matches!(column, ListColumn::LicenseId);
        if columns.iter().filter(|column| has_id(column)).count() != 1 {
            let titles: Vec<_> = header.iter().map(escape).collect();
            let message = format!(
                "{name}: expected one column license_id, found the columns {}",
                titles.join(", ")
            );
            return Err(Failure::malformed(message).hint(FORMAT_HINT));
        }
        let mut licenses = Vec::new();
        dialect.each_record(path, &name, |line, record| {
            if let Some(error) = count_error(columns.len(), record) {
                let message = format!("{name}: line {line}, cells: {error}");
                return Err(Failure::malformed(message).hint("correct this row"));
            }
            licenses.push(ListedLicense::from_record(line, &columns, record));
            Ok(true)
        })?;
        let carried = columns.into_iter().filter_map(|column| match column {
            ListColumn::Carried(title) => Some(title),
            _ => None,
        });
        Ok(Self {
            carried: carried.collect(),
            licenses,
            name,
        })
    }

    fn read_json(path: &Path, name: String) -> Result<Self, Failure> {
        let text = Source::File(path.to_owned()).read_text(MAX_JSON, decode_text)?;
        let malformed =
            |message: String| Failure::malformed(format!("{name}: {message}")).hint(FORMAT_HINT);
        let value: Value = serde_json::from_str(&text)
            .map_err(|error| malformed(format!("expected JSON, found an error: {error}")))?;
        let array = value.get("licenses").and_then(Value::as_array);
        let array = array
            .ok_or_else(|| malformed("expected the member `licenses`, an array".to_owned()))?;
        let licenses = (1..).zip(array).map(|(number, license)| {
            ListedLicense::from_json(number, license)
                .ok_or_else(|| malformed(format!("license {number}: expected a license_id")))
        });
        Ok(Self {
            carried: Vec::new(),
            licenses: licenses.collect::<Result<_, _>>()?,
            name,
        })
    }
}

impl ListedLicense {
    fn from_record(number: u64, columns: &[ListColumn], record: &::csv::StringRecord) -> Self {
        let mut license = Self {
            number,
            id: String::new(),
            described: Vec::new(),
            carried: Vec::new(),
        };
        for (column, cell) in columns.iter().zip(record) {
            let cell = trim_blanks(cell).to_owned();
            match column {
                ListColumn::LicenseId => license.id = cell,
                ListColumn::Described(column) => license.described.push((*column, cell)),
                ListColumn::Carried(_) => license.carried.push(cell),
                ListColumn::Ignored => {}
            }
        }
        license
    }

    fn from_json(number: u64, license: &Value) -> Option<Self> {
        let described = Described::ALL.into_iter().filter_map(|column| {
            let text = match license.get(column.name())? {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                other => other.to_string(),
            };
            Some((column, text))
        });
        Some(Self {
            number,
            id: license.get(LICENSE_ID)?.as_str()?.to_owned(),
            described: described.collect(),
            carried: Vec::new(),
        })
    }

    /// Compares the cells that describe the license with the license.
    ///
    /// A renewal from a list changes no license alone. Without this check, a cell that the vendor
    /// edited would be ignored.
    pub(super) fn check(
        &self,
        recorded: &RecordedLicense,
        license: &License,
        matrix: &FeatureMatrix,
    ) -> Result<(), Failure> {
        for (column, cell) in &self.described {
            let expected = expected_cells(*column, recorded, license, matrix);
            let is_expected = |expected: &String| match column {
                Described::Customer => csv::is_cell_of(cell, expected),
                // Spreadsheets write times in other forms.
                Described::ExpiresAt => cell.get(..10) == expected.get(..10),
                _ => cell.eq_ignore_ascii_case(expected),
            };
            if expected.iter().any(is_expected) {
                continue;
            }
            let column = column.name();
            let (expected, found) = (expected.first().cloned(), escape(cell));
            let expected = expected.filter(|expected| !expected.is_empty());
            let expected = expected.unwrap_or_else(|| "an empty cell".to_owned());
            let message = format!(
                "{column}: expected {}, as in the license, found `{found}`",
                escape(&expected)
            );
            return Err(Failure::usage(message).hint(
                "restore the cell, or remove the column; to change a license, renew it alone with `keygen renew LICENSE_ID --days N` and remove its row",
            ));
        }
        Ok(())
    }
}

/// Returns the possible cells of a column for a license: that of a ledger, and that of a manifest.
fn expected_cells(
    column: Described,
    recorded: &RecordedLicense,
    license: &License,
    matrix: &FeatureMatrix,
) -> Vec<String> {
    let claims = license.claims();
    match column {
        Described::Tier => vec![claims.tier.to_string()],
        Described::Customer => vec![claims.customer.clone()],
        Described::Seats => {
            let own = recorded.entry.member("seats").unwrap_or_default();
            let listed = manifest::seats(claims, matrix);
            [Some(own), listed].into_iter().flatten().collect()
        }
        Described::ExpiresAt => {
            let end = claims.expires_at.map(|end| time::rfc3339(end).to_string());
            vec![end.unwrap_or_default()]
        }
        Described::Expires => vec![claims.expires_at.map(last_day).unwrap_or_default()],
    }
}

/// Refuses a list in place of a license. The option for lists is easy to forget.
pub(super) fn refuse(license: &Source) -> Result<(), Failure> {
    let Source::File(path) = license else {
        return Ok(());
    };
    if !path.is_file() {
        return Ok(());
    }
    let text = start(path, &show_path(path))?;
    let header = text.lines().next().unwrap_or_default();
    if !trim_blanks(&text).starts_with('{') && !header.contains(LICENSE_ID) {
        return Ok(());
    }
    let name = show_path(path);
    let message = format!("{name}: expected a license, found a list of licenses");
    Err(Failure::usage(message).hint(format!("renew each license of the list with --from {name}")))
}

/// Returns whether the first character of a file, apart from blanks, is a brace.
fn is_json(path: &Path, name: &str) -> Result<bool, Failure> {
    Ok(trim_blanks(&start(path, name)?).starts_with('{'))
}

/// Returns the start of a file.
fn start(path: &Path, name: &str) -> Result<String, Failure> {
    let mut start = Utf8Lines::open(path, name)?.take(MAX_START);
    let mut text = Vec::new();
    let read = start.read_to_end(&mut text);
    let _ = read.map_err(|error| Failure::io("read", path, &error))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
