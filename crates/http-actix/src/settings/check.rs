//! How a setting is read, and how all faults of the settings are collected. clap stops at the first
//! argument that it cannot read, so here reading never fails: a fault is kept in place of the
//! value, and reported together with the others.

use std::{ffi::OsStr, fmt, ops::RangeInclusive, str::FromStr, time::Duration};

use clap::{Arg, Command, builder::TypedValueParser};
use thiserror::Error;

/// The faults of all settings that are wrong.
#[derive(Debug, Error)]
pub struct BadSettings(Vec<String>);

impl fmt::Display for BadSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("these settings must be mended first:")?;
        for bad in &self.0 {
            write!(f, "\n  {bad}")?;
        }
        Ok(())
    }
}

/// The value of an argument, or what is wrong with it and how to correct it.
#[derive(Debug, Clone)]
pub(super) struct Setting<T> {
    variable: String,
    value: Result<T, String>,
}

impl<T> Setting<T> {
    /// Continues reading with more than the argument itself.
    pub(super) fn and_then<U, E: fmt::Display>(
        self,
        read: impl FnOnce(T) -> Result<U, E>,
    ) -> Setting<U> {
        let Self { variable, value } = self;
        let value = value.and_then(|value| read(value).map_err(|fault| fault.to_string()));
        Setting { variable, value }
    }
}

/// Reads an argument with this function. The text of its error follows the name of the variable
/// (`is missing: …`), and must not repeat a secret.
pub(super) fn setting<T, E, F>(read: F) -> impl TypedValueParser<Value = Setting<T>>
where
    F: Fn(&str) -> Result<T, E> + Clone + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
    E: fmt::Display,
{
    Reader(read)
}

#[derive(Clone)]
struct Reader<F>(F);

impl<T, E, F> TypedValueParser for Reader<F>
where
    F: Fn(&str) -> Result<T, E> + Clone + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
    E: fmt::Display,
{
    type Value = Setting<T>;

    fn parse_ref(
        &self,
        _: &Command,
        arg: Option<&Arg>,
        text: &OsStr,
    ) -> Result<Setting<T>, clap::Error> {
        // clap derives the variable and the argument's id from the field's name.
        let variable = arg.map(|arg| arg.get_id().as_str().to_uppercase());
        let value = match text.to_str() {
            Some(text) => self.0(text).map_err(|fault| fault.to_string()),
            None => Err("is not UTF-8".to_owned()),
        };
        Ok(Setting {
            variable: variable.unwrap_or_default(),
            value,
        })
    }
}

/// Reads a setting that may be left out, or left empty, as scripts and compose files do.
pub(super) fn optional<T, E>(
    read: impl Fn(&str) -> Result<T, E> + Clone,
) -> impl Fn(&str) -> Result<Option<T>, E> + Clone {
    move |text| match text {
        "" => Ok(None),
        text => read(text).map(Some),
    }
}

/// Reads a whole number within a range.
pub(super) fn whole<T: FromStr + PartialOrd + fmt::Display + Clone>(
    range: RangeInclusive<T>,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| match text.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => {
            let (least, most) = (range.start(), range.end());
            Err(format!(
                "is {text:?}, not a whole number from {least} to {most}"
            ))
        }
    }
}

/// Reads a duration, as a whole number of units.
pub(super) fn time(
    unit: fn(u64) -> Duration,
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<Duration, String> + Clone {
    let number = whole(range);
    move |text| number(text).map(unit)
}

/// Whether something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Switch {
    On,
    Off,
}

impl FromStr for Switch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "on" => Ok(Self::On),
            "off" => Ok(Self::Off),
            _ => Err(format!("is {text:?}, neither on nor off")),
        }
    }
}

/// Stands for a fault that was recorded.
#[derive(Clone, Copy)]
pub(super) struct Noted;

/// Collects faults, so that they can be reported together.
#[derive(Default)]
pub(super) struct Faults(Vec<String>);

impl Faults {
    /// Reads settings, or returns all their faults.
    pub(super) fn gather<T>(
        read: impl FnOnce(&mut Self) -> Result<T, Noted>,
    ) -> Result<T, BadSettings> {
        let mut faults = Self::default();
        match read(&mut faults) {
            Ok(value) if faults.0.is_empty() => Ok(value),
            _ => Err(BadSettings(faults.0)),
        }
    }

    /// Takes the value, or records its fault. Take every setting of a topic before the first `?`,
    /// or the others are not checked.
    pub(super) fn take<T>(&mut self, setting: Setting<T>) -> Result<T, Noted> {
        let Setting { variable, value } = setting;
        value.map_err(|fault| {
            self.0.push(format!("{variable} {fault}"));
            Noted
        })
    }
}
