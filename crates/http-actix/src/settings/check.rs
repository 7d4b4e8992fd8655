//! Collecting what is wrong with the settings, so that it is told all at once.

use std::fmt;

use thiserror::Error;

/// Every setting that is wrong.
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

/// Something is wrong, and was noted.
#[derive(Clone, Copy)]
pub(super) struct Noted;

/// Collects what is wrong, so that it can be told together.
#[derive(Default)]
pub(super) struct Check(Vec<String>);

impl Check {
    pub(super) fn bad<T>(&mut self, name: &str, why: impl fmt::Display) -> Result<T, Noted> {
        self.0.push(format!("{name} {why}"));
        Err(Noted)
    }

    pub(super) fn ok<T, E: fmt::Display>(
        &mut self,
        name: &str,
        read: Result<T, E>,
    ) -> Result<T, Noted> {
        read.or_else(|error| self.bad(name, error))
    }

    pub(super) fn given<'a>(
        &mut self,
        name: &str,
        text: Option<&'a str>,
        how: &str,
    ) -> Result<&'a str, Noted> {
        match text.filter(|text| !text.is_empty()) {
            Some(text) => Ok(text),
            None => self.bad(name, format!("is missing: {how}")),
        }
    }

    pub(super) fn number<T>(
        &mut self,
        name: &str,
        text: &str,
        range: std::ops::RangeInclusive<T>,
    ) -> Result<T, Noted>
    where
        T: std::str::FromStr + PartialOrd + fmt::Display,
    {
        match text.parse() {
            Ok(number) if range.contains(&number) => Ok(number),
            _ => {
                let (least, most) = range.into_inner();
                self.bad(
                    name,
                    format!("is {text:?}, not a whole number from {least} to {most}"),
                )
            }
        }
    }

    pub(super) fn done<T>(self, value: Result<T, Noted>) -> Result<T, BadSettings> {
        match value {
            Ok(value) if self.0.is_empty() => Ok(value),
            _ => Err(BadSettings(self.0)),
        }
    }
}
