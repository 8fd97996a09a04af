//! The blocks of a page.

use askama::Template;

use crate::cell::Action;
use crate::chart::Chart;
use crate::context::{Context, rendered};
use crate::facts::Facts;
use crate::form::Form;
use crate::notice::Notice;
use crate::table::Table;
use crate::tiles::Tiles;

/// A part of a page.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Block {
    /// A heading with actions.
    Heading(Heading),
    /// A paragraph.
    Text(String),
    /// A message.
    Notice(Notice),
    /// Numbers at a glance.
    Tiles(Tiles),
    /// Names and values.
    Facts(Facts),
    /// A table.
    Table(Box<Table>),
    /// A form.
    Form(Form),
    /// Fields that choose what the page shows.
    Filter(Filter),
    /// Links to the parts of a subject.
    Tabs(Tabs),
    /// A text of programs that can be copied.
    CodeBlock(CodeBlock),
    /// A picture.
    Figure(Figure),
    /// A chart over time.
    Chart(Box<Chart>),
    /// Blocks that a person opens.
    Disclosure(Disclosure),
    /// Links and buttons.
    Actions(Vec<Action>),
    /// Blocks that a live page replaces.
    Section(Section),
}

impl Block {
    pub(crate) fn render(&self, context: &Context<'_>) -> String {
        match self {
            Self::Heading(heading) => heading.render(context),
            Self::Text(text) => rendered(&ParagraphTemplate { text }),
            Self::Notice(notice) => notice.render(context),
            Self::Tiles(tiles) => tiles.render(),
            Self::Facts(facts) => facts.render(context),
            Self::Table(table) => table.render(context),
            Self::Form(form) => form.render(context),
            Self::Filter(Filter(form)) => form.render_filter(),
            Self::Tabs(tabs) => rendered(&TabsTemplate { tabs }),
            Self::CodeBlock(code) => rendered(&CodeTemplate { code }),
            Self::Figure(figure) => rendered(&FigureTemplate { figure }),
            Self::Chart(chart) => chart.render(),
            Self::Disclosure(disclosure) => disclosure.render(context),
            Self::Actions(actions) => rendered(&ActionsTemplate {
                actions: actions
                    .iter()
                    .map(|action| action.render(context))
                    .collect(),
            }),
            Self::Section(section) => section.render(context),
        }
    }
}

macro_rules! blocks {
    ($($variant:ident),+) => {
        $(impl From<$variant> for Block {
            fn from(block: $variant) -> Self {
                Self::$variant(block)
            }
        })+
    };
}

blocks!(
    Heading, Notice, Tiles, Facts, Form, Filter, Tabs, CodeBlock, Figure, Disclosure, Section
);

impl From<Table> for Block {
    fn from(table: Table) -> Self {
        Self::Table(Box::new(table))
    }
}

impl From<Chart> for Block {
    fn from(chart: Chart) -> Self {
        Self::Chart(Box::new(chart))
    }
}

impl From<Vec<Action>> for Block {
    fn from(actions: Vec<Action>) -> Self {
        Self::Actions(actions)
    }
}

/// A paragraph.
impl From<&str> for Block {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// A paragraph.
impl From<String> for Block {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

fn all(blocks: &[Block], context: &Context<'_>) -> String {
    blocks.iter().map(|block| block.render(context)).collect()
}

/// A heading inside a page.
#[derive(Clone, Debug)]
pub struct Heading {
    text: String,
    actions: Vec<Action>,
}

impl Heading {
    /// Creates a heading.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            actions: Vec::new(),
        }
    }

    /// Adds an action next to the heading.
    #[must_use]
    pub fn action(mut self, action: Action) -> Self {
        self.actions.push(action);
        self
    }

    fn render(&self, context: &Context<'_>) -> String {
        let actions = self
            .actions
            .iter()
            .map(|action| action.render(context))
            .collect();
        rendered(&HeadingTemplate {
            text: &self.text,
            actions,
        })
    }
}

/// A form in one line that chooses what the page shows. It is sent with `GET`.
#[derive(Clone, Debug)]
pub struct Filter(pub Form);

/// Links to the parts of a subject.
#[derive(Clone, Debug)]
pub struct Tabs {
    label: String,
    /// The label, the path, and whether it is the current one.
    tabs: Vec<(String, String, bool)>,
}

impl Tabs {
    /// Creates links with a common name.
    pub fn new(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            tabs: Vec::new(),
        }
    }

    /// Adds a link.
    #[must_use]
    pub fn tab(mut self, label: impl Into<String>, href: impl Into<String>, current: bool) -> Self {
        self.tabs.push((label.into(), href.into(), current));
        self
    }
}

/// A text of programs that can be copied, such as a secret that is shown once.
#[derive(Clone, Debug)]
pub struct CodeBlock {
    label: String,
    text: String,
}

impl CodeBlock {
    /// Creates a text with a name.
    pub fn new(label: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            text: text.into(),
        }
    }
}

/// A picture in SVG. The caller makes the picture, so it must not contain texts of people that are
/// not escaped.
#[derive(Clone, Debug)]
pub struct Figure {
    svg: String,
    caption: String,
}

impl Figure {
    /// Creates a picture with a caption.
    pub fn new(svg: impl Into<String>, caption: impl Into<String>) -> Self {
        Self {
            svg: svg.into(),
            caption: caption.into(),
        }
    }
}

/// Blocks that a person opens.
#[derive(Clone, Debug)]
pub struct Disclosure {
    summary: String,
    blocks: Vec<Block>,
}

impl Disclosure {
    /// Creates blocks without content.
    pub fn new(summary: impl Into<String>) -> Self {
        Self {
            summary: summary.into(),
            blocks: Vec::new(),
        }
    }

    /// Adds a block.
    #[must_use]
    pub fn with(mut self, block: impl Into<Block>) -> Self {
        self.blocks.push(block.into());
        self
    }

    fn render(&self, context: &Context<'_>) -> String {
        let content = all(&self.blocks, context);
        rendered(&DisclosureTemplate {
            summary: &self.summary,
            content,
        })
    }
}

/// Blocks that a live page replaces when their content changes.
#[derive(Clone, Debug)]
pub struct Section {
    name: &'static str,
    blocks: Vec<Block>,
}

impl Section {
    /// Creates a section. The name is unique in the page.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            blocks: Vec::new(),
        }
    }

    /// Adds a block.
    #[must_use]
    pub fn with(mut self, block: impl Into<Block>) -> Self {
        self.blocks.push(block.into());
        self
    }

    fn render(&self, context: &Context<'_>) -> String {
        rendered(&SectionTemplate {
            name: self.name,
            content: all(&self.blocks, context),
        })
    }
}

/// HTML of a heading.
#[derive(Template)]
#[template(path = "heading.html")]
struct HeadingTemplate<'a> {
    text: &'a str,
    actions: Vec<String>,
}

/// HTML of a paragraph.
#[derive(Template)]
#[template(
    source = "<p><bdi>{{ crate::text::prose(text)|safe }}</bdi></p>",
    ext = "html"
)]
struct ParagraphTemplate<'a> {
    text: &'a str,
}

/// HTML of links to the parts of a subject.
#[derive(Template)]
#[template(path = "tabs.html")]
struct TabsTemplate<'a> {
    tabs: &'a Tabs,
}

/// HTML of a text of programs.
#[derive(Template)]
#[template(path = "code.html")]
struct CodeTemplate<'a> {
    code: &'a CodeBlock,
}

/// HTML of a picture.
#[derive(Template)]
#[template(path = "figure.html")]
struct FigureTemplate<'a> {
    figure: &'a Figure,
}

/// HTML of blocks that a person opens.
#[derive(Template)]
#[template(path = "disclosure.html")]
struct DisclosureTemplate<'a> {
    summary: &'a str,
    content: String,
}

/// HTML of links and buttons.
#[derive(Template)]
#[template(path = "actions.html")]
struct ActionsTemplate {
    actions: Vec<String>,
}

/// HTML of blocks that a live page replaces.
#[derive(Template)]
#[template(path = "section.html")]
struct SectionTemplate<'a> {
    name: &'a str,
    content: String,
}
