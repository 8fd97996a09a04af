//! Trust statements, as `verify`, `install` and `doctor` tell of them.

use license_client::InstalledStatement;
use license_core::{Artefacts, Rotation, Taken, TokenKind, TrustStatement, TrustedKey};
use license_terminal::{Failure, Terminal, show_path};
use serde_json::{Value, json};

use crate::failure;
use crate::report::Notice;
use crate::subject::{Given, Site};

/// What became of the trust statements in a file.
#[derive(Default)]
pub(crate) struct Told {
    /// Those that are news.
    pub(crate) new: Vec<TrustStatement>,
    /// How many say what is known.
    pub(crate) known: usize,
}

impl Told {
    pub(crate) fn to_json(&self) -> Value {
        self.new.iter().map(to_json).collect()
    }

    /// A line each.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<_> = self.new.iter().map(line).collect();
        lines.extend(match self.known {
            0 => None,
            1 => Some("1 trust statement says what is known here".to_owned()),
            count => Some(format!("{count} trust statements say what is known here")),
        });
        lines
    }
}

/// How many trust statements there are in a text.
fn count(given: &Given) -> usize {
    let artefacts = Artefacts::parse(&given.text);
    artefacts.map_or(0, |file| file.of_kind(TokenKind::TrustStatement).count())
}

/// Lets the trust statements of a file count before all else in it; none does where the program has keys of its own.
pub(crate) fn apply(site: &Site, given: &Given, rotation: &mut Rotation) -> Result<Told, Failure> {
    if site.host.trust().is_some() || count(given) == 0 {
        return Ok(Told::default());
    }
    let before = rotation.statements().len();
    let refused = |error| failure::not_judged(&given.name, &error);
    let taken = rotation.apply_file(&given.text).map_err(refused)?;
    let new = rotation.statements().iter().skip(before).cloned();
    let is_known = |taken: &&Taken| **taken == Taken::Already;
    Ok(Told {
        new: new.collect(),
        known: taken.iter().filter(is_known).count(),
    })
}

/// That a program with keys of its own passes the trust statements of a file over.
pub(crate) fn ignored_by(site: &Site, given: &Given) -> Option<Notice> {
    let _ = site.host.trust()?;
    let what = match count(given) {
        0 => return None,
        1 => "1 trust statement was ignored".to_owned(),
        count => format!("{count} trust statements were ignored"),
    };
    let message = format!("{what}: this program has the vendor's keys embedded");
    Some(Notice::of_trust(message))
}

pub(crate) fn to_json(statement: &TrustStatement) -> Value {
    let key = |key: &TrustedKey| json!({ "kid": key.id().as_str(), "alg": key.algorithm().as_str(), "bits": key.bits() });
    json!({
        "kid": statement.signer().as_str(),
        "introduces": statement.introduces().map(key).collect::<Vec<_>>(),
        "retires": statement.retires().map(|key| key.as_str()),
        "successor": statement.countersigner().map(|key| key.as_str()),
        "issuer": statement.issuer(),
        "issued_at": statement.issued_at().to_string(),
    })
}

/// A statement in one line.
pub(crate) fn line(statement: &TrustStatement) -> String {
    let (signer, at) = (statement.signer(), statement.issued_at());
    if let Some(successor) = statement.countersigner() {
        return format!(
            "key {signer} is retired, and key {successor} takes its place; signed {at}"
        );
    }
    let keys = statement
        .introduces()
        .map(|key| format!("{} ({}, {} bits)", key.id(), key.algorithm(), key.bits()));
    let keys = keys.collect::<Vec<_>>().join(", ");
    format!("key {signer} introduces {keys}; signed {at}")
}

/// Says where installing keeps those that are news.
pub(crate) fn note_installed(installed: &[InstalledStatement], terminal: &Terminal) {
    let mut news = installed.iter().filter(|one| one.statement.is_some());
    if let Some(first) = news.next() {
        let path = show_path(&first.path);
        terminal.note(&format!("what it says of keys is kept in {path}"));
    }
}
