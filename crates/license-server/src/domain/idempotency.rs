//! Requests that may be repeated: the same key has the same effect once.

/// The identity of a request with an `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    /// The caller, such as the id of an API token or a license. Callers do not share keys.
    pub caller: String,
    /// The method and the path.
    pub route: String,
    /// The value of the header.
    pub key: String,
}

/// A response that is stored for repetitions of its request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredResponse {
    /// The status.
    pub status: u16,
    /// The media type.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

/// The result of looking up an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdempotencyState {
    /// The request is new. The caller runs it, and then stores its response or forgets the key.
    New,
    /// The request was answered with this response.
    Answered(StoredResponse),
    /// The first request is still running, or a server has lost its response.
    Running,
    /// The first request is still running on another server.
    RunningElsewhere,
    /// The key belongs to a request with another body.
    Conflict,
}
