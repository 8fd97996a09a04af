//! Sends deliveries to the endpoints of organizations.

mod dispatcher;
mod sender;

pub(crate) use dispatcher::Dispatcher;
pub(crate) use sender::WebhookSender;
