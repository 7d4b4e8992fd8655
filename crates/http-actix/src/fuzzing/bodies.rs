//! Bodies and queries.

use std::{collections::HashSet, fmt};

use actix_web::web;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;

use super::choose;
use crate::{
    dto::{
        AuditParameters, BestSellersParameters, Credentials, CustomerPatch, CustomersParameters,
        Everything, ImportParameters, InSequence, LevelsParameters, NewApiKey, NewCustomer,
        NewMovement, NewOrder, NewPassword, NewProduct, NewStatus, NewStockLevel, NewUser,
        OrdersParameters, Paged, PasswordReset, PlaceParameters, ProductPatch, ProductRow,
        ProductsParameters, RefreshRequest, UserPatch, UsersParameters, read_body, read_query,
    },
    problem::Problem,
};

/// Reads a body as one of them, or a query.
type Reader<T> = fn(&T) -> Result<(), Problem>;

const BODIES: [Reader<[u8]>; 16] = [
    |body| read_body::<NewOrder>(body).map(drop),
    |body| read_body::<NewProduct>(body).map(drop),
    |body| read_body::<ProductPatch>(body).map(drop),
    |body| read_body::<ProductRow>(body).map(drop),
    |body| read_body::<NewCustomer>(body).map(drop),
    |body| read_body::<CustomerPatch>(body).map(drop),
    |body| read_body::<NewStockLevel>(body).map(drop),
    |body| read_body::<NewMovement>(body).map(drop),
    |body| read_body::<NewStatus>(body).map(drop),
    |body| read_body::<Credentials>(body).map(drop),
    |body| read_body::<RefreshRequest>(body).map(drop),
    |body| read_body::<NewPassword>(body).map(drop),
    |body| read_body::<PasswordReset>(body).map(drop),
    |body| read_body::<NewUser>(body).map(drop),
    |body| read_body::<UserPatch>(body).map(drop),
    |body| read_body::<NewApiKey>(body).map(drop),
];

const QUERIES: [Reader<str>; 11] = [
    |query| read_query::<Paged<InSequence<ProductsParameters>>>(query).map(drop),
    |query| read_query::<Paged<InSequence<OrdersParameters>>>(query).map(drop),
    |query| read_query::<Paged<InSequence<CustomersParameters>>>(query).map(drop),
    |query| read_query::<Paged<LevelsParameters>>(query).map(drop),
    |query| read_query::<Paged<UsersParameters>>(query).map(drop),
    |query| read_query::<Paged<AuditParameters>>(query).map(drop),
    |query| read_query::<Paged<Everything>>(query).map(drop),
    |query| read_query::<ProductsParameters>(query).map(drop),
    |query| read_query::<BestSellersParameters>(query).map(drop),
    |query| read_query::<ImportParameters>(query).map(drop),
    |query| read_query::<PlaceParameters>(query).map(drop),
];

/// What is taken is JSON whose objects name each field once. What is JSON is not called anything else,
/// and each fault is in a place of it.
pub fn bodies(bytes: &[u8]) {
    let Some((read, body)) = choose(bytes, &BODIES) else {
        return;
    };
    let json = serde_json::from_slice::<Value>(body);
    let Err(problem) = read(body) else {
        assert!(
            json.is_ok_and(|json| json.is_object()),
            "no object was taken"
        );
        let each_once = serde_json::from_slice::<EachOnce>(body);
        assert!(each_once.is_ok(), "a field was taken that is given twice");
        return;
    };
    let document = document(&problem);
    let Some(errors) = document.get("errors") else {
        assert_eq!(problem.code(), "malformed_json");
        assert!(json.is_err(), "JSON is called malformed");
        return;
    };
    assert_eq!(problem.code(), "validation_failed");
    let Ok(json) = json else {
        // Only what is in it is no JSON: half of a surrogate pair, or a number beyond all bounds.
        assert!(serde_json::from_slice::<IgnoredAny>(body).is_ok());
        return;
    };
    for error in errors.as_array().unwrap() {
        let pointer = error.get("pointer").and_then(Value::as_str).unwrap();
        let parent = pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
        assert!(json.pointer(parent).is_some(), "nothing is at {pointer}");
    }
}

/// What is taken names each parameter once.
pub fn queries(bytes: &[u8]) {
    let Some((read, query)) = choose(bytes, &QUERIES) else {
        return;
    };
    let Ok(query) = str::from_utf8(query) else {
        return;
    };
    let pairs = web::Query::<Vec<(String, String)>>::from_query(query);
    match read(query) {
        Ok(()) => {
            let pairs = pairs.unwrap().into_inner();
            let mut seen = HashSet::new();
            assert!(pairs.iter().all(|(name, _)| seen.insert(name)), "{pairs:?}");
        }
        Err(problem) => {
            assert_eq!(problem.code(), "malformed_query");
            let document = document(&problem);
            let is_told = document.get("errors").is_some();
            assert_eq!(is_told, pairs.is_ok(), "nobody is told what is wrong");
        }
    }
}

/// The problem document that a caller gets.
fn document(problem: &Problem) -> Value {
    let text = serde_json::to_string(&problem.document(None)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// JSON in which no object has a field twice.
struct EachOnce;

impl<'de> Deserialize<'de> for EachOnce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for EachOnce {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut names = HashSet::new();
        while let Some((name, Self)) = map.next_entry::<String, Self>()? {
            if !names.insert(name) {
                return Err(A::Error::custom("twice"));
            }
        }
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }
}
