//! Whether answers are such as the document of the API says.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::Answer;

/// The document.
pub static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(http_actix::openapi::json()).unwrap());

/// Checks an answer: its status, its media type, its headers and its body are in the document. What
/// no operation answers (an unknown path, a method that a path does not have) is a problem.
///
/// # Panics
///
/// When it is not.
#[track_caller]
pub(crate) fn check(method: &str, path: &str, answer: &Answer) {
    let what = format!("{method} {path}: {} {}", answer.status, answer.body);
    let Some((operation, template)) = operation(method, path) else {
        let is_told = matches!(answer.status, 404 | 405);
        assert!(is_told, "{what}\nis of no operation of the document");
        return check_schema(
            &json!({"$ref": "#/components/schemas/Problem"}),
            &what,
            answer,
        );
    };
    let status = answer.status.to_string();
    let response = &operation["responses"][&status];
    assert!(
        response.is_object(),
        "{what}\nthe status is not in the document of {template}"
    );
    let headers = response["headers"].as_object().unwrap().keys();
    for header in headers.filter(|name| !MAY_BE_MISSING.contains(&name.as_str())) {
        assert!(answer.header(header).is_some(), "{what}\nlacks {header}");
    }
    let Some(content) = response["content"].as_object() else {
        return assert_eq!(answer.body, Value::Null, "{what}");
    };
    if method == "HEAD" {
        return;
    }
    let media_type = answer.header("content-type").unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default();
    if content.contains_key("text/*") {
        return assert!(media_type.starts_with("text/"), "{what}\nis {media_type}");
    }
    if media_type == "application/x-ndjson" {
        // Text to the document, whatever each line is.
        return;
    }
    let schema = &content.get(media_type).unwrap_or(&Value::Null)["schema"];
    assert!(schema.is_object(), "{what}\nis {media_type}");
    check_schema(schema, &what, answer);
}

/// The headers that not every answer has.
const MAY_BE_MISSING: [&str; 6] = [
    "Accept-Encoding",
    "Balcao-Position",
    "Idempotency-Replayed",
    "Link",
    "RateLimit",
    "RateLimit-Policy",
];

/// The operation that answers, and its path in the document.
fn operation(method: &str, path: &str) -> Option<(&'static Value, &'static str)> {
    let verb = if method == "HEAD" { "GET" } else { method };
    let paths = DOCUMENT["paths"].as_object().unwrap().iter();
    let mut found = paths
        .filter(|(template, _)| matches(template, path))
        .collect::<Vec<_>>();
    // Of two paths that match, the one with more that is fixed is meant (OpenAPI 3.1, section
    // 4.8.8.2).
    found.sort_by_key(|(template, _)| template.matches('{').count());
    let (template, item) = found.first()?;
    let operation = item.get(verb.to_lowercase())?;
    Some((operation, template.as_str()))
}

fn matches(template: &str, path: &str) -> bool {
    let (template, path) = (template.split('/'), path.split('/'));
    template.clone().count() == path.clone().count()
        && template
            .zip(path)
            .all(|(t, p)| t == p || t.starts_with('{'))
}

fn check_schema(schema: &Value, what: &str, answer: &Answer) {
    let validator = validator(schema);
    let errors: Vec<_> = validator
        .iter_errors(&answer.body)
        .map(|error| format!("{} at {}", error, error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{what}\n{errors:#?}");
}

/// What checks a schema of the document. Each is made once.
pub fn validator(schema: &Value) -> Arc<Validator> {
    static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> =
        LazyLock::new(Mutex::default);
    let mut validators = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
    let make = || {
        let whole = json!({"allOf": [schema], "components": DOCUMENT["components"]});
        let options = jsonschema::options().should_validate_formats(true);
        Arc::new(options.build(&whole).unwrap())
    };
    let validator = validators.entry(schema.to_string()).or_insert_with(make);
    Arc::clone(validator)
}
