//! `health`: readiness probe for scripts and containers.

use std::process::ExitCode;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::client::ClientArgs;
use super::output::print;
use super::{duration, errors};

/// Delay between two checks while waiting.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Exit status if the server responds but is not serving.
const EXIT_NOT_SERVING: u8 = 1;

/// Check whether a server is serving: exit status 0 if it is, 1 if it is not, 2 if it can't be reached.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct HealthCommand {
    /// gRPC service to check, such as splade_sidecar.v1.IndexService [default: the whole server].
    #[arg(long, env = "SPLADE_HEALTH_SERVICE", value_name = "NAME", default_value = "", hide_default_value = true)]
    service: String,
    /// Maximum time to wait until the server is serving, such as 30s or 2m.
    #[arg(long, env = "SPLADE_HEALTH_WAIT", value_name = "DURATION", default_value = "0s", value_parser = duration::parse)]
    wait: Duration,
    #[command(flatten)]
    client: ClientArgs,
}

const EXAMPLE: &str = "\
Example:
  splade-sidecar health --wait 60s && echo ready";

impl HealthCommand {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let deadline = Instant::now() + self.wait;
        loop {
            let outcome = self.check().await;
            if matches!(outcome, Ok(ServingStatus::Serving)) || Instant::now() + POLL_INTERVAL > deadline {
                return self.report(outcome);
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    async fn check(&self) -> anyhow::Result<ServingStatus> {
        let mut health = HealthClient::new(self.client.connect().await?);
        let request = self.client.build_request(HealthCheckRequest { service: self.service.clone() });
        Ok(health.check(request).await?.into_inner().status())
    }

    fn report(&self, outcome: anyhow::Result<ServingStatus>) -> anyhow::Result<ExitCode> {
        match outcome {
            Ok(status) => {
                print(&format!("{}\n", status.as_str_name()))?;
                let is_serving = status == ServingStatus::Serving;
                Ok(if is_serving { ExitCode::SUCCESS } else { ExitCode::from(EXIT_NOT_SERVING) })
            }
            Err(error) => {
                let wait_note = if self.wait.is_zero() { String::new() } else { format!(" after {:?}", self.wait) };
                Err(anyhow::anyhow!("not serving{wait_note}: {}", errors::format_error(&error)))
            }
        }
    }
}
