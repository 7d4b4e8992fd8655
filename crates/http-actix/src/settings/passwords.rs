//! The settings of password hashing.

use clap::Args;

use super::{
    check::{BadSettings, Faults, Noted, Setting, optional, setting, whole},
    cores,
};

/// The settings of password hashing.
#[derive(Debug, Clone, Copy)]
pub struct PasswordSettings {
    /// bcrypt's cost: `2^cost` rounds.
    pub cost: u32,
    /// How many passwords are hashed at once.
    pub concurrency: usize,
}

impl PasswordSettings {
    /// The least work that bcrypt supports, for passwords that nobody needs to guess.
    pub(crate) const LEAST: Self = Self {
        cost: 4,
        concurrency: 1,
    };
}

/// The settings of password hashing.
#[derive(Debug, Args)]
pub struct PasswordArgs {
    /// bcrypt's cost, 4 to 31: one more doubles the time
    #[arg(long, env, value_name = "N", default_value = "12")]
    #[arg(value_parser = setting(whole::<u32>(4..=31)))]
    bcrypt_cost: Setting<u32>,

    /// How many passwords are hashed at once [default: one less than there are cores]
    #[arg(long, env, value_name = "N")]
    #[arg(default_value = "", hide_default_value = true)]
    #[arg(value_parser = setting(optional(whole::<usize>(1..=1_024))))]
    bcrypt_concurrency: Setting<Option<usize>>,
}

impl PasswordArgs {
    /// Checks the arguments.
    ///
    /// # Errors
    ///
    /// All faults of the arguments.
    pub fn check(self) -> Result<PasswordSettings, BadSettings> {
        Faults::gather(|faults| self.read(faults))
    }

    pub(super) fn read(self, faults: &mut Faults) -> Result<PasswordSettings, Noted> {
        let cost = faults.take(self.bcrypt_cost);
        let concurrency = faults.take(self.bcrypt_concurrency);
        Ok(PasswordSettings {
            cost: cost?,
            // One core is left for requests without a password.
            concurrency: concurrency?.unwrap_or_else(|| cores().saturating_sub(1).max(1)),
        })
    }
}
