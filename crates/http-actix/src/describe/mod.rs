//! What the document of the API says of an operation, gathered from the types of its handler: what
//! it takes says [`Extract`], what it answers says [`Answer`].

mod handlers;
mod problems;

use std::collections::{BTreeMap, BTreeSet};

use actix_web::{
    FromRequest, Responder,
    http::{StatusCode, header::HeaderName},
};
use utoipa::{
    ToSchema,
    openapi::{
        ContentBuilder, Header, HeaderBuilder, ObjectBuilder, Ref, RefOr, Required,
        ResponseBuilder, Schema, Type,
        path::{OperationBuilder, Parameter, ParameterBuilder, ParameterIn},
        request_body::{RequestBody, RequestBodyBuilder},
        schema::ArrayBuilder,
    },
};

pub(crate) use self::handlers::describe;
use crate::{
    dto::{
        Described,
        wire::{WireValue, or_null, string},
    },
    positions,
    problem::Code,
    rate_limits,
};

/// What a handler takes.
pub(crate) trait Extract: FromRequest {
    /// Adds what is taken to an operation, and how it is refused.
    fn describe(operation: &mut Description<'_>);
}

/// What a handler answers.
pub(crate) trait Answer: Responder + 'static {
    /// Whether its making may take as long as there is to read, before it begins.
    const TAKES_ITS_TIME: bool = false;

    /// Adds what is answered to an operation.
    fn describe(operation: &mut Description<'_>);
}

/// The schemas of the document, by their names.
#[derive(Default)]
pub(crate) struct Schemas(BTreeMap<String, RefOr<Schema>>);

impl Schemas {
    /// The schemas of problems alone.
    pub(crate) fn with_problems() -> Self {
        let mut schemas = Self::default();
        problems::add_to(&mut schemas);
        schemas
    }

    /// All of them.
    pub(crate) fn into_iter(self) -> impl Iterator<Item = (String, RefOr<Schema>)> {
        self.0.into_iter()
    }

    /// Adds the schema of an answer, and of everything in it.
    fn add<T: ToSchema>(&mut self) {
        let mut schemas = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut schemas);
        self.0.extend(schemas);
    }

    fn add_as(&mut self, name: &str, schema: impl Into<RefOr<Schema>>) {
        self.0.insert(name.to_owned(), schema.into());
    }
}

/// What is known of an operation so far.
pub(crate) struct Description<'a> {
    schemas: &'a mut Schemas,
    parameters: Vec<Parameter>,
    body: Option<RequestBody>,
    answers: BTreeMap<u16, Response>,
    problems: BTreeSet<Code>,
}

/// A successful answer.
struct Response {
    reason: &'static str,
    content: Vec<(&'static str, RefOr<Schema>)>,
    headers: Vec<(HeaderName, &'static str)>,
}

/// What an answer is made of.
pub(crate) struct Answered {
    content: Content,
    headers: Vec<(HeaderName, &'static str)>,
}

/// The body of an answer: nothing, text of one of some types, or JSON with the schema that this
/// adds.
enum Content {
    Empty,
    Text(Vec<&'static str>),
    Json(fn(&mut Schemas) -> RefOr<Schema>),
}

impl Answered {
    /// A JSON body.
    pub(crate) fn with<T: ToSchema>() -> Self {
        Self::of(Content::Json(reference::<T>))
    }

    /// A JSON body with a list.
    pub(crate) fn with_list_of<T: ToSchema>() -> Self {
        Self::of(Content::Json(list::<T>))
    }

    /// A JSON body with a page of a list.
    pub(crate) fn with_page_of<T: ToSchema>() -> Self {
        Self::of(Content::Json(page::<T>))
    }

    /// A JSON object of some other making.
    pub(crate) fn any_object() -> Self {
        Self::of(Content::Json(|_| {
            let object = ObjectBuilder::new().schema_type(Type::Object);
            RefOr::T(Schema::Object(object.build()))
        }))
    }

    /// No body.
    pub(crate) fn empty() -> Self {
        Self::of(Content::Empty)
    }

    /// Text of one of these media types.
    pub(crate) fn text(media_types: impl IntoIterator<Item = &'static str>) -> Self {
        Self::of(Content::Text(media_types.into_iter().collect()))
    }

    fn of(content: Content) -> Self {
        Self {
            content,
            headers: Vec::new(),
        }
    }

    /// The same with a header.
    pub(crate) fn header(mut self, name: HeaderName, about: &'static str) -> Self {
        self.headers.push((name, about));
        self
    }
}

/// Adds the schema of `T`, and refers to it.
fn reference<T: ToSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    schemas.add::<T>();
    Ref::from_schema_name(T::name()).into()
}

/// Adds the schema of a list of `T`, and refers to it.
fn list<T: ToSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    let item = reference::<T>(schemas);
    let name = format!("{}List", T::name());
    let schema = ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("items", ArrayBuilder::new().items(item))
        .required("items")
        .build();
    schemas.add_as(&name, Schema::Object(schema));
    Ref::from_schema_name(name).into()
}

/// Adds the schema of a page of a list of `T`, and refers to it.
fn page<T: ToSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    let item = reference::<T>(schemas);
    let name = format!("{}Page", T::name());
    let cursor = string().description(Some("For `cursor`; `null` on the last page."));
    let schema = ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("items", ArrayBuilder::new().items(item))
        .required("items")
        .property("next_cursor", or_null(cursor.build()))
        .required("next_cursor")
        .build();
    schemas.add_as(&name, Schema::Object(schema));
    Ref::from_schema_name(name).into()
}

impl<'a> Description<'a> {
    pub(crate) fn new(schemas: &'a mut Schemas) -> Self {
        Self {
            schemas,
            parameters: Vec::new(),
            body: None,
            answers: BTreeMap::new(),
            problems: BTreeSet::new(),
        }
    }

    /// It takes the id in the path.
    pub(crate) fn takes_id<T: WireValue>(&mut self) {
        let schema = T::schema().into();
        let about = "As the API gave it.";
        self.takes(ParameterIn::Path, "id", Required::True, about, schema);
    }

    /// It takes a parameter of the path.
    pub(crate) fn takes_in_path(&mut self, name: &str, about: &str, schema: ObjectBuilder) {
        self.takes(
            ParameterIn::Path,
            name,
            Required::True,
            about,
            schema.build().into(),
        );
    }

    /// It takes a header, if there is one.
    pub(crate) fn takes_header(&mut self, name: &str, about: &str, schema: ObjectBuilder) {
        self.takes(
            ParameterIn::Header,
            name,
            Required::False,
            about,
            schema.build().into(),
        );
    }

    /// It takes a header that must be there.
    pub(crate) fn requires_header(&mut self, name: &str, about: &str, schema: ObjectBuilder) {
        let schema = schema.build().into();
        self.takes(ParameterIn::Header, name, Required::True, about, schema);
    }

    /// It takes a query.
    pub(crate) fn takes_query<T: Described>(&mut self) {
        for property in T::properties() {
            let required = if property.is_required {
                Required::True
            } else {
                Required::False
            };
            let (name, about) = (property.name, property.about);
            self.takes(ParameterIn::Query, name, required, about, property.in_query);
        }
    }

    fn takes(
        &mut self,
        place: ParameterIn,
        name: &str,
        required: Required,
        about: &str,
        schema: RefOr<Schema>,
    ) {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(place)
            .required(required)
            .description(Some(about))
            .schema(Some(schema));
        self.parameters.push(parameter.build());
    }

    /// It takes a JSON body, under one of these media types.
    pub(crate) fn takes_body<T: Described>(&mut self, media_types: &[&str]) {
        self.schemas.add_as(T::NAME, T::schema());
        for (name, schema) in T::properties().into_iter().filter_map(|p| p.refers_to) {
            self.schemas.add_as(name, schema);
        }
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name(T::NAME)))
            .example(Some(T::example()))
            .build();
        let mut body = RequestBodyBuilder::new().required(Some(Required::True));
        for media_type in media_types {
            body = body.content(*media_type, content.clone());
        }
        self.body = Some(body.build());
    }

    /// It takes rows, in one of these formats.
    pub(crate) fn takes_rows(&mut self, formats: &[(&str, &str)]) {
        let mut body = RequestBodyBuilder::new().required(Some(Required::True));
        for (media_type, example) in formats {
            let content = ContentBuilder::new()
                .schema(Some(Schema::Object(string().build())))
                .example(Some((*example).into()));
            body = body.content(*media_type, content.build());
        }
        self.body = Some(body.build());
    }

    /// It may answer with this status.
    pub(crate) fn answers(&mut self, status: StatusCode, answered: Answered) {
        let content = match answered.content {
            Content::Empty => Vec::new(),
            Content::Text(media_types) => {
                let text = || RefOr::T(Schema::Object(string().build()));
                media_types.into_iter().map(|name| (name, text())).collect()
            }
            Content::Json(schema) => vec![("application/json", schema(self.schemas))],
        };
        let response = Response {
            reason: status.canonical_reason().unwrap_or_default(),
            content,
            headers: answered.headers,
        };
        self.answers.insert(status.as_u16(), response);
    }

    /// It writes. What is answered while it does tells no position.
    pub(crate) fn writes(&mut self) {
        let done = self.answers.range_mut(..300).map(|(_, answer)| answer);
        let is_json = |answer: &&mut Response| {
            answer
                .content
                .iter()
                .all(|(media, _)| *media == "application/json")
        };
        for answer in done.filter(is_json) {
            answer.headers.push(positions::HEADER);
        }
    }

    /// It counts against a rate limit.
    pub(crate) fn counts(&mut self) {
        for answer in self.answers.values_mut() {
            answer.headers.extend(rate_limits::HEADERS);
        }
        self.problem(Code::RateLimited);
    }

    /// It may be refused with this problem.
    pub(crate) fn problem(&mut self, code: Code) {
        self.problems.insert(code);
    }

    /// Everything that is known.
    pub(crate) fn build(self) -> OperationBuilder {
        let mut operation = OperationBuilder::new().request_body(self.body);
        for parameter in self.parameters {
            operation = operation.parameter(parameter);
        }
        for (status, answer) in self.answers {
            let mut response = ResponseBuilder::new().description(answer.reason);
            for (media_type, schema) in answer.content {
                let content = ContentBuilder::new().schema(Some(schema));
                response = response.content(media_type, content.build());
            }
            for (name, about) in answer.headers {
                response = response.header(canonical(&name), header(about));
            }
            let response = response.header("X-Request-Id", request_id());
            operation = operation.response(status.to_string(), response);
        }
        for (status, response) in problems::responses(&self.problems) {
            operation = operation.response(status.to_string(), response);
        }
        operation
    }
}

/// A header that is a string.
pub(super) fn header(about: &str) -> Header {
    HeaderBuilder::new()
        .schema(Some(string()))
        .description(Some(about))
        .build()
}

pub(super) fn request_id() -> Header {
    header("Names the request in the log: the one that was sent, or a new one.")
}

/// A header's name as people write it: `Idempotency-Replayed`.
pub(super) fn canonical(name: &HeaderName) -> String {
    for written in ["ETag", "RateLimit", "RateLimit-Policy"] {
        if written.eq_ignore_ascii_case(name.as_str()) {
            return written.to_owned();
        }
    }
    let mut starts = true;
    let letter = |letter: char| {
        let written = if starts {
            letter.to_ascii_uppercase()
        } else {
            letter
        };
        starts = letter == '-';
        written
    };
    name.as_str().chars().map(letter).collect()
}
