//! The content that the vendor signed and the server keeps in memory: keys and revocation lists.

use license_core::license::{RevocationList, Rotation};
use license_core::{TrustSet, Unverified, with_causes};

use crate::domain::{RevocationRecord, StatementRecord};

/// The trusted keys and the newest revocation lists.
#[derive(Clone, Debug)]
pub(super) struct Content {
    /// The number of the content in the store.
    pub(super) version: u64,
    /// The keys that the operator gave the server.
    pub(super) roots: TrustSet,
    /// The trusted keys, after all trust statements.
    pub(super) rotation: Rotation,
    /// The newest revocation list of each product and issuer.
    pub(super) lists: Vec<RevocationList>,
}

impl Content {
    /// Verifies stored statements and lists again.
    ///
    /// A statement or list that no longer verifies is ignored with a message in the log. For
    /// example, the vendor has retired the key that signed the list.
    pub(super) fn new(
        version: u64,
        roots: TrustSet,
        statements: &[StatementRecord],
        lists: &[RevocationRecord],
    ) -> Self {
        let mut rotation = Rotation::new(roots.clone());
        for statement in statements {
            if let Err(error) = rotation.apply_file(&statement.armor) {
                tracing::warn!(
                    number = statement.number,
                    error = %with_causes(&error),
                    "a stored trust statement is ignored"
                );
            }
        }
        let lists = lists
            .iter()
            .filter_map(|list| verified(list, rotation.keys()));
        let lists = lists.collect();
        Self {
            version,
            roots,
            rotation,
            lists,
        }
    }

    /// Returns whether the revocation lists are others than those of another content.
    pub(super) fn lists_differ(&self, other: &Self) -> bool {
        let names = |content: &Self| -> Vec<_> {
            let lists = content.lists.iter();
            lists.map(RevocationList::digest).collect()
        };
        names(self) != names(other)
    }

    /// Returns the trusted keys.
    pub(super) fn keys(&self) -> &TrustSet {
        self.rotation.keys()
    }
}

/// Returns the statements of the server, and those that only a tenant has.
pub(super) fn joined(
    mut statements: Vec<StatementRecord>,
    of_tenant: Vec<StatementRecord>,
) -> Vec<StatementRecord> {
    for statement in of_tenant {
        if !statements
            .iter()
            .any(|known| known.armor == statement.armor)
        {
            statements.push(statement);
        }
    }
    statements
}

/// Returns the newest list of each product and issuer, of the server and of a tenant.
pub(super) fn newest(
    mut lists: Vec<RevocationRecord>,
    of_tenant: Vec<RevocationRecord>,
) -> Vec<RevocationRecord> {
    for list in of_tenant {
        let is_same = |known: &&mut RevocationRecord| {
            (&known.product, &known.issuer) == (&list.product, &list.issuer)
        };
        match lists.iter_mut().find(is_same) {
            Some(known) if known.seq < list.seq => *known = list,
            Some(_) => {}
            None => lists.push(list),
        }
    }
    lists
}

fn verified(record: &RevocationRecord, keys: &TrustSet) -> Option<RevocationList> {
    let file = license_core::LicenseFile::parse(&record.armor).ok()?;
    let token: &Unverified<'_> = &file.blocks().first()?.token;
    match token.verify_revocations(keys) {
        Ok(list) => Some(list),
        Err(error) => {
            tracing::warn!(
                product = record.product,
                seq = record.seq,
                error = %with_causes(&error),
                "a stored revocation list is ignored"
            );
            None
        }
    }
}
