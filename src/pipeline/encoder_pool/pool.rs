//! Start of the encoder threads, and their lanes.

use std::thread::JoinHandle;

use super::config::EncoderPoolConfig;
use super::job::EncodeJob;
use super::worker::Worker;
use crate::pipeline::errors::new_shutting_down_error;
use crate::pipeline::lane::Lane;
use crate::pipeline::urgency::{BULK_LANE, QUERY_LANE, Urgency};
use crate::types::ApiError;

/// Handle to the encoder threads and their lanes. When it is dropped, the threads finish the waiting texts and exit.
#[derive(Debug)]
pub struct EncoderPool {
    pub query: Lane<EncodeJob>,
    pub bulk: Lane<EncodeJob>,
    pub threads: usize,
}

impl EncoderPool {
    /// Starts the encoder threads.
    ///
    /// # Errors
    /// If the operating system can't create a thread.
    pub fn start(config: EncoderPoolConfig) -> std::io::Result<(Self, Vec<JoinHandle<()>>)> {
        let (query, query_receiver) = Lane::new(QUERY_LANE, config.lane_capacity);
        let (bulk, bulk_receiver) = Lane::new(BULK_LANE, config.lane_capacity);
        let threads = (0..config.threads).map(|index| {
            let worker = Worker::new(query_receiver.clone(), bulk_receiver.clone(), config);
            std::thread::Builder::new().name(format!("encoder-{index}")).spawn(move || worker.run())
        });
        let threads = threads.collect::<std::io::Result<_>>()?;
        Ok((Self { query, bulk, threads: config.threads }, threads))
    }

    /// Sends a text to the encoder threads. Waits for capacity in the lane.
    ///
    /// # Errors
    /// `ShuttingDown` if the threads have exited.
    pub async fn submit(&self, urgency: Urgency, job: EncodeJob) -> Result<(), ApiError> {
        let lane = match urgency {
            Urgency::Interactive => &self.query,
            Urgency::Bulk => &self.bulk,
        };
        lane.send(job).await.map_err(|_unsent| new_shutting_down_error())
    }
}
