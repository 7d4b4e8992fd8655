//! The problems of the framework's own errors, by their type.

use actix_cors::CorsError;
use actix_web::error::{PathError, PayloadError, QueryPayloadError};

use super::{Code, Problem};

impl From<&PayloadError> for Problem {
    fn from(error: &PayloadError) -> Self {
        match error {
            PayloadError::Overflow => Self::new(Code::BodyTooLarge),
            _ => Self::new(Code::MalformedJson).detail("the body broke off before its end"),
        }
    }
}

/// The problem for an error that our own code did not return. An error whose type is not known to
/// be the caller's fault is ours.
pub(crate) fn of_framework(error: &actix_web::Error) -> Problem {
    if let Some(error) = error.as_error::<PayloadError>() {
        error.into()
    } else if error.as_error::<QueryPayloadError>().is_some() {
        Problem::new(Code::MalformedQuery)
    } else if error.as_error::<PathError>().is_some() {
        Problem::new(Code::MalformedId)
    } else if error.as_error::<CorsError>().is_some() {
        let detail = "pages of this origin may not call: name it in HTTP_CORS_ORIGINS";
        Problem::new(Code::Forbidden).detail(detail)
    } else {
        Problem::internal(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use actix_web::{ResponseError, error::InternalError, http::StatusCode};

    use super::*;

    #[test]
    fn an_error_is_told_by_its_type_and_not_by_its_status() {
        let status = |error: actix_web::Error| of_framework(&error).status_code();
        let too_large = status(PayloadError::Overflow.into());
        assert_eq!(too_large, StatusCode::PAYLOAD_TOO_LARGE);
        let cut_off = status(PayloadError::Incomplete(None).into());
        assert_eq!(cut_off, StatusCode::BAD_REQUEST);
        // An error of an unknown type that claims 404.
        let unknown = InternalError::new("nowhere", StatusCode::NOT_FOUND);
        assert_eq!(status(unknown.into()), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
