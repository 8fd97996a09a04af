//! The class `Product`.

use std::sync::Arc;

use license_core::{FeatureMatrix, Tier};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arguments::Text;
use crate::errors::malformed;

/// A product: its tiers, with their features and quotas.
///
/// The text is a product file in TOML. Ship it inside your program.
///
/// >>> product = Product(Path("product.toml"))
/// >>> product.code, product.base_tier, product.tiers
/// ('WIDGET', 'FREE', ['FREE', 'PRO'])
/// >>> product.features
/// {'view': 'FREE', 'export': 'PRO'}
/// >>> Product.coditect().code
/// 'CODITECT'
#[pyclass(frozen, name = "Product", module = "coditect_license")]
pub(crate) struct PyProduct {
    matrix: Arc<FeatureMatrix>,
}

#[pymethods]
impl PyProduct {
    #[new]
    #[pyo3(signature = (text, /))]
    fn new(text: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self::from_matrix(Arc::new(parse(text)?)))
    }

    /// Returns the built-in product CODITECT.
    #[staticmethod]
    fn coditect() -> Self {
        Self::from_matrix(Arc::new(FeatureMatrix::built_in().clone()))
    }

    /// The code of the product, such as ``WIDGET``.
    #[getter]
    fn code(&self) -> String {
        self.matrix.product().to_string()
    }

    /// The name of the vendor in licenses.
    #[getter]
    fn issuer(&self) -> &str {
        self.matrix.issuer()
    }

    /// The name of the product that users see.
    #[getter]
    fn label(&self) -> &str {
        self.matrix.label()
    }

    /// The tier that is in effect without a license.
    #[getter]
    fn base_tier(&self) -> String {
        self.matrix.base_tier().name().to_string()
    }

    /// The names of the tiers, from the lowest to the highest.
    #[getter]
    fn tiers(&self) -> Vec<String> {
        let tiers = self.matrix.tiers().iter();
        tiers.map(|tier| tier.name().to_string()).collect()
    }

    /// The features, each with the lowest tier that has it.
    #[getter]
    fn features<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let features = PyDict::new(py);
        for (feature, tier) in self.matrix.features() {
            features.set_item(feature, tier.to_string())?;
        }
        Ok(features)
    }

    /// The names of the quotas.
    #[getter]
    fn quotas(&self) -> Vec<String> {
        self.matrix.quotas().map(str::to_owned).collect()
    }

    /// Returns the name of a tier that users see. Without a label, it is the name itself.
    #[pyo3(signature = (tier, /))]
    fn tier_label(&self, tier: &str) -> String {
        let name = Tier::parse(tier);
        name.map_or_else(
            |_| tier.to_owned(),
            |name| self.matrix.tier_label(&name).to_owned(),
        )
    }

    /// Returns the name of a feature that users see. Without a label, it is the name itself.
    #[pyo3(signature = (feature, /))]
    fn feature_label(&self, feature: &str) -> String {
        self.matrix.feature_label(feature).to_owned()
    }

    /// Returns the name of a quota that users see. Without a label, it is the name itself.
    #[pyo3(signature = (quota, /))]
    fn quota_label(&self, quota: &str) -> String {
        self.matrix.quota_label(quota).to_owned()
    }

    fn __repr__(&self) -> String {
        format!("Product({:?})", self.matrix.product().as_str())
    }
}

impl PyProduct {
    pub(crate) fn from_matrix(matrix: Arc<FeatureMatrix>) -> Self {
        Self { matrix }
    }
}

/// Reads an argument `product`: a `Product`, the text of a product file, or its path.
pub(crate) fn product(value: &Bound<'_, PyAny>) -> PyResult<Arc<FeatureMatrix>> {
    match value.cast::<PyProduct>() {
        Ok(product) => Ok(Arc::clone(&product.get().matrix)),
        Err(_) => parse(value).map(Arc::new),
    }
}

fn parse(value: &Bound<'_, PyAny>) -> PyResult<FeatureMatrix> {
    let text = Text::read(value, "ConfigurationError")?;
    FeatureMatrix::parse(&text.content).map_err(|error| {
        let code = error.code();
        malformed(value.py(), &error, code.as_str(), &text)
    })
}
