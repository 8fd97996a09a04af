//! The checksum of standard keys: it catches typing errors and proves nothing.

const POLYNOMIAL: u16 = 0x1021;
const INITIAL: u16 = 0xFFFF;
/// Makes the published example `CODITECT-PRO-A7F3E9D2C4B1-8F2A` its own check value.
const FINAL: u16 = 0xF027;

/// CRC-16, polynomial 0x1021, not reflected, over the upper-case text before the last hyphen.
pub(super) fn checksum(text: &str) -> u16 {
    text.bytes().fold(INITIAL, feed) ^ FINAL
}

fn feed(crc: u16, byte: u8) -> u16 {
    let [high, low] = crc.to_be_bytes();
    let index = usize::from(high ^ byte);
    u16::from_be_bytes([low, 0]) ^ OF_BYTE.get(index).copied().unwrap_or_default()
}

/// What each byte makes of a checksum of zero.
#[allow(clippy::indexing_slicing, reason = "computed by the compiler")]
const OF_BYTE: [u16; 256] = {
    let mut table = [0; 256];
    let (mut index, mut byte) = (0, 0_u16);
    while index < table.len() {
        let mut crc = byte << 8;
        let mut bit = 0;
        while bit < 8 {
            let carry = crc & 0x8000 != 0;
            crc = crc << 1 ^ if carry { POLYNOMIAL } else { 0 };
            bit += 1;
        }
        table[index] = crc;
        (index, byte) = (index + 1, byte + 1);
    }
    table
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
}
