//! The checksum of standard keys: it catches typing errors and proves nothing.

const POLYNOMIAL: u16 = 0x1021;
const INITIAL: u16 = 0xFFFF;
/// Makes the published example `CODITECT-PRO-A7F3E9D2C4B1-8F2A` its own check value.
const FINAL: u16 = 0xF027;

/// CRC-16, polynomial 0x1021, not reflected, over the upper-case text before the last hyphen.
pub(super) fn checksum(text: &str) -> u16 {
    let (fours, rest) = text.as_bytes().as_chunks();
    let crc = fours.iter().fold(INITIAL, feed_four);
    rest.iter().fold(crc, feed) ^ FINAL
}

fn feed(crc: u16, byte: &u8) -> u16 {
    let [high, low] = crc.to_be_bytes();
    u16::from_be_bytes([low, 0]) ^ of_byte(0, high ^ byte)
}

/// Four at once: what each makes of a checksum does not wait for what the one before has made of it.
fn feed_four(crc: u16, [first, second, third, fourth]: &[u8; 4]) -> u16 {
    let [high, low] = crc.to_be_bytes();
    of_byte(3, high ^ first) ^ of_byte(2, low ^ second) ^ of_byte(1, *third) ^ of_byte(0, *fourth)
}

fn of_byte(before: usize, byte: u8) -> u16 {
    let table = OF_BYTE
        .get(before)
        .and_then(|table| table.get(usize::from(byte)));
    table.copied().unwrap_or_default()
}

/// What each byte makes of a checksum of zero, if so many zeros come after it.
#[allow(clippy::indexing_slicing, reason = "computed by the compiler")]
const OF_BYTE: [[u16; 256]; 4] = {
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
    fn the_published_example_holds() {
        assert_eq!(checksum("CODITECT-PRO-A7F3E9D2C4B1"), 0x8F2A);
    }

    /// CRC-16/IBM-3740 is the same polynomial without the final XOR; its catalogued check value is 0x29B1.
    #[test]
    fn the_polynomial_is_the_catalogued_one() {
        assert_eq!(checksum("123456789") ^ FINAL, 0x29B1);
    }

    #[test]
    fn four_bytes_at_once_are_as_one_by_one() {
        let text: String = ('!'..='~').collect();
        for length in 0..text.len() {
            let one_by_one = text.as_bytes()[..length].iter().fold(INITIAL, feed);
            assert_eq!(checksum(&text[..length]), one_by_one ^ FINAL, "{length}");
        }
    }
}
