//! Admission: an item is taken from the network only when there is room for it and for its result.
//!
//! ```text
//!  Admission ─▶ Place ──┐
//!                       ├─▶ Ticket ─▶ redeemed for the item's bytes: Finalizer { Permit, ResultSlot } ─▶ Delivery
//!  ResultSlots ─▶ Slot ─┘                                                                                   │
//!                    ▲                                                            released by the client ◀──┘
//!                    └──────────────────────────────────────────────────────────────────────────────────────
//! ```
//!
//! - A [`Permit`](permit::Permit) counts one item and its bytes. It travels with the item and is released when the item has its
//!   result. So the sum of all that is in flight is bounded, wherever in the pipeline it is, and a slow store slows the
//!   senders down. Before the size of an item is known, its permit is a [`Place`](permit::Place).
//! - A [`Slot`] is room for one result. It is released when the client takes the result: a client that doesn't read
//!   results holds up itself and nobody else.
//! - A [`Ticket`] is a place and a slot: whoever holds one may read an item from the network.
//! - A [`Finalizer`] is a redeemed ticket. It owns the duty to answer for its item, and answers even when it is dropped.
//! - [`AdmissionControl`] keeps the permits of one kind of work: those of unary calls apart from those of streams.
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
