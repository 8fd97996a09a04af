//! API tokens of the version that knew the scopes `read` and `admin`.

use crate::domain::{Role, SecretDigest, TenantId};
use crate::store::ServerStore;

/// Inserts two tokens and the audit entry of one of them. The digests are those of two secrets, as
/// SQL of both databases.
pub(in crate::store) fn insert_old_tokens(blob: impl Fn(&str) -> String) -> String {
    let digest = |secret: &str| {
        let digest = SecretDigest::new(secret);
        blob(&license_core::encoding::hex::encode(digest.as_bytes()))
    };
    format!(
        "INSERT INTO api_tokens (tenant, id, name, scope, digest, created_at, revoked_at) VALUES
           ('site', 'tok_1', 'monitor', 'read', {read}, 5, 7),
           ('site', 'tok_2', 'ann', 'admin', {admin}, 6, NULL);
         INSERT INTO audit (tenant, seq, at, actor, action, subject, details, hash) VALUES
           ('site', 1, '1970-01-01T00:00:00Z', 'token:tok_2', 'token.create', 'tok_1', '{{}}', {hash});",
        read = digest("read"),
        admin = digest("admin"),
        hash = digest("hash"),
    )
}

/// Checks the tokens after the migration.
pub(in crate::store) async fn old_tokens_keep_their_meaning(store: &dyn ServerStore) {
    let tokens = store.tokens(&TenantId::site()).await.unwrap();
    let found: Vec<_> = tokens
        .iter()
        .map(|token| {
            (
                token.id.as_str(),
                token.scopes.to_string(),
                token.created_by.as_str(),
            )
        })
        .collect();
    let expected = [
        ("tok_1", "auditor".to_owned(), "token:tok_2"),
        ("tok_2", "owner".to_owned(), "console"),
    ];
    assert_eq!(found, expected);
    assert_eq!(tokens[0].scopes, Role::Auditor.into());
    assert!(tokens[0].revoked_at.is_some() && tokens[1].revoked_at.is_none());
    let found = store.find_token(SecretDigest::new("admin")).await.unwrap();
    let (tenant, token) = found.unwrap();
    assert_eq!((tenant, token.name.as_str()), (TenantId::site(), "ann"));
}
