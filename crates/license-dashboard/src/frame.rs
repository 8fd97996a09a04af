//! The frame of a page: title, navigation and person.

/// A link of the navigation.
#[derive(Clone, Debug)]
pub struct NavigationItem {
    /// The label.
    pub label: &'static str,
    /// The path.
    pub href: &'static str,
    /// Whether the page belongs to this item.
    pub is_current: bool,
}

/// Links of the navigation that belong together.
#[derive(Clone, Debug)]
pub struct NavigationGroup {
    /// The name of the group.
    pub label: &'static str,
    /// The links.
    pub items: Vec<NavigationItem>,
}

/// The person who sees a page.
#[derive(Clone, Debug)]
pub struct Viewer {
    /// The name.
    pub name: String,
    /// The name of the organization in which the person works.
    pub organization: String,
    /// The role in the organization. `None`: the person has no organization.
    pub role: Option<String>,
}

/// The title, the navigation and the person of a page.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// The title of the page.
    pub title: String,
    /// The page above this one: its label and path.
    pub parent: Option<(String, String)>,
    /// The links that the person may follow. Empty: the page has no navigation.
    pub navigation: Vec<NavigationGroup>,
    /// The person. `None`: the page is for people who have not signed in.
    pub viewer: Option<Viewer>,
    /// The token that each form sends.
    pub csrf_token: String,
    /// A message about what the person has just done.
    pub toast: Option<String>,
    /// The path of the events that say that the page has changed.
    pub events: Option<String>,
    /// The name of the product, as the navigation shows it.
    pub product: String,
}

impl Frame {
    /// Creates the frame of a page for people who have not signed in.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            product: "License server".to_owned(),
            ..Self::default()
        }
    }
}
