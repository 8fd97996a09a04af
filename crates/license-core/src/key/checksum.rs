//! The checksum of standard keys, which detects typing errors.

const POLYNOMIAL: u16 = 0x1021;
const INITIAL: u16 = 0xFFFF;
/// The final XOR value, chosen so that the published example `CODITECT-PRO-A7F3E9D2C4B1-8F2A` is
/// valid.
const FINAL: u16 = 0xF027;

/// Computes the CRC-16 (polynomial 0x1021, not reflected) of the text before the last hyphen, in
/// upper case.
pub(super) fn checksum(text: &str) -> u16 {
    let (fours, rest) = text.as_bytes().as_chunks();
    let crc = fours.iter().fold(INITIAL, update_with_four);
    rest.iter().fold(crc, update) ^ FINAL
}

/// Updates the CRC with one byte.
fn update(crc: u16, byte: &u8) -> u16 {
    let [high, low] = crc.to_be_bytes();
    u16::from_be_bytes([low, 0]) ^ lookup(0, high ^ byte)
}

/// Updates the CRC with four bytes. The table lookups do not depend on each other, so the processor
/// can run them in parallel.
fn update_with_four(crc: u16, [first, second, third, fourth]: &[u8; 4]) -> u16 {
    let [high, low] = crc.to_be_bytes();
    lookup(3, high ^ first) ^ lookup(2, low ^ second) ^ lookup(1, *third) ^ lookup(0, *fourth)
}

/// Returns the CRC of a byte followed by `zeros` zero bytes.
fn lookup(zeros: usize, byte: u8) -> u16 {
    let table = TABLES
        .get(zeros)
        .and_then(|table| table.get(usize::from(byte)));
    table.copied().unwrap_or_default()
}

/// The CRC of each byte, by the number of zero bytes that follow it.
#[allow(
    clippy::indexing_slicing,
    reason = "the compiler checks each index of a constant"
)]
const TABLES: [[u16; 256]; 4] = {
    let mut tables = [[0; 256]; 4];
    let (mut index, mut byte) = (0, 0_u16);
    while index < 256 {
        let mut crc = byte << 8;
        let mut zeros = 0;
        while zeros < tables.len() {
            let mut bit = 0;
            while bit < 8 {
                let carry = crc & 0x8000 != 0;
                crc = crc << 1 ^ if carry { POLYNOMIAL } else { 0 };
                bit += 1;
            }
            tables[zeros][index] = crc;
            zeros += 1;
        }
        (index, byte) = (index + 1, byte + 1);
    }
    tables
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_example_is_valid() {
        assert_eq!(checksum("CODITECT-PRO-A7F3E9D2C4B1"), 0x8F2A);
    }

    /// CRC-16/IBM-3740 has the same polynomial and no final XOR. Its check value is 0x29B1.
    #[test]
    fn the_polynomial_matches_crc_16_ibm_3740() {
        assert_eq!(checksum("123456789") ^ FINAL, 0x29B1);
    }

    #[test]
    fn updates_with_four_bytes_and_with_one_byte_agree() {
        let text: String = ('!'..='~').collect();
        for length in 0..text.len() {
            let one_by_one = text.as_bytes()[..length].iter().fold(INITIAL, update);
            assert_eq!(checksum(&text[..length]), one_by_one ^ FINAL, "{length}");
        }
    }
}
