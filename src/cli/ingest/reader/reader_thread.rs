//! Reader thread.

use std::{io, thread};

use tokio::sync::mpsc;

use super::input::Input;
use super::input_event::InputEvent;
use super::read_plan::ReadPlan;

/// Maximum number of batches that wait to be sent.
const QUEUE_CAPACITY: usize = 2;

/// Receiver of the reader thread's events, in order; an error is the last event.
pub type InputEventReceiver = mpsc::Receiver<anyhow::Result<InputEvent>>;

/// Starts the reader thread. The thread ends with the input or when the receiver is dropped. It is never joined, because it
/// may be blocked in a read from a terminal.
///
/// # Errors
/// If the operating system can't create a thread.
pub fn spawn(input: Input, plan: ReadPlan) -> io::Result<InputEventReceiver> {
    let (sender, events) = mpsc::channel(QUEUE_CAPACITY);
    thread::Builder::new().name("ingest-reader".to_owned()).spawn(move || {
        let last_event = match input.read(&plan, |batch| sender.blocking_send(Ok(batch)).is_ok()) {
            Ok(None) => return,
            Ok(Some(end)) => Ok(InputEvent::End(end)),
            Err(error) => Err(error),
        };
        // If the receiver is closed, there is nobody to report the end to.
        let _ = sender.blocking_send(last_event);
    })?;
    Ok(events)
}
