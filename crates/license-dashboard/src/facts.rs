//! Names and values.

use askama::Template;

use crate::cell::Cell;
use crate::context::{Context, rendered};

/// Names and values.
#[derive(Clone, Debug)]
pub struct Facts {
    title: Option<String>,
    facts: Vec<(String, Cell)>,
}

impl Facts {
    /// Creates an empty list.
    pub fn new() -> Self {
        Self {
            title: None,
            facts: Vec::new(),
        }
    }

    /// Adds a title.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Adds a name and its value.
    #[must_use]
    pub fn fact(mut self, name: impl Into<String>, value: Cell) -> Self {
        self.facts.push((name.into(), value));
        self
    }

    /// Adds a name and its value, if there is one.
    #[must_use]
    pub fn some(self, name: impl Into<String>, value: Option<Cell>) -> Self {
        match value {
            Some(value) => self.fact(name, value),
            None => self,
        }
    }

    pub(crate) fn render(&self, context: &Context<'_>) -> String {
        let facts = self.facts.iter();
        let facts = facts.map(|(name, value)| (name.as_str(), value.render(context, false)));
        rendered(&FactsTemplate {
            title: self.title.as_deref(),
            facts: facts.collect(),
        })
    }
}

impl Default for Facts {
    fn default() -> Self {
        Self::new()
    }
}

/// HTML of names and values.
#[derive(Template)]
#[template(path = "facts.html")]
struct FactsTemplate<'a> {
    title: Option<&'a str>,
    facts: Vec<(&'a str, String)>,
}
