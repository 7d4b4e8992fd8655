//! Single values: money, whole numbers, ids, moments.

use domain::{catalog::ProductId, values::Price};
use serde_json::value::RawValue;

use super::choose;
use crate::dto::wire::{Primitive as _, WireValue, moment, read_moment};

/// A value is what was written, exactly, or it is refused.
pub fn values(bytes: &[u8]) {
    let kinds: [fn(&str); 4] = [price, whole_number, id, point_in_time];
    let Some((check, text)) = choose(bytes, &kinds) else {
        return;
    };
    if let Ok(text) = str::from_utf8(text) {
        check(text);
    }
}

fn price(text: &str) {
    let expected = written_price(text);
    let read = Price::parse(text).ok().map(|price| price.to_string());
    assert_eq!(read, expected, "{text}");
    if let Ok(raw) = serde_json::from_str::<&RawValue>(text)
        && raw
            .get()
            .starts_with(|c: char| c == '-' || c.is_ascii_digit())
    {
        let amount = <Price as WireValue>::Primitive::from_json(raw);
        let read = amount.and_then(|amount| <Price as WireValue>::parse(amount).ok());
        let read = read.map(|price| price.to_string());
        assert_eq!(read, written_price(raw.get()), "as a number: {text}");
    }
}

/// A price with two places, digit by digit; `None` of what is none.
fn written_price(text: &str) -> Option<String> {
    let digits = text.strip_prefix('-');
    let (units, places) = digits
        .unwrap_or(text)
        .split_once('.')
        .unwrap_or((digits.unwrap_or(text), "0"));
    let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !are_digits(units) || !are_digits(places) || places.len() > 2 {
        return None;
    }
    let units = units.trim_start_matches('0');
    let is_zero = units.is_empty() && places.bytes().all(|b| b == b'0');
    if units.len() > 10 || digits.is_some() && !is_zero {
        return None;
    }
    let units = if units.is_empty() { "0" } else { units };
    Some(format!("{units}.{places:0<2}"))
}

fn whole_number(text: &str) {
    let Ok(raw) = serde_json::from_str::<&RawValue>(text) else {
        return;
    };
    let read = i64::from_json(raw);
    let text = raw.get();
    if let Ok(plain) = text.parse::<i64>() {
        assert_eq!(read, Some(plain), "{text}");
    }
    if let Some(read) = read {
        let expected = significant(&read.to_string());
        assert_eq!(significant(text), expected, "{text} was read as {read}");
    }
}

/// Whether a number is negative, its digits without zeros around them, and the power of ten of the
/// last of them.
fn significant(number: &str) -> Option<(bool, String, i64)> {
    let digits = number.strip_prefix('-');
    let (mantissa, exponent) = {
        let text = digits.unwrap_or(number);
        text.split_once(['e', 'E']).unwrap_or((text, "0"))
    };
    let (units, places) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{units}{places}");
    let kept = all.trim_end_matches('0');
    let dropped = i64::try_from(all.len() - kept.len()).ok()?;
    let places = i64::try_from(places.len()).ok()?;
    let kept = kept.trim_start_matches('0');
    if kept.is_empty() {
        return Some((false, String::new(), 0));
    }
    let exponent = exponent
        .parse::<i64>()
        .ok()?
        .checked_add(dropped - places)?;
    Some((digits.is_some(), kept.to_owned(), exponent))
}

fn id(text: &str) {
    if let Ok(id) = text.parse::<ProductId>() {
        assert!(id.to_string().eq_ignore_ascii_case(text), "{text}");
    }
}

fn point_in_time(text: &str) {
    if let Ok(read) = read_moment(text)
        && read.year() >= 0
    {
        assert_eq!(read_moment(&moment(read)).unwrap(), read, "{text}");
    }
}
