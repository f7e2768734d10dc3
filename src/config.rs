/// PLACEHOLDER of the branch `cli`: the lead's `config::ServeArgs` takes its place.
#[derive(Debug, clap::Args)]
pub struct ServeArgs {}
