//! The pages of a document, from the top down.

use chrono::NaiveDate;
use krilla::color::rgb;
use krilla::configure::{Configuration, Validator};
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::Metadata;
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule};
use krilla::{Document, SerializeSettings};

use super::face::Face;
use super::metadata_date;

/// The size of an A4 page in points (ISO 216).
const WIDTH: f32 = 595.28;
const HEIGHT: f32 = 841.89;

/// The edges of the text.
pub(super) const LEFT: f32 = 56.0;
pub(super) const RIGHT: f32 = 539.0;
const TOP: f32 = 64.0;
const BOTTOM: f32 = 760.0;

/// The distance between lines of text.
const LINE: f32 = 14.0;

/// How a text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Normal,
    Bold,
    Small,
    Name,
    Title,
}

impl Style {
    const fn size(self) -> f32 {
        match self {
            Self::Normal | Self::Bold => 10.0,
            Self::Small => 8.5,
            Self::Name => 13.0,
            Self::Title => 18.0,
        }
    }

    const fn is_bold(self) -> bool {
        matches!(self, Self::Bold | Self::Name | Self::Title)
    }
}

/// A mark on a page.
enum Mark {
    Text {
        x: f32,
        y: f32,
        style: Style,
        text: String,
    },
    Rule {
        y: f32,
    },
}

/// The pages of a document.
pub(super) struct Canvas {
    regular: Face,
    bold: Face,
    pages: Vec<Vec<Mark>>,
    /// The base line of the next text, from the top.
    y: f32,
}

impl Canvas {
    /// Starts the first page. Returns `None` if the fonts cannot be read.
    pub(super) fn new() -> Option<Self> {
        Some(Self {
            regular: Face::new(false)?,
            bold: Face::new(true)?,
            pages: vec![Vec::new()],
            y: TOP,
        })
    }

    fn face(&self, style: Style) -> &Face {
        if style.is_bold() {
            &self.bold
        } else {
            &self.regular
        }
    }

    fn add(&mut self, mark: Mark) {
        if let Some(page) = self.pages.last_mut() {
            page.push(mark);
        }
    }

    /// Draws a text that starts at `x`.
    pub(super) fn text(&mut self, x: f32, style: Style, text: &str) {
        let (y, text) = (self.y, text.to_owned());
        self.add(Mark::Text { x, y, style, text });
    }

    /// Draws a text that ends at `right`.
    pub(super) fn text_to(&mut self, right: f32, style: Style, text: &str) {
        let width = self.face(style).width(text, style.size());
        self.text(right - width, style, text);
    }

    /// Draws a text at the left edge, and moves down by a line.
    pub(super) fn line_of(&mut self, style: Style, text: &str) {
        self.text(LEFT, style, text);
        self.down(LINE);
    }

    /// Draws a horizontal line, and moves down.
    pub(super) fn rule(&mut self) {
        let y = self.y;
        self.add(Mark::Rule { y });
        self.down(LINE);
    }

    /// Moves down.
    pub(super) fn down(&mut self, points: f32) {
        self.y += points;
    }

    /// Moves to a distance from the top.
    pub(super) fn move_to(&mut self, y: f32) {
        self.y = y;
    }

    /// Returns the distance from the top.
    pub(super) fn position(&self) -> f32 {
        self.y
    }

    /// Returns whether a number of lines does not fit on the page.
    pub(super) fn needs_page(&self, lines: usize) -> bool {
        let lines = u16::try_from(lines).unwrap_or(u16::MAX);
        self.y + f32::from(lines) * LINE > BOTTOM && self.y > TOP
    }

    /// Starts another page.
    pub(super) fn next_page(&mut self) {
        self.pages.push(Vec::new());
        self.y = TOP;
    }

    /// Breaks a text into lines of a width. A word that is longer is broken.
    pub(super) fn wrapped(&self, style: Style, text: &str, width: f32) -> Vec<String> {
        let face = self.face(style);
        let fits = |text: &str| face.width(text, style.size()) <= width;
        let (mut lines, mut line) = (Vec::new(), String::new());
        for word in text.split(' ') {
            let longer = match line.as_str() {
                "" => word.to_owned(),
                line => format!("{line} {word}"),
            };
            if fits(&longer) {
                line = longer;
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            for character in word.chars() {
                let longer = format!("{line}{character}");
                if !fits(&longer) {
                    lines.push(std::mem::take(&mut line));
                }
                line.push(character);
            }
        }
        if !line.is_empty() {
            lines.push(line);
        }
        lines
    }

    /// Returns the document, with the footer on each page.
    pub(super) fn finish(
        mut self,
        title: &str,
        author: &str,
        footer: &[String],
        date: NaiveDate,
    ) -> Option<Vec<u8>> {
        self.add_footers(footer);
        let mut document = Document::new_with(SerializeSettings {
            configuration: Configuration::new_with_validator(Validator::A2_U),
            ..SerializeSettings::default()
        });
        document.set_metadata(
            Metadata::new()
                .title(title.to_owned())
                .authors(vec![author.to_owned()])
                .language("en".to_owned())
                .creator("license-server".to_owned())
                .creation_date(metadata_date(date)),
        );
        for marks in &self.pages {
            let mut page = document.start_page_with(PageSettings::from_wh(WIDTH, HEIGHT)?);
            let mut surface = page.surface();
            surface.set_fill(Some(Fill {
                paint: rgb::Color::black().into(),
                opacity: NormalizedF32::ONE,
                rule: FillRule::NonZero,
            }));
            for mark in marks {
                match mark {
                    Mark::Text { x, y, style, text } => {
                        let face = self.face(*style);
                        let (start, glyphs) = (Point::from_xy(*x, *y), face.glyphs(text));
                        let font = face.font.clone();
                        surface.draw_glyphs(start, &glyphs, font, text, style.size(), false);
                    }
                    Mark::Rule { y } => {
                        let mut path = PathBuilder::new();
                        path.push_rect(Rect::from_ltrb(LEFT, *y, RIGHT, *y + 0.6)?);
                        surface.draw_path(&path.finish()?);
                    }
                }
            }
            surface.finish();
            page.finish();
        }
        let written = document.finish();
        let failed = |error| tracing::error!(?error, "an invoice cannot be written as PDF");
        written.map_err(failed).ok()
    }

    fn add_footers(&mut self, footer: &[String]) {
        let count = self.pages.len();
        let style = Style::Small;
        for number in 1..=count {
            let page = format!("Page {number} of {count}");
            let width = self.regular.width(&page, style.size());
            let lines = footer.iter().map(|line| (LEFT, line.clone()));
            let mut marks = Vec::new();
            let mut y = 785.0;
            for (x, text) in lines {
                marks.push(Mark::Text { x, y, style, text });
                y += 10.0;
            }
            marks.push(Mark::Text {
                x: RIGHT - width,
                y: 785.0,
                style,
                text: page,
            });
            if let Some(page) = self.pages.get_mut(number.saturating_sub(1)) {
                page.extend(marks);
            }
        }
    }
}
