//! Requests to Keygen Relay, through its public HTTP interface.

use super::callers::{Caller, RequestText};

/// Claims a license for a node and releases it, in turn.
///
/// `PUT /v1/nodes/{fingerprint}` claims (201) or extends (202), and `DELETE` releases (204). If no
/// license is free, Relay answers 410. It lends one license to each node, so it needs as many
/// licenses as there are callers.
pub struct RelayCaller {
    path: String,
    is_held: bool,
    text: RequestText,
}

impl RelayCaller {
    /// Creates a caller. Each one needs its own node.
    pub fn new(node: u32) -> Self {
        Self {
            path: format!("/v1/nodes/node-{node}"),
            is_held: false,
            text: RequestText::default(),
        }
    }
}

impl Caller for RelayCaller {
    fn request(&mut self) -> &[u8] {
        let method = if self.is_held { "DELETE" } else { "PUT" };
        self.text.write(method, &self.path, "", "")
    }

    fn accept(&mut self, status: u16, _: &[u8]) -> bool {
        if std::mem::take(&mut self.is_held) {
            return status == 204;
        }
        self.is_held = matches!(status, 201 | 202);
        status == 201
    }
}
