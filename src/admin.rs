//! What operators see over HTTP: metrics, the status and a page that shows both.

mod model_summary;
mod observed;
mod pages;
mod recent_errors;
mod status;

pub use model_summary::ModelSummary;
pub use observed::Observed;
pub use pages::serve;
pub use recent_errors::RecentEventsLayer;
