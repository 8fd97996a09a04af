//! How a difference is told: what is lost first, then what is gained, then the rest.

use license_cli_support::{Failure, Terminal, escape};
use license_core::{Change, Difference, Effect, Succession};
use serde_json::{Value, json};

use super::super::terms;
use super::Subject;

/// A difference to tell.
pub(super) struct Report<'a> {
    pub(super) before: &'a Subject,
    pub(super) after: &'a Subject,
    pub(super) difference: &'a Difference,
    pub(super) verified: bool,
}

impl Report<'_> {
    pub(super) fn tell(&self, terminal: &Terminal) -> Result<(), Failure> {
        match terminal.is_json() {
            true => terminal.json(&self.to_json()),
            false => terminal.data(&self.text()),
        }
    }

    fn text(&self) -> String {
        let mut lines = vec![
            format!("before     {}", terms::summary(self.before.claims())),
            format!("now        {}", terms::summary(self.after.claims())),
        ];
        let succession = match self.difference.succession() {
            Succession::Same => Some("it is the same license"),
            Succession::Replaces => Some("the new license supersedes the old one"),
            Succession::Unrelated => Some("they are for different customers or products"),
            // A warning has told of the others.
            _ => None,
        };
        lines.extend(succession.map(|words| format!("standing   {words}")));
        if self.difference.is_empty() {
            lines.push("\nNo difference for the customer".to_owned());
        }
        let groups = [
            ("Lost", Effect::Loss),
            ("Gained", Effect::Gain),
            ("Otherwise different", Effect::Other),
        ];
        for (title, effect) in groups {
            let changes: Vec<_> = self.difference.with_effect(effect).collect();
            if !changes.is_empty() {
                lines.push(format!("\n{title}"));
                let line = |change: &&Change| format!("  {}", escape(&change.to_string()));
                lines.extend(changes.iter().map(line));
            }
        }
        lines.join("\n")
    }

    fn to_json(&self) -> Value {
        let changes = |effect| self.difference.with_effect(effect).collect::<Vec<_>>();
        json!({
            "before": side(self.before),
            "now": side(self.after),
            "verified": self.verified,
            "succession": self.difference.succession().as_str(),
            "worse": self.difference.is_worse(),
            "losses": changes(Effect::Loss),
            "gains": changes(Effect::Gain),
            "others": changes(Effect::Other),
        })
    }
}

fn side(subject: &Subject) -> Value {
    let facts = subject.claims();
    json!({
        "license_id": facts.id.as_str(),
        "product": facts.product.as_str(),
        "tier": facts.tier().as_str(),
        "customer": facts.customer,
        "issued_at": facts.issued_at.map(|at| at.to_string()),
        "not_before": facts.valid_from().map(|at| at.to_string()),
        "expires_at": facts.expires_at.map(|at| at.to_string()),
        "kid": subject.key_id(),
    })
}
