//! Checks of models: loads each one as `serve` does.

use tokio::task::spawn_blocking;

use crate::admin::ModelSummary;
use crate::app::load_model;
#[cfg(feature = "verify")]
use crate::app::locate_model;
#[cfg(feature = "verify")]
use crate::cli::engine::verify_report::VerifyReport;
use crate::config::{Config, ModelConfig};
#[cfg(feature = "verify")]
use crate::model::verify::built_in_texts;
use crate::model::{Backend, DeviceName, InferenceDType};

/// Models that were loaded, and the problems of the others.
#[derive(Default)]
pub struct CheckedModels {
    pub models: Vec<ModelSummary>,
    #[cfg(feature = "verify")]
    pub verified: Vec<VerifyReport>,
    pub problems: Vec<String>,
}

/// Loads the models one at a time, so that the check needs the memory of only one.
pub async fn check_models(config: &Config, verify: bool) -> CheckedModels {
    let Config { models, device, dtype, .. } = config.clone();
    let checked = spawn_blocking(move || {
        let mut checked = CheckedModels::default();
        match Backend::open(device, dtype) {
            Ok(backend) => models.iter().for_each(|model| {
                checked.check(model, &backend);
                if verify && checked.models.last().is_some_and(|ready| ready.name == model.name) {
                    checked.verify(model, device, dtype);
                }
            }),
            Err(error) => checked.problems.push(format!("--device: {error}")),
        }
        checked
    });
    checked.await.unwrap_or_else(|error| CheckedModels {
        problems: vec![format!("--model: the check of the models panicked or was cancelled: {error}")],
        ..CheckedModels::default()
    })
}

impl CheckedModels {
    fn check(&mut self, config: &ModelConfig, backend: &Backend) {
        match load_model(config, backend) {
            Ok(model) => self.models.push(ModelSummary::from(&model)),
            Err(error) => self.problems.push(format!("--model {}: {error:#}", config.name)),
        }
    }

    /// Does nothing: `run_checks` reports that this build can't verify.
    #[cfg(not(feature = "verify"))]
    fn verify(&mut self, _config: &ModelConfig, _device: DeviceName, _dtype: InferenceDType) {}

    #[cfg(feature = "verify")]
    fn verify(&mut self, config: &ModelConfig, device: DeviceName, dtype: InferenceDType) {
        let report = || {
            let model_dir = locate_model(config)?;
            anyhow::Ok(VerifyReport::create(&config.name, &model_dir, device, &[dtype], &built_in_texts())?)
        };
        match report() {
            Ok(report) => {
                let problem = |problem: String| format!("--model {}: {problem}", config.name);
                self.problems.extend(report.failures().map(|failure| problem(failure.describe_failure())));
                self.verified.push(report);
            }
            Err(error) => self.problems.push(format!("--model {}: can't verify: {error:#}", config.name)),
        }
    }
}
