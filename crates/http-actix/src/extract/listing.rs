//! Lists: which of their entries are asked for, and where the next page is (RFC 8288).

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use domain::values::{Limit, Page, PageRequest};

use super::{Query, app};
use crate::{
    answer,
    cursors::Cursors,
    describe::{Description, Extract},
    dto::{Described, PageParameters, Paged, read_query},
    positions::Seen,
    problem::{Code, Fault, Problem},
};

/// A list: what is in it, and which page of it is asked for.
pub(crate) struct Listing<P> {
    pub(crate) parameters: P,
    pub(crate) page: PageRequest,
    pub(crate) list: List,
}

/// The list that a request is about, by which its cursors are known.
pub(crate) struct List {
    cursors: Cursors,
    path: String,
    /// The parameters of the query, without the cursor.
    query: String,
    /// The path, and the parameters that say what is in the list and in which sequence.
    name: String,
}

impl List {
    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let query = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
        let mut query = query.map_or_else(|_| Vec::new(), web::Query::into_inner);
        query.retain(|(name, _)| name != "cursor");
        let mut filters = query.clone();
        filters.retain(|(name, _)| name != "limit");
        filters.sort();
        let written = |pairs: &[(String, String)]| {
            form_urlencoded::Serializer::new(String::new())
                .extend_pairs(pairs)
                .finish()
        };
        let path = request.path().to_owned();
        Ok(Self {
            cursors: app(request)?.cursors.clone(),
            name: format!("{path}?{}", written(&filters)),
            query: written(&query),
            path,
        })
    }

    /// The page from the answer of a service.
    pub(crate) fn page<T, U>(&self, page: Page<T>, show: impl Fn(&T) -> U) -> answer::Page<U> {
        let next = page.next.map(|position| {
            let cursor = self.cursors.write(&self.name, &position);
            let and = if self.query.is_empty() { "" } else { "&" };
            answer::NextPage {
                target: format!("{}?{}{and}cursor={cursor}", self.path, self.query),
                cursor,
            }
        });
        answer::Page {
            items: page.items.iter().map(show).collect(),
            next,
        }
    }

    fn request(&self, page: PageParameters, Seen(freshness): Seen) -> Result<PageRequest, Problem> {
        let position = |cursor: String| {
            self.cursors.read(&self.name, &cursor).ok_or_else(|| {
                let detail =
                    "is not the next_cursor of a page of this list: begin again without it";
                let fault = Fault::in_query("cursor", "unknown_cursor", detail);
                Problem::new(Code::MalformedQuery).faults(vec![fault])
            })
        };
        Ok(PageRequest {
            limit: page.limit.unwrap_or(Limit::TWENTY),
            after: page.cursor.map(position).transpose()?,
            freshness,
        })
    }
}

impl<P: Described> FromRequest for Listing<P> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let read = || {
            let paged: Paged<P> = read_query(request.query_string())?;
            let list = List::of(request)?;
            Ok(Self {
                parameters: paged.parameters,
                page: list.request(paged.page, Seen::read(request.headers())?)?,
                list,
            })
        };
        ready(read())
    }
}

impl<P: Described> Extract for Listing<P> {
    fn describe(operation: &mut Description<'_>) {
        <Query<Paged<P>> as Extract>::describe(operation);
        Seen::describe(operation);
    }
}
