//! Reads objects and queries. Every field is read separately from its raw text, so that all faults
//! are reported at once and numbers are exactly what was written.

use std::{collections::BTreeMap, fmt};

use actix_web::web;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use domain::values::Patch;

use super::wire::{Primitive, WireValue};
use crate::problem::{Code, Fault, Problem, value_code};

/// A struct that is made from named fields. [`input!`](super::input::input) declares such a struct.
pub(crate) trait Input: Sized + 'static {
    /// Takes the fields of this struct.
    fn read(fields: &mut Fields<'_>) -> Result<Self, Wrong>;
}

/// Stands for a fault that was recorded.
#[derive(Debug)]
pub(crate) struct Wrong;

/// Reads a whole body.
pub(crate) fn read_body<T: Input>(bytes: &[u8]) -> Result<T, Problem> {
    let raw: &RawValue = serde_json::from_slice(bytes)
        .map_err(|error| Problem::new(Code::MalformedJson).detail(error.to_string()))?;
    let mut faults = Vec::new();
    let value = read_object(raw, "", &mut faults, T::read);
    match value {
        Ok(value) if faults.is_empty() => Ok(value),
        _ => Err(Problem::invalid(faults)),
    }
}

/// Reads one object of many.
pub(crate) fn read_line<T: Input>(bytes: &[u8]) -> Result<T, Vec<Fault>> {
    let raw: &RawValue = serde_json::from_slice(bytes).map_err(|error| {
        // It counts the lines of what it was given, which is one.
        let detail = error
            .to_string()
            .replace(" at line 1 column ", " at column ");
        vec![Fault::at("", "malformed_json", detail)]
    })?;
    let mut faults = Vec::new();
    let value = read_object(raw, "", &mut faults, T::read);
    value.ok().filter(|_| faults.is_empty()).ok_or(faults)
}

/// Reads one record of a table.
pub(crate) fn read_record<T: Input>(
    cells: impl Iterator<Item = (String, String)>,
) -> Result<T, Vec<Fault>> {
    let cells = cells.map(|(name, text)| (name, Raw::Text(text)));
    let mut faults = Vec::new();
    let value = read_fields(cells, Place::Query, &mut faults, T::read);
    value.ok().filter(|_| faults.is_empty()).ok_or(faults)
}

/// Reads a whole query.
pub(crate) fn read_query<T: Input>(query: &str) -> Result<T, Problem> {
    let parameters = web::Query::<Vec<(String, String)>>::from_query(query)
        .map_err(|_| Problem::new(Code::MalformedQuery))?;
    let parameters = parameters.into_inner().into_iter();
    let parameters = parameters.map(|(name, text)| (name, Raw::Text(text)));
    let mut faults = Vec::new();
    let value = read_fields(parameters, Place::Query, &mut faults, T::read);
    match value {
        Ok(value) if faults.is_empty() => Ok(value),
        _ => Err(Problem::new(Code::MalformedQuery).faults(faults)),
    }
}

/// The fields that are not taken yet, and the faults of those that are.
pub(crate) struct Fields<'a> {
    raw: BTreeMap<String, Raw<'a>>,
    known: Vec<&'static str>,
    place: Place,
    faults: &'a mut Vec<Fault>,
}

/// A field as it was written.
enum Raw<'a> {
    Json(&'a RawValue),
    /// A parameter of a query.
    Text(String),
}

/// Where the fields were sent.
enum Place {
    /// In the object at this JSON Pointer (RFC 6901).
    Body(String),
    Query,
}

impl Place {
    /// A fault of the field of this name.
    fn fault(&self, name: &str, code: &'static str, detail: impl Into<String>) -> Fault {
        match self {
            Self::Body(pointer) => Fault::at(pointer_to(pointer, name), code, detail),
            Self::Query => Fault::in_query(name, code, detail),
        }
    }
}

/// The JSON Pointer of a field of the object at `pointer` (RFC 6901, section 3).
fn pointer_to(pointer: &str, name: &str) -> String {
    let name = name.replace('~', "~0").replace('/', "~1");
    format!("{pointer}/{name}")
}

impl<'a> Fields<'a> {
    /// Takes a required field.
    pub(super) fn required<T: WireValue>(&mut self, name: &'static str) -> Result<T, Wrong> {
        match self.take(name) {
            Some(raw) => self.parse(name, raw),
            None => self.fault(name, "required", "is required"),
        }
    }

    /// Takes an optional field; `null` counts as missing.
    pub(super) fn optional<T: WireValue>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<T>, Wrong> {
        Ok(match self.patch(name)? {
            Patch::Keep | Patch::Clear => None,
            Patch::Set(value) => Some(value),
        })
    }

    /// Takes an optional field, and tells `null` from missing.
    pub(super) fn patch<T: WireValue>(&mut self, name: &'static str) -> Result<Patch<T>, Wrong> {
        match self.take(name) {
            None => Ok(Patch::Keep),
            Some(Raw::Json(raw)) if raw.get() == "null" => Ok(Patch::Clear),
            Some(raw) => self.parse(name, raw).map(Patch::Set),
        }
    }

    /// Takes a required list of `min` to `max` objects.
    pub(super) fn objects<T: Input>(
        &mut self,
        name: &'static str,
        bounds: (usize, usize),
    ) -> Result<Vec<T>, Wrong> {
        self.list(
            name,
            bounds,
            "an array of objects",
            |raw, pointer, faults| read_object(raw, pointer, faults, T::read),
        )
    }

    /// Takes a required list of `min` to `max` values.
    pub(super) fn values<T: WireValue>(
        &mut self,
        name: &'static str,
        bounds: (usize, usize),
    ) -> Result<Vec<T>, Wrong> {
        self.list(name, bounds, "an array", |raw, pointer, faults| {
            let value = parse(Raw::Json(raw));
            value.map_err(|(code, detail)| {
                faults.push(Fault::at(pointer, code, detail));
                Wrong
            })
        })
    }

    /// Takes a required list; every entry is read with `read`, even after a fault in an earlier one.
    fn list<T>(
        &mut self,
        name: &'static str,
        (min, max): (usize, usize),
        expected: &str,
        read: impl Fn(&RawValue, &str, &mut Vec<Fault>) -> Result<T, Wrong>,
    ) -> Result<Vec<T>, Wrong> {
        let Some(raw) = self.take(name) else {
            return self.fault(name, "required", "is required");
        };
        let raws = match &raw {
            Raw::Json(raw) => serde_json::from_str::<Vec<&RawValue>>(raw.get()).ok(),
            Raw::Text(_) => None,
        };
        let Some(raws) = raws else {
            return self.fault(name, "wrong_type", format!("must be {expected}"));
        };
        if raws.len() < min {
            let detail = format!("must be at least {min} entries long");
            return self.fault(name, "too_short", detail);
        }
        if raws.len() > max {
            let detail = format!("must be at most {max} entries long");
            return self.fault(name, "too_long", detail);
        }
        let list = match &self.place {
            Place::Body(pointer) => pointer_to(pointer, name),
            Place::Query => String::new(),
        };
        let mut entries = Vec::with_capacity(raws.len());
        for (index, raw) in raws.iter().enumerate() {
            entries.push(read(raw, &format!("{list}/{index}"), self.faults));
        }
        entries.into_iter().collect()
    }

    /// Takes a field that a change may leave out, and that always has a value.
    pub(super) fn replaced<T: WireValue>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<T>, Wrong> {
        match self.patch(name)? {
            Patch::Keep => Ok(None),
            Patch::Set(value) => Ok(Some(value)),
            Patch::Clear => self.fault(name, "required", "always has a value: it cannot be null"),
        }
    }

    fn take(&mut self, name: &'static str) -> Option<Raw<'a>> {
        self.known.push(name);
        self.raw.remove(name)
    }

    fn parse<T: WireValue>(&mut self, name: &str, raw: Raw<'_>) -> Result<T, Wrong> {
        match parse(raw) {
            Ok(value) => Ok(value),
            Err((code, detail)) => self.fault(name, code, detail),
        }
    }

    fn fault<T>(
        &mut self,
        name: &str,
        code: &'static str,
        detail: impl Into<String>,
    ) -> Result<T, Wrong> {
        self.faults.push(self.place.fault(name, code, detail));
        Err(Wrong)
    }

    /// Records a fault for every field that was not taken.
    fn refuse_the_rest(self) {
        let known = self.known.join(", ");
        let code = match self.place {
            Place::Body(_) => "unknown_field",
            Place::Query => "unknown_parameter",
        };
        for name in self.raw.into_keys() {
            let detail = format!("is not known here; known are {known}");
            self.faults.push(self.place.fault(&name, code, detail));
        }
    }
}

/// Makes a value of what was written, or tells what is wrong with it.
fn parse<T: WireValue>(raw: Raw<'_>) -> Result<T, (&'static str, String)> {
    let (written, code) = match raw {
        Raw::Json(raw) => (T::Primitive::from_json(raw), "wrong_type"),
        Raw::Text(text) => (T::Primitive::from_text(text), "malformed"),
    };
    let expected = || (code, format!("must be {}", T::Primitive::EXPECTED));
    let value = T::parse(written.ok_or_else(expected)?);
    value.map_err(|error| (value_code(&error), error.to_string()))
}

/// The entries of an object, duplicates included: a map would keep only the last of them.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

/// Reads an object with `read`.
fn read_object<T>(
    raw: &RawValue,
    pointer: &str,
    faults: &mut Vec<Fault>,
    read: impl FnOnce(&mut Fields<'_>) -> Result<T, Wrong>,
) -> Result<T, Wrong> {
    let Ok(Entries(entries)) = serde_json::from_str(raw.get()) else {
        faults.push(Fault::at(pointer, "wrong_type", "must be an object"));
        return Err(Wrong);
    };
    let entries = entries.into_iter();
    let entries = entries.map(|(name, raw)| (name, Raw::Json(raw)));
    read_fields(entries, Place::Body(pointer.to_owned()), faults, read)
}

/// Reads fields with `read`; refuses duplicates, and fields that it did not take.
fn read_fields<'a, T>(
    entries: impl Iterator<Item = (String, Raw<'a>)>,
    place: Place,
    faults: &'a mut Vec<Fault>,
    read: impl FnOnce(&mut Fields<'a>) -> Result<T, Wrong>,
) -> Result<T, Wrong> {
    let mut fields = Fields {
        raw: BTreeMap::new(),
        known: Vec::new(),
        place,
        faults,
    };
    let mut once = Ok(());
    for (name, raw) in entries {
        if fields.raw.insert(name.clone(), raw).is_some() {
            once = fields.fault(&name, "repeated", "must be given once");
        }
    }
    let value = read(&mut fields);
    fields.refuse_the_rest();
    once.and(value)
}
