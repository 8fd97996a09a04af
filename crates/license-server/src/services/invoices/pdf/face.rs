//! The two fonts of invoices. They are embedded into the program, so that each server prints alike.

use std::sync::OnceLock;

use krilla::Data;
use krilla::text::{Font, GlyphId, KrillaGlyph};
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};

/// Liberation Sans, whose license is in the directory of the files.
const REGULAR: &[u8] = include_bytes!("../fonts/LiberationSans-Regular.ttf");
const BOLD: &[u8] = include_bytes!("../fonts/LiberationSans-Bold.ttf");

/// Letters that are written from right to left. Their order would be wrong.
const RIGHT_TO_LEFT: [std::ops::RangeInclusive<char>; 3] = [
    '\u{590}'..='\u{8ff}',
    '\u{fb1d}'..='\u{fdff}',
    '\u{fe70}'..='\u{fefe}',
];

/// A font, with what is needed to measure texts.
pub(super) struct Face {
    pub(super) font: Font,
    source: FontRef<'static>,
    units: f32,
}

impl Face {
    /// Reads the regular or the bold font.
    pub(super) fn new(is_bold: bool) -> Option<Self> {
        let bytes = if is_bold { BOLD } else { REGULAR };
        let source = FontRef::new(bytes).ok()?;
        let metrics = source.metrics(Size::unscaled(), LocationRef::default());
        Some(Self {
            font: Font::new(Data::from(bytes.to_vec()), 0)?,
            units: f32::from(metrics.units_per_em),
            source,
        })
    }

    /// Returns the glyphs of a text.
    pub(super) fn glyphs(&self, text: &str) -> Vec<KrillaGlyph> {
        let characters = self.source.charmap();
        let widths = self
            .source
            .glyph_metrics(Size::unscaled(), LocationRef::default());
        let glyph = |(start, character): (usize, char)| {
            let id = characters.map(character).unwrap_or_default();
            let width = widths.advance_width(id).unwrap_or_default();
            let end = start.saturating_add(character.len_utf8());
            KrillaGlyph::new(
                GlyphId::new(id.to_u32()),
                width / self.units,
                0.0,
                0.0,
                0.0,
                start..end,
                None,
            )
        };
        text.char_indices().map(glyph).collect()
    }

    /// Returns the width of a text in points.
    pub(super) fn width(&self, text: &str, size: f32) -> f32 {
        let glyphs = self.glyphs(text);
        glyphs.iter().map(|glyph| glyph.x_advance * size).sum()
    }
}

/// Returns the first character of a text that cannot be printed: one that is not in both fonts, or
/// that is written from right to left.
pub(in crate::services::invoices) fn unprintable(text: &str) -> Option<char> {
    static SOURCES: OnceLock<Vec<FontRef<'static>>> = OnceLock::new();
    let sources = SOURCES.get_or_init(|| {
        let fonts = [REGULAR, BOLD].into_iter();
        fonts.filter_map(|bytes| FontRef::new(bytes).ok()).collect()
    });
    text.chars().find(|character| {
        let is_missing = |source: &FontRef<'_>| source.charmap().map(*character).is_none();
        let mut ranges = RIGHT_TO_LEFT.iter();
        sources.iter().any(is_missing) || ranges.any(|range| range.contains(character))
    })
}
