//! `reindex`: encodes the documents of a collection with another model into a new collection.
//!
//! ```text
//!  ListDocuments ──▶ pages ──▶ lines ──▶ Ingest ──▶ results ──▶ checkpoint ──▶ … ──▶ counts ──▶ SetAlias
//! ```
//!
//! A task reads pages of documents, with backpressure; one stream sends the documents and receives the results, like `ingest`
//! with the lines of a file, and reconnects like it. A page is complete when all its documents have results. The checkpoint
//! file then contains the token of the next page, so an interrupted run resumes at the first incomplete page. Documents sent
//! twice become identical points; the server skips them as unchanged, without encoding them.
//!
//! The alias is switched last, if every document is indexed and both collections have the same number of documents.
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
