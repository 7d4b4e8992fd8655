//! Reading queries: every parameter is checked, and everything that is wrong is told at once.

use std::collections::BTreeMap;

use actix_web::web;
use domain::{catalog::BestSellersQuery, values::ValueError};

use super::body::Wrong;
use crate::problem::{Code, Fault, Problem, value_code};

/// What can be made of the parameters of a query.
pub(crate) trait FromQuery: Sized {
    /// Takes every parameter that it knows.
    fn from_query(parameters: &mut Parameters) -> Result<Self, Wrong>;
}

/// The parameters that nobody has taken yet, and what is wrong with those that were.
pub(crate) struct Parameters {
    raw: BTreeMap<String, String>,
    known: Vec<&'static str>,
    faults: Vec<Fault>,
}

/// Reads a whole query.
pub(crate) fn read_query<T: FromQuery>(query: &str) -> Result<T, Problem> {
    let raw = web::Query::<Vec<(String, String)>>::from_query(query)
        .map_err(|_| Problem::new(Code::MalformedQuery))?;
    let mut parameters = Parameters {
        raw: BTreeMap::new(),
        known: Vec::new(),
        faults: Vec::new(),
    };
    for (name, value) in raw.into_inner() {
        if parameters.raw.insert(name.clone(), value).is_some() {
            let fault = Fault::in_query(name, "repeated", "must be given once");
            parameters.faults.push(fault);
        }
    }
    let value = T::from_query(&mut parameters);
    parameters.refuse_the_rest();
    match value {
        Ok(value) if parameters.faults.is_empty() => Ok(value),
        _ => Err(Problem::new(Code::MalformedQuery).faults(parameters.faults)),
    }
}

impl Parameters {
    /// Takes a whole number, or `default` when it is not given.
    fn number(
        &mut self,
        name: &'static str,
        default: u16,
        parse: impl FnOnce(i64) -> Result<u16, ValueError>,
    ) -> Result<u16, Wrong> {
        self.known.push(name);
        let Some(text) = self.raw.remove(name) else {
            return Ok(default);
        };
        let parsed = match text.parse() {
            Ok(number) => parse(number),
            Err(_) => Err(ValueError::Malformed {
                expected: "a whole number",
            }),
        };
        match parsed {
            Ok(number) => Ok(number),
            Err(error) => {
                let fault = Fault::in_query(name, value_code(&error), error.to_string());
                self.faults.push(fault);
                Err(Wrong)
            }
        }
    }

    /// Takes `true` or `false`; `false` when it is not given.
    pub(super) fn flag(&mut self, name: &'static str) -> Result<bool, Wrong> {
        self.known.push(name);
        match self.raw.remove(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => {
                let fault = Fault::in_query(name, "malformed", "must be true or false");
                self.faults.push(fault);
                Err(Wrong)
            }
        }
    }

    fn refuse_the_rest(&mut self) {
        let known = self.known.join(", ");
        for name in std::mem::take(&mut self.raw).into_keys() {
            let detail = format!("is not known here; known are {known}");
            self.faults
                .push(Fault::in_query(name, "unknown_parameter", detail));
        }
    }
}

impl FromQuery for BestSellersQuery {
    fn from_query(parameters: &mut Parameters) -> Result<Self, Wrong> {
        let limit = parameters.number("limit", 10, Self::parse_limit);
        let days = parameters.number("days", 30, Self::parse_days);
        Self::new(limit?, days?).map_err(|_| Wrong)
    }
}
