//! Validation tokens that the servers share.

use std::sync::Arc;

use async_trait::async_trait;
use license_core::with_causes;
use redis::Script;

use super::connection::RedisLink;
use super::error::RedisStoreError;
use crate::log_limit;
use crate::store::SharedTokens;

/// The largest number of tokens in each of two generations. A token has about two kilobytes.
const CAPACITY: usize = 20_000;

const CURRENT: &str = "ls:{tokens}:current";
const PREVIOUS: &str = "ls:{tokens}:previous";

/// Tokens in Redis, in two generations.
pub(in crate::store) struct RedisTokens {
    link: Arc<RedisLink>,
    put: Script,
    rotate: Script,
}

impl RedisTokens {
    pub(super) fn new(link: Arc<RedisLink>) -> Self {
        Self {
            link,
            put: Script::new(include_str!("token_put.lua")),
            rotate: Script::new(include_str!("token_rotate.lua")),
        }
    }

    /// Forgets the tokens of the previous generation. One server calls this once a minute.
    pub(in crate::store) async fn rotate(&self) {
        let mut call = self.rotate.prepare_invoke();
        call.key(CURRENT).key(PREVIOUS);
        report(self.run(&call).await);
    }

    async fn run(&self, call: &redis::ScriptInvocation<'_>) -> Result<(), RedisStoreError> {
        let connection = self.link.current()?;
        self.link.invoke::<i64>(&connection, call).await.map(|_| ())
    }

    async fn find(&self, name: &str) -> Result<Option<String>, RedisStoreError> {
        let connection = self.link.current()?;
        let mut pipeline = redis::pipe();
        pipeline.cmd("HGET").arg(CURRENT).arg(name);
        pipeline.cmd("HGET").arg(PREVIOUS).arg(name);
        type Found = (Option<String>, Option<String>);
        let (current, previous): Found = self.link.query(&connection, &pipeline).await?;
        Ok(current.or(previous))
    }
}

#[async_trait]
impl SharedTokens for RedisTokens {
    async fn token(&self, name: &str) -> Option<String> {
        report(self.find(name).await).flatten()
    }

    async fn put_token(&self, name: &str, token: &str) {
        let mut call = self.put.prepare_invoke();
        call.key(CURRENT).arg(name).arg(token).arg(CAPACITY);
        report(self.run(&call).await);
    }
}

/// Returns the result. A server that cannot share tokens signs its own.
fn report<T>(result: Result<T, RedisStoreError>) -> Option<T> {
    result
        .inspect_err(|error| {
            if let Some(repeated) = log_limit::pass("tokens") {
                let error = with_causes(error);
                tracing::warn!(%error, repeated, "validation tokens are not shared");
            }
        })
        .ok()
}
