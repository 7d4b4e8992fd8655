//! The adapters that need neither PostgreSQL nor Redis: tokens, passwords, time and ids.

mod bcrypt;
mod clock;
mod fair_semaphore;
mod ids;
mod jwt;
mod secrets;

pub use bcrypt::BcryptHasher;
pub use clock::SystemClock;
pub use ids::UuidV7Source;
pub(crate) use jwt::PublicKey;
pub use jwt::{JwtSettings, JwtTokens, NoSigningKey, SigningKey};
pub use secrets::SystemSecrets;
