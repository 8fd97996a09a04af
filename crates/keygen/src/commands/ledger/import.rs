//! `keygen ledger import`: what was minted elsewhere, or before there was a ledger.

use std::collections::{BTreeMap, BTreeSet};

use license_cli_support::{Failure, Source};
use license_core::{
    Artefacts, Bundle, BundleError, License, LicenseId, LicenseKey, MachineDigest, Matrix,
    RevocationList, Timestamp, TokenKind, TrustSet, Unverified, input_cap,
};
use license_issuer::ledger::sqlite::LedgerLocation;
use license_issuer::ledger::{EntryKind, LedgerReader, NewEntry};
use license_issuer::records;
use license_issuer::services::issue::Mode;
use license_issuer::services::record::{self, MissingLedger, RecordPlan};
use serde_json::{Value, json};

use super::super::context::AppContext;
use crate::inputs::{add_keys, matrix, now};
use crate::{failures, output};

/// An export holds a line an entry, of which the largest has a token.
const MAX_EXPORT_BYTES: usize = 1 << 30;

pub(super) fn run(
    files: &[Source],
    trust: &[Source],
    product_file: Option<&Source>,
    AppContext { place, terminal }: AppContext<'_>,
) -> Result<(), Failure> {
    if *place == LedgerLocation::None {
        return Err(
            Failure::usage("--no-ledger leaves nothing to enter it in").hint("leave it away")
        );
    }
    let matrix = matrix(product_file)?;
    let mut keys = TrustSet::default();
    add_keys(&mut keys, trust)?;
    let mut reader = Reader {
        trust: &keys,
        matrix: &matrix,
        licenses: BTreeMap::new(),
        records: Vec::new(),
    };
    // Everything is read and verified before the first is entered.
    for file in files {
        reader.read(file)?;
    }
    let (entered, known) = record_new(reader.records, place)?;
    if terminal.is_json() {
        return terminal.json(&json!({ "entered": entered, "known": known }));
    }
    terminal.data(&format!(
        "entered {entered}; the ledger knew {known} already"
    ))
}

/// Records the entries that the ledger does not contain, and returns how many are new and how many
/// were known.
fn record_new(entries: Vec<NewEntry>, place: &LedgerLocation) -> Result<(usize, usize), Failure> {
    let Some(mut file) = output::ledger_file(place)? else {
        return Ok((0, 0));
    };
    let recorded = record::record(
        &mut file,
        MissingLedger::Create,
        Mode::Commit,
        now(),
        |ledger| {
            let (count, mut seen, mut new) = (entries.len(), BTreeSet::new(), Vec::new());
            for entry in entries {
                // An entry without an artifact is identified by its facts.
                let content = match entry.artifact.is_empty() {
                    true => entry.body.to_string(),
                    false => entry.artifact.clone(),
                };
                let key = (entry.kind, entry.subject.clone(), content);
                if seen.insert(key) && !is_recorded(ledger, &entry)? {
                    new.push(entry);
                }
            }
            Ok(RecordPlan {
                content: (new.len(), count.saturating_sub(new.len())),
                entries: new,
            })
        },
    );
    recorded.map_err(|error| failures::not_issued(error, place))
}

fn is_recorded(ledger: Option<&dyn LedgerReader>, entry: &NewEntry) -> Result<bool, Failure> {
    let Some(ledger) = ledger else {
        return Ok(false);
    };
    let recorded = ledger
        .recorded(entry)
        .map_err(failures::ledger_not_read(ledger))?;
    Ok(!recorded.is_empty())
}

/// What was read and verified so far.
struct Reader<'a> {
    trust: &'a TrustSet,
    matrix: &'a Matrix,
    /// To which check-ins belong, by id.
    licenses: BTreeMap<String, License>,
    records: Vec<NewEntry>,
}

impl Reader<'_> {
    fn read(&mut self, file: &Source) -> Result<(), Failure> {
        let text = file.read_text(MAX_EXPORT_BYTES)?;
        let cap = input_cap(text.as_bytes());
        if text.trim_start().starts_with('{') {
            return self.export(file, &text);
        }
        if text.len() > cap {
            let message = format!("{file}: expected at most {cap} bytes, found {}", text.len());
            return Err(
                Failure::malformed(message).hint("import license files one by one, or an export")
            );
        }
        let at_hand: Vec<_> = self.licenses.values().cloned().collect();
        let records = self.artefacts(file, &text, &at_hand)?;
        self.records.extend(records);
        Ok(())
    }

    /// Returns the entries of the tokens in a license file, or of a full enterprise key.
    fn artefacts(
        &mut self,
        file: &Source,
        text: &str,
        at_hand: &[License],
    ) -> Result<Vec<NewEntry>, Failure> {
        let refused = |error| failures::not_judged(file, &error);
        let bundle =
            Bundle::verify_beside(text, self.trust, self.matrix, at_hand).map_err(refused)?;
        let ids = bundle.licenses().iter();
        self.licenses
            .extend(ids.map(|license| (license.id().as_str().to_owned(), license.clone())));
        if let (Ok(LicenseKey::Enterprise(key)), [license]) =
            (LicenseKey::parse(text), bundle.licenses())
        {
            let tier = license.tier().to_string();
            let kid = license.key_id().as_str();
            return Ok(vec![records::enterprise_key(&key, kid, Some(&tier))]);
        }
        let artefacts = Artefacts::parse(text).map_err(BundleError::Parse);
        let artefacts = artefacts.map_err(refused)?;
        let tokens = |kind| artefacts.of_kind(kind).map(|block| block.token.as_str());
        let licenses = bundle.licenses().iter().zip(tokens(TokenKind::License));
        let entries =
            licenses.map(|(license, token)| records::license(license, token, self.matrix));
        let mut entries = entries
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| failures::not_verified("license", &error))?;
        for (said, token) in bundle
            .validations()
            .iter()
            .zip(tokens(TokenKind::Validation))
        {
            let mut licenses = bundle.licenses().iter().chain(at_hand);
            if let Some(license) = licenses.find(|license| said.is_for(license)) {
                entries.push(records::check_in(license, said, token));
            }
        }
        let activations = bundle.activations().iter();
        let activations = activations.zip(tokens(TokenKind::Activation));
        entries.extend(activations.map(|(said, token)| records::activation(said, token)));
        let repairs = bundle.clock_repairs().iter();
        let repairs = repairs.zip(tokens(TokenKind::ClockRepair));
        entries.extend(repairs.filter_map(|(said, token)| records::clock_repair(said, token)));
        entries.extend(bundle.revocations().iter().flat_map(of_list));
        Ok(entries)
    }

    /// What was exported is verified as if it were sent: artefacts by their signatures, and that the facts are theirs. What is signed by
    /// nobody, such as a revocation, is believed; so is a check-in for a license that is not there.
    fn export(&mut self, file: &Source, text: &str) -> Result<(), Failure> {
        let lines = (1..).zip(text.lines());
        let lines = lines.filter(|(_, line)| !line.trim().is_empty());
        let mut records = lines
            .map(|(number, line)| Some((number, stated(line)?)))
            .collect::<Option<Vec<(u64, NewEntry)>>>()
            .ok_or_else(|| malformed(file))?;
        // Licenses first, wherever they stand: check-ins belong to them.
        let after = [
            EntryKind::CheckIn,
            EntryKind::Activation,
            EntryKind::ClockRepair,
        ];
        for kinds in [&[EntryKind::License, EntryKind::EnterpriseKey][..], &after] {
            for (number, record) in &mut records {
                if kinds.contains(&record.kind) {
                    self.verify(file, *number, record)?;
                }
            }
        }
        self.records
            .extend(records.into_iter().map(|(_, record)| record));
        Ok(())
    }

    /// What is entered is what was signed, and what was said of how it came to be.
    fn verify(&mut self, file: &Source, line: u64, stated: &mut NewEntry) -> Result<(), Failure> {
        let license = self.licenses.get(&stated.subject).cloned();
        let is_check_in = stated.kind == EntryKind::CheckIn;
        if is_check_in && license.is_none() {
            return Ok(());
        }
        let at_hand: Vec<_> = license.filter(|_| is_check_in).into_iter().collect();
        let found = self.artefacts(file, &stated.artifact, &at_hand)?;
        match found.as_slice() {
            [found] if is_said(stated, found) => {
                stated.body = with_unsigned(found, stated);
                Ok(())
            }
            _ => Err(tampered(file, line)),
        }
    }
}

/// A list, and each license that it names: a ledger that was lost knows from it what customers know.
fn of_list(list: &RevocationList) -> Vec<NewEntry> {
    let licenses = list.licenses().into_iter();
    let revoked = licenses.map(|(id, one)| records::revocation(id.as_str(), &one.reason, one.at));
    revoked.chain([records::revocation_list(list)]).collect()
}

/// Returns the entry in a line of an export, checked as far as that is possible without its signature.
fn stated(line: &str) -> Option<NewEntry> {
    let entry: Value = serde_json::from_str(line).ok()?;
    let member = |name: &str| entry.get(name).and_then(Value::as_str);
    let record = NewEntry {
        kind: EntryKind::parse(member("kind")?)?,
        subject: member("subject")?.to_owned(),
        body: entry.get("body").filter(|body| body.is_object())?.clone(),
        artifact: member("artefact")?.to_owned(),
    };
    let is_license = || LicenseId::parse(&record.subject).is_some();
    let (is_right, has_artifact) = match record.kind {
        EntryKind::SigningKey => (is_key(&record), false),
        EntryKind::License | EntryKind::EnterpriseKey => (is_license(), true),
        EntryKind::CheckIn => (
            is_license() && is_token(&record, TokenKind::Validation),
            true,
        ),
        EntryKind::Activation => (
            is_license() && is_token(&record, TokenKind::Activation),
            true,
        ),
        EntryKind::ClockRepair => {
            let is_machine = MachineDigest::parse(&record.subject).is_some();
            (
                is_machine && is_token(&record, TokenKind::ClockRepair),
                true,
            )
        }
        EntryKind::Usage => (records::is_usage_of_its_line(&record), true),
        EntryKind::TrustStatement => (is_statement(&record), true),
        EntryKind::RevocationList => (is_list(&record), false),
        EntryKind::Revocation => (is_license(), false),
        EntryKind::Release => (is_license() && is_release(&record), false),
    };
    (is_right && has_artifact != record.artifact.is_empty()).then_some(record)
}

/// Returns whether an entry contains the public key that its subject names.
fn is_key(record: &NewEntry) -> bool {
    let jwk = record.body.get("jwk").map(Value::to_string);
    let keys = jwk.and_then(|jwk| TrustSet::parse(&jwk).ok());
    keys.is_some_and(|keys| keys.get(&record.subject).is_some())
}

fn is_token(record: &NewEntry, kind: TokenKind) -> bool {
    Unverified::parse(&record.artifact).is_ok_and(|token| token.unverified_kind() == kind)
}

/// Whether it says which activation ended, when and why.
fn is_release(record: &NewEntry) -> bool {
    let fact = |name: &str| record.body.get(name).and_then(Value::as_str);
    let is_id = |name: &str| fact(name).is_some_and(|id| LicenseId::parse(id).is_some());
    let at = fact("at").is_some_and(|at| Timestamp::parse(at).is_ok());
    let reason = fact("reason").is_some_and(|reason| !reason.is_empty());
    is_id("activation_id") && at && reason
}

/// Whether it says which list of which key it was.
fn is_list(record: &NewEntry) -> bool {
    let fact = |name: &str| record.body.get(name);
    let seq = fact("seq").and_then(Value::as_u64);
    let kid = fact("kid").and_then(Value::as_str);
    seq.is_some() && kid == Some(&record.subject)
}

/// Whether it has the token that says what it says of its key; whether that key signed it, only who trusts it can tell.
fn is_statement(record: &NewEntry) -> bool {
    let Ok(token) = Unverified::parse(&record.artifact) else {
        return false;
    };
    let Ok(claims) = token.unverified_claims() else {
        return false;
    };
    let fact = |name: &str| record.body.get(name).and_then(Value::as_str);
    let key = Some(token.unverified_key_id());
    let signer = match claims.get("statement") {
        None => key,
        Some(_) if fact("successor") != key => None,
        Some(_) => fact("retires"),
    };
    token.unverified_kind() == TokenKind::TrustStatement && signer == Some(&record.subject)
}

/// Returns whether the facts of an exported entry are those of its artifact.
fn is_said(stated: &NewEntry, found: &NewEntry) -> bool {
    let (Some(facts), Some(signed)) = (stated.body.as_object(), found.body.as_object()) else {
        return false;
    };
    let unsigned = unsigned(stated.kind);
    let mut stated_facts = facts
        .iter()
        .filter(|(name, _)| !unsigned.contains(&name.as_str()));
    let mut signed_names = signed.keys();
    stated.kind == found.kind
        && stated.subject == found.subject
        && stated_facts.all(|(name, fact)| signed.get(name) == Some(fact))
        && signed_names.all(|name| facts.contains_key(name) || may_be_missing(stated.kind, name))
}

/// Returns whether earlier versions did not record a fact of an artifact.
fn may_be_missing(kind: EntryKind, name: &str) -> bool {
    let is_claim = kind == EntryKind::License && !records::LICENSE_MEMBERS.always.contains(&name);
    is_claim || unsigned(kind).contains(&name) || ["trial_of", "activation"].contains(&name)
}

/// What is said of how it came to be.
fn unsigned(kind: EntryKind) -> &'static [&'static str] {
    match kind {
        EntryKind::Activation | EntryKind::ClockRepair => &records::UNSIGNED_ANSWER_FACTS,
        _ => &records::UNSIGNED_LICENSE_FACTS,
    }
}

fn with_unsigned(found: &NewEntry, stated: &NewEntry) -> Value {
    let mut body = found.body.clone();
    if let Some(body) = body.as_object_mut() {
        for &name in unsigned(stated.kind) {
            let fact = stated.body.get(name).cloned();
            body.extend(fact.map(|fact| (name.to_owned(), fact)));
        }
    }
    body
}

fn malformed(file: &Source) -> Failure {
    let message = format!("{file}: expected an entry in each line, found something else");
    Failure::malformed(message).hint("give what `keygen ledger export` wrote")
}

fn tampered(file: &Source, line: u64) -> Failure {
    let message = format!("{file}: what line {line} says is not what was signed");
    Failure::malformed(message)
        .hint("it was changed, or is of another product, whose file --product-file names")
}
