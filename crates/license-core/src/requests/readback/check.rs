//! Check characters of a line: a Reed-Solomon code over the 32 characters.
//!
//! Two correct lines differ in at least three characters, including the digits of their numbers.
//! One or two wrong characters are therefore always detected, and so is every swap of two
//! characters. ISO 7064 MOD 37,36 uses letters that are hard to pronounce, and misses 69 swaps of
//! neighboring characters, such as `3` with `4`.

/// Field polynomial x^5 + x^2 + 1. Its root α = 2 generates all 31 nonzero elements, so each of up
/// to 31 characters has its own factor.
const FIELD: u8 = 0b10_0101;
const OVERFLOW: u8 = 0b10_0000;

/// Returns the remainder of p(x)·x^2 divided by (x + 1)(x + α) = x^2 + (α + 1)x + α. The symbols
/// are the coefficients of p(x).
pub(super) fn check(symbols: impl Iterator<Item = u8>) -> [u8; 2] {
    symbols.fold([0, 0], |[high, low], symbol| {
        let out = symbol ^ high;
        let times_alpha = double(out);
        [low ^ times_alpha ^ out, times_alpha]
    })
}

/// Multiplies by α.
fn double(element: u8) -> u8 {
    let doubled = element << 1;
    match doubled & OVERFLOW {
        0 => doubled,
        _ => doubled ^ FIELD,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn alpha_generates_the_whole_field() {
        let powers = std::iter::successors(Some(1), |power| Some(double(*power)));
        let powers: BTreeSet<u8> = powers.take(31).collect();
        assert!(powers.into_iter().eq(1..32));
    }

    /// The code is linear: whether two lines have different check characters depends only on their
    /// difference. The test therefore covers all lines.
    #[test]
    fn one_or_two_wrong_characters_are_always_detected() {
        const LENGTH: usize = 2 + 14;
        let is_undetected = |errors: [(usize, u8); 2]| {
            let mut difference = [0; LENGTH + 2];
            for (position, error) in errors {
                difference[position] ^= error;
            }
            let [high, low] = check(difference[..LENGTH].iter().copied());
            (high, low) == (difference[LENGTH], difference[LENGTH + 1])
        };
        for first in 0..LENGTH + 2 {
            for error in 1..32 {
                assert!(!is_undetected([(first, error), (first, 0)]));
                for second in first + 1..LENGTH + 2 {
                    for other in 1..32 {
                        assert!(!is_undetected([(first, error), (second, other)]));
                    }
                }
            }
        }
    }
}
