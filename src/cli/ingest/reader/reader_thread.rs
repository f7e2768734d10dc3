//! The thread that reads.

use std::{io, thread};

use tokio::sync::mpsc;

use super::input::Input;
use super::input_event::InputEvent;
use super::read_plan::ReadPlan;

/// How many batches wait to be sent.
const QUEUE_CAPACITY: usize = 2;

/// What the thread hands over, in order; an error ends it.
pub type InputEventReceiver = mpsc::Receiver<anyhow::Result<InputEvent>>;

/// Starts the thread. It ends with the input, or when the batches are no longer received. It is never waited for,
/// since it may be stuck in a read of a terminal.
///
/// # Errors
/// If there can be no thread more.
pub fn spawn(input: Input, plan: ReadPlan) -> io::Result<InputEventReceiver> {
    let (sender, events) = mpsc::channel(QUEUE_CAPACITY);
    thread::Builder::new().name("ingest-reader".to_owned()).spawn(move || {
        let last_event = match input.read(&plan, |batch| sender.blocking_send(Ok(batch)).is_ok()) {
            Ok(None) => return,
            Ok(Some(end)) => Ok(InputEvent::End(end)),
            Err(error) => Err(error),
        };
        // Nobody listens any more: then there is nobody to tell.
        let _ = sender.blocking_send(last_event);
    })?;
    Ok(events)
}
