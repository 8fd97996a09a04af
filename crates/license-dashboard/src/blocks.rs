//! The blocks of a page.

use askama::Template;

use crate::cell::{Action, Cell};
use crate::chart::Chart;
use crate::form::Form;
use crate::page::Context;
use crate::table::Table;

/// The meaning of a color. The text beside it has the same meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tone {
    /// Without a meaning.
    #[default]
    Neutral,
    /// Everything is as it should be.
    Good,
    /// Something needs attention soon.
    Warning,
    /// Something needs attention now.
    Danger,
}

impl Tone {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Neutral => "neutral",
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Danger => "danger",
        }
    }
}

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
    Code(Code),
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
            Self::Notice(notice) => rendered(&NoticeTemplate { notice }),
            Self::Tiles(tiles) => rendered(&TilesTemplate { tiles }),
            Self::Facts(facts) => facts.render(context),
            Self::Table(table) => table.render(context),
            Self::Form(form) => form.render(context),
            Self::Filter(Filter(form)) => form.render_filter(),
            Self::Tabs(tabs) => rendered(&TabsTemplate { tabs }),
            Self::Code(code) => rendered(&CodeTemplate { code }),
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
    Heading, Notice, Tiles, Facts, Form, Filter, Tabs, Code, Figure, Disclosure, Section
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

/// Renders a template. The templates of this crate cannot fail, because they write to a string.
fn rendered(template: &impl Template) -> String {
    template.render().unwrap_or_default()
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

    /// Adds an action beside the heading.
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

/// A message.
#[derive(Clone, Debug)]
pub struct Notice {
    tone: Tone,
    title: String,
    text: Option<String>,
    hint: Option<String>,
    code: Option<String>,
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

    fn role(&self) -> &'static str {
        if self.tone == Tone::Danger {
            "alert"
        } else {
            "status"
        }
    }
}

/// A number at a glance.
#[derive(Clone, Debug)]
pub struct Tile {
    label: String,
    value: String,
    detail: Option<String>,
    href: Option<String>,
    tone: Tone,
}

impl Tile {
    /// Creates a tile.
    pub fn new(label: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            value: value.into(),
            detail: None,
            href: None,
            tone: Tone::Neutral,
        }
    }

    /// Adds a short explanation below the value.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Makes the tile a link.
    #[must_use]
    pub fn href(mut self, href: impl Into<String>) -> Self {
        self.href = Some(href.into());
        self
    }

    /// Sets the meaning of the color.
    #[must_use]
    pub fn tone(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }
}

/// Numbers at a glance.
#[derive(Clone, Debug)]
pub struct Tiles(pub Vec<Tile>);

/// A form in one line that chooses what the page shows. It is sent with `GET`.
#[derive(Clone, Debug)]
pub struct Filter(pub Form);

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

    fn render(&self, context: &Context<'_>) -> String {
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

/// What a list says without items.
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
pub struct Code {
    label: String,
    text: String,
}

impl Code {
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
#[template(source = "<p><bdi>{{ text }}</bdi></p>", ext = "html")]
struct ParagraphTemplate<'a> {
    text: &'a str,
}

/// HTML of a message.
#[derive(Template)]
#[template(path = "notice.html")]
struct NoticeTemplate<'a> {
    notice: &'a Notice,
}

/// HTML of numbers at a glance.
#[derive(Template)]
#[template(path = "tiles.html")]
struct TilesTemplate<'a> {
    tiles: &'a Tiles,
}

/// HTML of names and values.
#[derive(Template)]
#[template(path = "facts.html")]
struct FactsTemplate<'a> {
    title: Option<&'a str>,
    facts: Vec<(&'a str, String)>,
}

/// HTML of a list without items.
#[derive(Template)]
#[template(path = "empty.html")]
struct EmptyTemplate<'a> {
    empty: &'a EmptyState,
    action: Option<String>,
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
    code: &'a Code,
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
