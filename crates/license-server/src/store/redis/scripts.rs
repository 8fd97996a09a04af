//! The scripts that Redis runs. Each is atomic for one pool.

use redis::Script;

/// The scripts. Redis knows each by its digest, and gets its text if it does not know the digest.
pub(super) struct Scripts {
    pub(super) heartbeat: Script,
    pub(super) reserve: Script,
    pub(super) confirm: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            heartbeat: Script::new(include_str!("heartbeat.lua")),
            reserve: Script::new(include_str!("reserve.lua")),
            confirm: Script::new(include_str!("confirm.lua")),
        }
    }
}
