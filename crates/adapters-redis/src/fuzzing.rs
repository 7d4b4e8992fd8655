//! What must hold whatever Redis holds, and whatever its URL is. Fuzzers call this (`tests/fuzz`), and
//! the unit tests here with every input that is kept there. It lives in the crate because the parsers do
//! not leave it.

#![expect(clippy::unwrap_used, reason = "what does not hold is a panic")]

use domain::{catalog::BestSellersList, customers::Customer, orders::Order};

use crate::{
    InvalidRedisUrl, Redis,
    entries::{Stored, decode, encode},
    entry::Entry,
};

/// The first byte chooses the kind of the entity. What is read as one is written and read again as it
/// was, and is foreign as soon as something stands behind it.
pub fn redis_entries(bytes: &[u8]) {
    let Some((kind, text)) = bytes.split_first() else {
        return;
    };
    match kind % 3 {
        0 => entry::<Order>(text),
        1 => entry::<Customer>(text),
        _ => entry::<BestSellersList>(text),
    }
}

fn entry<T: Stored>(text: &[u8]) {
    let Ok(kept) = Entry::parse(text.to_vec()) else {
        return;
    };
    assert!(text.ends_with(kept.body()));
    let Some(value) = decode::<T>(&kept) else {
        return;
    };
    let version = value.version().number();
    assert_eq!(version, kept.version);
    let written = encode(&value).unwrap();
    let again = [format!("{version}:").as_bytes(), &written].concat();
    let again = decode::<T>(&Entry::parse(again).unwrap_or_else(|_| unreachable!()));
    assert_eq!(encode(&again.unwrap()).unwrap(), written);
    let longer = Entry::parse([text, b"="].concat()).unwrap_or_else(|_| unreachable!());
    assert!(decode::<T>(&longer).is_none(), "something is behind it");
}

/// A URL names a Redis or is refused, and every refusal says the same: it may hold a password.
pub fn redis_urls(bytes: &[u8]) {
    if let Ok(url) = str::from_utf8(bytes)
        && let Err(error) = Redis::check_url(url)
    {
        let told = |error: InvalidRedisUrl| format!("{error} {error:?}");
        assert_eq!(told(error), told(InvalidRedisUrl));
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    type Property = fn(&[u8]);

    #[test]
    fn what_is_kept_for_fuzzers_holds() {
        let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus");
        let targets: [(_, Property); 2] =
            [("redis_entries", redis_entries), ("redis_urls", redis_urls)];
        for (target, property) in targets {
            for file in fs::read_dir(corpora.join(target)).unwrap() {
                property(&fs::read(file.unwrap().path()).unwrap());
            }
        }
    }
}
