//! Legal entities that issue invoices.

use serde::{Deserialize, Serialize};

use super::content::{InvoiceFault, MAX_ADDRESS, MAX_TEXT, check_address, check_text};

/// A legal entity of the vendor. Its invoices are numbered without gaps in each year.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegalEntity {
    /// The code with which the numbers of its invoices start, such as `DE`.
    pub code: String,
    /// The name.
    pub name: String,
    /// The lines of the address.
    pub address: Vec<String>,
    /// The tax number.
    #[serde(default)]
    pub tax_id: Option<String>,
    /// How customers pay, such as the lines of a bank account.
    #[serde(default)]
    pub payment: Vec<String>,
    /// Lines at the end of each page, such as the entry in the commercial register.
    #[serde(default)]
    pub footer: Vec<String>,
}

impl LegalEntity {
    /// Checks all values.
    ///
    /// # Errors
    ///
    /// Returns the first value that is not accepted.
    pub fn check(&self) -> Result<(), InvoiceFault> {
        let is_letter = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        if !(1..=10).contains(&self.code.len()) || !self.code.bytes().all(is_letter) {
            return Err(InvoiceFault::new(
                "code",
                "1 to 10 characters of A-Z and 0-9",
            ));
        }
        check_text("name", &self.name, MAX_TEXT)?;
        check_address("address", &self.address)?;
        if let Some(id) = &self.tax_id {
            check_text("tax_id", id, MAX_TEXT)?;
        }
        for (member, lines) in [("payment", &self.payment), ("footer", &self.footer)] {
            if lines.len() > MAX_ADDRESS {
                return Err(InvoiceFault::new(
                    member,
                    format!("at most {MAX_ADDRESS} lines"),
                ));
            }
            for line in lines {
                check_text(member, line, MAX_TEXT)?;
            }
        }
        Ok(())
    }
}
