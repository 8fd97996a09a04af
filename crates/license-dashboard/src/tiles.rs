//! Numbers at a glance.

use askama::Template;

use crate::context::rendered;
use crate::tone::Tone;

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

impl Tiles {
    pub(crate) fn render(&self) -> String {
        rendered(&TilesTemplate { tiles: self })
    }
}

/// HTML of numbers at a glance.
#[derive(Template)]
#[template(path = "tiles.html")]
struct TilesTemplate<'a> {
    tiles: &'a Tiles,
}
