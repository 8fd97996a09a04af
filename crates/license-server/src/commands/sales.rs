//! The settings of trials and invoices, and the file with the legal entities.

use std::collections::BTreeSet;
use std::path::Path;

use license_cli_support::{Failure, Source, show_path};
use license_core::encoding::decode_text;
use license_core::jose::MAX_FILE_BYTES;
use serde::Deserialize;

use crate::config::{InvoiceConfig, TrialConfig};
use crate::domain::{LegalEntity, ReminderDays};
use crate::services::{InvoiceSettings, TrialSettings};

/// The content of the file with the legal entities.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntityFile {
    entity: Vec<LegalEntity>,
}

/// Returns the settings of trials.
pub(super) fn trials(config: &TrialConfig) -> TrialSettings {
    TrialSettings {
        is_open: config.is_open,
        reminders: ReminderDays::new(config.reminders.clone()),
    }
}

/// Reads the settings of invoices.
///
/// # Errors
///
/// Returns `IO` if the file with the legal entities cannot be read, and `MALFORMED` if it has
/// another content.
pub(super) fn invoices(config: &InvoiceConfig) -> Result<InvoiceSettings, Failure> {
    let entities = config.entities.as_deref().map(read_entities).transpose()?;
    Ok(InvoiceSettings {
        entities: entities.unwrap_or_default(),
        reminders: ReminderDays::new(config.reminders.clone()),
    })
}

fn read_entities(path: &Path) -> Result<Vec<LegalEntity>, Failure> {
    let text = Source::File(path.to_owned()).read_text(MAX_FILE_BYTES, decode_text)?;
    parse_entities(&text).map_err(|reason| {
        Failure::malformed(format!("{}: {reason}", show_path(path)))
            .hint("docs/invoices.md has an example of the file")
    })
}

/// Parses the content of the file. Returns the reason why it is not accepted.
fn parse_entities(text: &str) -> Result<Vec<LegalEntity>, String> {
    let file: EntityFile = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    let mut codes = BTreeSet::new();
    for entity in &file.entity {
        let code = &entity.code;
        entity.check().map_err(|fault| {
            let (member, expected) = (fault.member, fault.expected);
            format!("entity {code:?}: `{member}`: expected {expected}, found another value")
        })?;
        if !codes.insert(code) {
            return Err(format!("expected different codes, found {code} twice"));
        }
    }
    Ok(file.entity)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTITY: &str = "[[entity]]\ncode = \"DE\"\nname = \"Coditect GmbH\"\n\
        address = [\"Hauptstraße 1\", \"10115 Berlin\"]\n";

    #[test]
    fn a_file_has_legal_entities_with_different_codes() {
        let entities = parse_entities(ENTITY).unwrap();
        assert_eq!((entities.len(), entities[0].code.as_str()), (1, "DE"));
        let twice = format!("{ENTITY}{ENTITY}");
        let lower = ENTITY.replace("DE", "de");
        let unknown = format!("{ENTITY}iban = \"DE02\"\n");
        for (text, reason) in [
            (twice.as_str(), "twice"),
            (&lower, "`code`"),
            (&unknown, "unknown field"),
            ("", "entity"),
            ("[[entity]]\ncode = \"DE\"", "name"),
        ] {
            let found = parse_entities(text).unwrap_err();
            assert!(found.contains(reason), "{found}");
        }
    }
}
