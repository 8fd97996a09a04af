//! A page: a frame and blocks.

use askama::Template;

use crate::assets::Asset;
use crate::blocks::Block;
use crate::cell::Action;
use crate::context::Context;
use crate::frame::Frame;
use crate::text::plain;

/// A page.
#[derive(Clone, Debug)]
pub struct Page {
    frame: Frame,
    actions: Vec<Action>,
    blocks: Vec<Block>,
}

impl Page {
    /// Creates a page without blocks.
    pub fn new(frame: Frame) -> Self {
        Self {
            frame,
            actions: Vec::new(),
            blocks: Vec::new(),
        }
    }

    /// Adds an action next to the title.
    #[must_use]
    pub fn action(mut self, action: Action) -> Self {
        self.actions.push(action);
        self
    }

    /// Adds a block.
    #[must_use]
    pub fn with(mut self, block: impl Into<Block>) -> Self {
        self.blocks.push(block.into());
        self
    }

    /// Adds a block, if there is one.
    #[must_use]
    pub fn with_some(mut self, block: Option<impl Into<Block>>) -> Self {
        self.blocks.extend(block.map(Into::into));
        self
    }

    /// Returns the HTML of the page.
    pub fn render(&self) -> String {
        let context = Context {
            csrf_token: &self.frame.csrf_token,
            title: &self.frame.title,
        };
        let template = PageTemplate {
            frame: &self.frame,
            style: Asset::style(),
            script: Asset::script(),
            icon: Asset::icon(),
            actions: self
                .actions
                .iter()
                .map(|action| action.render(&context))
                .collect(),
            content: self
                .blocks
                .iter()
                .map(|block| block.render(&context))
                .collect(),
        };
        plain(template.render().unwrap_or_default())
    }
}

/// HTML of a page.
#[derive(Template)]
#[template(path = "page.html")]
struct PageTemplate<'a> {
    frame: &'a Frame,
    style: &'static str,
    script: &'static str,
    icon: &'static str,
    actions: Vec<String>,
    content: String,
}
