//! Detection of RSA keys that can be factored because of the ROCA weakness (Nemec et al., "The
//! Return of Coppersmith's Attack", CCS 2017; CVE-2017-15361).
//!
//! Such a modulus is a power of 65537 modulo each of the first primes. About one in 2^28 other
//! moduli has the same property for the primes used here.

const PRIMES: [u64; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Returns whether the big-endian modulus has the fingerprint of a weak key.
pub(super) fn is_weak(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|&prime| {
        // Four bytes at a time, because divisions are slow.
        let remainder = modulus.rchunks(4).rev().fold(0, |rest, bytes| {
            let append = |number, &byte| number << 8 | u64::from(byte);
            bytes.iter().fold(rest, append) % prime
        });
        is_power_of_65537(remainder, prime)
    })
}

fn is_power_of_65537(number: u64, prime: u64) -> bool {
    let mut power = 1;
    for _ in 0..prime {
        if power == number {
            return true;
        }
        power = power * 65_537 % prime;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_of_65537_has_the_fingerprint_and_that_power_plus_two_does_not() {
        // 65537^16 = (2^16 + 1)^16, computed in base 256.
        let mut number = vec![1_u32];
        for _ in 0..16 {
            let mut product = vec![0_u32; number.len() + 2];
            for (place, digit) in number.iter().enumerate() {
                product[place] += digit;
                product[place + 2] += digit;
            }
            for place in 0..product.len() - 1 {
                product[place + 1] += product[place] >> 8;
                product[place] &= 0xff;
            }
            number = product;
        }
        let mut bytes: Vec<u8> = number
            .iter()
            .rev()
            .map(|&digit| digit.try_into().unwrap())
            .collect();
        assert!(is_weak(&bytes));
        *bytes.last_mut().unwrap() += 2;
        assert!(!is_weak(&bytes));
    }
}
