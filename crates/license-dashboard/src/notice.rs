//! Messages.

use askama::Template;

use crate::cell::Action;
use crate::context::{Context, rendered};
use crate::tone::Tone;

/// A message.
#[derive(Clone, Debug)]
pub struct Notice {
    tone: Tone,
    title: String,
    text: Option<String>,
    hint: Option<String>,
    code: Option<String>,
    action: Option<Action>,
}

impl Notice {
    /// Creates a message of a tone.
    pub fn new(tone: Tone, title: impl Into<String>) -> Self {
        Self {
            tone,
            title: title.into(),
            text: None,
            hint: None,
            code: None,
            action: None,
        }
    }

    /// Creates a message that everything is as it should be.
    pub fn good(title: impl Into<String>) -> Self {
        Self::new(Tone::Good, title)
    }

    /// Creates a message about something that needs attention soon.
    pub fn warning(title: impl Into<String>) -> Self {
        Self::new(Tone::Warning, title)
    }

    /// Creates a message about something that went wrong.
    pub fn danger(title: impl Into<String>) -> Self {
        Self::new(Tone::Danger, title)
    }

    /// Adds a sentence.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// Adds the next step of the person.
    #[must_use]
    pub fn hint(mut self, hint: Option<impl Into<String>>) -> Self {
        self.hint = hint.map(Into::into);
        self
    }

    /// Adds a reason code.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Adds a link to the page on which the person does something about it.
    #[must_use]
    pub fn action(mut self, action: Action) -> Self {
        self.action = Some(action);
        self
    }

    fn role(&self) -> &'static str {
        if self.tone == Tone::Danger {
            "alert"
        } else {
            "status"
        }
    }

    pub(crate) fn render(&self, context: &Context<'_>) -> String {
        let action = self.action.as_ref().map(|action| action.render(context));
        rendered(&NoticeTemplate {
            notice: self,
            action,
        })
    }
}

/// HTML of a message.
#[derive(Template)]
#[template(path = "notice.html")]
struct NoticeTemplate<'a> {
    notice: &'a Notice,
    action: Option<String>,
}
