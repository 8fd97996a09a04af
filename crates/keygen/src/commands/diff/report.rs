//! Report of a difference: losses first, then gains, then other changes.

use license_cli_support::{Failure, Meaning, Terminal, escape, wrap};
use license_core::diff::{Change, Difference, Effect, Succession};
use license_core::time::rfc3339;
use serde_json::{Value, json};

use super::super::license_report;
use super::ComparedLicense;

/// Report of a difference between two licenses.
pub(super) struct DiffReport<'a> {
    pub(super) before: &'a ComparedLicense,
    pub(super) after: &'a ComparedLicense,
    pub(super) difference: &'a Difference,
    pub(super) verified: bool,
}

impl DiffReport<'_> {
    pub(super) fn print(&self, terminal: &Terminal) -> Result<(), Failure> {
        if terminal.is_json() {
            terminal.json(&self.to_json())
        } else {
            terminal.page(&self.text(terminal.columns()))
        }
    }

    fn text(&self, columns: Option<usize>) -> String {
        let mut lines = vec![
            format!(
                "before     {}",
                license_report::summary(self.before.claims())
            ),
            format!(
                "now        {}",
                license_report::summary(self.after.claims())
            ),
        ];
        let succession = match self.difference.succession() {
            Succession::Same => Some("both are the same license"),
            Succession::Replaces => Some("the second license supersedes the first"),
            Succession::Unrelated => Some("the licenses are for different customers or products"),
            // Every other relation is reported as a warning.
            _ => None,
        };
        lines.extend(succession.map(|text| format!("relation   {text}")));
        if self.difference.is_empty() {
            lines.push("\nNo difference for the customer".to_owned());
        }
        let groups = [
            ("Lost", Effect::Loss),
            ("Gained", Effect::Gain),
            ("Other changes", Effect::Other),
        ];
        for (title, effect) in groups {
            let changes: Vec<_> = self.difference.with_effect(effect).collect();
            if !changes.is_empty() {
                lines.push(format!("\n{}", Meaning::Heading.paint(title)));
                let line = |change: &&Change| {
                    let line = format!("  {}", escape(&change.to_string()));
                    wrap(&line, columns, 4)
                };
                lines.extend(changes.iter().map(line));
            }
        }
        lines.join("\n")
    }

    fn to_json(&self) -> Value {
        let mut object = json!({
            "before": side(self.before),
            "now": side(self.after),
            "verified": self.verified,
        });
        if let (Some(members), Value::Object(difference)) =
            (object.as_object_mut(), json!(self.difference))
        {
            members.extend(difference);
        }
        object
    }
}

fn side(license: &ComparedLicense) -> Value {
    let claims = license.claims();
    json!({
        "license_id": claims.id.as_str(),
        "product": claims.product.as_str(),
        "tier": claims.tier().as_str(),
        "customer": claims.customer,
        "issued_at": claims.issued_at.map(|at| rfc3339(at).to_string()),
        "not_before": claims.valid_from().map(|at| rfc3339(at).to_string()),
        "expires_at": claims.expires_at.map(|at| rfc3339(at).to_string()),
        "kid": license.key_id(),
    })
}
