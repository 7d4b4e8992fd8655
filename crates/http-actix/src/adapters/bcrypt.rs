//! Passwords, hashed by bcrypt.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bcrypt::{BcryptError, non_truncating_hash, non_truncating_verify};
use domain::{
    Password, PasswordHash,
    ports::{PasswordHasher, PasswordHasherError},
};
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

/// How long a caller waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// bcrypt off the async threads, a few passwords at a time: hashing is slow on purpose, and must
/// not take every core from those who order.
pub struct BcryptHasher {
    cost: u32,
    turns: Arc<Semaphore>,
    patience: Duration,
    /// What an attempt is checked against when there is no account.
    nobodys: PasswordHash,
}

impl BcryptHasher {
    /// A hasher that takes `2^cost` rounds, for at most `concurrency` passwords at once.
    ///
    /// # Errors
    ///
    /// When the cost is not between 4 and 31.
    pub fn new(cost: u32, concurrency: usize) -> Result<Self, PasswordHasherError> {
        let nobodys = non_truncating_hash("nobody has this password", cost).map_err(failed)?;
        Ok(Self {
            cost,
            turns: Arc::new(Semaphore::new(concurrency)),
            patience: PATIENCE,
            nobodys: PasswordHash::new(nobodys),
        })
    }

    /// Runs `work` on a thread of its own when it is its turn. Once begun it runs to its end and
    /// keeps its turn until then, even when the caller hangs up.
    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, BcryptError> + Send + 'static,
    ) -> Result<T, PasswordHasherError> {
        let turn = timeout(self.patience, Arc::clone(&self.turns).acquire_owned())
            .await
            .map_err(|_| PasswordHasherError::Busy)?
            .map_err(failed)?;
        let work = spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        work.await.map_err(failed)?.map_err(failed)
    }
}

#[async_trait]
impl PasswordHasher for BcryptHasher {
    async fn hash(&self, password: Password) -> Result<PasswordHash, PasswordHasherError> {
        let cost = self.cost;
        self.in_turn(move || non_truncating_hash(password.expose(), cost))
            .await
            .map(PasswordHash::new)
    }

    async fn verify(
        &self,
        attempt: String,
        hash: Option<PasswordHash>,
    ) -> Result<bool, PasswordHasherError> {
        let is_known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobodys.clone());
        let is_right = self
            .in_turn(
                move || match non_truncating_verify(&attempt, hash.expose()) {
                    // Longer than any password that was ever accepted, with an account or without.
                    Err(BcryptError::Truncation(_)) => Ok(false),
                    other => other,
                },
            )
            .await?;
        Ok(is_right && is_known)
    }
}

fn failed(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PasswordHasherError {
    PasswordHasherError::Failed(source.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The least cost that bcrypt knows: these tests are not about slowness.
    const COST: u32 = 4;

    fn password(text: &str) -> Password {
        Password::parse(text.to_owned()).unwrap()
    }

    #[tokio::test]
    async fn only_the_right_password_is_right() {
        let hasher = BcryptHasher::new(COST, 1).unwrap();
        let hash = hasher.hash(password("correct horse")).await.unwrap();
        let verify = |attempt: &str| hasher.verify(attempt.to_owned(), Some(hash.clone()));
        assert!(verify("correct horse").await.unwrap());
        assert!(!verify("correct horses").await.unwrap());
        assert!(!verify("").await.unwrap());
    }

    #[tokio::test]
    async fn without_an_account_no_password_is_right() {
        let hasher = BcryptHasher::new(COST, 1).unwrap();
        let attempt = "nobody has this password".to_owned();
        assert!(!hasher.verify(attempt, None).await.unwrap());
    }

    #[tokio::test]
    async fn a_long_password_is_compared_whole_and_a_longer_one_is_wrong() {
        let hasher = BcryptHasher::new(COST, 1).unwrap();
        let longest = "x".repeat(71);
        let hash = hasher.hash(password(&longest)).await.unwrap();
        let verify = |attempt: String| hasher.verify(attempt, Some(hash.clone()));
        assert!(verify(longest.clone()).await.unwrap());
        assert!(!verify(format!("{}y", "x".repeat(70))).await.unwrap());
        assert!(!verify(longest + "x").await.unwrap());
    }

    #[tokio::test]
    async fn two_hashes_of_one_password_differ() {
        let hasher = BcryptHasher::new(COST, 1).unwrap();
        let hash = || hasher.hash(password("correct horse"));
        assert_ne!(hash().await.unwrap(), hash().await.unwrap());
    }

    #[tokio::test]
    async fn who_waits_too_long_for_a_turn_is_told_to_come_back() {
        let hasher = BcryptHasher {
            patience: Duration::ZERO,
            ..BcryptHasher::new(COST, 1).unwrap()
        };
        let _turn = hasher.turns.acquire().await.unwrap();
        let told = hasher.verify("correct horse".to_owned(), None).await;
        assert!(matches!(told, Err(PasswordHasherError::Busy)));
    }
}
