//! Activations.

use license_core::ids::Nonce;
use license_core::issue::ActivationDraft;
use license_core::machine::Fingerprint;
use license_core::requests::{
    ActivationRequest, ActivationSecret, DeactivationReceipt, MachineRequest,
};
use license_core::{Code, ProductCode, Unverified};

use super::{TestServer, at, id, token, vendor};
use crate::domain::{ActivationState, Actor, PageRequest};
use crate::services::{ActivationReply, ValidateRequest};

const FINGERPRINT: &str = "fp1:id=0123456789abcdef01234567";

fn secret() -> ActivationSecret {
    ActivationSecret::from_random([7; 32])
}

pub(crate) fn request(license: u8, nonce: u8) -> ActivationRequest {
    ActivationRequest {
        product: ProductCode::parse("CODITECT").unwrap(),
        license: id(license),
        machine: Fingerprint::parse(FINGERPRINT).unwrap(),
        nonce: Nonce::from_random([nonce; 16]),
        commitment: secret().commitment(),
        made_at: at("2027-01-15T08:00:00Z"),
    }
}

pub(crate) fn answer(request: &ActivationRequest) -> String {
    let draft = ActivationDraft {
        issuer: "vendor".to_owned(),
        id: id(99),
        issued_at: at("2027-01-15T08:30:00Z"),
        request,
    };
    Unverified::parse(&draft.sign(&vendor()).unwrap())
        .unwrap()
        .to_armor()
}

#[tokio::test]
async fn a_request_waits_for_the_answer_of_the_vendor() {
    let server = TestServer::start().await;
    let license = token(1, |draft| draft.must_activate = true);
    server.install(&license).await;
    let activations = &server.services.activations;
    let asked = request(1, 1);
    let text = MachineRequest::Activation(asked.clone()).to_armor();
    for _ in 0..2 {
        let reply = activations.request(&text).await.unwrap();
        assert!(matches!(reply, ActivationReply::Stored { .. }), "{reply:?}");
    }
    let waiting = Some(ActivationState::Waiting);
    let listed = activations
        .list(waiting, &PageRequest::first())
        .await
        .unwrap();
    assert_eq!(listed.items.len(), 1);
    assert_eq!(listed.items[0].request, text);

    let validate = || ValidateRequest {
        credential: license.clone(),
        machine: FINGERPRINT.to_owned(),
        user: None,
        missing_login: None,
        version: None,
        build_date: None,
        nonce: Some("n".to_owned()),
    };
    let before = server.services.validate.validate(validate()).await.unwrap();
    assert_eq!(before.code, Code::NotActivated.as_str());

    let import =
        |text: String| async move { activations.import_answers(&Actor::Console, &text).await };
    let unknown = import(answer(&request(1, 2))).await.unwrap_err();
    assert_eq!(unknown.code, "REQUEST_MISMATCH");
    let other = ActivationRequest {
        commitment: ActivationSecret::from_random([8; 32]).commitment(),
        ..asked.clone()
    };
    assert_eq!(
        import(answer(&other)).await.unwrap_err().code,
        "REQUEST_MISMATCH"
    );
    assert!(import(text.clone()).await.is_err());
    let answered = import(answer(&asked)).await.unwrap();
    assert_eq!(answered[0].state, ActivationState::Answered);
    let reply = activations.request(&text).await.unwrap();
    let armor = answer(&asked);
    assert!(
        matches!(reply, ActivationReply::Answered { .. }),
        "{reply:?}"
    );
    assert_eq!(reply, ActivationReply::Answered { armor });
    let after = server.services.validate.validate(validate()).await.unwrap();
    assert_eq!(after.code, Code::Valid.as_str());
}

#[tokio::test]
async fn another_request_with_the_same_nonce_and_an_unknown_license_are_refused() {
    let (server, _) = TestServer::with_license().await;
    let activations = &server.services.activations;
    let send = |request| {
        let text = MachineRequest::Activation(request).to_armor();
        async move {
            activations
                .request(&text)
                .await
                .map_err(|refusal| refusal.code)
        }
    };
    send(request(1, 1)).await.unwrap();
    let replayed = ActivationRequest {
        machine: Fingerprint::parse("fp1:id=ffffffffffffffffffffffff").unwrap(),
        ..request(1, 1)
    };
    assert_eq!(send(replayed).await, Err("REPLAYED"));
    assert_eq!(send(request(2, 2)).await, Err("UNKNOWN_LICENSE"));
    for text in ["", "x", "-----BEGIN LICENSE ACTIVATION REQUEST-----"] {
        assert!(activations.request(text).await.is_err());
    }
}

#[tokio::test]
async fn a_receipt_deactivates_only_its_own_activation() {
    let (server, _) = TestServer::with_license().await;
    let activations = &server.services.activations;
    let text = MachineRequest::Activation(request(1, 1)).to_armor();
    activations.request(&text).await.unwrap();
    let receipt = |nonce: u8, secret: ActivationSecret| {
        MachineRequest::Deactivation(DeactivationReceipt {
            product: ProductCode::parse("CODITECT").unwrap(),
            license: id(1),
            machine: Fingerprint::parse(FINGERPRINT).unwrap().digest().unwrap(),
            nonce: Nonce::from_random([nonce; 16]),
            secret,
            made_at: at("2027-01-15T08:45:00Z"),
        })
        .to_armor()
    };
    let wrong = receipt(1, ActivationSecret::from_random([8; 32]));
    assert_eq!(
        activations.deactivate(&wrong).await.unwrap_err().code,
        "REQUEST_MISMATCH"
    );
    assert_eq!(
        activations
            .deactivate(&receipt(2, secret()))
            .await
            .unwrap_err()
            .code,
        "NOT_FOUND"
    );
    let done = activations.deactivate(&receipt(1, secret())).await.unwrap();
    assert_eq!(done.state, ActivationState::Deactivated);
    assert_eq!(
        activations.request(&text).await.unwrap_err().code,
        "DEACTIVATED"
    );
}
