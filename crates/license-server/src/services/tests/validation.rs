//! Validation and check-ins.

use license_core::license::ValidationSigner;
use license_core::{Code, Tier, Unverified};

use super::installation::list;
use super::{TestServer, at, matrix, token, trust};
use crate::domain::{Actor, PageRequest};
use crate::services::ValidateRequest;

const MACHINE: &str = "mach_00112233445566778899aabbccddeeff";

pub(crate) fn request(credential: &str) -> ValidateRequest {
    ValidateRequest {
        credential: credential.to_owned(),
        machine: MACHINE.to_owned(),
        user: None,
        missing_login: None,
        version: Some("1.4.2".to_owned()),
        build_date: None,
        nonce: None,
    }
}

#[tokio::test]
async fn a_valid_license_gets_a_token_that_its_holder_can_verify() {
    let (server, token) = TestServer::with_license().await;
    let reply = server
        .services
        .validate
        .validate(request(&token))
        .await
        .unwrap();
    assert_eq!((reply.valid, reply.code), (true, Code::Valid.as_str()));
    assert_eq!((reply.tier.as_str(), reply.quotas["users"]), ("ENT", 5));
    assert_eq!(reply.expires_at, Some(at("2028-01-01")));
    let license = Unverified::parse(&token).unwrap().verify(&trust()).unwrap();
    let validation = reply.validation.as_deref().unwrap();
    let validation = Unverified::parse(validation).unwrap();
    let validation = validation.verify_validation(&trust(), &license).unwrap();
    assert_eq!(validation.signer(), ValidationSigner::Server);
    assert_eq!(validation.machine().unwrap().to_string(), MACHINE);

    server.services.tick().await.unwrap();
    let machines = server
        .services
        .licenses
        .all_machines(None, &PageRequest::first())
        .await
        .unwrap();
    assert_eq!(machines.items[0].machine, MACHINE);
    assert_eq!(machines.items[0].version.as_deref(), Some("1.4.2"));

    let file = server
        .services
        .check_ins
        .check_in(request(&token))
        .await
        .unwrap();
    assert!(file.armor.starts_with("-----BEGIN LICENSE VALIDATION-----"));
}

#[tokio::test]
async fn a_token_is_signed_once_a_minute_for_a_machine_and_always_for_a_nonce() {
    let (server, token) = TestServer::with_license().await;
    let validate = |request| async {
        let reply = server.services.validate.validate(request).await.unwrap();
        reply.validation.clone().unwrap()
    };
    let first = validate(request(&token)).await;
    assert_eq!(validate(request(&token)).await, first);
    let other_machine = ValidateRequest {
        machine: "mach_ffeeddccbbaa99887766554433221100".to_owned(),
        ..request(&token)
    };
    assert_ne!(validate(other_machine).await, first);
    let with_nonce = || ValidateRequest {
        nonce: Some("n1".to_owned()),
        ..request(&token)
    };
    let one = validate(with_nonce()).await;
    assert_ne!(validate(with_nonce()).await, one);
    server.pass(59).await;
    assert_eq!(validate(request(&token)).await, first);
    server.pass(1).await;
    assert_ne!(validate(request(&token)).await, first);
}

#[tokio::test]
async fn the_uses_of_many_machines_are_stored_by_one_tick() {
    const MACHINES: usize = 300;
    let (server, token) = TestServer::with_license().await;
    let services = &server.services;
    for number in 0..MACHINES {
        let request = ValidateRequest {
            machine: format!("machine-{number}"),
            ..request(&token)
        };
        services.validate.validate(request).await.unwrap();
    }
    services.tick().await.unwrap();
    let mut names = std::collections::BTreeSet::new();
    let mut page = PageRequest::new(None, Some(PageRequest::MAX_LIMIT));
    loop {
        let found = services.licenses.all_machines(None, &page).await.unwrap();
        names.extend(found.items.into_iter().map(|found| found.machine));
        let Some(next) = found.next else { break };
        page = PageRequest::new(Some(next), Some(PageRequest::MAX_LIMIT));
    }
    assert_eq!(names.len(), MACHINES);
}

#[tokio::test]
async fn a_license_for_builds_up_to_a_date_is_decided_by_the_stated_date() {
    let server = TestServer::start().await;
    let license = token(1, |draft| draft.maintenance_until = Some(at("2027-01-05")));
    server.install(&license).await;
    let code = |version: Option<&str>, build_date: Option<&str>| {
        let request = ValidateRequest {
            version: version.map(str::to_owned),
            build_date: build_date.map(|date| date.parse().unwrap()),
            ..request(&license)
        };
        let server = &server;
        async move {
            server
                .services
                .validate
                .validate(request)
                .await
                .unwrap()
                .code
        }
    };
    assert_eq!(
        code(Some("1.4.2"), Some("2027-01-05")).await,
        Code::Valid.as_str()
    );
    let later = code(Some("1.4.2"), Some("2027-01-06")).await;
    assert_eq!(later, Code::VersionNotCovered.as_str());
    assert_eq!(
        code(None, Some("2027-01-06")).await,
        Code::VersionNotCovered.as_str()
    );
    // The version alone does not say when the program was built.
    assert_eq!(
        code(Some("1.4.2"), None).await,
        Code::VersionNotCovered.as_str()
    );
    assert_eq!(code(None, None).await, Code::Valid.as_str());
}

#[tokio::test]
async fn a_license_that_is_not_valid_gets_the_reason_and_no_check_in() {
    let (server, good) = TestServer::with_license().await;
    let validate = |token: &str| {
        let request = request(token);
        let server = &server;
        async move { server.services.validate.validate(request).await.unwrap() }
    };
    let future = token(2, |draft| draft.not_before = Some(at("2027-02-01")));
    let ended = token(3, |draft| draft.expires_at = Some(at("2027-01-02")));
    let in_grace = token(7, |draft| draft.expires_at = Some(at("2027-01-10")));
    let locked = token(4, |draft| {
        draft.machines = vec!["mach_ffeeddccbbaa99887766554433221100".parse().unwrap()];
    });
    let named = token(5, |draft| draft.users = vec!["ann".to_owned()]);
    let old = token(6, |draft| {
        draft.max_version = Some("<1.0.0".parse().unwrap())
    });
    for (token, code) in [
        (&future, Code::NotYetValid),
        (&ended, Code::Expired),
        (&in_grace, Code::GraceRenewal),
        (&locked, Code::MachineMismatch),
        (&named, Code::UserMismatch),
        (&old, Code::VersionNotCovered),
    ] {
        server.install(token).await;
        let reply = validate(token).await;
        let is_grace = code == Code::GraceRenewal;
        assert_eq!(
            (reply.code, reply.valid),
            (code.as_str(), is_grace),
            "{code}"
        );
        assert_eq!(reply.validation.is_some(), is_grace, "{code}");
        if !is_grace {
            assert_eq!(reply.tier, "FREE");
            assert!(!reply.expected.is_empty() && !reply.actual.is_empty());
            let refusal = server
                .services
                .check_ins
                .check_in(request(token))
                .await
                .unwrap_err();
            assert_eq!(refusal.code, code.as_str());
        }
    }
    let ann = ValidateRequest {
        user: Some("ann".to_owned()),
        ..request(&named)
    };
    assert!(server.services.validate.validate(ann).await.unwrap().valid);

    assert!(validate(&good).await.valid);
    let armor = Unverified::parse(&list(1, &[1])).unwrap().to_armor();
    server
        .services
        .revocations
        .import(&Actor::Console, &armor)
        .await
        .unwrap();
    let revoked = validate(&good).await;
    assert_eq!(
        (revoked.valid, revoked.code),
        (false, Code::Revoked.as_str())
    );
    let license = Unverified::parse(&good).unwrap().verify(&trust()).unwrap();
    let validation = Unverified::parse(revoked.validation.as_deref().unwrap()).unwrap();
    let validation = validation.verify_validation(&trust(), &license).unwrap();
    assert!(validation.status().is_denial());
}

#[tokio::test]
async fn the_server_is_the_check_in_of_its_licenses() {
    let server = TestServer::start().await;
    let token = token(1, |draft| {
        let team = matrix().tier(Tier::parse("TEAM").unwrap()).unwrap();
        draft.check_in = team.check_in();
    });
    server.install(&token).await;
    server.clock.advance_to(at("2027-06-01"));
    let reply = server
        .services
        .validate
        .validate(request(&token))
        .await
        .unwrap();
    assert_eq!(reply.code, Code::Valid.as_str());
}

#[tokio::test]
async fn the_holder_of_an_old_license_learns_of_its_renewal() {
    let (server, old) = TestServer::with_license().await;
    let renewal = token(2, |draft| draft.supersedes = vec![super::id(1)]);
    let later = token(3, |draft| {
        draft.supersedes = vec![super::id(1), super::id(2)];
        draft.issued_at = Some(at("2027-01-02"));
        draft.not_before = Some(at("2028-01-01"));
    });
    server.install(&renewal).await;
    let reply = server
        .services
        .validate
        .validate(request(&old))
        .await
        .unwrap();
    assert!(reply.valid, "the old license is valid until its end");
    assert_eq!(reply.renewal.as_deref(), Some(renewal.as_str()));
    // A license that starts later is not offered yet.
    server.install(&later).await;
    let reply = server
        .services
        .validate
        .validate(request(&old))
        .await
        .unwrap();
    assert_eq!(reply.renewal, None);
}

#[tokio::test]
async fn values_that_are_not_accepted_are_refused_with_the_expected_form() {
    let (server, token) = TestServer::with_license().await;
    let long = "x".repeat(2000);
    let change: [fn(&mut ValidateRequest, &str); 6] = [
        |request, _| request.machine = String::new(),
        |request, long| request.machine = long.to_owned(),
        |request, _| request.machine = "a\nb".to_owned(),
        |request, _| request.version = Some("one".to_owned()),
        |request, _| request.nonce = Some(String::new()),
        |request, long| request.nonce = Some(long.to_owned()),
    ];
    for change in change {
        let mut request = request(&token);
        change(&mut request, &long);
        let refusal = server
            .services
            .validate
            .validate(request)
            .await
            .unwrap_err();
        assert_eq!(refusal.code, "BAD_REQUEST", "{refusal}");
        assert!(refusal.expected.is_some() && refusal.actual.is_some_and(|text| text.len() < 100));
    }
    assert!(!format!("{:?}", request(&token)).contains(&token));
}
