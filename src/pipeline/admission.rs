//! Admission control: an item is read from the network only when there is capacity for it and for its result.
//!
//! ```text
//!  PermitPool ──▶ PermitReservation ─┐
//!                                    ├─▶ AdmissionTicket ─▶ admit(bytes): Finalizer { Permit, Slot } ─▶ Delivery
//!  ResultSlots ─▶ Slot ──────────────┘                                                                   │
//!                  ▲                                                    released by the client ◀─────────┘
//!                  └─────────────────────────────────────────────────────────────────────────────────────
//! ```
//!
//! - A [`Permit`](permit::Permit) counts one item and its bytes. It travels with the item and is released when the item
//!   has its result. The total in flight is therefore bounded across all stages, and a slow store slows the senders
//!   down. Until the size of an item is known, its permit is a [`PermitReservation`](permit::PermitReservation).
//! - A [`Slot`] is capacity for one result. It is released when the client takes the result: a client that doesn't read
//!   results blocks only itself.
//! - An [`AdmissionTicket`] is a reservation and a slot. Its holder may read one item from the network.
//! - A [`Finalizer`] is a redeemed ticket. It must report the result of its item, and reports an error when it is
//!   dropped without one.
//! - [`AdmissionControl`] owns the permits of one kind of work, with separate pools for unary calls and streams.
//!
//! See docs/adr/0043-admission-of-calls-and-streams.md.

mod control;
mod finalizer;
mod permit;
mod result_slots;
mod results;
mod ticket;

pub use control::AdmissionControl;
pub use finalizer::{Finalizer, wait_all_abandoned};
pub use permit::PermitPool;
pub use result_slots::{Slot, StallDetector};
pub use results::{Delivery, ItemResult, ResultReceiver};
pub use ticket::{AdmissionTicket, TicketIssuer};
