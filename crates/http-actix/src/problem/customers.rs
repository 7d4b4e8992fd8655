//! The problems of customers.

use domain::customers::CustomerError;

use super::{Code, Fault, Problem};

impl From<CustomerError> for Problem {
    fn from(error: CustomerError) -> Self {
        match error {
            CustomerError::PasswordRequired => Self::invalid(vec![Fault::at(
                "/password",
                "required",
                "is needed to sign up; only the shop registers customers without one",
            )]),
            CustomerError::Forbidden(forbidden) => forbidden.into(),
            CustomerError::EmailTaken => Self::new(Code::EmailTaken),
            CustomerError::KeyReused(_) => Self::new(Code::IdempotencyKeyReused),
            CustomerError::Stale => Self::new(Code::Stale),
            CustomerError::NotFound => Self::new(Code::NotFound),
            CustomerError::Passwords(error) => error.into(),
            CustomerError::Storage(error) => error.into(),
        }
    }
}
