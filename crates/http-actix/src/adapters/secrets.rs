//! The port for secrets: the system's randomness.

use domain::identity::{NoSecret, Secret, SecretSource};

/// A source of secrets that the operating system makes.
pub struct SystemSecrets;

impl SecretSource for SystemSecrets {
    fn secret(&self) -> Result<Secret, NoSecret> {
        let mut secret = Secret::default();
        getrandom::fill(&mut secret).map_err(|error| NoSecret(error.into()))?;
        Ok(secret)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_secret_is_made_twice() {
        let made = (0..1_000).map(|_| SystemSecrets.secret().unwrap());
        assert_eq!(made.collect::<HashSet<_>>().len(), 1_000);
    }
}
