//! Second factors: one-time codes and recovery codes.

use serde_json::json;
use zeroize::Zeroizing;

use super::accounts::Reauthentication;
use super::{AccountService, sessions, totp};
use crate::domain::{
    Account, AccountChange, NewAuditEntry, Refusal, RefusalKind, SealedSecret, SecondFactor,
    SecretDigest, ServerCode, SignedIn,
};
use crate::services::site::random;

/// The purpose of sealed secrets of one-time codes.
const PURPOSE: &str = "totp";

/// The number of recovery codes.
const RECOVERY_CODES: usize = 10;

/// The number of random bytes of a recovery code, which become 16 letters.
const RECOVERY_BYTES: usize = 10;

/// A secret of one-time codes, which is shown once.
pub struct NewTotp {
    /// The secret in Base32.
    pub secret: Zeroizing<String>,
    /// The address for a QR code.
    pub uri: Zeroizing<String>,
}

/// Recovery codes, which are shown once.
pub struct RecoveryCodes(pub Vec<String>);

/// The result of turning one-time codes on.
pub struct ConfirmedTotp {
    /// The recovery codes.
    pub codes: RecoveryCodes,
    /// A new mark for the device. The marks of all devices have ended.
    pub device: String,
}

impl AccountService {
    /// Begins the enrollment of one-time codes. They are not required until a code confirms the
    /// secret.
    ///
    /// # Errors
    ///
    /// Returns `UNAUTHORIZED` for a wrong password, and `BAD_REQUEST` if codes are required
    /// already.
    pub async fn begin_totp(
        &self,
        person: &SignedIn,
        proof: Reauthentication,
    ) -> Result<NewTotp, Refusal> {
        self.verify_password(person, proof.password).await?;
        let bytes = Zeroizing::new(random::<{ totp::SECRET_BYTES }>()?);
        let purpose = purpose(&person.account);
        let sealed = SealedSecret(self.tools.sealer.seal(&purpose, bytes.as_slice())?);
        let change = AccountChange::BeginTotp(sealed);
        let audit = self.own_audit(person, "account.totp_begin");
        let account = &person.account.id;
        if !self.store.change_account(account, change, audit).await? {
            return Err(enrolled());
        }
        let secret = totp::base32(bytes.as_slice());
        let email = person.account.email.as_ref();
        let name = email.map_or(person.account.name.as_str(), |email| email.as_str());
        let uri = totp::uri(&self.issuer, name, &secret);
        Ok(NewTotp { secret, uri })
    }

    /// Requires one-time codes from now on, and ends the other sessions of the person and the marks
    /// of all devices.
    ///
    /// # Errors
    ///
    /// Returns `UNAUTHORIZED` for a wrong code, and `BAD_REQUEST` if there is no secret to confirm.
    pub async fn confirm_totp(
        &self,
        person: &SignedIn,
        code: &str,
    ) -> Result<ConfirmedTotp, Refusal> {
        person.require_own_credentials()?;
        let totp = person.account.totp.as_ref();
        let totp = totp.filter(|totp| totp.last_step.is_none());
        let totp = totp.ok_or_else(|| {
            super::bad_request("there is no secret to confirm")
                .hint("request a secret with POST /api/v1/account/totp")
        })?;
        let secret = self
            .tools
            .sealer
            .open(&purpose(&person.account), &totp.secret.0)?;
        let step = totp::verify(&secret, code, self.now(), None);
        let step = step.ok_or_else(sessions::wrong)?;
        let (codes, digests) = new_codes()?;
        let kept = Some(person.session.id.clone());
        let change = AccountChange::ConfirmTotp(step, digests, kept);
        let audit = self.own_audit(person, "account.totp_on");
        let account = &person.account.id;
        if !self.store.change_account(account, change, audit).await? {
            return Err(enrolled());
        }
        self.notify(
            &person.account,
            "Sign-in to your account now needs a one-time code.",
        );
        let device = self.new_device_mark(account).await?;
        Ok(ConfirmedTotp { codes, device })
    }

    /// Replaces the recovery codes.
    ///
    /// # Errors
    ///
    /// Returns `UNAUTHORIZED` for a wrong password or code.
    pub async fn renew_recovery_codes(
        &self,
        person: &SignedIn,
        proof: Reauthentication,
    ) -> Result<RecoveryCodes, Refusal> {
        let factor = self.reauthenticate(person, proof).await?;
        let (codes, digests) = new_codes()?;
        let change = AccountChange::RecoveryCodes(factor, digests);
        let audit = self.own_audit(person, "account.recovery_codes");
        let account = &person.account.id;
        if !self.store.change_account(account, change, audit).await? {
            return Err(not_enrolled());
        }
        Ok(codes)
    }

    /// Stops requiring one-time codes, and ends the marks of all devices. Returns a new mark for
    /// this device.
    ///
    /// # Errors
    ///
    /// Returns `UNAUTHORIZED` for a wrong password or code.
    pub async fn end_totp(
        &self,
        person: &SignedIn,
        proof: Reauthentication,
    ) -> Result<String, Refusal> {
        let factor = self.reauthenticate(person, proof).await?;
        let audit = NewAuditEntry {
            details: json!({ "by": "owner" }),
            ..self.own_audit(person, "account.totp_off")
        };
        let change = AccountChange::EndTotp(factor);
        let account = &person.account.id;
        if !self.store.change_account(account, change, audit).await? {
            return Err(not_enrolled());
        }
        self.notify(
            &person.account,
            "Sign-in to your account no longer needs a one-time code.",
        );
        self.new_device_mark(account).await
    }

    /// Returns the second factor that a code is, without using it up.
    ///
    /// # Errors
    ///
    /// Returns `TOTP_REQUIRED` without a code, and `UNAUTHORIZED` for a wrong one.
    pub(super) fn factor(
        &self,
        account: &Account,
        code: Option<&str>,
    ) -> Result<SecondFactor, Refusal> {
        let totp = account.totp.as_ref();
        let Some(totp) = totp.filter(|totp| totp.last_step.is_some()) else {
            return Ok(SecondFactor::NotNeeded);
        };
        let code = code.map(str::trim).filter(|code| !code.is_empty());
        let code = code.ok_or_else(code_required)?;
        if code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()) {
            let secret = self.tools.sealer.open(&purpose(account), &totp.secret.0)?;
            let step = totp::verify(&secret, code, self.now(), totp.last_step);
            return step.map(SecondFactor::Code).ok_or_else(sessions::wrong);
        }
        Ok(SecondFactor::Recovery(recovery_digest(code)))
    }
}

/// Returns the purpose of a sealed secret. A secret that is copied to another account does not
/// open.
fn purpose(account: &Account) -> String {
    format!("{PURPOSE}:{}", account.id)
}

fn recovery_digest(code: &str) -> SecretDigest {
    let letters = code.chars().filter(char::is_ascii_alphanumeric);
    let normal: Zeroizing<String> = Zeroizing::new(letters.collect::<String>().to_uppercase());
    SecretDigest::new(&normal)
}

/// Returns recovery codes in groups of four letters, and their digests.
fn new_codes() -> Result<(RecoveryCodes, Vec<SecretDigest>), Refusal> {
    let (mut codes, mut digests) = (Vec::new(), Vec::new());
    for _ in 0..RECOVERY_CODES {
        let letters = totp::base32(&random::<RECOVERY_BYTES>()?);
        digests.push(SecretDigest::new(&letters));
        let mut code = String::new();
        for (index, letter) in letters.chars().enumerate() {
            if index > 0 && index.is_multiple_of(4) {
                code.push('-');
            }
            code.push(letter);
        }
        codes.push(code);
    }
    Ok((RecoveryCodes(codes), digests))
}

fn code_required() -> Refusal {
    Refusal::new(
        RefusalKind::Unauthorized,
        ServerCode::TotpRequired,
        "the account needs a one-time code",
    )
    .hint("repeat the request with the code of the authenticator app, or with a recovery code")
}

fn enrolled() -> Refusal {
    super::bad_request("one-time codes are required already")
        .hint("end them first with DELETE /api/v1/account/totp")
}

fn not_enrolled() -> Refusal {
    super::bad_request("one-time codes are not required, or the code was used before")
        .hint("wait for the next code")
}
