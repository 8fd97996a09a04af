//! Pages of lists, by cursor.

use axum::extract::{FromRequestParts, Query};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::problem::Problem;
use super::query::wrong_value;
use crate::domain::{Cursor, Page, PageRequest, Refusal, RefusalKind, ServerCode};

/// The query of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// The `next` of the page before.
    #[param(min_length = 1, max_length = 256)]
    cursor: Option<String>,
    /// The maximum number of items, from 1 to 500. The default is 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

impl PageQuery {
    pub(super) fn new(cursor: Option<String>, limit: Option<u32>) -> Self {
        Self { cursor, limit }
    }

    /// Returns the page that is asked for.
    ///
    /// # Errors
    ///
    /// Returns `BAD_CURSOR` if the cursor is not one of this server, and `BAD_REQUEST` if the limit
    /// is out of range.
    pub(super) fn request(&self) -> Result<PageRequest, Problem> {
        let cursor = self.cursor.as_deref().map(|text| {
            Cursor::parse(text).ok_or_else(|| {
                let detail = "the cursor is not one of this server";
                Problem::new(StatusCode::BAD_REQUEST, ServerCode::BadCursor, detail)
                    .hint("use the member `next` of the page before, or omit the cursor")
            })
        });
        let cursor = cursor.transpose()?;
        let limit = self.limit.map(|limit| match limit {
            1..=500 => usize::try_from(limit).map_err(|_| limit),
            _ => Err(limit),
        });
        let limit = limit.transpose().map_err(|found| {
            let detail = "the limit is out of range";
            Refusal::new(RefusalKind::BadRequest, ServerCode::BadRequest, detail)
                .values("a number from 1 to 500", found)
        })?;
        Ok(PageRequest::new(cursor, limit))
    }
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PageBody<T> {
    /// The items.
    items: Vec<T>,
    /// The cursor of the next page, or null at the end.
    next: Option<String>,
}

impl<T> PageBody<T> {
    /// Returns a list that is complete.
    pub(super) fn complete<R>(items: Vec<R>, body: impl Fn(R) -> T) -> Self {
        Self {
            items: items.into_iter().map(body).collect(),
            next: None,
        }
    }

    pub(super) fn new<R>(page: Page<R>, body: impl Fn(R) -> T) -> Self {
        Self {
            next: page.next.map(|next| next.as_str().to_owned()),
            items: page.items.into_iter().map(body).collect(),
        }
    }
}

/// The query of a request.
pub(super) struct StrictQuery<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for StrictQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query
            .map(|Query(query)| Self(query))
            .map_err(|rejection| wrong_value(&rejection))
    }
}
