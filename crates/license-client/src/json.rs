//! JSON objects about this machine, its sessions, its usage type and its installed blocks, as
//! `docs/codes.md` documents them.

use std::borrow::Cow;

use license_core::ProductCode;
use license_core::machine::{ComponentKind, Fingerprint};
use license_core::policy::UsageType;
use license_core::session::FollowedLink;
use serde::{Serialize, Serializer};

use crate::machine::{FoundComponent, MachineFacts, MissingComponent};
use crate::manager::InstalledBlock;
use crate::session::Session;
use crate::usage::DetectedUsage;

#[derive(Serialize)]
struct FactsMembers<'a> {
    product: ProductCode,
    digest: Option<String>,
    fingerprint: Option<String>,
    components: Vec<ComponentMembers<'a>>,
    missing: Vec<&'a MissingComponent>,
    stability: &'a str,
    explanation: String,
    container: Option<&'a str>,
}

#[derive(Serialize)]
struct ComponentMembers<'a> {
    name: ComponentKind,
    hash: String,
    source: &'a str,
}

/// Writes the hashes of the components, but never their values.
impl Serialize for MachineFacts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fingerprint = self.fingerprint();
        let components = fingerprint.as_ref().map(|hashes| components(self, hashes));
        let members = FactsMembers {
            product: self.product(),
            digest: self.digest().map(|digest| digest.to_string()),
            fingerprint: fingerprint.as_ref().map(Fingerprint::to_string),
            components: components.unwrap_or_default(),
            missing: self.missing().collect(),
            stability: self.stability().as_str(),
            explanation: self.explain(),
            container: self.container(),
        };
        members.serialize(serializer)
    }
}

fn components<'a>(facts: &'a MachineFacts, fingerprint: &Fingerprint) -> Vec<ComponentMembers<'a>> {
    let with_hash = |found: &'a FoundComponent| {
        let mut hashes = fingerprint.components();
        let (name, hash) = hashes.find(|(kind, _)| *kind == found.kind())?;
        let source = found.source();
        Some(ComponentMembers { name, hash, source })
    };
    facts.found().filter_map(with_hash).collect()
}

#[derive(Serialize)]
struct MissingMembers<'a> {
    name: ComponentKind,
    reason: String,
    source: Option<&'a str>,
}

/// Writes `{name, reason, source}`.
impl Serialize for MissingComponent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = MissingMembers {
            name: self.kind(),
            reason: self.reason().to_string(),
            source: self.source(),
        };
        members.serialize(serializer)
    }
}

#[derive(Serialize)]
struct SessionMembers<'a> {
    session_id: String,
    root: Cow<'a, str>,
    found_by: String,
    links: &'a [FollowedLink],
}

/// Writes the session id and the project. Characters of a path that are not Unicode are replaced.
impl Serialize for Session {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let root = self.root();
        let members = SessionMembers {
            session_id: self.id().to_string(),
            root: root.path().to_string_lossy(),
            found_by: root.reason_name(),
            links: root.links(),
        };
        members.serialize(serializer)
    }
}

#[derive(Serialize)]
struct UsageMembers<'a> {
    usage_type: UsageType,
    reason: String,
    reason_code: &'a str,
}

/// Writes the usage type, and the reason as text and as code.
impl Serialize for DetectedUsage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = UsageMembers {
            usage_type: self.usage_type,
            reason: self.reason.to_string(),
            reason_code: self.reason.as_str(),
        };
        members.serialize(serializer)
    }
}

#[derive(Serialize)]
struct BlockMembers<'a> {
    kind: &'a str,
    id: &'a str,
    taken: bool,
}

/// Writes the label of the armor block, the id and whether the token is new.
impl Serialize for InstalledBlock {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = BlockMembers {
            kind: self.kind.label(),
            id: &self.id,
            taken: self.is_new,
        };
        members.serialize(serializer)
    }
}
