//! The kinds of events.

/// The kinds of events, in their order. Those with `seat.` are changes of seats, and the other ones
/// are actions of the audit trail.
pub const EVENT_KINDS: &[&str] = &[
    "account.create",
    "account.delete",
    "account.email",
    "account.email_request",
    "account.password",
    "account.password_reset",
    "account.recovery_codes",
    "account.rename",
    "account.reset_link",
    "account.totp_begin",
    "account.totp_off",
    "account.totp_on",
    "activation.answer",
    "activation.import",
    "anomaly.dismiss",
    "anomaly.open",
    "backup.restore",
    "billing.checkout",
    "billing.plan",
    "billing.plan_delete",
    "billing.portal",
    "database.move",
    "database.restore",
    "group.create",
    "group.delete",
    "group.member_put",
    "group.member_remove",
    "group.rename",
    "group.share",
    "identity.link",
    "identity_provider.change",
    "identity_provider.create",
    "identity_provider.delete",
    "invitation.create",
    "invitation.withdraw",
    "invoice.activate",
    "invoice.change",
    "invoice.create",
    "invoice.credit",
    "invoice.delete",
    "invoice.issue",
    "invoice.license",
    "invoice.overdue",
    "invoice.pay",
    "invoice.remind",
    "invoice.send",
    "invoice.void",
    "lease.end",
    "ledger.import",
    "license.install",
    "license.issue",
    "license.reassign",
    "license.reinstate",
    "license.remove",
    "license.renew",
    "license.revoke",
    "license.upgrade",
    "member.change",
    "member.departments",
    "member.join",
    "member.provision",
    "member.remove",
    "member.role",
    "organization.create",
    "organization.delete",
    "organization.rename",
    "pool.policy",
    "revocations.import",
    "seat.borrowed",
    "seat.denied",
    "seat.ended",
    "seat.granted",
    "seat.late",
    "seat.offer_withdrawn",
    "seat.offered",
    "seat.queued",
    "seat.soft_end",
    "seat.terms_changed",
    "seat.ticket_ended",
    "session.create",
    "session.end",
    "session.enter",
    "session.logout_by_provider",
    "setup.complete",
    "subscription.change",
    "telemetry.delete",
    "token.create",
    "token.revoke",
    "trial.convert",
    "trial.end",
    "trial.extend",
    "trial.remind",
    "trial.start",
    "trial.stop_reminders",
    "trust.import",
    "trust.install",
    "usage.adjust",
    "usage.anchor",
    "usage.decide",
    "usage.delete",
    "usage.threshold",
    "usage.uncertain",
    "user.assign",
    "user.unassign",
    "webhook.change",
    "webhook.create",
    "webhook.delete",
    "webhook.disable",
    "webhook.replay",
    "webhook.rotate_secret",
    "webhook.test",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;

    /// The ends of texts with a dot that are names of files and of file systems.
    const FILES: [&str; 7] = ["db", "key", "lock", "lua", "pem", "sshfs", "ping"];

    /// The beginnings of texts with a dot that are members of requests.
    const MEMBERS: [&str; 1] = ["buyer"];

    fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && !["tests", "conformance"].contains(&name) {
                sources(&path, found);
            } else if name.ends_with(".rs") && !["tests.rs", "event_kind.rs"].contains(&name) {
                found.push(path);
            }
        }
    }

    /// Returns the texts of a source, outside of its tests, that have the form of a kind.
    fn kinds_in(source: &str) -> impl Iterator<Item = &str> {
        let is_name = |name: &str| {
            !name.is_empty() && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'_'))
        };
        let code = source.split("#[cfg(test)]\n").next().unwrap_or_default();
        let texts = code.split('"').skip(1).step_by(2);
        texts.filter(move |text| {
            let parts = text.split_once('.');
            parts.is_some_and(|(first, last)| {
                let is_other = FILES.contains(&last) || MEMBERS.contains(&first);
                is_name(first) && is_name(last) && !is_other
            })
        })
    }

    #[test]
    fn each_action_of_the_audit_trail_is_a_kind() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut paths = Vec::new();
        for name in ["commands", "domain", "services", "store"] {
            sources(&source.join(name), &mut paths);
        }
        let texts: Vec<_> = paths.iter().map(std::fs::read_to_string).collect();
        let texts: Vec<_> = texts.into_iter().map(Result::unwrap).collect();
        let found: BTreeSet<_> = texts.iter().flat_map(|text| kinds_in(text)).collect();
        let known: BTreeSet<_> = EVENT_KINDS.iter().copied().collect();
        let known = known.into_iter().filter(|kind| !kind.starts_with("seat."));
        assert_eq!(
            found,
            known.collect(),
            "change EVENT_KINDS and docs/server.md"
        );
        assert!(EVENT_KINDS.is_sorted());
    }
}
