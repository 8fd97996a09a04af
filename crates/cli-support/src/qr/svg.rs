//! A code as a picture in SVG.

use std::fmt::Write as _;

use super::QrCode;

impl QrCode {
    /// Returns the code with its quiet zone as an SVG document. The picture has no size of its own,
    /// so it takes the size that the page gives it. Its unit is one module.
    ///
    /// ```
    /// use license_cli_support::QrCode;
    ///
    /// # fn main() -> Result<(), license_cli_support::Failure> {
    /// let svg = QrCode::new("CODITECT-PRO-A7F3E9D2C4B1-8F2A")?.to_svg();
    /// assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 33 33\""));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn to_svg(&self) -> String {
        let side = self.width();
        let mut path = String::new();
        for row in 0..side {
            let mut column = 0;
            while column < side {
                let length = (column..side).take_while(|next| self.is_dark(*next, row));
                let length = length.count();
                if length > 0 {
                    // Writing to a `String` does not fail.
                    let _ = write!(path, "M{column} {row}h{length}v1h-{length}z");
                }
                column += length + 1;
            }
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" \
             shape-rendering=\"crispEdges\" role=\"img\" aria-label=\"QR code\">\
             <path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/>\
             <path fill=\"#000\" d=\"{path}\"/></svg>"
        )
    }
}
