//! QR codes as pictures.

use std::fmt::Write as _;

use qrcodegen::{QrCode, QrCodeEcc};

use crate::blocks::Figure;

/// The white border around the code, in modules (ISO/IEC 18004, section 6.3.8).
const BORDER: i32 = 4;

/// Returns a QR code of a text. `None`: the text is too long for a code.
///
/// The picture is black on white, also on a dark page, because some scanners need it.
pub fn qr_code(text: &str, caption: &str) -> Option<Figure> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let size = code.size() + 2 * BORDER;
    let mut modules = String::new();
    for y in 0..code.size() {
        for x in (0..code.size()).filter(|x| code.get_module(*x, y)) {
            // Writing to a string cannot fail.
            let _ = write!(modules, "M{},{}h1v1h-1z", x + BORDER, y + BORDER);
        }
    }
    let svg = format!(
        "<svg viewBox=\"0 0 {size} {size}\" width=\"240\" height=\"240\" role=\"img\" \
         aria-label=\"QR code\" shape-rendering=\"crispEdges\">\
         <rect width=\"{size}\" height=\"{size}\" fill=\"#fff\"/>\
         <path d=\"{modules}\" fill=\"#000\"/></svg>"
    );
    Some(Figure::new(svg, caption))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Frame, Page};

    #[test]
    fn a_code_has_no_text_of_its_content() {
        let text = "otpauth://totp/A%20%3Cb%3E?secret=<script>\"";
        let figure = qr_code(text, "Picture").unwrap();
        let html = Page::new(Frame::new("x")).with(figure).render();
        assert!(html.contains("role=\"img\"") && html.contains("Picture"));
        assert!(!html.contains("otpauth") && !html.contains("secret="));
        assert!(qr_code(&"x".repeat(3_000), "x").is_none());
    }
}
