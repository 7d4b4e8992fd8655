//! What must hold whatever arrives: one function for each parser of what comes from outside. Fuzzers
//! call them (`tests/fuzz`), and the unit tests here with every input that is kept there. They live in
//! the crate because the parsers do not leave it.

#![expect(clippy::unwrap_used, reason = "what does not hold is a panic")]

mod bodies;
mod headers;
mod rows;
mod tokens;
mod values;

pub use self::{
    bodies::{bodies, queries},
    headers::{
        accept, authorization, conditions, forwarded, idempotency_keys, origins, positions,
        request_ids, traceparents, user_agents,
    },
    rows::{csv, ndjson},
    tokens::{cursors, tokens},
    values::values,
};

/// The first byte chooses; the rest is what is read.
fn choose<'a, T>(bytes: &'a [u8], of: &'a [T]) -> Option<(&'a T, &'a [u8])> {
    let (first, rest) = bytes.split_first()?;
    Some((of.get(usize::from(*first) % of.len())?, rest))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    type Property = fn(&[u8]);

    /// Every input that is kept for a target.
    fn inputs(target: &str) -> Vec<Vec<u8>> {
        let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus");
        let files = fs::read_dir(corpora.join(target)).unwrap();
        let read: Vec<_> = files
            .map(|file| fs::read(file.unwrap().path()).unwrap())
            .collect();
        assert!(!read.is_empty(), "{target} has no corpus");
        read
    }

    #[test]
    fn what_is_kept_for_fuzzers_holds() {
        let targets: [(_, Property); 17] = [
            ("accept", accept),
            ("authorization", authorization),
            ("bodies", bodies),
            ("conditions", conditions),
            ("csv", csv),
            ("cursors", cursors),
            ("forwarded", forwarded),
            ("idempotency_keys", idempotency_keys),
            ("ndjson", ndjson),
            ("origins", origins),
            ("positions", positions),
            ("queries", queries),
            ("request_ids", request_ids),
            ("tokens", tokens),
            ("traceparents", traceparents),
            ("user_agents", user_agents),
            ("values", values),
        ];
        for (target, property) in targets {
            for input in inputs(target) {
                property(&input);
            }
        }
    }
}
