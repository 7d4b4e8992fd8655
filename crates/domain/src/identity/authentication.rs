//! Authentication: who presents a token.

use std::sync::Arc;

use thiserror::Error;

use super::{
    ApiKeySecret, Caller, Credential, KnownApiKeys, LiveCredentials, TokenRefused, TokenVerifier,
};
use crate::StorageError;

/// Authenticates callers, without asking storage for each of them.
pub struct AuthenticationService {
    tokens: Arc<dyn TokenVerifier>,
    keys: Arc<KnownApiKeys>,
    live: Arc<LiveCredentials>,
}

/// Why a caller was not authenticated.
#[derive(Debug, Error)]
pub enum AuthenticationError {
    /// The token is none of ours, or has expired.
    #[error(transparent)]
    Refused(#[from] TokenRefused),
    /// The session of the token has ended.
    #[error("the session has ended")]
    SessionEnded,
    /// Storage failed, and it was silent before.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl AuthenticationService {
    /// Checks tokens with `tokens`, whether their sessions are `live`, and keys with `keys`.
    #[must_use]
    pub fn new(
        tokens: Arc<dyn TokenVerifier>,
        keys: Arc<KnownApiKeys>,
        live: Arc<LiveCredentials>,
    ) -> Self {
        Self { tokens, keys, live }
    }

    /// The caller that presents this token.
    ///
    /// # Errors
    ///
    /// `Refused`, `SessionEnded`, or `Storage` when neither can be told.
    pub async fn authenticate(&self, token: &str) -> Result<Caller, AuthenticationError> {
        let caller = self.tokens.verify(token)?;
        match caller.credential {
            Credential::Session(id) if self.live.is_live(id).await? => Ok(caller),
            Credential::Session(_) => Err(AuthenticationError::SessionEnded),
            // No token says so.
            Credential::ApiKey(_) | Credential::CommandLine => Err(TokenRefused::Invalid.into()),
        }
    }

    /// Whether this key is known without a look into storage.
    #[must_use]
    pub fn knows_key(&self, secret: &ApiKeySecret) -> bool {
        self.keys.knows(secret)
    }

    /// The caller that presents this key.
    ///
    /// # Errors
    ///
    /// `Refused`, or `Storage` when neither can be told.
    pub async fn authenticate_key(
        &self,
        secret: &ApiKeySecret,
    ) -> Result<Caller, AuthenticationError> {
        self.keys.caller(secret).await
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        fixtures::{account_id, clock},
        identity::{
            MockApiKeyRepository, MockRevocations, MockTokenVerifier, Principal, Revoked,
            RevokedUpTo, SessionId,
        },
    };

    const ENDED: SessionId = SessionId::new(Uuid::from_u128(1));
    const LIVE: SessionId = SessionId::new(Uuid::from_u128(2));

    /// Knows which session has ended, and takes these callers for granted.
    async fn service(verified: Result<Caller, TokenRefused>) -> AuthenticationService {
        let mut revocations = MockRevocations::new();
        revocations.expect_since().returning(|_| {
            Ok(Revoked {
                ids: vec![ENDED.as_uuid()],
                up_to: RevokedUpTo(1),
            })
        });
        let live = LiveCredentials::new(Arc::new(revocations), clock());
        live.listen().await.unwrap();
        let mut tokens = MockTokenVerifier::new();
        tokens.expect_verify().returning(move |_| verified.clone());
        let (keys, live) = (Arc::new(MockApiKeyRepository::new()), Arc::new(live));
        let keys = KnownApiKeys::new(keys, Arc::clone(&live), clock());
        AuthenticationService::new(Arc::new(tokens), Arc::new(keys), live)
    }

    #[tokio::test]
    async fn a_token_is_good_while_its_session_lives() {
        let in_session = |id| Caller::in_session(account_id(1), Principal::Staff, id);
        let live = service(Ok(in_session(LIVE))).await.authenticate("a").await;
        assert_eq!(live.unwrap(), in_session(LIVE));
        let ended = service(Ok(in_session(ENDED))).await.authenticate("a").await;
        assert!(matches!(ended, Err(AuthenticationError::SessionEnded)));
    }

    #[tokio::test]
    async fn nobody_gets_the_rights_of_the_command_line_by_a_token() {
        let caller = Caller::new(account_id(1), Principal::Admin);
        let refused = service(Ok(caller)).await.authenticate("a").await;
        let invalid = AuthenticationError::Refused(TokenRefused::Invalid);
        assert_eq!(refused.unwrap_err().to_string(), invalid.to_string());
    }

    #[tokio::test]
    async fn why_a_token_is_refused_is_told() {
        let service = service(Err(TokenRefused::Expired)).await;
        let Err(AuthenticationError::Refused(why)) = service.authenticate("a").await else {
            panic!("it is refused");
        };
        assert_eq!(why, TokenRefused::Expired);
    }
}
