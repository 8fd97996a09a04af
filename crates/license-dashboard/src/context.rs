//! The context in which the blocks of a page are rendered.

use askama::Template;

/// The values that all blocks of a page use.
pub(crate) struct Context<'a> {
    /// The token that each form sends.
    pub(crate) csrf_token: &'a str,
    /// The title of the page.
    pub(crate) title: &'a str,
}

/// Renders a template. The templates of this crate cannot fail, because they write to a string.
pub(crate) fn rendered(template: &impl Template) -> String {
    template.render().unwrap_or_default()
}
