//! The class `TrustSet`.

use license_core::TrustSet;
use pyo3::prelude::*;

use crate::arguments::Text;
use crate::errors::malformed;

/// The public keys of the vendor, with which licenses are verified.
///
/// The text is the file that ``keygen trust`` wrote: a JWK Set, a JWK or PEM. Ship it inside your
/// program. A key file that users can replace would let them sign their own licenses.
///
/// >>> TrustSet(Path("trust.jwks"))
/// TrustSet(1 key)
#[pyclass(frozen, name = "TrustSet", module = "coditect_license")]
pub(crate) struct PyTrustSet {
    trust: TrustSet,
}

#[pymethods]
impl PyTrustSet {
    #[new]
    #[pyo3(signature = (keys, /))]
    fn new(keys: &Bound<'_, PyAny>) -> PyResult<Self> {
        let trust = parse(keys)?;
        Ok(Self { trust })
    }

    /// The ids of the keys: thumbprints of RFC 7638.
    #[getter]
    fn key_ids(&self) -> Vec<String> {
        let keys = self.trust.iter();
        keys.map(|key| key.id().as_str().to_owned()).collect()
    }

    fn __len__(&self) -> usize {
        self.trust.len()
    }

    fn __repr__(&self) -> String {
        let number = self.trust.len();
        let noun = if number == 1 { "key" } else { "keys" };
        format!("TrustSet({number} {noun})")
    }
}

impl PyTrustSet {
    #[cfg(feature = "testing")]
    pub(crate) fn from_trust(trust: TrustSet) -> Self {
        Self { trust }
    }
}

/// Reads an argument `trust`: a `TrustSet`, the text of one, or the path of its file.
pub(crate) fn trust(value: &Bound<'_, PyAny>) -> PyResult<TrustSet> {
    match value.cast::<PyTrustSet>() {
        Ok(set) => Ok(set.get().trust.clone()),
        Err(_) => parse(value),
    }
}

fn parse(value: &Bound<'_, PyAny>) -> PyResult<TrustSet> {
    let text = Text::read(value, "ConfigurationError")?;
    TrustSet::parse(&text.content).map_err(|error| {
        let code = error.code();
        malformed(value.py(), &error, code.as_str(), &text)
    })
}
