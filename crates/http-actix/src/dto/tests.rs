//! Reading bodies and queries.

use actix_web::body::MessageBody;
use domain::{
    catalog::BestSellersQuery,
    values::{Name, Patch},
};
use serde_json::Value;

use super::*;
use crate::problem::Problem;

/// The problem document that a caller gets.
fn document(problem: &Problem) -> Value {
    let body = problem.answer(None).into_body().try_into_bytes().unwrap();
    serde_json::from_slice(&body).unwrap()
}

/// The pointers and codes of a refused body.
fn faults<T: Input>(body: &str) -> Vec<(String, String)> {
    let Err(problem) = read_body::<T>(body.as_bytes()) else {
        panic!("{body} is wrong");
    };
    let document = document(&problem);
    assert_eq!(document["status"], 422, "{document}");
    let errors = document["errors"].as_array().unwrap().iter();
    let text = |error: &Value, name: &str| error[name].as_str().unwrap().to_owned();
    errors
        .map(|error| (text(error, "pointer"), text(error, "code")))
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let pair = |&(a, b): &(&str, &str)| (a.to_owned(), b.to_owned());
    expected.iter().map(pair).collect()
}

#[test]
fn a_field_that_is_given_twice_is_reported_wherever_it_is() {
    let id = "0192f0c1-2a3b-7c4d-8e5f-60718293a4b5";
    let line = format!(r#"{{"product_id":"{id}","quantidade":1,"quantidade":3}}"#);
    let body = format!(r#"{{"itens":[{line}],"itens":[{line}]}}"#);
    assert_eq!(
        faults::<NewOrder>(&body),
        pairs(&[("/itens", "repeated"), ("/itens/0/quantidade", "repeated")])
    );
    assert_eq!(
        faults::<NewProduct>(r#"{"nome":"Café","preco":"1.00","preco":"1.00"}"#),
        pairs(&[("/preco", "repeated")])
    );
}

#[test]
fn everything_that_is_wrong_is_reported_at_once_and_where() {
    let body = r#"{
        "customer_id": "me",
        "itens": [
            {"product_id": "0192f0c1-2a3b-7c4d-8e5f-60718293a4b5", "quantidade": 0},
            {"quantidade": "2", "a/b~c": 1},
            7
        ],
        "note": "hi"
    }"#;
    assert_eq!(
        faults::<NewOrder>(body),
        pairs(&[
            ("/customer_id", "malformed"),
            ("/itens/0/quantidade", "out_of_range"),
            ("/itens/1/product_id", "required"),
            ("/itens/1/quantidade", "wrong_type"),
            ("/itens/1/a~1b~0c", "unknown_field"),
            ("/itens/2", "wrong_type"),
            ("/note", "unknown_field"),
        ])
    );
}

#[test]
fn null_is_no_value_where_one_is_needed_and_none_where_it_is_not() {
    let body = r#"{"nome": null, "email": "ana@example.com", "password": null}"#;
    assert_eq!(
        faults::<NewCustomer>(body),
        pairs(&[("/nome", "wrong_type")])
    );
    let body = r#"{"nome": "Ana", "email": "ana@example.com", "password": null}"#;
    assert_eq!(
        read_body::<NewCustomer>(body.as_bytes()).unwrap().password,
        None
    );
}

#[test]
fn a_price_is_read_exactly_from_a_string_or_a_number() {
    let price = |preco: &str| {
        let body = format!(r#"{{"nome": "Café", "preco": {preco}}}"#);
        read_body::<NewProduct>(body.as_bytes()).map(|new| new.preco.to_string())
    };
    for preco in [r#""19.90""#, "19.90", "19.9"] {
        assert_eq!(price(preco).unwrap(), "19.90");
    }
    assert_eq!(price("9999999999.99").unwrap(), "9999999999.99");
    // As a binary fraction this would be 0.10.
    assert!(price("0.10000000000000000000000000001").is_err());
    for preco in [
        "1e1",
        "-1",
        "19.901",
        "10000000000",
        "true",
        "[]",
        r#""R$ 19""#,
    ] {
        assert!(price(preco).is_err(), "{preco}");
    }
}

#[test]
fn what_is_not_json_is_told_apart_from_what_is_no_object() {
    for body in ["", "{", r#"{"nome": }"#, "\u{feff}{}", "{} {}"] {
        let Err(problem) = read_body::<NewCustomer>(body.as_bytes()) else {
            panic!("{body} is wrong");
        };
        assert_eq!(document(&problem)["code"], "malformed_json", "{body}");
    }
    for body in ["[]", "1", "null", r#""x""#] {
        assert_eq!(faults::<NewCustomer>(body), pairs(&[("", "wrong_type")]));
    }
}

#[test]
fn a_long_list_is_refused_without_being_read() {
    let body = format!(r#"{{"itens": [{}]}}"#, ["{}"; 101].join(","));
    assert_eq!(faults::<NewOrder>(&body), pairs(&[("/itens", "too_long")]));
}

#[test]
fn an_answer_lists_a_hundred_faults_at_most() {
    let fields: Vec<_> = (0..500).map(|n| format!(r#""f{n}": 1"#)).collect();
    let body = format!("{{{}}}", fields.join(","));
    assert_eq!(faults::<NewCustomer>(&body).len(), 100);
}

#[test]
fn a_query_has_defaults_and_ranges() {
    let read = |query| read_query::<BestSellersParameters>(query).map(BestSellersQuery::from);
    let asked = |query| {
        let BestSellersQuery { limit, period } = read(query).unwrap();
        (limit.entries(), period.days())
    };
    assert_eq!(asked(""), (10, 30));
    assert_eq!(asked("days=7&limit=3"), (3, 7));
    let document = document(&read("limit=0&days=x&sort=name&sort=sold").unwrap_err());
    assert_eq!(document["status"], 400);
    let errors = document["errors"].as_array().unwrap();
    let told: Vec<_> = errors
        .iter()
        .map(|e| {
            (
                e["parameter"].as_str().unwrap(),
                e["code"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("sort", "repeated"),
            ("limit", "out_of_range"),
            ("days", "malformed"),
            ("sort", "unknown_parameter")
        ]
    );
}

#[test]
fn a_patch_keeps_clears_or_sets() {
    super::input::input! {
        /// A change.
        struct Change {
            /// A name.
            nome: Patch<Name>,
        }
    }

    let read = |body: &str| read_body::<Change>(body.as_bytes()).unwrap().nome;
    assert_eq!(read("{}"), Patch::Keep);
    assert_eq!(read(r#"{"nome": null}"#), Patch::Clear);
    let name = Name::parse("Ana").unwrap();
    assert_eq!(read(r#"{"nome": "Ana"}"#), Patch::Set(name));
    assert_eq!(
        faults::<Change>(r#"{"nome": ""}"#),
        pairs(&[("/nome", "blank")])
    );
}

#[test]
fn a_whole_number_may_be_written_with_a_point_or_an_exponent() {
    let level = |written: &str| {
        let body = format!(r#"{{"quantidade_disponivel": {written}}}"#);
        let level = read_body::<NewStockLevel>(body.as_bytes()).ok()?;
        Some(level.quantidade_disponivel.units())
    };
    for written in ["25", "25.0", "25.00", "2.5e1", "250e-1", "2.5E+1"] {
        assert_eq!(level(written), Some(25), "{written}");
    }
    // As a decimal of 28 places it would be 25.
    let nearly = format!("25.{}1", "0".repeat(40));
    let nearly_with_exponent = format!("2.5{}1e1", "0".repeat(40));
    for written in [
        "25.5",
        "2.55e1",
        "\"25\"",
        "1e30",
        "9e999999999",
        "true",
        &nearly,
        &nearly_with_exponent,
    ] {
        assert_eq!(level(written), None, "{written}");
    }
}
