//! The document of the API: whole, true, and its examples such as its schemas say.

use domain::identity::Role;
use http_actix::routes::endpoints;
use integration_tests::{DOCUMENT, Shop, validator};
use serde_json::Value;

fn operations() -> impl Iterator<Item = (String, &'static Value)> {
    let paths = DOCUMENT["paths"].as_object().unwrap().iter();
    paths.flat_map(|(path, item)| {
        let item = item.as_object().unwrap().iter();
        item.map(move |(method, operation)| {
            (format!("{} {path}", method.to_uppercase()), operation)
        })
    })
}

#[test]
fn every_route_is_in_the_document_with_its_roles_and_its_security() {
    let mut documented: Vec<_> = operations().map(|(name, _)| name).collect();
    for endpoint in endpoints() {
        let name = format!("{} {}", endpoint.verb.methods()[0], endpoint.path);
        let position = documented.iter().position(|own| *own == name);
        let position = position.unwrap_or_else(|| panic!("{name} is not in the document"));
        documented.remove(position);
        let (_, operation) = operations().find(|(own, _)| *own == name).unwrap();
        let admitted = Role::ALL.map(|role| (role, endpoint.access.admits(role)));
        for (role, admitted) in admitted {
            let told = operation["x-roles"].as_array().unwrap();
            let told = told.iter().any(|told| told == role.as_str());
            assert_eq!(told, admitted, "{name} as {role}");
        }
        let security = operation["security"].as_array().unwrap();
        let nobody = |one: &Value| one.as_object().unwrap().is_empty();
        let may_be_anonymous = security.is_empty() || security.iter().any(nobody);
        assert_eq!(
            may_be_anonymous,
            endpoint.access.admits_anonymous(),
            "{name}"
        );
    }
    assert_eq!(documented, [""; 0], "no route answers these");
}

#[test]
fn every_operation_has_all_that_a_reader_needs() {
    let mut ids = Vec::new();
    for (name, operation) in operations() {
        for text in ["summary", "description", "operationId"] {
            assert!(operation[text].is_string(), "{name} has no {text}");
        }
        assert!(operation["tags"].is_array(), "{name}");
        ids.push(operation["operationId"].as_str().unwrap());
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{name}: {parameter}");
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            let id = &response["headers"]["X-Request-Id"];
            assert!(
                id.is_object(),
                "{name} {status} does not tell the request's id"
            );
        }
    }
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "every operation has an id of its own");
}

#[test]
fn every_example_is_such_as_its_schema_says() {
    let mut count = 0;
    let mut check = |schema: &Value, example: &Value, what: &str| {
        let told = validator(schema)
            .validate(example)
            .map_err(|e| e.to_string());
        assert_eq!(told, Ok(()), "{what}: {example}");
        count += 1;
    };
    for (name, schema) in DOCUMENT["components"]["schemas"].as_object().unwrap() {
        let example = schema["example"].as_object().map(|_| &schema["example"]);
        let examples = schema["examples"].as_array().into_iter().flatten();
        for example in example.into_iter().chain(examples) {
            check(schema, example, name);
        }
    }
    for (name, operation) in operations() {
        let responses = operation["responses"].as_object().unwrap().values();
        let bodies = std::iter::once(&operation["requestBody"]).chain(responses);
        for content in bodies.filter_map(|body| body["content"].as_object()) {
            for content in content.values() {
                let one = content.get("example").into_iter();
                let many = content["examples"].as_object().into_iter().flatten();
                for example in one.chain(many.map(|(_, example)| &example["value"])) {
                    check(&content["schema"], example, &name);
                }
            }
        }
    }
    assert!(count > 100, "{count} examples were found");
}

#[tokio::test]
async fn the_document_is_served() {
    let shop = Shop::open().await;
    let answer = shop.anonymous().get("/openapi.json").await.expect(200);
    assert_eq!(answer.body, *DOCUMENT);
}
