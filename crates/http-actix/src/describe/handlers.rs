//! What a handler takes and answers, read off its type.

use super::{Answer, Description, Extract};

/// A handler whose types say what it takes and answers.
pub(crate) trait Describe<Args> {
    fn describe(operation: &mut Description<'_>);
}

/// Describes a handler.
pub(crate) fn describe<F: Describe<Args>, Args>(_: F, operation: &mut Description<'_>) {
    F::describe(operation);
}

macro_rules! describe_handlers {
    ($(($($argument:ident),*))+) => {
        $(
            impl<F, R, A, $($argument),*> Describe<($($argument,)*)> for F
            where
                F: Fn($($argument),*) -> R,
                R: Future<Output = A>,
                A: Answer,
                $($argument: Extract,)*
            {
                fn describe(operation: &mut Description<'_>) {
                    $($argument::describe(operation);)*
                    A::describe(operation);
                }
            }
        )+
    };
}

describe_handlers! {
    ()
    (A1)
    (A1, A2)
    (A1, A2, A3)
    (A1, A2, A3, A4)
    (A1, A2, A3, A4, A5)
}
