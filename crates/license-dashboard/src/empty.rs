//! The message of a list without items.

use askama::Template;

use crate::cell::Action;
use crate::context::{Context, rendered};

/// The message of a list without items.
#[derive(Clone, Debug)]
pub struct EmptyState {
    title: String,
    text: Option<String>,
    action: Option<Action>,
}

impl EmptyState {
    /// Creates a message.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            text: None,
            action: None,
        }
    }

    /// Adds a sentence.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// Adds the first step.
    #[must_use]
    pub fn action(mut self, action: Action) -> Self {
        self.action = Some(action);
        self
    }

    pub(crate) fn render(&self, context: &Context<'_>) -> String {
        let action = self.action.as_ref().map(|action| action.render(context));
        rendered(&EmptyTemplate {
            empty: self,
            action,
        })
    }
}

/// HTML of a list without items.
#[derive(Template)]
#[template(path = "empty.html")]
struct EmptyTemplate<'a> {
    empty: &'a EmptyState,
    action: Option<String>,
}
