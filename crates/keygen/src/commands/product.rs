//! `keygen product`: product files.

mod constants;

use license_cli_support::{
    Destination, Failure, Fields, Meaning, OutputFile, Source, Terminal, escape, plural, wrap,
};
use license_core::encoding::decode_text;
use license_core::jose::MAX_FILE_BYTES;
use license_core::matrix::TierPolicy;
use license_core::{FeatureMatrix, ProductCode};
use serde_json::json;

use super::context::AppContext;
use crate::args::ProductCommand;
use crate::inputs::{matrix, read_matrix};
use crate::{failures, output};

/// Content of a new product file, with the placeholder `@PRODUCT@` for the product code.
const TEMPLATE: &str = include_str!("product/template.toml");

pub(crate) fn run(command: &ProductCommand, app: AppContext<'_>) -> Result<(), Failure> {
    let terminal = app.terminal;
    match command {
        ProductCommand::Init { product, output } => init(*product, output, terminal),
        ProductCommand::Check { file } => check(file, terminal),
        ProductCommand::Schema { output } => schema(output, terminal),
        ProductCommand::Constants { file, output } => constants(file, output, terminal),
        ProductCommand::Show { file } => show(&matrix(app.settings, file.as_ref())?, terminal),
    }
}

fn init(product: ProductCode, output: &OutputFile, terminal: &Terminal) -> Result<(), Failure> {
    output::check(output)?;
    output::write(output, &TEMPLATE.replace("@PRODUCT@", product.as_str()))?;
    if let Destination::File(_) = output.out {
        let file = &output.out;
        terminal.note(&format!(
            "wrote {file}; edit tiers, features and quotas, then run `keygen product check {file}`"
        ));
    }
    Ok(())
}

fn schema(output: &OutputFile, terminal: &Terminal) -> Result<(), Failure> {
    output::write(output, FeatureMatrix::schema())?;
    if let Destination::File(_) = output.out {
        let file = &output.out;
        terminal.note(&format!(
            "wrote {file}; add `#:schema ./product.schema.json` as the first line of the product file for editors with Taplo"
        ));
        if terminal.is_json() {
            return terminal.json(
                &serde_json::from_str::<serde_json::Value>(FeatureMatrix::schema())
                    .unwrap_or_default(),
            );
        }
    }
    Ok(())
}

fn constants(file: &Source, output: &OutputFile, terminal: &Terminal) -> Result<(), Failure> {
    output::check(output)?;
    let module = constants::module(&read_matrix(file)?);
    output::write(output, &module)?;
    if let Destination::File(_) = output.out {
        let file = &output.out;
        terminal.note(&format!(
            "wrote {file}; include the file as a module, and use its constants as in `client.allows(product::features::NAME)`"
        ));
    }
    Ok(())
}

fn check(file: &Source, terminal: &Terminal) -> Result<(), Failure> {
    let text = file.read_text(MAX_FILE_BYTES, decode_text)?;
    let matrix =
        FeatureMatrix::parse(&text).map_err(|error| failures::wrong_product(file, &error))?;
    let warnings = warnings(&matrix);
    if terminal.is_json() {
        return terminal.json(&json!({
            "product": matrix.product().as_str(),
            "label": matrix.label(),
            "tiers": matrix.tiers().iter().map(|tier| tier.name().to_string()).collect::<Vec<_>>(),
            "warnings": warnings,
        }));
    }
    for warning in &warnings {
        terminal.warning("PRODUCT", warning);
    }
    let (tiers, features) = (matrix.tiers().len(), matrix.features().len());
    let product = labeled(matrix.product().as_str(), matrix.label());
    let tiers = plural(tiers, "tier", "tiers");
    let features = plural(features, "feature", "features");
    terminal.data(&format!("{product}: {tiers}, {features}"))
}

/// Returns a name with the label that customers see.
fn labeled(name: &str, label: &str) -> String {
    if label == name {
        name.to_owned()
    } else {
        format!("{name} ({label})")
    }
}

/// Returns warnings about settings that are allowed but rarely intended.
fn warnings(matrix: &FeatureMatrix) -> Vec<String> {
    let mut warnings = Vec::new();
    for pair in matrix.tiers().windows(2) {
        let [lower, higher] = pair else { continue };
        warnings.extend(shorter_grace(lower, higher));
        let (lower, higher) = (lower.entitlements(), higher.entitlements());
        let lost = lower.features().filter(|feature| !higher.allows(feature));
        warnings.extend(lost.map(|feature| {
            let (lower, higher) = (lower.tier(), higher.tier());
            format!("tier {higher} lacks feature {feature}, which the lower tier {lower} has")
        }));
        let less = lower.quotas().filter(|(name, quota)| {
            let above = higher.quota(name);
            above.is_none_or(|above| above < *quota)
        });
        warnings.extend(less.map(|(name, _)| {
            let (lower, higher) = (lower.tier(), higher.tier());
            format!("tier {higher} has a lower quota {name} than the lower tier {lower}")
        }));
    }
    let lowest = matrix.tiers().first().map(TierPolicy::name);
    let base = matrix.base_tier().name();
    if let Some(lowest) = lowest.filter(|lowest| *lowest != base) {
        warnings.push(format!(
            "base_tier is {base} instead of the lowest tier {lowest}: users without a license have tier {base}"
        ));
    }
    for (member, quota) in [
        ("seats_quota", matrix.seats_quota()),
        ("devices_quota", matrix.devices_quota()),
    ] {
        let is_known = |name: &&str| {
            let mut tiers = matrix.tiers().iter();
            tiers.any(|tier| tier.entitlements().quota(name).is_some())
        };
        if let Some(quota) = quota.filter(|quota| !is_known(quota)) {
            warnings.push(format!("{member} is {quota}, but no tier has this quota"));
        }
    }
    warnings.extend(unused_labels(matrix));
    if matrix.enterprise_tier().is_none() {
        warnings.push("enterprise_tier is missing: enterprise keys cannot be issued".to_owned());
    }
    if matrix.trial().is_none() {
        warnings.push("[trial] is missing: trials need --tier and --days".to_owned());
    }
    warnings
}

/// Returns a warning if a tier has a shorter grace period after the end than the tier below.
fn shorter_grace(lower: &TierPolicy, higher: &TierPolicy) -> Option<String> {
    let hours = |tier: &TierPolicy| tier.renewal().map_or(0, |terms| terms.grace().num_hours());
    let (less, more) = (hours(higher), hours(lower));
    (less < more).then(|| {
        format!(
            "tier {} has a shorter grace period after the end ({less} h) than the lower tier {} ({more} h): `extends` does not inherit `renewal`",
            higher.name(),
            lower.name()
        )
    })
}

/// Returns warnings about labels of features and quotas that no tier has. Only a license that adds
/// the feature or quota uses the label.
fn unused_labels(matrix: &FeatureMatrix) -> Vec<String> {
    let features = matrix.feature_labels().map(|(name, _)| name);
    let features = features.filter(|name| matrix.first_tier_with(name).is_none());
    let features = features.map(|name| format!("feature {name} has a label, but no tier has it"));
    let is_used = |name: &str| matrix.quotas().any(|quota| quota == name);
    let quotas = matrix.quota_labels().map(|(name, _)| name);
    let quotas = quotas.filter(|name| !is_used(name));
    let quotas = quotas.map(|name| format!("quota {name} has a label, but no tier has it"));
    features.chain(quotas).collect()
}

fn show(matrix: &FeatureMatrix, terminal: &Terminal) -> Result<(), Failure> {
    if terminal.is_json() {
        return terminal.json(&json!(matrix));
    }
    terminal.page(&table(matrix, terminal.columns()))
}

fn table(matrix: &FeatureMatrix, columns: Option<usize>) -> String {
    let mut lines = vec![format!(
        "{} by {}; users without a valid license have tier {}",
        labeled(matrix.product().as_str(), matrix.label()),
        escape(matrix.issuer()),
        matrix.base_tier().name()
    )];
    lines.extend(
        matrix
            .trial()
            .map(|trial| (trial.tier, trial.length.num_days()))
            .map(|(tier, days)| format!("trials: tier {tier} for {}", plural(days, "day", "days"))),
    );
    let days = matrix.user_cool_down().num_days();
    if days > 0 {
        let days = plural(days, "day", "days");
        lines.push(format!("a named user can be replaced after {days}"));
    }
    for tier in matrix.tiers() {
        let check_in = tier.check_in().map_or_else(
            || "no check-ins".to_owned(),
            |policy| format!("check-in every {} h", policy.every().num_hours()),
        );
        let renewal = tier.renewal().map_or_else(String::new, |renewal| {
            let (days, hours) = (renewal.notify().num_days(), renewal.grace().num_hours());
            format!(", warning {days} days before the end, grace {hours} h after it")
        });
        let name = labeled(tier.name().as_str(), tier.label());
        let name = Meaning::Heading.paint(&format!("{name}:"));
        lines.push(wrap(&format!("\n{name} {check_in}{renewal}"), columns, 2));
        let features = tier.entitlements().features().filter(|feature| {
            let first = matrix.first_tier_with(feature);
            first.is_some_and(|first| first.name() == tier.name())
        });
        let features: Vec<_> = features
            .map(|name| labeled(name, matrix.feature_label(name)))
            .collect();
        let mut fields = Fields::new();
        fields.add("adds", features.join(", "));
        let quotas = tier.entitlements().quotas();
        let quotas: Vec<_> = quotas
            .map(|(name, quota)| format!("{} {quota}", labeled(name, matrix.quota_label(name))))
            .collect();
        fields.add("quotas", quotas.join(", "));
        lines.push(fields.to_text(columns));
    }
    lines.join("\n")
}
