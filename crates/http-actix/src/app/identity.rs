//! The use cases of identity, and their adapters.

use std::sync::Arc;

use adapters_postgres::{Database, PgAccounts, PgApiKeys, PgSessions};
use adapters_redis::{Redis, RedisFailedAttempts, RedisSharedCounts};
use domain::{
    Clock, IdSource,
    identity::{
        AccountService, ApiKeyService, AuthService, FailedAttempts, FailedAttemptsHere,
        LiveCredentials, PasswordHasher, Secret, SessionLifetime, SessionService,
    },
    rate_limits::{RateLimiter, SharedCounts},
};
use sha2::{Digest as _, Sha256};

use crate::{
    adapters::{JwtSettings, JwtTokens, SystemSecrets},
    rate_limits::RateLimits,
    settings::Settings,
};

/// The use cases of identity.
pub(crate) struct Identity {
    pub(crate) auth: AuthService,
    pub(crate) sessions: Arc<SessionService>,
    pub(crate) accounts: AccountService,
    pub(crate) api_keys: ApiKeyService,
}

/// The adapters that the use cases of identity are built from.
pub(super) struct People<'a> {
    pub(super) database: &'a Database,
    pub(super) live: Arc<LiveCredentials>,
    pub(super) passwords: Arc<dyn PasswordHasher>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn IdSource>,
}

impl People<'_> {
    pub(super) fn identity(
        &self,
        tokens: Arc<JwtTokens>,
        lifetime: SessionLifetime,
        attempts: (Arc<dyn FailedAttempts>, Secret),
    ) -> Identity {
        let accounts = Arc::new(PgAccounts::new(self.database));
        let sessions = Arc::new(SessionService::new(
            Arc::new(PgSessions::new(self.database)),
            Arc::clone(&self.live),
            tokens,
            Arc::new(SystemSecrets),
            (Arc::clone(&self.clock), Arc::clone(&self.ids)),
            lifetime,
        ));
        Identity {
            auth: AuthService::new(
                (accounts.clone(), accounts),
                Arc::clone(&self.passwords),
                Arc::clone(&sessions),
                Arc::clone(&self.live),
                Arc::clone(&self.clock),
                attempts,
            ),
            sessions,
            accounts: self.accounts(),
            api_keys: ApiKeyService::new(
                Arc::new(PgApiKeys::new(self.database)),
                Arc::clone(&self.live),
                Arc::new(SystemSecrets),
                (Arc::clone(&self.clock), Arc::clone(&self.ids)),
            ),
        }
    }

    pub(super) fn accounts(&self) -> AccountService {
        let accounts = Arc::new(PgAccounts::new(self.database));
        AccountService::new(
            (accounts.clone(), accounts),
            Arc::clone(&self.live),
            Arc::clone(&self.passwords),
            Arc::new(SystemSecrets),
            (Arc::clone(&self.clock), Arc::clone(&self.ids)),
        )
    }
}

pub(super) fn live_credentials(database: &Database, clock: Arc<dyn Clock>) -> Arc<LiveCredentials> {
    let revocations = Arc::new(PgSessions::new(database));
    Arc::new(LiveCredentials::new(revocations, clock))
}

/// Where failed logins are counted: for all replicas if there is Redis.
pub(super) fn failed_attempts(redis: Option<&Redis>) -> Arc<dyn FailedAttempts> {
    match redis {
        Some(redis) => Arc::new(RedisFailedAttempts::new(redis.clone())),
        None => Arc::new(FailedAttemptsHere::default()),
    }
}

/// The rate limits, if there are any; counted with the other replicas if there is Redis.
pub(super) fn rate_limits(
    settings: &Settings,
    redis: Option<&Redis>,
    clock: Arc<dyn Clock>,
) -> Option<RateLimits> {
    let most = settings.rate_limits?;
    let shared = redis
        .map(|redis| -> Arc<dyn SharedCounts> { Arc::new(RedisSharedCounts::new(redis.clone())) });
    let limiter = RateLimiter::new(shared, clock, pepper(&settings.jwt));
    Some(RateLimits::new(limiter, most))
}

/// What replicas hash the keys of failed logins and of rate limits with, so that they count together.
pub(super) fn pepper(settings: &JwtSettings) -> Secret {
    let digest = Sha256::new()
        .chain_update(b"balcao failed attempts")
        .chain_update(settings.current.as_bytes())
        .finalize();
    digest.first_chunk().copied().unwrap_or_default()
}
