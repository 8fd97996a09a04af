//! Amounts of money: integers in the minor unit of a currency.

use std::fmt;

/// A currency of ISO 4217, such as `EUR`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// The currencies whose minor unit is not a hundredth (ISO 4217, list one): the number of decimal
/// places and the codes.
const OTHER_DIGITS: [(u32, &str); 3] = [
    (
        0,
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    ),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (4, "CLF UYW"),
];

/// The currencies with two decimal places. Funds, metals and codes for tests are not currencies in
/// which somebody pays.
const TWO_DIGITS: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL \
     BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP \
     GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK \
     LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR \
     NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN \
     SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW \
     ZWG";

impl Currency {
    /// A description of the accepted currencies, for messages.
    pub const EXPECTED: &'static str = "a currency of ISO 4217, such as EUR or USD";

    /// Parses a code of three letters in upper or lower case. Returns `None` for a code that is no
    /// currency, because the value of its minor unit is then unknown.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 3] = text.as_bytes().try_into().ok()?;
        let currency = Self(bytes.map(|byte| byte.to_ascii_uppercase()));
        currency.digits().map(|_| currency)
    }

    /// Returns the code in upper case.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Returns the number of decimal places of the minor unit: 2 for `EUR`, 0 for `JPY`, 3 for
    /// `KWD`.
    pub fn minor_digits(self) -> u32 {
        self.digits().unwrap_or_default()
    }

    fn digits(self) -> Option<u32> {
        let contains = |list: &str| list.split(' ').any(|code| code.as_bytes() == self.0);
        if contains(TWO_DIGITS) {
            return Some(2);
        }
        let mut others = OTHER_DIGITS.iter();
        others.find_map(|(digits, list)| contains(list).then_some(*digits))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An amount of money in the minor unit of its currency: 1250 and `EUR` are 12.50 euros.
///
/// The amount can be negative, such as that of a credit. Calculations return `None` instead of a
/// wrong amount. No calculation divides, so nothing is ever rounded.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

impl Money {
    /// The largest amount, in the minor unit. JSON readers that use floating-point numbers read
    /// each integer up to this one exactly (RFC 8259, section 6).
    pub const MAX_MINOR: i64 = (1 << 53) - 1;

    /// Creates an amount. Returns `None` for an amount outside [`MAX_MINOR`](Self::MAX_MINOR).
    pub fn new(minor: i64, currency: Currency) -> Option<Self> {
        let is_accepted = minor.unsigned_abs() <= Self::MAX_MINOR.unsigned_abs();
        is_accepted.then_some(Self { minor, currency })
    }

    /// Returns nothing in a currency.
    pub const fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// Returns the amount in the minor unit.
    pub const fn minor(self) -> i64 {
        self.minor
    }

    /// Returns the currency.
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// Returns the sum. Returns `None` for two currencies, or an amount that is too large.
    pub fn plus(self, other: Self) -> Option<Self> {
        self.with(other, i64::checked_add)
    }

    /// Returns the difference. Returns `None` for two currencies, or an amount that is too large.
    pub fn minus(self, other: Self) -> Option<Self> {
        self.with(other, i64::checked_sub)
    }

    /// Returns the amount for a number of pieces. Returns `None` if it is too large.
    pub fn times(self, count: u32) -> Option<Self> {
        Self::new(self.minor.checked_mul(i64::from(count))?, self.currency)
    }

    fn with(self, other: Self, operation: fn(i64, i64) -> Option<i64>) -> Option<Self> {
        if self.currency != other.currency {
            return None;
        }
        Self::new(operation(self.minor, other.minor)?, self.currency)
    }

    /// Returns the amount with the decimal places of the currency and without its code, such as
    /// `-12.50`.
    pub fn decimal(self) -> String {
        let digits = self.currency.minor_digits();
        let unit = 10_u64.pow(digits);
        let amount = self.minor.unsigned_abs();
        let sign = if self.minor < 0 { "-" } else { "" };
        if digits == 0 {
            return format!("{sign}{amount}");
        }
        let width = usize::try_from(digits).unwrap_or_default();
        format!("{sign}{}.{:0width$}", amount / unit, amount % unit)
    }
}

/// Prints the amount and the code, such as `12.50 EUR`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} {}", self.decimal(), self.currency))
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        Currency::parse(code).unwrap()
    }

    fn money(minor: i64, code: &str) -> Money {
        Money::new(minor, currency(code)).unwrap()
    }

    #[test]
    fn a_currency_is_one_of_the_standard_with_its_minor_unit() {
        for (code, digits) in [
            ("EUR", 2),
            ("usd", 2),
            ("JPY", 0),
            ("isk", 0),
            ("KWD", 3),
            ("CLF", 4),
        ] {
            let currency = currency(code);
            assert_eq!(currency.as_str(), code.to_ascii_uppercase());
            assert_eq!(currency.minor_digits(), digits, "{code}");
        }
        for code in ["", "EU", "EURO", "XXX", "XAU", "ABC", "€", "E R", "EUR "] {
            assert_eq!(Currency::parse(code), None, "{code:?}");
        }
    }

    #[test]
    fn each_code_is_listed_once() {
        let lists = OTHER_DIGITS.iter().map(|(_, list)| *list);
        let mut codes: Vec<&str> = lists
            .chain([TWO_DIGITS])
            .flat_map(|list| list.split(' '))
            .collect();
        assert!(codes.iter().all(|code| code.len() == 3), "{codes:?}");
        let listed = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), listed);
    }

    #[test]
    fn an_amount_prints_the_decimal_places_of_its_currency() {
        for (minor, code, expected) in [
            (1250, "EUR", "12.50 EUR"),
            (5, "EUR", "0.05 EUR"),
            (-5, "EUR", "-0.05 EUR"),
            (0, "EUR", "0.00 EUR"),
            (1250, "JPY", "1250 JPY"),
            (-1250, "JPY", "-1250 JPY"),
            (1250, "KWD", "1.250 KWD"),
            (1, "CLF", "0.0001 CLF"),
            (Money::MAX_MINOR, "USD", "90071992547409.91 USD"),
        ] {
            assert_eq!(money(minor, code).to_string(), expected);
        }
    }

    #[test]
    fn a_calculation_never_mixes_currencies_and_never_wraps() {
        let euros = |minor| money(minor, "EUR");
        assert_eq!(euros(700).plus(euros(50)), Some(euros(750)));
        assert_eq!(euros(700).minus(euros(750)), Some(euros(-50)));
        assert_eq!(euros(333).times(3), Some(euros(999)));
        assert_eq!(euros(1).plus(money(1, "USD")), None);
        assert_eq!(euros(1).minus(money(1, "USD")), None);
        let most = euros(Money::MAX_MINOR);
        assert_eq!(most.plus(euros(1)), None);
        assert_eq!(most.times(2), None);
        assert_eq!(most.times(u32::MAX), None);
        assert_eq!(euros(-Money::MAX_MINOR).minus(euros(1)), None);
        assert_eq!(Money::new(i64::MIN, currency("EUR")), None);
        assert_eq!(Money::new(Money::MAX_MINOR + 1, currency("EUR")), None);
    }
}
