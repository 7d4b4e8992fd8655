//! The answers of handlers: each type defines its status and headers, for the caller and for the
//! OpenAPI document alike.

mod bulk;

use actix_web::{
    Either, HttpRequest, HttpResponse, Responder,
    body::BoxBody,
    http::{
        StatusCode,
        header::{self, EntityTag, HeaderName, HeaderValue},
    },
};
use domain::{stock::StockLevel, values::Version};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use self::bulk::{Exporting, Importing, Telling};
use crate::{
    describe::{Answer, Answered, Description},
    extract::Known,
    problem::Problem,
};

impl<A: Answer> Answer for Result<A, Problem> {
    const TAKES_ITS_TIME: bool = A::TAKES_ITS_TIME;

    fn describe(operation: &mut Description) {
        A::describe(operation);
    }
}

impl<A: Answer, B: Answer> Answer for Either<A, B> {
    const TAKES_ITS_TIME: bool = A::TAKES_ITS_TIME || B::TAKES_ITS_TIME;

    fn describe(operation: &mut Description) {
        A::describe(operation);
        B::describe(operation);
    }
}

/// 200, with the answer to the request.
pub(crate) struct Shown<T>(pub(crate) T);

impl<T: Serialize> Responder for Shown<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok().json(self.0)
    }
}

impl<T: Serialize + ToSchema + 'static> Answer for Shown<T> {
    fn describe(operation: &mut Description) {
        operation.answers(StatusCode::OK, Answered::with::<T>());
    }
}

/// What is answered is for whoever asked, this once.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// 200, with a secret that caches must not store.
pub(crate) struct Secret<T>(pub(crate) T);

impl<T: Serialize> Responder for Secret<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok()
            .insert_header((header::CACHE_CONTROL, NO_STORE))
            .json(self.0)
    }
}

impl<T: Serialize + ToSchema + 'static> Answer for Secret<T> {
    fn describe(operation: &mut Description) {
        let answered = Answered::with::<T>().header(header::CACHE_CONTROL, "Always `no-store`.");
        operation.answers(StatusCode::OK, answered);
    }
}

/// 200, with a list.
pub(crate) struct Listed<T>(pub(crate) Vec<T>);

impl<T: Serialize> Responder for Listed<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        #[derive(Serialize)]
        struct List<T> {
            items: Vec<T>,
        }

        HttpResponse::Ok().json(List { items: self.0 })
    }
}

impl<T: Serialize + ToSchema + 'static> Answer for Listed<T> {
    fn describe(operation: &mut Description) {
        operation.answers(StatusCode::OK, Answered::with_list_of::<T>());
    }
}

/// 201, with the location of the new entity and the entity.
pub(crate) struct Created<T> {
    pub(crate) location: String,
    pub(crate) body: T,
}

impl<T: Serialize> Responder for Created<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Created()
            .insert_header((header::LOCATION, self.location))
            .json(self.body)
    }
}

impl<T: Serialize + ToSchema + 'static> Created<T> {
    fn answered() -> Answered {
        Answered::with::<T>().header(header::LOCATION, "Where it is.")
    }
}

impl<T: Serialize + ToSchema + 'static> Answer for Created<T> {
    fn describe(operation: &mut Description) {
        operation.answers(StatusCode::CREATED, Self::answered());
    }
}

/// 201, with a secret that caches must not store.
pub(crate) struct CreatedSecret<T>(pub(crate) Created<T>);

impl<T: Serialize> Responder for CreatedSecret<T> {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let mut response = self.0.respond_to(request);
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, NO_STORE);
        response
    }
}

impl<T: Serialize + ToSchema + 'static> Answer for CreatedSecret<T> {
    fn describe(operation: &mut Description) {
        let created = Created::<T>::answered();
        let answered = created.header(header::CACHE_CONTROL, "Always `no-store`.");
        operation.answers(StatusCode::CREATED, answered);
    }
}

/// Marks the answer to a repeat: an earlier request with the same key did the work.
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// 201, or the repeat of one.
pub(crate) struct Replayable<T> {
    pub(crate) created: Created<T>,
    pub(crate) is_replay: bool,
}

impl<T: Serialize> Responder for Replayable<T> {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let mut response = self.created.respond_to(request);
        if self.is_replay {
            let replayed = HeaderValue::from_static("true");
            response
                .headers_mut()
                .insert(IDEMPOTENCY_REPLAYED, replayed);
        }
        response
    }
}

impl<T: Serialize + ToSchema + 'static> Answer for Replayable<T> {
    fn describe(operation: &mut Description) {
        let answered = Created::<T>::answered().header(
            IDEMPOTENCY_REPLAYED,
            "`true` when a request with the same key was answered like this before.",
        );
        operation.answers(StatusCode::CREATED, answered);
    }
}

/// The tag of an entity (RFC 9110, section 8.8.3): it is another one when the answer would be.
pub(crate) struct Tag(String);

impl Tag {
    /// The tag of an entity whose version changes with everything that is shown of it.
    pub(crate) fn of(version: Version) -> Self {
        Self(version.number().to_string())
    }

    /// The tag of units in stock.
    pub(crate) fn of_stock(available: StockLevel) -> Self {
        Self(available.units().to_string())
    }

    /// The tag of an entity that is shown with the units in stock. They are no part of what can be
    /// edited: `If-Match` looks at what is before the point.
    pub(crate) fn with_stock(version: Version, available: StockLevel) -> Self {
        Self(format!("{}.{}", version.number(), available.units()))
    }
}

/// What a tag tells apart.
pub(crate) trait FromTag: Sized + 'static {
    /// What a tag of ours names; `None` of any other.
    fn from_tag(tag: &EntityTag) -> Option<Self>;
}

impl FromTag for Version {
    fn from_tag(tag: &EntityTag) -> Option<Self> {
        let (version, _) = tag.tag().split_once('.').unwrap_or((tag.tag(), ""));
        Self::parse(version.parse().ok()?).ok()
    }
}

impl FromTag for StockLevel {
    fn from_tag(tag: &EntityTag) -> Option<Self> {
        Self::from_stored(tag.tag().parse().ok()?).ok()
    }
}

/// 200 with the entity and its tag, or 304 when the caller has the entity with this tag already.
/// Caches must revalidate before using it.
pub(crate) struct Tagged<T> {
    pub(crate) tag: Tag,
    pub(crate) known: Known,
    pub(crate) body: T,
}

impl<T: Serialize> Responder for Tagged<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let tag = EntityTag::new_strong(self.tag.0);
        let is_known = self.known.holds(&tag);
        let mut response = HttpResponse::Ok();
        response
            .insert_header(header::ETag(tag))
            .insert_header((header::CACHE_CONTROL, REVALIDATE));
        if is_known {
            response.status(StatusCode::NOT_MODIFIED).finish()
        } else {
            response.json(self.body)
        }
    }
}

/// What is shown may be stored by the caller's own cache, which asks again before using it.
const REVALIDATE: &str = "private, no-cache";

impl<T: Serialize + ToSchema + 'static> Answer for Tagged<T> {
    fn describe(operation: &mut Description) {
        let tagged = |answered: Answered| {
            answered
                .header(header::ETAG, "The tag, for `If-None-Match` and `If-Match`.")
                .header(header::CACHE_CONTROL, "Always `private, no-cache`.")
        };
        operation.answers(StatusCode::OK, tagged(Answered::with::<T>()));
        operation.answers(StatusCode::NOT_MODIFIED, tagged(Answered::empty()));
    }
}

/// 200 with the entity as it has become, and its tag.
pub(crate) struct Changed<T> {
    pub(crate) tag: Tag,
    pub(crate) body: T,
}

impl<T: Serialize> Responder for Changed<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok()
            .insert_header(header::ETag(EntityTag::new_strong(self.tag.0)))
            .json(self.body)
    }
}

impl<T: Serialize + ToSchema + 'static> Answer for Changed<T> {
    fn describe(operation: &mut Description) {
        let answered = Answered::with::<T>().header(header::ETAG, "The new tag, for `If-Match`.");
        operation.answers(StatusCode::OK, answered);
    }
}

/// 204: done, and nothing is left to show.
pub(crate) struct Gone;

impl Responder for Gone {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::NoContent().finish()
    }
}

impl Answer for Gone {
    fn describe(operation: &mut Description) {
        operation.answers(StatusCode::NO_CONTENT, Answered::empty());
    }
}

/// 200 with a page of a list, and where the next one is (RFC 8288).
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<NextPage>,
}

/// The page after a page.
pub(crate) struct NextPage {
    pub(crate) cursor: String,
    /// The path and the query of the same list, with the cursor.
    pub(crate) target: String,
}

impl<T: Serialize> Responder for Page<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        #[derive(Serialize)]
        struct Body<'a, T> {
            items: Vec<T>,
            next_cursor: Option<&'a str>,
        }

        let mut response = HttpResponse::Ok();
        if let Some(next) = &self.next {
            let link = format!("<{}>; rel=\"next\"", next.target);
            response.insert_header((header::LINK, link));
        }
        response.json(Body {
            items: self.items,
            next_cursor: self.next.as_ref().map(|next| next.cursor.as_str()),
        })
    }
}

impl<T: Serialize + ToSchema + 'static> Answer for Page<T> {
    fn describe(operation: &mut Description) {
        let about = "`rel=\"next\"`: the next page, if there is one.";
        let answered = Answered::with_page_of::<T>().header(header::LINK, about);
        operation.answers(StatusCode::OK, answered);
    }
}
