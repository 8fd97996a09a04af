//! Passwords, hashed with Argon2id (RFC 9106).

mod weak;

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::domain::{EmailAddress, PasswordHash, Refusal, RefusalKind, ServerCode};
use crate::services::site::random;

/// The shortest password, in characters.
const MIN_CHARACTERS: usize = 10;

/// The longest password, in bytes.
pub(in crate::services) const MAX_BYTES: usize = 256;

/// The largest number of passwords that are hashed at the same time. Each takes 19 MiB of memory
/// and a core.
const MAX_THREADS: usize = 4;

/// How long a request waits for its turn.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// The cost of a hash: memory in KiB, passes over it, and lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashCost {
    /// The memory in KiB.
    pub memory: u32,
    /// The number of passes.
    pub passes: u32,
}

impl HashCost {
    /// The cost that the OWASP Password Storage Cheat Sheet recommends for Argon2id: 19 MiB and two
    /// passes.
    pub const RECOMMENDED: Self = Self {
        memory: 19 * 1024,
        passes: 2,
    };
}

/// A password of a request.
pub struct Password(Zeroizing<String>);

impl Password {
    /// Wraps the text of a request.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

/// Omits the password.
impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(..)")
    }
}

/// Hashes and verifies passwords, a few at a time, on threads of their own.
#[derive(Clone)]
pub(in crate::services) struct PasswordHasher {
    params: Params,
    turns: Arc<Semaphore>,
    /// The hash of no password, for addresses without an account.
    dummy: PasswordHash,
}

impl PasswordHasher {
    /// Creates a hasher.
    ///
    /// # Errors
    ///
    /// Returns a refusal if Argon2 does not accept the cost.
    pub(in crate::services) fn new(cost: HashCost) -> Result<Self, Refusal> {
        let params = Params::new(cost.memory, cost.passes, 1, Some(32));
        let params = params.map_err(|_| failed("the cost of password hashes is not accepted"))?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let dummy = format!(
            "$argon2id$v=19$m={},t={},p=1$AAAAAAAAAAAAAAAAAAAAAA$\
             AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            cost.memory, cost.passes
        );
        Ok(Self {
            params,
            turns: Arc::new(Semaphore::new(cores.min(MAX_THREADS))),
            dummy: PasswordHash::new(dummy),
        })
    }

    /// Returns the hash of a new password.
    ///
    /// # Errors
    ///
    /// Returns `WEAK_PASSWORD` if the password is too short, too long, the address of the account,
    /// or one of those that are tried first, and a refusal if too many passwords are being hashed.
    pub(in crate::services) async fn hash(
        &self,
        password: Password,
        email: Option<&EmailAddress>,
    ) -> Result<PasswordHash, Refusal> {
        check(&password.0, email)?;
        let salt: [u8; 16] = random()?;
        let params = self.params.clone();
        let hashed = self.run(move || {
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            let hashed = argon2.hash_password_with_salt(password.0.as_bytes(), &salt);
            hashed.map(|hash| PasswordHash::new(hash.to_string()))
        });
        let hashed = hashed.await?;
        hashed.map_err(|_| failed("the password cannot be hashed"))
    }

    /// Returns whether a password has a hash. Without a hash, the same work is done, so that the
    /// time reveals nothing about the existence of an account.
    pub(in crate::services) async fn verify(
        &self,
        password: Password,
        hash: Option<&PasswordHash>,
    ) -> Result<bool, Refusal> {
        let is_real = hash.is_some();
        let hash = hash.unwrap_or(&self.dummy).clone();
        if password.0.len() > MAX_BYTES {
            return Ok(false);
        }
        let verified = self.run(move || {
            let argon2 = Argon2::default();
            argon2.verify_password(password.0.as_bytes(), hash.expose())
        });
        Ok(verified.await?.is_ok() && is_real)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let turn = tokio::time::timeout(MAX_WAIT, Arc::clone(&self.turns).acquire_owned());
        let Ok(Ok(turn)) = turn.await else {
            return Err(busy());
        };
        // The work continues if its caller goes away, so it keeps its turn.
        let task = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(turn);
            result
        });
        task.await
            .map_err(|_| failed("the password cannot be hashed"))
    }
}

fn check(password: &str, email: Option<&EmailAddress>) -> Result<(), Refusal> {
    let characters = password.chars().count();
    let is_email = email.is_some_and(|email| password.eq_ignore_ascii_case(email.as_str()));
    let found = match (characters < MIN_CHARACTERS, password.len() > MAX_BYTES) {
        (true, _) => "fewer characters",
        (_, true) => "more bytes",
        _ if is_email => "the e-mail address",
        _ => match weak::weakness(password) {
            Some(found) => found,
            None => return Ok(()),
        },
    };
    Err(Refusal::new(
        RefusalKind::BadRequest,
        ServerCode::WeakPassword,
        "the password is not accepted",
    )
    .about("password")
    .values(
        format!("at least {MIN_CHARACTERS} characters and at most {MAX_BYTES} bytes"),
        found,
    )
    .hint("use a random password of a password manager, or several words"))
}

fn failed(detail: &str) -> Refusal {
    Refusal::new(RefusalKind::Internal, ServerCode::StorageFailed, detail)
}

fn busy() -> Refusal {
    Refusal::new(
        RefusalKind::Unavailable,
        ServerCode::RateLimited,
        "the server is verifying too many passwords",
    )
    .retry_after(MAX_WAIT)
    .hint("repeat the request after the time in Retry-After")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: HashCost = HashCost {
        memory: 8,
        passes: 1,
    };

    fn password(text: &str) -> Password {
        Password::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_verifies_against_its_own_hash_only() {
        let hasher = PasswordHasher::new(CHEAP).unwrap();
        let hash = hasher.hash(password("correct horse"), None).await.unwrap();
        let again = hasher.hash(password("correct horse"), None).await.unwrap();
        assert_ne!(hash, again, "each hash has its own salt");
        assert!(hash.expose().starts_with("$argon2id$v=19$m=8,t=1,p=1$"));
        let verify = |text, hash| hasher.verify(password(text), hash);
        assert!(verify("correct horse", Some(&hash)).await.unwrap());
        assert!(!verify("correct horsf", Some(&hash)).await.unwrap());
        assert!(!verify("correct horse", None).await.unwrap());
        assert!(!verify(&"x".repeat(257), Some(&hash)).await.unwrap());
        // The hash states its cost, so a later change of the cost keeps passwords valid.
        let other = PasswordHasher::new(HashCost {
            memory: 16,
            passes: 1,
        })
        .unwrap();
        assert!(
            other
                .verify(password("correct horse"), Some(&hash))
                .await
                .unwrap()
        );
    }

    #[test]
    fn the_dummy_costs_as_much_as_a_real_hash() {
        let hasher = PasswordHasher::new(HashCost::RECOMMENDED).unwrap();
        let dummy = hasher.dummy.expose();
        assert!(
            dummy.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{dummy}"
        );
        let parsed = argon2::password_hash::phc::PasswordHash::new(dummy).unwrap();
        let params = Params::try_from(&parsed).unwrap();
        assert_eq!((params.m_cost(), params.t_cost()), (19456, 2));
        assert_eq!(parsed.hash.unwrap().len(), 32);
    }

    #[tokio::test]
    async fn weak_passwords_are_refused_with_a_reason() {
        let hasher = PasswordHasher::new(CHEAP).unwrap();
        let email = EmailAddress::parse("ann.smith@example.com");
        for (text, found) in [
            ("123456789", "fewer characters"),
            ("äöüäöüäöü", "fewer characters"),
            (&"ab".repeat(129), "more bytes"),
            ("Ann.Smith@example.com", "the e-mail address"),
            ("aaaaaaaaaaaa", "one repeated character"),
            ("1234567890", "a running sequence of characters"),
            ("Password123", "one of the commonest passwords"),
        ] {
            let refused = hasher
                .hash(password(text), email.as_ref())
                .await
                .unwrap_err();
            assert_eq!(refused.code, "WEAK_PASSWORD");
            assert_eq!(refused.actual.as_deref(), Some(found));
        }
        hasher
            .hash(password("1234567809"), email.as_ref())
            .await
            .unwrap();
        let longest = format!("{}f", "abcde".repeat(51));
        hasher.hash(password(&longest), None).await.unwrap();
    }

    #[tokio::test]
    async fn few_passwords_are_hashed_at_the_same_time() {
        let hasher = PasswordHasher::new(CHEAP).unwrap();
        let running = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let tasks = (0..32).map(|_| {
            let (hasher, running) = (hasher.clone(), Arc::clone(&running));
            tokio::spawn(async move {
                let counted = hasher.run(move || {
                    let before = running.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    std::thread::yield_now();
                    running.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                    before
                });
                counted.await.unwrap()
            })
        });
        let most = MAX_THREADS.min(std::thread::available_parallelism().unwrap().get());
        for task in tasks.collect::<Vec<_>>() {
            assert!(task.await.unwrap() < most);
        }
    }
}
