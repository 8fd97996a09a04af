//! The check characters of a line: a Reed-Solomon code over the 32 characters.
//!
//! Any two lines that hold differ in at least three characters, the digits of the number among them. So one
//! or two wrong characters are always found, and with them every swap, of neighbours or not. ISO 7064's
//! MOD 37,36 has letters that are hard to say and overlooks 69 swaps of neighbours, such as `3` with `4`.

/// x^5 + x^2 + 1, whose root α = 2 generates all 31 elements: up to 31 characters have each their own factor.
const FIELD: u8 = 0b10_0101;
const OVERFLOW: u8 = 0b10_0000;

/// The remainder on division by (x + 1)(x + α) = x^2 + (α + 1)x + α of the polynomial that has the symbols as
/// coefficients, times x^2.
pub(super) fn check(symbols: impl Iterator<Item = u8>) -> [u8; 2] {
    symbols.fold([0, 0], |[high, low], symbol| {
        let out = symbol ^ high;
        let times_alpha = double(out);
        [low ^ times_alpha ^ out, times_alpha]
    })
}

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

    /// The code is linear: that two lines have different check characters depends only on where and how they
    /// differ. So this covers every line there is.
    #[test]
    fn no_one_or_two_wrong_characters_go_unseen() {
        const LONG: usize = 2 + 14;
        let with = |places: [(usize, u8); 2]| {
            let mut difference = [0; LONG + 2];
            for (place, by) in places {
                difference[place] ^= by;
            }
            let [high, low] = check(difference[..LONG].iter().copied());
            (high, low) == (difference[LONG], difference[LONG + 1])
        };
        for first in 0..LONG + 2 {
            for by in 1..32 {
                assert!(!with([(first, by), (first, 0)]));
                for second in first + 1..LONG + 2 {
                    assert!((1..32).all(|other| !with([(first, by), (second, other)])));
                }
            }
        }
    }
}
