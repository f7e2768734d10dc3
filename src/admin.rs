//! Admin HTTP server for operators: Prometheus metrics, the status as JSON, and a status page that shows both.

mod admin_state;
mod model_summary;
mod pages;
mod recent_errors;
mod status;

pub use admin_state::AdminState;
pub use model_summary::ModelSummary;
pub use pages::serve;
pub use recent_errors::RecentEventsLayer;
