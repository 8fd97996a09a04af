//! Imports of artifacts and of exported entries.
//!
//! Two ledgers may have different statements about one license: revocations and reinstatements.
//! Their dates depend on clocks and prove nothing. In one ledger, the order of the entries decides.
//! Between two ledgers no order exists, so an import never ends a revocation that the imported file
//! does not contain. The id of a statement shows whether the file contains it. Statements without
//! an id, such as those that come from a revocation list, are compared by their content.

mod artifacts;
mod lines;
mod members;

use std::collections::{BTreeMap, BTreeSet};

use license_core::chrono::{DateTime, Utc};
use license_core::license::RevocationList;
use serde_json::Value;

pub use artifacts::{ImportError, ImportVerifier, MAX_EXPORT_BYTES};
pub use lines::parse_line;

use crate::errors::LedgerError;
use crate::ledger::{LedgerEntryKind, LedgerReader, NewLedgerEntry};
use crate::records;
use crate::services::record::RecordPlan;
use crate::services::revocation_lists::record_of_list;
use crate::services::rivals::RivalLicenses;

/// A verified part of an imported file.
pub enum ImportedItem {
    /// An entry.
    Entry(NewLedgerEntry),
    /// A revocation list.
    List(Box<RevocationList>),
}

/// The result of an import.
#[derive(Clone, Debug, Default)]
pub struct ImportReport {
    /// The number of new entries.
    pub new: usize,
    /// The number of entries that the ledger contained, or that are duplicates.
    pub known: usize,
    /// Licenses that an unknown list revokes, although the ledger has a reinstatement. The ledger
    /// cannot show that the reinstatement is newer than the list.
    pub revoked_again: BTreeSet<String>,
    /// Licenses with a reinstatement that was not recorded, because the ledger has a revocation
    /// that the imported file does not contain.
    pub still_revoked: BTreeSet<String>,
    /// Licenses that are new, or whose reinstatement is new.
    gained: BTreeSet<String>,
}

impl ImportReport {
    /// Finds the valid licenses that replace the same license, if the import has recorded or
    /// reinstated one of them. `ledger` contains the imported entries.
    ///
    /// # Errors
    ///
    /// Returns an error if the ledger cannot be read.
    pub fn rivals(
        &self,
        ledger: &dyn LedgerReader,
        at: DateTime<Utc>,
    ) -> Result<Vec<RivalLicenses>, LedgerError> {
        let mut valid = BTreeSet::new();
        for id in &self.gained {
            if ledger.revocation(id)?.is_none() {
                valid.insert(id.as_str());
            }
        }
        RivalLicenses::find(&valid, ledger, at)
    }
}

/// Plans the entries of imported files that the ledger does not contain. The items of a file are in
/// the order of the file.
///
/// # Errors
///
/// Returns an error if the ledger cannot be read.
pub fn plan_import(
    files: Vec<Vec<ImportedItem>>,
    ledger: Option<&dyn LedgerReader>,
) -> Result<RecordPlan<ImportReport>, LedgerError> {
    let mut planner = Planner {
        ledger,
        seen: BTreeSet::new(),
        statements: BTreeMap::new(),
        lists: BTreeMap::new(),
        entries: Vec::new(),
        report: ImportReport::default(),
    };
    for items in files {
        let mut counts = StatementCounts::default();
        for item in items {
            match item {
                ImportedItem::Entry(entry) if is_statement(entry.kind) => {
                    planner.add_statement(entry, &mut counts)?;
                }
                ImportedItem::Entry(entry) => planner.add_entry(entry)?,
                ImportedItem::List(list) => planner.add_list(&list)?,
            }
        }
    }
    planner.report.new = planner.entries.len();
    planner.withdraw_warnings()?;
    Ok(RecordPlan {
        content: planner.report,
        entries: planner.entries,
    })
}

/// Position of the first planned entry. The recorded entries have lower positions.
const FIRST_PLANNED: i64 = i64::MAX / 2;

/// The numbers of equal statements in a file, by subject, kind and content.
type StatementCounts = BTreeMap<(String, LedgerEntryKind, String), usize>;

/// A recorded or planned statement about a license.
struct Statement {
    kind: LedgerEntryKind,
    body: String,
    position: i64,
}

struct Planner<'l> {
    ledger: Option<&'l dyn LedgerReader>,
    /// Kind, subject and content of the entries that were read.
    seen: BTreeSet<(LedgerEntryKind, String, String)>,
    /// The statements about each license, in their order.
    statements: BTreeMap<String, Vec<Statement>>,
    /// The positions of planned records of revocation lists, by content.
    lists: BTreeMap<String, i64>,
    entries: Vec<NewLedgerEntry>,
    report: ImportReport,
}

impl Planner<'_> {
    /// Adds an entry, unless the ledger contains it.
    fn add_entry(&mut self, entry: NewLedgerEntry) -> Result<(), LedgerError> {
        // An entry without an artifact is identified by its members.
        let content = if entry.artifact.is_empty() {
            entry.body.to_string()
        } else {
            entry.artifact.clone()
        };
        let key = (entry.kind, entry.subject.clone(), content);
        if !self.seen.insert(key) || self.is_recorded(&entry)? {
            self.report.known += 1;
            return Ok(());
        }
        if entry.kind == LedgerEntryKind::RevocationList {
            let position = self.next_position();
            self.lists.entry(entry.body.to_string()).or_insert(position);
        }
        if entry.kind == LedgerEntryKind::License {
            self.report.gained.insert(entry.subject.clone());
        }
        self.entries.push(entry);
        Ok(())
    }

    /// Adds an exported statement, unless the ledger contains it. Does not add a reinstatement if
    /// it would end a revocation that the file does not contain.
    ///
    /// Equal statements are counted, because a license can be revoked twice in one second.
    fn add_statement(
        &mut self,
        entry: NewLedgerEntry,
        counts: &mut StatementCounts,
    ) -> Result<(), LedgerError> {
        let body = entry.body.to_string();
        let key = (entry.subject.clone(), entry.kind, body.clone());
        let count = counts.entry(key).or_default();
        *count += 1;
        let count = *count;
        let history = self.history(&entry.subject)?;
        if count <= count_equal(history, entry.kind, &body) {
            self.report.known += 1;
            return Ok(());
        }
        let is_in_file = |statement: &Statement| {
            let key = (
                entry.subject.clone(),
                statement.kind,
                statement.body.clone(),
            );
            counts.get(&key).copied().unwrap_or_default()
                >= count_equal(history, statement.kind, &statement.body)
        };
        if entry.kind == LedgerEntryKind::Reinstatement && !in_force(history).all(is_in_file) {
            self.report.still_revoked.insert(entry.subject);
            return Ok(());
        }
        if entry.kind == LedgerEntryKind::Reinstatement {
            self.report.gained.insert(entry.subject.clone());
        }
        self.push_statement(entry)
    }

    /// Adds the record of a list, and a revocation of each license in the list. Does not add the
    /// revocation of a license that is already revoked, or that was reinstated after the list.
    ///
    /// A new ledger can recover the revocations of a lost ledger from the list.
    fn add_list(&mut self, list: &RevocationList) -> Result<(), LedgerError> {
        let record = records::revocation_list(list);
        let planned = self.lists.get(&record.body.to_string()).copied();
        let recorded = self.ledger.map(|ledger| record_of_list(list, ledger));
        let position = recorded.transpose()?.flatten().or(planned);
        for (id, revocation) in list.licenses() {
            let history = self.history(id.as_str())?;
            let ended = last_reinstatement(history);
            let is_reinstated_later =
                position.is_some_and(|list| ended.is_some_and(|ended| list < ended));
            if is_reinstated_later || in_force(history).next().is_some() {
                self.report.known += 1;
                continue;
            }
            if ended.is_some() {
                self.report.revoked_again.insert(id.to_string());
            }
            let entry = records::revocation(id.as_str(), &revocation.reason, revocation.at);
            self.push_statement(entry)?;
        }
        self.add_entry(record)
    }

    /// Removes the licenses from the report that a later reinstatement of the import made valid.
    fn withdraw_warnings(&mut self) -> Result<(), LedgerError> {
        let still_revoked = std::mem::take(&mut self.report.still_revoked);
        self.report.still_revoked = self.revoked(still_revoked)?;
        let revoked_again = std::mem::take(&mut self.report.revoked_again);
        self.report.revoked_again = self.revoked(revoked_again)?;
        Ok(())
    }

    /// Returns the licenses that are revoked after the planned statements.
    fn revoked(&mut self, licenses: BTreeSet<String>) -> Result<BTreeSet<String>, LedgerError> {
        let mut revoked = BTreeSet::new();
        for id in licenses {
            if in_force(self.history(&id)?).next().is_some() {
                revoked.insert(id);
            }
        }
        Ok(revoked)
    }

    fn push_statement(&mut self, entry: NewLedgerEntry) -> Result<(), LedgerError> {
        let position = self.next_position();
        let statement = Statement {
            kind: entry.kind,
            body: entry.body.to_string(),
            position,
        };
        self.history(&entry.subject)?.push(statement);
        self.entries.push(entry);
        Ok(())
    }

    /// Returns the statements about a license, in their order.
    fn history(&mut self, subject: &str) -> Result<&mut Vec<Statement>, LedgerError> {
        if !self.statements.contains_key(subject) {
            let recorded = self.recorded_statements(subject)?;
            self.statements.insert(subject.to_owned(), recorded);
        }
        Ok(self.statements.entry(subject.to_owned()).or_default())
    }

    fn recorded_statements(&self, subject: &str) -> Result<Vec<Statement>, LedgerError> {
        let mut statements = Vec::new();
        let Some(ledger) = self.ledger else {
            return Ok(statements);
        };
        for kind in [LedgerEntryKind::Revocation, LedgerEntryKind::Reinstatement] {
            for entry in ledger.entries_of_kind_about(subject, kind)? {
                // Normalizes the JSON text, so that equal recorded and imported statements match.
                let body = serde_json::from_str::<Value>(&entry.body).unwrap_or_default();
                statements.push(Statement {
                    kind,
                    body: body.to_string(),
                    position: entry.seq,
                });
            }
        }
        statements.sort_by_key(|statement| statement.position);
        Ok(statements)
    }

    fn is_recorded(&self, entry: &NewLedgerEntry) -> Result<bool, LedgerError> {
        let recorded = self.ledger.map(|ledger| ledger.recorded(entry));
        let recorded = recorded.transpose()?.unwrap_or_default();
        Ok(!recorded.is_empty())
    }

    fn next_position(&self) -> i64 {
        let count = i64::try_from(self.entries.len()).unwrap_or(i64::MAX);
        FIRST_PLANNED.saturating_add(count)
    }
}

fn is_statement(kind: LedgerEntryKind) -> bool {
    matches!(
        kind,
        LedgerEntryKind::Revocation | LedgerEntryKind::Reinstatement
    )
}

/// Returns the number of statements with this content.
fn count_equal(history: &[Statement], kind: LedgerEntryKind, body: &str) -> usize {
    let is_equal = |statement: &&Statement| statement.kind == kind && statement.body == body;
    history.iter().filter(is_equal).count()
}

fn last_reinstatement(history: &[Statement]) -> Option<i64> {
    let mut statements = history.iter().rev();
    let last = statements.find(|statement| statement.kind == LedgerEntryKind::Reinstatement);
    last.map(|statement| statement.position)
}

/// Returns the revocations that no reinstatement follows.
fn in_force(history: &[Statement]) -> impl Iterator<Item = &Statement> {
    let is_revocation = |statement: &&Statement| statement.kind == LedgerEntryKind::Revocation;
    history.iter().rev().take_while(is_revocation)
}
