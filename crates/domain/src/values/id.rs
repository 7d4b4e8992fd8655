//! Identifiers: one type per entity, so that a customer's id can never be passed as an order's.

/// Declares a newtype over [`uuid::Uuid`] that prints and parses in the hyphenated form of RFC 9562.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(uuid::Uuid);

        impl $name {
            /// Wraps an id that was made by [`crate::IdSource`] or read from storage.
            #[must_use]
            pub const fn new(id: uuid::Uuid) -> Self {
                Self(id)
            }

            /// The UUID, for adapters.
            #[must_use]
            pub const fn as_uuid(self) -> uuid::Uuid {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::values::ValueError;

            /// Accepts only the hyphenated form: one id has one spelling.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                const HYPHENATED_LENGTH: usize = 36;
                uuid::Uuid::try_parse(text)
                    .ok()
                    .filter(|_| text.len() == HYPHENATED_LENGTH)
                    .map(Self)
                    .ok_or($crate::values::ValueError::Malformed {
                        expected: "a UUID such as 0192f0c1-2a3b-7c4d-8e5f-60718293a4b5",
                    })
            }
        }
    };
}

pub(crate) use id;
