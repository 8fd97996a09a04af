//! `keygen ledger import`: records artifacts that were issued elsewhere or without a ledger.

mod members;

use std::collections::{BTreeMap, BTreeSet};

use license_cli_support::{Failure, Source, Terminal, plural};
use license_core::encoding::decode_text;
use license_core::jose::input_cap;
use license_core::key::EnterpriseKey;
use license_core::license::{CanonicalText, Rotation, VerifiedLicensesError};
use license_core::machine::MachineDigest;
use license_core::{
    Code, FeatureMatrix, License, LicenseFile, LicenseId, TokenKind, TrustSet, Unverified,
    VerifiedLicenses, time,
};
use license_issuer::ledger::{LedgerEntryKind, NewLedgerEntry};
use license_issuer::records;
use license_issuer::services::import::{ImportReport, ImportedItem, plan_import};
use license_issuer::services::issue::Mode;
use license_issuer::services::record::{MissingLedger, record};
use license_issuer::services::rivals::RivalLicenses;
use members::{members_match, with_unsigned_members};
use serde_json::{Value, json};

use super::super::context::AppContext;
use super::super::lookup::{open, require_ledger};
use super::super::rivals;
use crate::failures;
use crate::inputs::{add_keys, matrix, now};

/// Maximum size of an export, which has a line for each entry.
const MAX_EXPORT_BYTES: usize = 1 << 30;

pub(super) fn run(
    files: &[Source],
    trust: &[Source],
    product_file: Option<&Source>,
    AppContext {
        settings,
        location,
        terminal,
        ..
    }: AppContext<'_>,
) -> Result<(), Failure> {
    let mut ledger = require_ledger(location, "an import")?;
    let matrix = matrix(settings, product_file)?;
    let mut keys = TrustSet::default();
    add_keys(&mut keys, trust)?;
    let mut import = VerifiedImport {
        trust: &keys,
        matrix: &matrix,
        licenses: BTreeMap::new(),
        files: Vec::new(),
    };
    // All files are verified before the first entry is recorded.
    for file in files {
        import.read(file)?;
    }
    let (missing, files) = (MissingLedger::Create, import.files);
    let report = record(&mut ledger, missing, Mode::Commit, now(), |ledger| {
        plan_import(files, ledger).map_err(|error| failures::ledger_refused(ledger, &error))
    });
    let report = report.map_err(|error| failures::not_issued(error, location))?;
    let recorded = open(location)?;
    let competitors = report.rivals(&recorded, now());
    let competitors = competitors.map_err(failures::ledger_not_read(&recorded))?;
    warn(&report, terminal);
    rivals::warn(&competitors, terminal);
    if terminal.is_json() {
        let group = |rivals: &RivalLicenses| {
            let licenses = rivals.licenses.iter();
            let ids = licenses.map(|license| license.entry.subject.as_str());
            json!({ "replaced": rivals.replaced, "licenses": ids.collect::<Vec<_>>() })
        };
        return terminal.json(&json!({
            "entered": report.new,
            "known": report.known,
            "revoked_again": report.revoked_again,
            "still_revoked": report.still_revoked,
            "competitors": competitors.iter().map(group).collect::<Vec<_>>(),
        }));
    }
    terminal.data(&format!(
        "recorded {}; already in the ledger: {}",
        plural(report.new, "entry", "entries"),
        report.known
    ))
}

/// Warns about licenses that are revoked although a reinstatement of them is known.
fn warn(report: &ImportReport, terminal: &Terminal) {
    let warn = |licenses: &BTreeSet<String>, reason: &str| {
        if !licenses.is_empty() {
            let ids: Vec<_> = licenses.iter().map(String::as_str).collect();
            let message = format!(
                "{reason}: {}; if a license must be valid, run `keygen revoke LICENSE_ID --undo --reason TEXT`",
                ids.join(", ")
            );
            terminal.warning(Code::Revoked.as_str(), &message);
        }
    };
    warn(
        &report.still_revoked,
        "the ledger has a revocation that the import does not contain, so these licenses stay revoked",
    );
    warn(
        &report.revoked_again,
        "the ledger did not know the imported list, which revokes these licenses, so they are revoked again",
    );
}

/// Entries that are read and verified.
struct VerifiedImport<'a> {
    trust: &'a TrustSet,
    matrix: &'a FeatureMatrix,
    /// Verified licenses by id. Validation tokens that are read later belong to these licenses.
    licenses: BTreeMap<String, License>,
    /// The content of each file, in the order of the file.
    files: Vec<Vec<ImportedItem>>,
}

impl VerifiedImport<'_> {
    fn read(&mut self, file: &Source) -> Result<(), Failure> {
        let text = file.read_text(MAX_EXPORT_BYTES, decode_text)?;
        let cap = input_cap(text.as_bytes());
        if text.trim_start().starts_with('{') {
            return self.read_export(file, &text);
        }
        if text.len() > cap {
            let message = format!("{file}: expected at most {cap} bytes, found {}", text.len());
            return Err(
                Failure::malformed(message).hint("import license files one by one, or an export")
            );
        }
        let known: Vec<_> = self.licenses.values().cloned().collect();
        let items = self.verify_artifacts(file, &text, &known)?;
        self.files.push(items);
        Ok(())
    }

    /// Verifies the tokens in a license file, or a full enterprise key, and returns their entries
    /// and the revocation lists.
    ///
    /// `known` are licenses from other texts. The validation tokens in this text may belong to
    /// them.
    fn verify_artifacts(
        &mut self,
        file: &Source,
        text: &str,
        known: &[License],
    ) -> Result<Vec<ImportedItem>, Failure> {
        let refused = |error| failures::not_verifiable(file, &error);
        let verified = VerifiedLicenses::verify_with_licenses(text, self.trust, self.matrix, known)
            .map_err(refused)?;
        let ids = verified.licenses().iter();
        self.licenses
            .extend(ids.map(|license| (license.id().as_str().to_owned(), license.clone())));
        if let (CanonicalText::EnterpriseKey(key), [license]) =
            (verified.canonical(), verified.licenses())
            && let Ok(key) = EnterpriseKey::parse(key)
        {
            let tier = license.tier().to_string();
            let kid = license.key_id().as_str();
            let entry = records::enterprise_key(&key, kid, Some(&tier));
            return Ok(vec![ImportedItem::Entry(entry)]);
        }
        let artifacts = LicenseFile::parse(text).map_err(VerifiedLicensesError::Parse);
        let artifacts = artifacts.map_err(refused)?;
        let tokens = |kind| {
            artifacts
                .blocks_of_kind(kind)
                .map(|block| block.token.signed_reading(self.trust).as_str())
        };
        let licenses = verified.licenses().iter().zip(tokens(TokenKind::License));
        let entries =
            licenses.map(|(license, token)| records::license(license, token, self.matrix));
        let mut entries = entries
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| failures::not_verified("license", &error))?;
        for validation in verified.validations() {
            let mut licenses = verified.licenses().iter().chain(known);
            if let Some(license) = licenses.find(|license| validation.is_for(license)) {
                entries.push(records::check_in(license, validation, validation.as_str()));
            }
        }
        let activations = verified.activations().iter();
        let activations = activations.zip(tokens(TokenKind::Activation));
        entries
            .extend(activations.map(|(activation, token)| records::activation(activation, token)));
        let repairs = verified.clock_repairs().iter();
        let repairs = repairs.zip(tokens(TokenKind::ClockRepair));
        entries.extend(repairs.filter_map(|(repair, token)| records::clock_repair(repair, token)));
        let lists = verified.revocations().iter().cloned().map(Box::new);
        let entries = entries.into_iter().map(ImportedItem::Entry);
        Ok(entries.chain(lists.map(ImportedItem::List)).collect())
    }

    /// Reads an export.
    ///
    /// Verifies the signatures of licenses, enterprise keys, validation tokens, activations, clock
    /// repairs and trust statements, and that the members of their entries match.
    ///
    /// Accepts other entries without verification, because they contain no signature: signing keys,
    /// revocations, reinstatements, records of revocation lists, releases and usage. Also accepts
    /// validation tokens of licenses that are not in the import, and trust statements of keys that
    /// are not in the trust set.
    fn read_export(&mut self, file: &Source, text: &str) -> Result<(), Failure> {
        let lines = (1..).zip(text.lines());
        let lines = lines.filter(|(_, line)| !line.trim().is_empty());
        let mut entries = lines
            .map(|(number, line)| Some((number, parse_entry(line)?)))
            .collect::<Option<Vec<(u64, NewLedgerEntry)>>>()
            .ok_or_else(|| malformed(file))?;
        // Licenses are verified first, because validation tokens belong to them.
        let later = [
            LedgerEntryKind::CheckIn,
            LedgerEntryKind::Activation,
            LedgerEntryKind::ClockRepair,
        ];
        for kinds in [
            &[LedgerEntryKind::License, LedgerEntryKind::EnterpriseKey][..],
            &later,
        ] {
            for (number, entry) in &mut entries {
                if kinds.contains(&entry.kind) {
                    self.verify_entry(file, *number, entry)?;
                }
            }
        }
        for (number, entry) in &mut entries {
            if entry.kind == LedgerEntryKind::TrustStatement {
                self.verify_statement(file, *number, entry)?;
            }
        }
        let entries = entries.into_iter().map(|(_, entry)| entry);
        self.files.push(entries.map(ImportedItem::Entry).collect());
        Ok(())
    }

    /// Replaces the members of an exported entry with those of its verified artifact, and the
    /// artifact with its verified reading.
    ///
    /// Keeps the members that an artifact does not contain.
    fn verify_entry(
        &mut self,
        file: &Source,
        line: u64,
        exported: &mut NewLedgerEntry,
    ) -> Result<(), Failure> {
        let license = self.licenses.get(&exported.subject).cloned();
        let is_check_in = exported.kind == LedgerEntryKind::CheckIn;
        if is_check_in && license.is_none() {
            return Ok(());
        }
        let known: Vec<_> = license.filter(|_| is_check_in).into_iter().collect();
        let verified = self.verify_artifacts(file, &exported.artifact, &known)?;
        match verified.as_slice() {
            [ImportedItem::Entry(verified)] if members_match(exported, verified) => {
                exported.body = with_unsigned_members(verified, exported);
                exported.artifact.clone_from(&verified.artifact);
                Ok(())
            }
            _ => Err(members_mismatch(file, line)),
        }
    }

    /// Replaces the members of an exported trust statement with those of its verified token, unless
    /// a key that signed the statement is not in the trust set.
    ///
    /// Each statement is verified with the whole trust set. The other statements of the export do
    /// not matter: the record of a statement is valid even if an earlier statement retired the key.
    fn verify_statement(
        &self,
        file: &Source,
        line: u64,
        exported: &mut NewLedgerEntry,
    ) -> Result<(), Failure> {
        let refused = |error| failures::not_verifiable(file, &error);
        let token = Unverified::parse(&exported.artifact).map_err(VerifiedLicensesError::Parse);
        let token = token.map_err(refused)?;
        let mut rotation = Rotation::new(self.trust.clone());
        match rotation.apply(&token) {
            Err(error) if error.code() == Code::UntrustedKey => return Ok(()),
            Err(error) => {
                let (line, source) = (None, error.into());
                return Err(refused(VerifiedLicensesError::Statement { line, source }));
            }
            Ok(_) => {}
        }
        match rotation.statements().last().map(records::trust_statement) {
            Some(verified) if members_match(exported, &verified) => {
                exported.body = verified.body;
                exported.artifact = verified.artifact;
                Ok(())
            }
            _ => Err(members_mismatch(file, line)),
        }
    }
}

/// Parses a line of an export. Does not verify the signature.
fn parse_entry(line: &str) -> Option<NewLedgerEntry> {
    let entry: Value = serde_json::from_str(line).ok()?;
    let member = |name: &str| entry.get(name).and_then(Value::as_str);
    let record = NewLedgerEntry {
        kind: LedgerEntryKind::parse(member("kind")?)?,
        subject: member("subject")?.to_owned(),
        body: entry.get("body").filter(|body| body.is_object())?.clone(),
        artifact: member("artefact")?.to_owned(),
    };
    let is_license = || LicenseId::parse(&record.subject).is_some();
    let (is_valid, has_artifact) = match record.kind {
        LedgerEntryKind::SigningKey => (is_key(&record), false),
        LedgerEntryKind::License | LedgerEntryKind::EnterpriseKey => (is_license(), true),
        LedgerEntryKind::CheckIn => (
            is_license() && is_token(&record, TokenKind::Validation),
            true,
        ),
        LedgerEntryKind::Activation => (
            is_license() && is_token(&record, TokenKind::Activation),
            true,
        ),
        LedgerEntryKind::ClockRepair => {
            let is_machine = MachineDigest::parse(&record.subject).is_some();
            (
                is_machine && is_token(&record, TokenKind::ClockRepair),
                true,
            )
        }
        LedgerEntryKind::Usage => (records::usage_matches_line(&record), true),
        LedgerEntryKind::TrustStatement => (is_statement(&record), true),
        LedgerEntryKind::RevocationList => (is_list(&record), false),
        LedgerEntryKind::Revocation | LedgerEntryKind::Reinstatement => (is_license(), false),
        LedgerEntryKind::Release => (is_license() && is_release(&record), false),
    };
    (is_valid && has_artifact != record.artifact.is_empty()).then_some(record)
}

/// Parses a line of an export, for the fuzz target.
#[cfg(fuzzing)]
pub fn read_line(line: &str) -> Option<NewLedgerEntry> {
    parse_entry(line)
}

/// Returns whether an entry contains the public key that its subject names.
fn is_key(record: &NewLedgerEntry) -> bool {
    let jwk = record.body.get("jwk").map(Value::to_string);
    let keys = jwk.and_then(|jwk| TrustSet::parse(&jwk).ok());
    keys.is_some_and(|keys| keys.get(&record.subject).is_some())
}

fn is_token(record: &NewLedgerEntry, kind: TokenKind) -> bool {
    Unverified::parse(&record.artifact).is_ok_and(|token| token.unverified_kind() == kind)
}

/// Returns whether an entry has the id of the ended activation, the time and the reason.
fn is_release(record: &NewLedgerEntry) -> bool {
    let member = |name: &str| record.body.get(name).and_then(Value::as_str);
    let is_id = |name: &str| member(name).is_some_and(|id| LicenseId::parse(id).is_some());
    let at = member("at").is_some_and(|at| time::parse_instant(at).is_ok());
    let reason = member("reason").is_some_and(|reason| !reason.is_empty());
    is_id("activation_id") && at && reason
}

/// Returns whether an entry has the number and the key of a revocation list.
fn is_list(record: &NewLedgerEntry) -> bool {
    let member = |name: &str| record.body.get(name);
    let seq = member("seq").and_then(Value::as_u64);
    let kid = member("kid").and_then(Value::as_str);
    seq.is_some() && kid == Some(&record.subject)
}

/// Returns whether the token of an entry is a trust statement by the key that the subject names.
///
/// Does not verify the signature.
fn is_statement(record: &NewLedgerEntry) -> bool {
    let Ok(token) = Unverified::parse(&record.artifact) else {
        return false;
    };
    let Ok(claims) = token.unverified_claims() else {
        return false;
    };
    let member = |name: &str| record.body.get(name).and_then(Value::as_str);
    let key = Some(token.unverified_key_id());
    let signer = match claims.get("statement") {
        None => key,
        Some(_) if member("successor") != key => None,
        Some(_) => member("retires"),
    };
    token.unverified_kind() == TokenKind::TrustStatement && signer == Some(&record.subject)
}

fn malformed(file: &Source) -> Failure {
    let message = format!("{file}: expected a ledger entry in each line, found other text");
    Failure::malformed(message).hint("use a file that `keygen ledger export` wrote")
}

fn members_mismatch(file: &Source, line: u64) -> Failure {
    let message = format!("{file}: line {line} does not match its signed artifact");
    Failure::malformed(message).hint(
        "restore the original line; if the entry is for another product, give the product file of that product with --product-file",
    )
}
