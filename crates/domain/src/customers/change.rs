//! Changes of a customer, and its end.

use super::{Customer, CustomerId};
use crate::{
    identity::Actor,
    values::{Email, Name, Version},
};

/// The fields of a customer that get another value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomerEdit {
    /// The new name.
    pub name: Option<Name>,
    /// The new email address, with which its account logs in from now on.
    pub email: Option<Email>,
}

/// What storage has to write of a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CustomerChange {
    /// The customer as it is now, and its account's address with it.
    Edited {
        /// The customer.
        customer: Customer,
        /// Who changed it.
        by: Actor,
        /// When.
        at: time::OffsetDateTime,
    },
    /// Everything that tells who the customer is goes for good: the name and the address, the
    /// account, its keys, and the notes on the orders. The id and the orders stay.
    Erased {
        /// The customer.
        id: CustomerId,
        /// The version that stands for its end.
        version: Version,
        /// Who erased it.
        by: Actor,
        /// When.
        at: time::OffsetDateTime,
    },
}

impl Customer {
    /// The customer with these changes; `None` when they change nothing.
    #[must_use]
    pub fn edited(&self, edit: CustomerEdit) -> Option<Self> {
        let mut edited = self.clone();
        if let Some(name) = edit.name {
            edited.name = name;
        }
        if let Some(email) = edit.email {
            edited.email = email;
        }
        (edited != *self).then(|| Self {
            version: self.version.next(),
            ..edited
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{a_customer, name};

    #[test]
    fn an_edit_is_a_new_version_and_no_edit_is_none() {
        let ana = a_customer(1);
        let renamed = CustomerEdit {
            name: Some(name("Ana Lima")),
            email: None,
        };
        let edited = ana.edited(renamed.clone()).unwrap();
        assert_eq!(edited.version, ana.version.next());
        assert_eq!(
            (edited.name.as_str(), &edited.email),
            ("Ana Lima", &ana.email)
        );
        assert_eq!(edited.edited(renamed), None);
        assert_eq!(ana.edited(CustomerEdit::default()), None);
    }
}
