//! Authentication: who presents a token.

use std::sync::Arc;

use thiserror::Error;

use super::{Caller, Credential, LiveSessions, TokenRefused, TokenVerifier};
use crate::StorageError;

/// Authenticates callers, without asking storage for each of them.
pub struct AuthenticationService {
    tokens: Arc<dyn TokenVerifier>,
    live: Arc<LiveSessions>,
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
    /// Checks tokens with `tokens`, and whether their sessions are `live`.
    #[must_use]
    pub fn new(tokens: Arc<dyn TokenVerifier>, live: Arc<LiveSessions>) -> Self {
        Self { tokens, live }
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
            Credential::CommandLine => Err(TokenRefused::Invalid.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        fixtures::{account_id, clock},
        identity::{
            MockRevocations, MockTokenVerifier, Principal, Revoked, RevokedUpTo, SessionId,
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
        let ttl = time::Duration::MINUTE;
        let live = LiveSessions::new(Arc::new(revocations), clock(), ttl);
        live.listen().await.unwrap();
        let mut tokens = MockTokenVerifier::new();
        tokens.expect_verify().returning(move |_| verified);
        AuthenticationService::new(Arc::new(tokens), Arc::new(live))
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
