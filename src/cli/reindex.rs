//! `reindex`: the documents of one collection, encoded by another model, into a new one.
//!
//! ```text
//!  ListDocuments ──▶ pages ──▶ lines ──▶ Ingest ──▶ results ──▶ checkpoint ──▶ … ──▶ counts ──▶ SetAlias
//! ```
//!
//! A task reads pages, as fast as their documents are taken; one stream sends them and takes the results, as `ingest` does
//! with the lines of a file. A page is done when all its documents have their results. Then the checkpoint file says where
//! the next page begins, so a run that ends early, however it does, goes on at the first page that is not done. What it
//! sends again becomes the same points again, and is not even encoded. A stream that ends early is replaced by another one, as
//! `ingest` does it.
//!
//! The alias is switched last, when every document is indexed and both collections have as many.
//!
//! See docs/adr/0039-reindex-is-a-client.md.

mod args;
mod checkpoint;
mod collection_reader;
mod document_counts;
mod encoding_settings;
mod pending_pages;
mod plan;
mod report;
mod run;

pub use args::ReindexCommand;
