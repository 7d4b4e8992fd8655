//! Reading bodies: every field is read on its own from its raw text, so that everything that is
//! wrong is told at once and numbers are exactly what was written.

use std::{collections::BTreeMap, fmt};

use domain::values::ValueError;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::problem::{Code, Fault, Problem, value_code};

/// What can be made of the fields of a JSON object.
pub(crate) trait FromBody: Sized + 'static {
    /// Takes every field that it knows.
    fn from_body(fields: &mut Fields<'_>) -> Result<Self, Wrong>;
}

/// Something is wrong, and was noted.
#[derive(Debug)]
pub(crate) struct Wrong;

/// Reads a whole body.
pub(crate) fn read_body<T: FromBody>(bytes: &[u8]) -> Result<T, Problem> {
    let raw: &RawValue = serde_json::from_slice(bytes)
        .map_err(|error| Problem::new(Code::MalformedJson).detail(error.to_string()))?;
    let mut faults = Vec::new();
    let value = read_object(raw, "", &mut faults, T::from_body);
    match value {
        Ok(value) if faults.is_empty() => Ok(value),
        _ => Err(Problem::invalid(faults)),
    }
}

/// The fields of an object that nobody has taken yet, and what is wrong with those that were.
pub(crate) struct Fields<'a> {
    raw: BTreeMap<String, &'a RawValue>,
    known: Vec<&'static str>,
    pointer: String,
    faults: &'a mut Vec<Fault>,
}

/// A JSON type that a field can have.
pub(crate) trait Wire: Sized {
    /// What to send instead of what is not of this type.
    const EXPECTED: &'static str;

    /// Reads the raw text of a value.
    fn read(raw: &RawValue) -> Option<Self>;
}

impl Wire for String {
    const EXPECTED: &'static str = "a string";

    fn read(raw: &RawValue) -> Option<Self> {
        from_json(raw)
    }
}

impl Wire for i64 {
    const EXPECTED: &'static str = "a whole number";

    fn read(raw: &RawValue) -> Option<Self> {
        from_json(raw)
    }
}

/// An amount of money, exactly as it was written: as a string or as a number.
pub(crate) struct Amount(pub(crate) String);

impl Wire for Amount {
    const EXPECTED: &'static str = "a string such as \"19.90\", or a number";

    fn read(raw: &RawValue) -> Option<Self> {
        let text = raw.get();
        let is_number = text.starts_with(|c: char| c == '-' || c.is_ascii_digit());
        if is_number {
            Some(Self(text.to_owned()))
        } else {
            from_json(raw).map(Self)
        }
    }
}

fn from_json<T: DeserializeOwned>(raw: &RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

impl<'a> Fields<'a> {
    /// Takes a field that must be there.
    pub(crate) fn required<W: Wire, T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(W) -> Result<T, ValueError>,
    ) -> Result<T, Wrong> {
        match self.take(name) {
            Some(raw) => self.parse(name, raw, parse),
            None => self.fault(name, "required", "is required"),
        }
    }

    /// Takes a field that may be missing or `null`.
    pub(crate) fn optional<W: Wire, T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(W) -> Result<T, ValueError>,
    ) -> Result<Option<T>, Wrong> {
        match self.take(name) {
            Some(raw) if raw.get() != "null" => self.parse(name, raw, parse).map(Some),
            _ => Ok(None),
        }
    }

    /// Takes a list of at most `max` objects that must be there.
    pub(crate) fn objects<T>(
        &mut self,
        name: &'static str,
        max: usize,
        read: impl Fn(&mut Fields<'_>) -> Result<T, Wrong>,
    ) -> Result<Vec<T>, Wrong> {
        let Some(raw) = self.take(name) else {
            return self.fault(name, "required", "is required");
        };
        let Ok(raws) = serde_json::from_str::<Vec<&RawValue>>(raw.get()) else {
            return self.fault(name, "wrong_type", "must be an array of objects");
        };
        if raws.len() > max {
            return self.fault(
                name,
                "too_long",
                format!("must be at most {max} entries long"),
            );
        }
        let pointer = self.pointer_to(name);
        let mut objects = Vec::with_capacity(raws.len());
        for (index, raw) in raws.iter().enumerate() {
            let pointer = format!("{pointer}/{index}");
            // Every object is read, whatever is wrong with those before it.
            objects.push(read_object(raw, &pointer, self.faults, &read));
        }
        objects.into_iter().collect()
    }

    fn take(&mut self, name: &'static str) -> Option<&'a RawValue> {
        self.known.push(name);
        self.raw.remove(name)
    }

    fn parse<W: Wire, T>(
        &mut self,
        name: &str,
        raw: &RawValue,
        parse: impl FnOnce(W) -> Result<T, ValueError>,
    ) -> Result<T, Wrong> {
        let Some(wire) = W::read(raw) else {
            return self.fault(name, "wrong_type", format!("must be {}", W::EXPECTED));
        };
        match parse(wire) {
            Ok(value) => Ok(value),
            Err(error) => self.fault(name, value_code(&error), error.to_string()),
        }
    }

    fn fault<T>(
        &mut self,
        name: &str,
        code: &'static str,
        detail: impl Into<String>,
    ) -> Result<T, Wrong> {
        let pointer = self.pointer_to(name);
        self.faults.push(Fault::at(pointer, code, detail));
        Err(Wrong)
    }

    /// The JSON Pointer of a field (RFC 6901, section 3).
    fn pointer_to(&self, name: &str) -> String {
        let name = name.replace('~', "~0").replace('/', "~1");
        format!("{}/{name}", self.pointer)
    }

    /// Tells of every field that nobody took.
    fn refuse_the_rest(mut self) {
        let known = self.known.join(", ");
        for name in std::mem::take(&mut self.raw).into_keys() {
            let detail = format!("is not known here; known are {known}");
            let pointer = self.pointer_to(&name);
            self.faults
                .push(Fault::at(pointer, "unknown_field", detail));
        }
    }
}

/// The entries of an object, those with one name too: a map would keep the last of them alone.
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

/// Reads an object with `read`, and refuses the fields that it did not take.
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
    let mut fields = Fields {
        raw: BTreeMap::new(),
        known: Vec::new(),
        pointer: pointer.to_owned(),
        faults,
    };
    let mut value = Ok(());
    for (name, raw) in entries {
        if fields.raw.insert(name.clone(), raw).is_some() {
            value = fields.fault(&name, "repeated", "must be given once");
        }
    }
    let read = read(&mut fields);
    fields.refuse_the_rest();
    value.and(read)
}
