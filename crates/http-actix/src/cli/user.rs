//! `balcao user`.

use std::io::{self, BufRead};

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use domain::{
    identity::{AccountError, Caller, ClientAddress, NewAccount, Password, Role, ShopRole},
    values::Email,
};

use super::Failure;
use crate::{
    app::account_service,
    settings::{DatabaseArgs, PasswordArgs},
};

#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// Create an account for somebody who runs the shop or works in it
    Create(Create),
    /// Give an account another password, whoever's it is
    ResetPassword(ResetPassword),
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("password").required(true))]
pub(super) struct Create {
    /// The address to log in with
    #[arg(long)]
    email: Email,

    /// What the account may do
    #[arg(long)]
    role: StaffRole,

    /// Read the password from the first line of standard input
    #[arg(long, group = "password")]
    password_stdin: bool,

    /// Succeed without a change when an account with this address exists
    #[arg(long)]
    if_absent: bool,

    #[command(flatten)]
    database: DatabaseArgs,

    #[command(flatten)]
    passwords: PasswordArgs,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("password").required(true))]
pub(super) struct ResetPassword {
    /// The address that the account logs in with
    #[arg(long)]
    email: Email,

    /// Read the password from the first line of standard input
    #[arg(long, group = "password")]
    password_stdin: bool,

    #[command(flatten)]
    database: DatabaseArgs,

    #[command(flatten)]
    passwords: PasswordArgs,
}

/// The roles without a customer.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum StaffRole {
    Admin,
    Staff,
}

impl User {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Create(create) => create.run().await,
            Self::ResetPassword(reset) => reset.run().await,
        }
    }
}

impl Create {
    async fn run(self) -> Result<(), Failure> {
        let passwords = self.passwords.check()?;
        let database = super::database(self.database).await?;
        let accounts = account_service(&passwords, &database)?;
        let role = match self.role {
            StaffRole::Admin => ShopRole::Admin,
            StaffRole::Staff => ShopRole::Staff,
        };
        let address = self.email.as_str().to_owned();
        let new = NewAccount {
            email: self.email,
            role,
            password: Some(read_password()?),
        };
        match accounts
            .create(&Caller::OPERATOR, new, ClientAddress::LOCAL)
            .await
        {
            Ok(_) => println!("{address} may log in as {}", Role::from(role)),
            Err(AccountError::EmailTaken) if self.if_absent => {
                println!("{address} has an account already");
            }
            Err(AccountError::EmailTaken) => {
                return Err(format!("{address} has an account already").into());
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

impl ResetPassword {
    async fn run(self) -> Result<(), Failure> {
        let passwords = self.passwords.check()?;
        let database = super::database(self.database).await?;
        let accounts = account_service(&passwords, &database)?;
        let password = read_password()?;
        let account = accounts
            .reset_password(&Caller::OPERATOR, &self.email, password)
            .await
            .map_err(|error| -> Failure {
                match error {
                    AccountError::NotFound => "there is no account with this address".into(),
                    error => error.into(),
                }
            })?;
        let (email, role) = (account.email, account.principal.role());
        println!("{} logs in as {role} with the new password", email.as_str());
        Ok(())
    }
}

fn read_password() -> Result<Password, Failure> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let password = line.trim_end_matches(['\r', '\n']).to_owned();
    Password::parse(password).map_err(|error| format!("the password {error}").into())
}
