//! A report as text.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::line::{self, LineError, ascii, count};
use super::{ChainId, Closed, Hash, MAX_REPORT_BYTES, UsageEntry};
use crate::encoding::strict_json::present;
use crate::ids::ProductCode;

/// The version of the format.
const VERSION: u64 = 1;

/// What the header tells whoever opens the file.
const ABOUT: &str = "What this machine counted for its license, for the vendor to read. It was not sent by itself. Each line that begins with \
{\"entry\" is chained to the one before it by its hash: change none. A line that begins with {\"private\" names the machine, users and sessions: \
delete any of them, or all, and the rest can be checked all the same.";

/// A report that was read: a header and its entries. Whether they are whole is for [`examine`](super::examine) to say.
#[derive(Clone, Debug)]
#[must_use]
pub struct UsageReport {
    /// The product of its header.
    pub product: ProductCode,
    /// How many entries the header says it has.
    pub(super) declared: u64,
    /// What the header says each chain ends with.
    pub(super) heads: BTreeMap<ChainId, Hash>,
    pub(super) lines: Vec<EntryLine>,
    pub(super) strays: Strays,
}

/// Private parts that belong to no entry of their report.
#[derive(Clone, Debug, Default)]
pub(super) struct Strays {
    /// The lines, by number, of the first of them.
    pub(super) first: Vec<usize>,
    /// How many there are beside them.
    pub(super) more: usize,
}

/// So many lines are named: whoever looks for what was changed has seen it by then, and each chain of the report tells them.
const MOST_STRAYS: usize = 10;

/// An entry as it stands in a report.
#[derive(Clone, Debug)]
pub(super) struct EntryLine {
    pub(super) text: String,
    pub(super) hash: Hash,
    pub(super) entry: UsageEntry,
    pub(super) has_private: bool,
}

/// The reason why a text is not a usage report.
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
        "expected a usage report, which begins with a line {{\"usage_report\":…, found another text"
    )]
    NoHeader,
    /// The text ends after a header that announces entries.
    #[error("expected {expected} entries as the header says, found none")]
    NoEntries {
        /// The number of announced entries.
        expected: u64,
    },
    /// A line cannot be read.
    #[error("line {number} can't be read")]
    Line {
        /// The line, from 1.
        number: usize,
        /// The reason.
        source: LineError,
    },
}

impl UsageReportError {
    /// Whether a newer program wrote it.
    pub fn is_of_newer(&self) -> bool {
        let is_newer = |source: &LineError| matches!(source, LineError::Newer { .. });
        matches!(self, Self::Line { source, .. } if is_newer(source))
    }
}

/// Writes a report of these entries, in their order; anonymised is without the private parts.
pub fn write(product: ProductCode, entries: &[Closed], anonymised: bool) -> String {
    let heads = entries.iter().filter_map(|closed| {
        let chain = closed.parsed()?.chain;
        Some((chain.to_string(), Hash::of_entry(&closed.entry)))
    });
    let mut text = ascii(&Header {
        usage_report: VERSION,
        product,
        entries: entries.len(),
        heads: heads.collect(),
        about: ABOUT,
    });
    text.push('\n');
    for closed in entries {
        let private = (!anonymised).then_some(closed.private.as_str());
        for line in std::iter::once(closed.entry.as_str()).chain(private) {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

impl UsageReport {
    /// Reads the one report of a text.
    ///
    /// # Errors
    /// [`UsageReportError`] as for [`UsageReport::parse_all`], also if there are several.
    pub fn parse(text: &str) -> Result<Self, UsageReportError> {
        let mut reports = Self::parse_all(text)?;
        match (reports.pop(), reports.is_empty()) {
            (Some(report), true) => Ok(report),
            _ => Err(UsageReportError::NoHeader),
        }
    }

    /// Reads every report of a text, into which several may have been copied. Byte order marks, blank lines and white space around a line
    /// are passed over, and so are line breaks of any system.
    ///
    /// # Errors
    /// [`UsageReportError`] if a line is none of a report. Lines before it are not used then.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, UsageReportError> {
        if text.len() > MAX_REPORT_BYTES {
            let found = text.len();
            return Err(UsageReportError::TooLarge { found });
        }
        let mut reports: Vec<Reader> = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line =
                line.trim_matches(|letter: char| letter.is_whitespace() || letter == '\u{feff}');
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
        let reports = reports.into_iter().map(Reader::finished);
        reports.map(UsageReport::not_cut).collect()
    }

    /// What has no entries belongs to no chain, so that no chain could say that they are missing.
    fn not_cut(self) -> Result<Self, UsageReportError> {
        match self.declared {
            expected if self.lines.is_empty() && expected > 0 => {
                Err(UsageReportError::NoEntries { expected })
            }
            _ => Ok(self),
        }
    }

    /// The lines of its entries, exactly as they are chained.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &UsageEntry, Hash)> {
        let lines = self.lines.iter();
        lines.map(|line| (line.text.as_str(), &line.entry, line.hash))
    }

    /// How many of its entries have their private part.
    pub fn private_parts(&self) -> usize {
        self.lines.iter().filter(|line| line.has_private).count()
    }
}

/// A report that is being read.
struct Reader {
    report: UsageReport,
    privates: Vec<(usize, Hash)>,
}

impl Reader {
    /// Gives each private part to the entry that has committed to it.
    fn finished(self) -> UsageReport {
        let mut report = self.report;
        let given: BTreeSet<Hash> = self.privates.iter().map(|(_, hash)| *hash).collect();
        for line in &mut report.lines {
            line.has_private = given.contains(&line.entry.private);
        }
        let known: BTreeSet<Hash> = report.lines.iter().map(|line| line.entry.private).collect();
        let strays = self.privates.into_iter();
        let strays = strays.filter(|(_, hash)| !known.contains(hash));
        let mut strays = strays.map(|(number, _)| number);
        report.strays.first = strays.by_ref().take(MOST_STRAYS).collect();
        report.strays.more = strays.count();
        report
    }
}

/// The header of a report, as it is written.
#[derive(Serialize)]
struct Header {
    usage_report: u64,
    product: ProductCode,
    entries: usize,
    heads: BTreeMap<String, Hash>,
    about: &'static str,
}

/// The members of a header that are read.
#[derive(Deserialize)]
struct HeaderMembers {
    product: ProductCode,
    #[serde(deserialize_with = "count")]
    entries: u64,
    heads: BTreeMap<String, Hash>,
}

/// The member of a line that says what the line is.
#[derive(Deserialize)]
struct LineMembers {
    #[serde(default, deserialize_with = "present")]
    usage_report: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    entry: Option<IgnoredAny>,
    #[serde(default)]
    private: PrivatePart,
}

/// Whether a line is the private part of an entry.
#[derive(Default)]
struct PrivatePart {
    is_object: bool,
}

impl<'de> Deserialize<'de> for PrivatePart {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let is_object = value.is_object();
        Ok(Self { is_object })
    }
}

/// The version of the format, which is read before the other members.
#[derive(Deserialize)]
struct VersionMember {
    #[serde(deserialize_with = "count")]
    usage_report: u64,
}

fn read_line(reports: &mut Vec<Reader>, number: usize, text: &str) -> Result<(), LineError> {
    let members: LineMembers = line::read(text)?;
    if members.usage_report.is_some() {
        reports.push(Reader {
            report: header(text)?,
            privates: Vec::new(),
        });
        return Ok(());
    }
    let last = reports.last_mut().ok_or(LineError::Unknown)?;
    if members.entry.is_some() {
        last.report.lines.push(EntryLine {
            entry: UsageEntry::parse(text)?,
            hash: Hash::of_entry(text),
            text: text.to_owned(),
            has_private: false,
        });
        return Ok(());
    }
    match members.private.is_object {
        true => last.privates.push((number, Hash::of_private(text))),
        false => return Err(LineError::Unknown),
    }
    Ok(())
}

fn header(text: &str) -> Result<UsageReport, LineError> {
    match line::read::<VersionMember>(text)?.usage_report {
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
        heads: heads.ok_or_else(|| line::wrong("heads", "hashes by chain"))?,
        lines: Vec::new(),
        strays: Strays::default(),
    })
}
