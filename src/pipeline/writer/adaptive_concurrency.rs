//! Adaptive limit on writes in flight.
//!
//! Additive increase, multiplicative decrease, like TCP congestion control (RFC 5681). The limit decreases when the
//! store refuses writes, and when round trips become slow (as in TCP Vegas: Brakmo and Peterson, 1995).
//!
//! A store that processes writes in parallel answers as fast with more in flight. A store that queues writes answers
//! more slowly without a higher throughput: then a lower limit is as good, and the queue forms here, where backpressure
//! reaches the senders.
//!
//! See docs/adr/0010-adaptive-concurrency.md.

use std::time::Duration;

/// Concurrency limit that adapts to the store's refusals and latency.
#[derive(Debug)]
pub struct AdaptiveConcurrency {
    limit: f64,
    max: usize,
    /// Decaying maximum of the points per upsert. Latencies of much smaller upserts are ignored.
    recent_max_points: f64,
    /// Smoothed latency of a write, in seconds.
    smoothed_latency: Option<f64>,
    /// Decaying minimum of the latency, in seconds.
    best_latency: f64,
    /// Number of responses since the limit was last decreased.
    responses_since_decrease: f64,
}

impl AdaptiveConcurrency {
    /// Factor on the limit after a refusal.
    const REFUSAL_FACTOR: f64 = 0.5;
    /// Factor on the limit when round trips are slow.
    const SLOWDOWN_FACTOR: f64 = 0.8;
    /// Ratio of smoothed to best latency above which round trips count as slow.
    const LATENCY_TOLERANCE: f64 = 1.75;
    /// Weight of the newest latency in the exponential moving average.
    const SMOOTHING_WEIGHT: f64 = 0.3;
    /// Factor by which the best latency increases with each response, so that an outdated minimum is forgotten.
    const BASELINE_DECAY: f64 = 1.001;

    /// Creates a limit that starts at 1 and never exceeds `max`.
    pub fn new(max: usize) -> Self {
        Self {
            limit: 1.0,
            max: max.max(1),
            recent_max_points: 0.0,
            smoothed_latency: None,
            best_latency: f64::INFINITY,
            responses_since_decrease: 0.0,
        }
    }

    /// Returns the maximum number of writes in flight; at least 1.
    pub fn limit(&self) -> usize {
        self.limit as usize
    }

    /// Records a successful upsert. Increases the limit by one per full round of the limit, or decreases it if latency
    /// has risen.
    pub fn record_success(&mut self, points: usize, latency: Duration) {
        self.responses_since_decrease += 1.0;
        if self.record_latency(points as f64, latency.as_secs_f64()) {
            // At most one decrease per round: the other responses of the round were sent under the old limit.
            if self.responses_since_decrease > self.limit {
                self.decrease(Self::SLOWDOWN_FACTOR);
            }
        } else {
            self.limit = (self.limit + 1.0 / self.limit).min(self.max as f64);
        }
    }

    /// Records that the store refused a write or did not respond.
    pub fn record_refusal(&mut self) {
        self.decrease(Self::REFUSAL_FACTOR);
    }

    fn decrease(&mut self, factor: f64) {
        self.limit = (self.limit * factor).max(1.0);
        self.responses_since_decrease = 0.0;
    }

    /// Updates the latencies, and returns true if round trips are slow.
    fn record_latency(&mut self, points: f64, latency: f64) -> bool {
        self.recent_max_points = points.max(self.recent_max_points / Self::BASELINE_DECAY);
        // Upserts with less than half of the usual number of points would lower the best latency.
        if points > 0.0 && points * 2.0 >= self.recent_max_points {
            let smoothed = self.smoothed_latency.map_or(latency, |now| now + Self::SMOOTHING_WEIGHT * (latency - now));
            self.smoothed_latency = Some(smoothed);
            // A single request in flight does not queue behind others, so its latency is the store's own.
            let is_single_request = self.limit() == 1;
            self.best_latency =
                if is_single_request { smoothed } else { latency.min(self.best_latency * Self::BASELINE_DECAY) };
        }
        self.smoothed_latency.is_some_and(|now| now > Self::LATENCY_TOLERANCE * self.best_latency)
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    const QUICK: Duration = Duration::from_millis(20);

    proptest! {
        /// Invariant: the limit stays within its bounds; at constant latency only successes increase it and only
        /// refusals decrease it.
        #[test]
        fn stays_in_bounds(max in 1usize..20, events in prop::collection::vec(any::<bool>(), 0..200)) {
            let mut concurrency = AdaptiveConcurrency::new(max);
            for success in events {
                let before = concurrency.limit();
                if success { concurrency.record_success(100, QUICK) } else { concurrency.record_refusal() }
                prop_assert!((1..=max).contains(&concurrency.limit()));
                let moved = concurrency.limit().cmp(&before);
                prop_assert_ne!(moved, if success { Ordering::Less } else { Ordering::Greater });
            }
        }
    }

    #[test]
    fn recovers_to_its_maximum() {
        let mut concurrency = AdaptiveConcurrency::new(8);
        (0..64).for_each(|_| concurrency.record_success(100, QUICK));
        assert_eq!(concurrency.limit(), 8);
        concurrency.record_refusal();
        assert_eq!(concurrency.limit(), 4);
    }

    #[test]
    fn latencies_of_small_upserts_are_ignored() {
        let mut concurrency = AdaptiveConcurrency::new(8);
        (0..64).for_each(|_| concurrency.record_success(1_000, 10 * QUICK));
        (0..8).for_each(|_| concurrency.record_success(10, QUICK));
        (0..8).for_each(|_| concurrency.record_success(1_000, 10 * QUICK));
        assert_eq!(concurrency.limit(), 8);
    }

    /// Store that processes `servers` upserts in parallel, each in `time`; others queue.
    #[derive(Clone, Copy)]
    struct Phase {
        servers: usize,
        time: Duration,
    }

    /// Store whose throughput drops to a thirtieth and recovers. Each phase lasts a minute.
    const PHASES: [Phase; 3] = [
        Phase { servers: 6, time: Duration::from_millis(50) },
        Phase { servers: 1, time: Duration::from_millis(250) },
        Phase { servers: 12, time: Duration::from_millis(50) },
    ];
    const PHASE: Duration = Duration::from_secs(60);

    /// Simulates the phases with `limit` upserts in flight. Returns the number of upserts and their mean latency for
    /// each phase.
    fn simulate(limit: impl Fn(&AdaptiveConcurrency) -> usize) -> Vec<(usize, Duration)> {
        let (mut concurrency, mut now) = (AdaptiveConcurrency::new(16), Duration::ZERO);
        // Send and response times, ordered by response time.
        let mut in_flight: VecDeque<(Duration, Duration)> = VecDeque::new();
        let mut free_at: Vec<Duration> = Vec::new();
        let mut totals = vec![(0, Duration::ZERO); PHASES.len()];
        let phase_at = |now: Duration| now.as_secs() as usize / PHASE.as_secs() as usize;
        while let Some(Phase { servers, time }) = PHASES.get(phase_at(now)).copied() {
            free_at.resize(servers, now);
            while in_flight.len() < limit(&concurrency) {
                let server = free_at.iter_mut().min().unwrap();
                *server = now.max(*server) + time;
                in_flight.push_back((now, *server));
                in_flight.make_contiguous().sort_by_key(|(_, answer)| *answer);
            }
            let (sent, answer) = in_flight.pop_front().unwrap();
            now = answer;
            concurrency.record_success(1_000, answer - sent);
            if let Some((count, latency)) = totals.get_mut(phase_at(now)) {
                (*count, *latency) = (*count + 1, *latency + (answer - sent));
            }
        }
        totals.into_iter().map(|(count, latency)| (count, latency / count.max(1) as u32)).collect()
    }

    /// Compares with fixed limits: throughput is within 10% of the best fixed limit of each phase, without the queueing
    /// of limits that are too high. Prints the table with `--nocapture`.
    #[test]
    fn adapts_to_a_store_whose_throughput_changes() {
        let fixed: Vec<_> = [1, 2, 4, 8, 16].map(|count| (count.to_string(), simulate(|_| count))).into();
        let adaptive = simulate(AdaptiveConcurrency::limit);
        println!("in flight   upserts and their mean latency, by phase");
        for (name, phases) in fixed.iter().chain([&("AIMD".to_owned(), adaptive.clone())]) {
            let phases: Vec<_> = phases.iter().map(|(count, time)| format!("{count:6} {time:>8.0?}")).collect();
            println!("{name:>9}   {}", phases.join("   "));
        }
        for (phase, &(count, time)) in adaptive.iter().enumerate() {
            let best = fixed.iter().map(|(_, phases)| phases[phase].0).max().unwrap();
            assert!(count * 10 >= best * 9, "phase {phase}: {count} of {best}");
            assert!(time < PHASES[phase].time * 3, "phase {phase}: {time:?}");
        }
    }
}
