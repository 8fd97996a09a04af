//! Usage reports as text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::line::{self, LineError, ascii, count};
use super::{ChainId, ClosedEntry, MAX_REPORT_BYTES, UsageEntry, UsageHash};
use crate::code::Code;
use crate::encoding::strict_json::present;
use crate::ids::ProductCode;

/// The version of the format.
const VERSION: u64 = 1;

/// Explanation in the header for people who open the file.
const ABOUT: &str = "Usage counts of this machine for its license, for the vendor. This file was \
not sent automatically. Each line that begins with {\"entry\" contains the hash of the previous \
entry; do not change these lines. A line that begins with {\"private\" names the machine, users \
and sessions; you may delete some or all of these lines, and the rest can still be checked.";

/// A report: the header and the entries. [`examine`](super::examine) checks the entries.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # use fixture::usage as example;
/// use license_core::usage::UsageReport;
///
/// let report = UsageReport::parse(&example::report()?)?;
/// for (_, entry, hash) in report.entries() {
///     println!("{hash}: {} to {}", entry.from, entry.to);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct UsageReport {
    /// The product in the header.
    pub product: ProductCode,
    /// The number of entries according to the header.
    pub(super) declared: u64,
    /// The hash of the last entry of each chain according to the header.
    pub(super) heads: BTreeMap<ChainId, UsageHash>,
    pub(super) lines: Vec<EntryLine>,
    pub(super) unmatched: UnmatchedPrivateParts,
}

/// Private parts that do not match any entry of their report.
#[derive(Clone, Debug, Default)]
pub(super) struct UnmatchedPrivateParts {
    /// The line numbers of the first private parts.
    pub(super) first: Vec<usize>,
    /// The number of further private parts.
    pub(super) more: usize,
}

/// Maximum number of listed line numbers. The findings of each chain repeat these numbers.
const MAX_LISTED_LINES: usize = 10;

/// Line of an entry in a report.
#[derive(Clone, Debug)]
pub(super) struct EntryLine {
    pub(super) text: String,
    pub(super) hash: UsageHash,
    pub(super) entry: UsageEntry,
    pub(super) has_private: bool,
}

/// The reason why a text is not a usage report.
///
/// ```
/// use license_core::usage::UsageReport;
/// use license_core::with_causes;
///
/// let error = UsageReport::parse("").err().ok_or("expected an error")?;
/// println!("{}: {}", error.code(), with_causes(&error));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UsageReportError {
    /// The text is larger than the limit.
    #[error("expected at most {MAX_REPORT_BYTES} bytes, found {found}")]
    TooLarge {
        /// The length of the text in bytes.
        found: usize,
    },
    /// The text is empty.
    #[error("expected a usage report, found nothing")]
    Empty,
    /// The text does not begin with a header.
    #[error(
        "expected a usage report, which begins with a line {{\"usage_report\":…, found other text"
    )]
    NoHeader,
    /// The text ends after a header that announces entries.
    #[error("expected {expected} entries according to the header, found none")]
    NoEntries {
        /// The number of announced entries.
        expected: u64,
    },
    /// A line cannot be read.
    #[error("line {number} cannot be read")]
    Line {
        /// The number of the line, counted from 1.
        number: usize,
        /// The reason.
        source: LineError,
    },
}

impl UsageReportError {
    /// Returns the reason code. It is [`Code::UnsupportedVersion`] if the report has a later format
    /// version.
    ///
    /// ```
    /// use license_core::Code;
    /// use license_core::usage::UsageReportError;
    ///
    /// assert_eq!(UsageReportError::Empty.code(), Code::Malformed);
    /// ```
    pub const fn code(&self) -> Code {
        match self {
            Self::Line { source, .. } => source.code(),
            _ => Code::Malformed,
        }
    }
}

/// Writes a report of the entries in their order. An anonymized report omits the private parts.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # use fixture::usage as example;
/// use license_core::usage::{UsageReport, write};
///
/// let anonymized = write(example::product()?, &[example::closed()?], true);
/// assert_eq!(UsageReport::parse(&anonymized)?.private_parts(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write(product: ProductCode, entries: &[ClosedEntry], anonymized: bool) -> String {
    let heads = entries.iter().filter_map(|closed| {
        let chain = closed.parse_entry()?.chain;
        Some((chain.to_string(), UsageHash::from_entry(&closed.entry)))
    });
    let mut text = ascii(&ReportHeader {
        usage_report: VERSION,
        product,
        entries: entries.len(),
        heads: heads.collect(),
        about: ABOUT,
    });
    text.push('\n');
    for closed in entries {
        let private = (!anonymized).then_some(closed.private.as_str());
        for line in std::iter::once(closed.entry.as_str()).chain(private) {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

impl UsageReport {
    /// Parses a text with one report.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # use fixture::usage as example;
    /// use license_core::usage::UsageReport;
    ///
    /// assert_eq!(UsageReport::parse(&example::report()?)?.product.as_str(), "CODITECT");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the errors of [`UsageReport::parse_all`], and [`UsageReportError::NoHeader`] if
    /// there are several reports.
    pub fn parse(text: &str) -> Result<Self, UsageReportError> {
        let mut reports = Self::parse_all(text)?;
        match (reports.pop(), reports.is_empty()) {
            (Some(report), true) => Ok(report),
            _ => Err(UsageReportError::NoHeader),
        }
    }

    /// Parses a text with one or more reports. Byte order marks, blank lines, white space around
    /// lines, and the kind of line breaks are ignored.
    ///
    /// Takes memory of up to 32 times the size of the text.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # use fixture::usage as example;
    /// use license_core::usage::UsageReport;
    ///
    /// // The reports of two machines in one mail.
    /// let text = example::report()? + &example::report()?;
    /// assert_eq!(UsageReport::parse_all(&text)?.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`UsageReportError`] if the text is empty or larger than [`MAX_REPORT_BYTES`], a
    /// line does not belong to a report, or a report announces entries and contains none.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, UsageReportError> {
        if text.len() > MAX_REPORT_BYTES {
            let found = text.len();
            return Err(UsageReportError::TooLarge { found });
        }
        let mut reports: Vec<ReportReader> = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim_matches(|character: char| {
                character.is_whitespace() || character == '\u{feff}'
            });
            if line.is_empty() {
                continue;
            }
            if reports.is_empty() && !line.starts_with('{') {
                return Err(UsageReportError::NoHeader);
            }
            let read = read_line(&mut reports, number, line);
            read.map_err(|error| match error {
                LineError::Unknown if reports.is_empty() => UsageReportError::NoHeader,
                source => UsageReportError::Line { number, source },
            })?;
        }
        if reports.is_empty() {
            return Err(UsageReportError::Empty);
        }
        let reports = reports.into_iter().map(ReportReader::finish);
        reports.map(UsageReport::check_entries).collect()
    }

    /// Returns an error if all entries are missing. Such a report belongs to no chain, so the
    /// findings of a chain cannot report it.
    fn check_entries(self) -> Result<Self, UsageReportError> {
        match self.declared {
            expected if self.lines.is_empty() && expected > 0 => {
                Err(UsageReportError::NoEntries { expected })
            }
            _ => Ok(self),
        }
    }

    /// Returns each entry with its line, exactly as the line was written, and its hash.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # use fixture::usage as example;
    /// use license_core::usage::UsageReport;
    ///
    /// assert_eq!(UsageReport::parse(&example::report()?)?.entries().count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn entries(&self) -> impl Iterator<Item = (&str, &UsageEntry, UsageHash)> {
        let lines = self.lines.iter();
        lines.map(|line| (line.text.as_str(), &line.entry, line.hash))
    }

    /// Returns the number of entries whose private part is present.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # use fixture::usage as example;
    /// use license_core::usage::UsageReport;
    ///
    /// assert_eq!(UsageReport::parse(&example::report()?)?.private_parts(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn private_parts(&self) -> usize {
        self.lines.iter().filter(|line| line.has_private).count()
    }
}

/// A report that is being read.
struct ReportReader {
    report: UsageReport,
    private_parts: Vec<(usize, UsageHash)>,
}

impl ReportReader {
    /// Matches private parts with the commitments of the entries.
    fn finish(self) -> UsageReport {
        let mut report = self.report;
        let present: BTreeSet<UsageHash> =
            self.private_parts.iter().map(|(_, hash)| *hash).collect();
        for line in &mut report.lines {
            line.has_private = present.contains(&line.entry.private);
        }
        let committed: BTreeSet<UsageHash> =
            report.lines.iter().map(|line| line.entry.private).collect();
        let unmatched = self.private_parts.into_iter();
        let unmatched = unmatched.filter(|(_, hash)| !committed.contains(hash));
        let mut numbers = unmatched.map(|(number, _)| number);
        report.unmatched.first = numbers.by_ref().take(MAX_LISTED_LINES).collect();
        report.unmatched.more = numbers.count();
        report
    }
}

/// Header of a report for writing.
#[derive(Serialize)]
struct ReportHeader {
    usage_report: u64,
    product: ProductCode,
    entries: usize,
    heads: BTreeMap<String, UsageHash>,
    about: &'static str,
}

/// Header of a report for reading.
#[derive(Deserialize)]
struct HeaderMembers {
    product: ProductCode,
    #[serde(deserialize_with = "count")]
    entries: u64,
    heads: BTreeMap<String, UsageHash>,
}

/// Members that distinguish the kinds of lines.
#[derive(Deserialize)]
struct LineMembers {
    #[serde(default, deserialize_with = "present")]
    usage_report: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    entry: Option<IgnoredAny>,
    #[serde(default)]
    private: PrivatePart,
}

/// Whether a line is the private part of an entry. The content takes no memory.
#[derive(Default)]
struct PrivatePart {
    is_object: bool,
}

impl<'de> Deserialize<'de> for PrivatePart {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let is_object = deserializer.deserialize_any(IsObjectVisitor)?;
        Ok(Self { is_object })
    }
}

/// Visitor that ignores a value and returns whether it is an object.
struct IsObjectVisitor;

impl<'de> Visitor<'de> for IsObjectVisitor {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<bool, A::Error> {
        IgnoredAny.visit_map(members).map(|_| true)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<bool, A::Error> {
        IgnoredAny.visit_seq(items).map(|_| false)
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_bool<E>(self, _: bool) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_i64<E>(self, _: i64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_str<E>(self, _: &str) -> Result<bool, E> {
        Ok(false)
    }
}

/// Format version, which is read before the other members.
#[derive(Deserialize)]
struct ReportVersion {
    #[serde(deserialize_with = "count")]
    usage_report: u64,
}

fn read_line(reports: &mut Vec<ReportReader>, number: usize, text: &str) -> Result<(), LineError> {
    let members: LineMembers = line::read(text)?;
    if members.usage_report.is_some() {
        reports.push(ReportReader {
            report: header(text)?,
            private_parts: Vec::new(),
        });
        return Ok(());
    }
    let last = reports.last_mut().ok_or(LineError::Unknown)?;
    if members.entry.is_some() {
        last.report.lines.push(EntryLine {
            entry: UsageEntry::parse(text)?,
            hash: UsageHash::from_entry(text),
            text: text.to_owned(),
            has_private: false,
        });
        return Ok(());
    }
    if !members.private.is_object {
        return Err(LineError::Unknown);
    }
    last.private_parts
        .push((number, UsageHash::from_private_part(text)));
    Ok(())
}

fn header(text: &str) -> Result<UsageReport, LineError> {
    match line::read::<ReportVersion>(text)?.usage_report {
        VERSION => {}
        found => return Err(LineError::Newer { found }),
    }
    let header: HeaderMembers = line::read(text)?;
    let heads = header.heads.into_iter();
    let heads = heads.map(|(chain, hash)| Some((ChainId::parse(&chain)?, hash)));
    let heads = heads.collect::<Option<_>>();
    Ok(UsageReport {
        product: header.product,
        declared: header.entries,
        heads: heads.ok_or_else(|| line::invalid("heads", "hashes by chain id"))?,
        lines: Vec::new(),
        unmatched: UnmatchedPrivateParts::default(),
    })
}
