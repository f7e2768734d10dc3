//! Listening sockets and their connections: the accept loop, TLS, the Unix socket, and reload of changed files.
//! Independent of the services that are served.
//!
//! ```text
//!  Listeners ──▶ Servers ──▶ incoming: accept ▸ handshake ▸ permit ──▶ Connection ──▶ tonic
//!    (bind)      (one task per socket)    ▲
//!                                         └── tls ◀── reload: polls files for changes
//! ```

mod connection;
#[cfg(feature = "http")]
mod grpc_web;
mod handshake;
mod incoming;
mod listeners;
pub(crate) mod reload;
mod servers;
pub(crate) mod tls;
mod unix_socket;

#[cfg(feature = "http")]
pub use grpc_web::add_grpc_web;
pub use handshake::Protocols;
pub use listeners::{ListenAddresses, Listeners};
pub use servers::Servers;
