//! Activations.
//!
//! A site server cannot sign activations, because only a key of the vendor may do so. It stores the
//! requests until the administrator exports them and imports the answers of the vendor. A vendor's
//! server answers at once.

use std::sync::Arc;

use license_core::license::Activation;
use license_core::machine::Machine;
use license_core::requests::{ActivationRequest, MachineRequest, MachineRequestError};
use license_core::{Code, LicenseId, VerifiedLicenses, with_causes};
use serde_json::json;

use super::licenses::refused;
use super::site::Site;
use super::vendor;
use crate::domain::{
    ActivationRecord, ActivationState, Actor, Page, PageRequest, Refusal, RefusalKind, ServerCode,
};

/// The largest number of requests of a license that wait for the answer of the vendor.
const MAX_WAITING: u32 = 1000;

/// The answer to an activation request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActivationReply {
    /// The request is stored, and waits for the answer of the vendor.
    Stored {
        /// The nonce, which identifies the request.
        nonce: String,
    },
    /// The vendor has answered the request.
    Answered {
        /// The activation in armor.
        armor: String,
    },
}

/// Stores activation requests and passes the answers on.
#[derive(Clone)]
pub struct ActivationService {
    site: Arc<Site>,
}

impl ActivationService {
    pub(super) fn new(site: Arc<Site>) -> Self {
        Self { site }
    }

    /// Answers an activation request, or stores it until the vendor answers. A repeated request is
    /// stored once.
    ///
    /// # Errors
    ///
    /// Returns `UNKNOWN_LICENSE` if the license is not installed, `REPLAYED` if another request has
    /// the same nonce, and `DEACTIVATED` if the machine has deactivated the license since.
    pub async fn request(&self, text: &str) -> Result<ActivationReply, Refusal> {
        let MachineRequest::Activation(request) = parse(text)? else {
            return Err(wrong_kind("an activation request"));
        };
        if self.site.is_vendor {
            return vendor::request(&self.site, request).await;
        }
        self.check_license(&request.license).await?;
        let armor = MachineRequest::Activation(request.clone()).to_armor();
        let stored = store(&self.site, request).await?;
        if stored.request != armor {
            let detail = "another request has the same nonce";
            return Err(
                Refusal::of_license(RefusalKind::Conflict, Code::Replayed, detail)
                    .hint("make a new request with `license request`"),
            );
        }
        match (stored.state, stored.answer) {
            (ActivationState::Deactivated, _) => {
                let detail = "the license was deactivated on this machine";
                Err(
                    Refusal::of_license(RefusalKind::Conflict, Code::Deactivated, detail)
                        .hint("make a new request with `license request`"),
                )
            }
            (_, Some(armor)) => Ok(ActivationReply::Answered { armor }),
            (_, None) => Ok(ActivationReply::Stored {
                nonce: stored.nonce,
            }),
        }
    }

    async fn check_license(&self, id: &LicenseId) -> Result<(), Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        if store.license(tenant, id).await?.is_some() {
            return Ok(());
        }
        let detail = "the license of the request is not installed on this server";
        Err(
            Refusal::new(RefusalKind::NotFound, ServerCode::UnknownLicense, detail)
                .values("a license that is installed on this server", id.as_str())
                .hint("send the request to the vendor"),
        )
    }

    /// Stores a deactivation receipt. The vendor needs the receipt to free the device.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the server does not have the activation, and `REQUEST_MISMATCH` if
    /// the receipt does not belong to it.
    pub async fn deactivate(&self, text: &str) -> Result<ActivationRecord, Refusal> {
        let MachineRequest::Deactivation(receipt) = parse(text)? else {
            return Err(wrong_kind("a deactivation receipt"));
        };
        if self.site.is_vendor {
            return vendor::deactivate(&self.site, receipt).await;
        }
        let nonce = receipt.nonce.to_string();
        let stored = self
            .get(&nonce)
            .await
            .map_err(|refusal| match refusal.kind {
                RefusalKind::NotFound => {
                    let detail = "no borrowed seat and no activation has this receipt";
                    Refusal::new(RefusalKind::NotFound, ServerCode::NotFound, detail).hint(
                    "a seat whose loan has ended, or that was returned before, is free and needs \
                     no receipt; otherwise send the receipt to the server or vendor that has the \
                     activation or lent the seat",
                )
                }
                _ => refusal,
            })?;
        let is_same = match parse(&stored.request)? {
            MachineRequest::Activation(request) => {
                request.license == receipt.license
                    && request.commitment == receipt.secret.commitment()
            }
            _ => false,
        };
        if !is_same {
            let detail = "the receipt does not belong to the activation with its nonce";
            return Err(Refusal::of_license(
                RefusalKind::Conflict,
                Code::RequestMismatch,
                detail,
            ));
        }
        let armor = MachineRequest::Deactivation(receipt).to_armor();
        let store = &self.site.store;
        let record = store.deactivate(&self.site.tenant, &nonce, armor).await?;
        record.ok_or_else(|| not_found(&nonce))
    }

    /// Returns activation requests in one state or in any, in the order of arrival.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn list(
        &self,
        state: Option<ActivationState>,
        page: &PageRequest,
    ) -> Result<Page<ActivationRecord>, Refusal> {
        let store = &self.site.store;
        Ok(store.activations(&self.site.tenant, state, page).await?)
    }

    /// Returns an activation request by its nonce.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the server does not have the request.
    pub async fn get(&self, nonce: &str) -> Result<ActivationRecord, Refusal> {
        let found = self.site.store.activation(&self.site.tenant, nonce).await?;
        found.ok_or_else(|| not_found(nonce))
    }

    /// Imports the activations of a file of the vendor.
    ///
    /// # Errors
    ///
    /// Returns `REQUEST_MISMATCH` if the server does not have the request of an activation. Returns
    /// other refusals if the file does not verify or has no activation.
    pub async fn import_answers(
        &self,
        actor: &Actor,
        text: &str,
    ) -> Result<Vec<ActivationRecord>, Refusal> {
        vendor::refuse_import(&self.site, "the server answers each request at once")?;
        let content = self.site.content();
        let matrix = &self.site.matrix;
        let verified = VerifiedLicenses::verify_with_licenses(text, content.keys(), matrix, &[])
            .map_err(|error| refused(&error))?;
        if verified.activations().is_empty() {
            let detail = "expected a block `LICENSE ACTIVATION`, found none";
            return Err(Refusal::of_license(
                RefusalKind::BadRequest,
                Code::Malformed,
                detail,
            ));
        }
        for activation in verified.activations() {
            self.check_answer(activation).await?;
        }
        let mut records = Vec::new();
        for activation in verified.activations() {
            records.push(self.import_answer(actor, activation).await?);
        }
        Ok(records)
    }

    /// Refuses an activation that does not answer a request of this server.
    async fn check_answer(&self, activation: &Activation) -> Result<(), Refusal> {
        let nonce = activation.nonce().to_string();
        let store = &self.site.store;
        let stored = store.activation(&self.site.tenant, &nonce).await?;
        let is_answer = match stored.map(|stored| parse(&stored.request)) {
            Some(Ok(MachineRequest::Activation(request))) => {
                request.license == *activation.license_id()
                    && request.commitment == activation.commitment()
            }
            _ => false,
        };
        if is_answer {
            return Ok(());
        }
        let detail = format!("no request on this server has the nonce {nonce} of the activation");
        Err(
            Refusal::of_license(RefusalKind::Conflict, Code::RequestMismatch, detail)
                .hint("install the activation on the machine that made the request"),
        )
    }

    async fn import_answer(
        &self,
        actor: &Actor,
        activation: &Activation,
    ) -> Result<ActivationRecord, Refusal> {
        let nonce = activation.nonce().to_string();
        let details = json!({
            "license": activation.license_id().as_str(),
            "machine": activation.machine().to_string(),
        });
        let audit = self.site.audit(actor, "activation.import", &nonce, details);
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let armor = activation.to_armor();
        let record = store
            .answer_activation(tenant, &nonce, armor, audit)
            .await?;
        record.ok_or_else(|| not_found(&nonce))
    }
}

/// Stores an activation request, unless a request with its nonce is stored. Returns the stored
/// record.
pub(super) async fn store(
    site: &Site,
    request: ActivationRequest,
) -> Result<ActivationRecord, Refusal> {
    let armor = MachineRequest::Activation(request.clone()).to_armor();
    let machine = Machine::Fingerprint(request.machine);
    let digest = machine.digest().map(|digest| digest.to_string());
    let record = ActivationRecord {
        nonce: request.nonce.to_string(),
        license: request.license,
        machine: digest.unwrap_or_else(|| machine.to_string()),
        request: armor,
        requested_at: site.wall(),
        answer: None,
        answered_at: None,
        receipt: None,
        state: ActivationState::Waiting,
    };
    Ok(site
        .store
        .store_activation(&site.tenant, record, MAX_WAITING)
        .await?)
}

fn parse(text: &str) -> Result<MachineRequest, Refusal> {
    MachineRequest::parse(text).map_err(|error: MachineRequestError| {
        let detail = with_causes(&error).to_string();
        Refusal::of_license(RefusalKind::BadRequest, error.code(), detail)
            .hint("send the whole file that `license request` or `license deactivate` wrote")
    })
}

fn wrong_kind(expected: &str) -> Refusal {
    let detail = format!("expected {expected}, found another request");
    Refusal::of_license(RefusalKind::BadRequest, Code::Malformed, detail)
}

fn not_found(nonce: &str) -> Refusal {
    let shown: String = nonce
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(64)
        .collect();
    let detail = format!("no activation request has the nonce `{shown}`");
    Refusal::new(RefusalKind::NotFound, ServerCode::NotFound, detail)
}
