//! Installation of licenses and lists.

use license_core::claims::RevocationEntry;
use license_core::issue::{RevocationListDraft, Signer};
use license_core::{ProductCode, Unverified};

use super::{TestServer, at, id, key, token, vendor};
use crate::clock::SystemServerClock;
use crate::domain::{Actor, PageRequest, RefusalKind, TenantId};
use crate::store::sqlite::SqliteStore;
use crate::store::{AdministrationStore, LicenseStore};

/// Returns a revocation list.
pub(crate) fn list(seq: u64, revoked: &[u8]) -> String {
    let entry = |number: &u8| RevocationEntry {
        license: id(*number),
        at: at("2027-01-10"),
        reason: "refund".to_owned(),
    };
    let draft = RevocationListDraft {
        issuer: "vendor".to_owned(),
        product: ProductCode::parse("CODITECT").unwrap(),
        issued_at: at("2027-01-14"),
        seq,
        next_update: at("2027-02-14"),
        revoked: revoked.iter().map(entry).collect(),
    };
    draft.sign(&vendor()).unwrap()
}

fn armor(token: &str) -> String {
    Unverified::parse(token).unwrap().to_armor()
}

#[tokio::test]
async fn a_license_for_another_server_is_refused_and_nothing_is_installed() {
    let server = TestServer::start().await;
    let (licenses, actor) = (&server.services.licenses, &Actor::Console);
    let good = armor(&token(1, |_| {}));
    let other_key = token(2, |draft| {
        draft.confirmation = Some(key(2).public().to_jwk().try_into().unwrap());
    });
    let without_key = token(2, |draft| draft.confirmation = None);
    for other in [other_key, without_key] {
        let text = format!("{good}{}", armor(&other));
        let refusal = licenses.install(actor, &text).await.unwrap_err();
        assert_eq!(
            (refusal.code, refusal.kind),
            ("NOT_CERTIFIED", RefusalKind::Conflict)
        );
        assert!(
            refusal
                .expected
                .unwrap()
                .contains(key(1).public().id().as_str())
        );
        assert!(licenses.is_empty().await.unwrap());
    }
    let bad = licenses
        .install(actor, &good.replace("BEGIN LICENSE", "BEGIN LICENCE"))
        .await;
    assert_eq!(bad.unwrap_err().code, "MALFORMED");
}

#[tokio::test]
async fn a_license_is_installed_once_and_found_by_each_of_its_names() {
    let server = TestServer::start().await;
    let licenses = &server.services.licenses;
    let token = token(1, |draft| {
        draft.company = Some("ACME".parse().unwrap());
    });
    let refusal = licenses.resolve(&token).await.unwrap_err();
    assert_eq!(
        (refusal.code, refusal.kind),
        ("NOT_READY", RefusalKind::Unavailable)
    );
    for expected in [1, 0] {
        let report = licenses
            .install(&Actor::Console, &armor(&token))
            .await
            .unwrap();
        assert_eq!((report.licenses.len(), report.new_licenses), (1, expected));
    }
    let installed = licenses.get(&id(1)).await.unwrap();
    let key = installed.record.key.unwrap();
    let short = installed.record.short_key.unwrap();
    for name in [
        token.clone(),
        armor(&token),
        key.to_lowercase(),
        short,
        format!(" {key}\n"),
    ] {
        let found = licenses.resolve(&name).await.unwrap();
        assert_eq!(found.record.id, id(1), "{name}");
        // The second time, the license comes from the cache.
        assert_eq!(licenses.resolve(&name).await.unwrap().record.id, id(1));
    }
    let audit = server
        .services
        .audit
        .list(&PageRequest::first())
        .await
        .unwrap();
    assert_eq!(audit.items.len(), 1);
    assert_eq!(audit.items[0].action, "license.install");
    assert!(!audit.items[0].details.contains(&token));
}

#[tokio::test]
async fn another_token_of_an_installed_license_must_verify() {
    let (server, installed) = TestServer::with_license().await;
    let licenses = &server.services.licenses;
    let mut parts: Vec<_> = installed.split('.').map(str::to_owned).collect();
    parts[2] = token(2, |_| {}).split('.').nth(2).unwrap().to_owned();
    let forged = licenses.resolve(&parts.join(".")).await.unwrap_err();
    assert_eq!(
        (forged.code, forged.kind),
        ("BAD_SIGNATURE", RefusalKind::Unauthorized)
    );
    let other = licenses.resolve(&token(2, |_| {})).await.unwrap_err();
    assert_eq!(
        (other.code, other.kind),
        ("UNKNOWN_LICENSE", RefusalKind::Unauthorized)
    );
    let malformed = licenses
        .resolve("CODITECT-PRO-A7F3E9D2C4B1-8F2B")
        .await
        .unwrap_err();
    assert_eq!(malformed.code, "CHECKSUM_MISMATCH");
    for text in ["", "x", "..", &"a".repeat(100_000)] {
        assert!(licenses.resolve(text).await.is_err());
    }
}

#[tokio::test]
async fn a_key_without_a_file_is_refused_with_the_reason() {
    let server = TestServer::start().await;
    let licenses = &server.services.licenses;
    let terms = license_core::key::EnterpriseTerms {
        product: ProductCode::parse("CODITECT").unwrap(),
        company: "ACME".parse().unwrap(),
        seats: 100.try_into().unwrap(),
        expiry: license_core::key::KeyExpiry::Perpetual,
    };
    let enterprise = license_core::issue::sign_enterprise_key(terms, &vendor()).unwrap();
    let standard = "CODITECT-PRO-A7F3E9D2C4B1-8F2A".to_owned();
    for (key, code) in [
        (enterprise.to_string(), "NOT_CERTIFIED"),
        (standard, "NEEDS_LICENSE_FILE"),
    ] {
        let refusal = licenses.install(&Actor::Console, &key).await.unwrap_err();
        assert_eq!(refusal.code, code, "{refusal}");
    }
}

#[tokio::test]
async fn a_file_from_a_mail_is_stored_as_the_vendor_signed_it() {
    let server = TestServer::start().await;
    let token = token(1, |_| {});
    let pasted = armor(&token)
        .replace('\n', "\r\n")
        .replace("-----", "\u{2014}");
    server.install(&format!("\u{feff}{pasted}")).await;
    let stored = server.services.licenses.get(&id(1)).await.unwrap();
    assert_eq!(stored.record.token, token);
}

#[tokio::test]
async fn a_removed_license_is_unknown_at_once() {
    let (server, token) = TestServer::with_license().await;
    let licenses = &server.services.licenses;
    licenses.resolve(&token).await.unwrap();
    server.install(&super::token(2, |_| {})).await;
    licenses.remove(&Actor::Console, &id(1)).await.unwrap();
    assert_eq!(
        licenses.resolve(&token).await.unwrap_err().code,
        "UNKNOWN_LICENSE"
    );
    let again = licenses.remove(&Actor::Console, &id(1)).await.unwrap_err();
    assert_eq!(again.kind, RefusalKind::NotFound);
}

#[tokio::test]
async fn only_a_newer_revocation_list_is_imported() {
    let (server, _) = TestServer::with_license().await;
    let revocations = &server.services.revocations;
    let missing = revocations.newest(None).await.unwrap_err();
    assert_eq!(missing.kind, RefusalKind::NotFound);
    let import = |seq| {
        let text = armor(&list(seq, &[]));
        async move { revocations.import(&Actor::Console, &text).await }
    };
    import(5).await.unwrap();
    for seq in [5, 4] {
        let refusal = import(seq).await.unwrap_err();
        assert_eq!(
            (refusal.code, refusal.kind),
            ("STALE_LIST", RefusalKind::Conflict)
        );
        assert_eq!(refusal.expected.as_deref(), Some("a list after number 5"));
    }
    import(6).await.unwrap();
    assert_eq!(revocations.newest(Some("CODITECT")).await.unwrap().seq, 6);
    assert!(revocations.newest(Some("OTHER")).await.is_err());
}

#[tokio::test]
async fn a_running_server_notices_the_changes_of_a_command() {
    let (server, token) = TestServer::with_license().await;
    server.services.tick().await.unwrap();
    let beside = SqliteStore::open_beside(
        server.directory.path(),
        std::sync::Arc::new(SystemServerClock),
    );
    let beside = beside.unwrap();
    let entry = server
        .services
        .audit
        .list(&PageRequest::first())
        .await
        .unwrap();
    let audit = crate::domain::NewAuditEntry {
        actor: Actor::Console,
        action: "license.remove",
        subject: "x".to_owned(),
        before: None,
        details: serde_json::json!({}),
        at: at("2027-01-15"),
    };
    assert!(
        beside
            .remove_license(&TenantId::site(), &id(1), audit)
            .await
            .unwrap()
    );
    let report = server.services.tick().await.unwrap();
    assert!(report.has_new_content);
    assert!(server.services.licenses.resolve(&token).await.is_err());
    let report = server.services.audit.verify().await.unwrap();
    assert_eq!(report.fault, None);
    assert_eq!(
        report.entries,
        u64::try_from(entry.items.len()).unwrap() + 1
    );
    assert!(!server.services.tick().await.unwrap().has_new_content);
    assert!(server.store.verify_audit(&TenantId::site()).await.is_ok());
}
