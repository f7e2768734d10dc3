//! How many upserts may be in flight: additive increase, multiplicative decrease, as TCP has it (RFC 5681), on what the
//! store refuses and on how long it takes (as TCP Vegas: Brakmo and Peterson, 1995).
//!
//! A store that works on all that it is given answers as fast with more in flight. One that makes upserts wait for each
//! other answers more slowly, and has no more done: then less in flight is as good, and what waits does so here, where
//! the senders feel it.
//!
//! See docs/adr/0010-adaptive-concurrency.md.

use std::time::Duration;

/// The limit, moved by what the store does.
#[derive(Debug)]
pub struct AdaptiveConcurrency {
    limit: f64,
    max: usize,
    /// The most points of an upsert lately. Much smaller ones say nothing about time.
    recent_max_points: f64,
    /// What a round trip takes now, and what it took at best, in seconds.
    smoothed_latency: Option<f64>,
    best_latency: f64,
    /// Answers since the limit was last lowered.
    responses_since_decrease: f64,
}

impl AdaptiveConcurrency {
    /// What refusals and slowness do to the limit.
    const REFUSAL_FACTOR: f64 = 0.5;
    const SLOWDOWN_FACTOR: f64 = 0.8;
    /// How many times what it took at best a round trip may take.
    const LATENCY_TOLERANCE: f64 = 1.75;
    /// The weight of the newest time.
    const SMOOTHING_WEIGHT: f64 = 0.3;
    /// By how much the best time is forgotten at each answer.
    const BASELINE_DECAY: f64 = 1.001;

    /// Begins with one upsert in flight and never allows more than `max`.
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

    /// How many may be in flight now; at least one.
    pub fn limit(&self) -> usize {
        self.limit as usize
    }

    /// The store took an upsert in so much time: one more for each full round of the limit, or fewer if it slows down.
    pub fn record_success(&mut self, points: usize, latency: Duration) {
        self.responses_since_decrease += 1.0;
        if self.record_latency(points as f64, latency.as_secs_f64()) {
            // Once a round: the answers of what was in flight before tell nothing new.
            if self.responses_since_decrease > self.limit {
                self.decrease(Self::SLOWDOWN_FACTOR);
            }
        } else {
            self.limit = (self.limit + 1.0 / self.limit).min(self.max as f64);
        }
    }

    /// The store refused or did not answer.
    pub fn record_refusal(&mut self) {
        self.decrease(Self::REFUSAL_FACTOR);
    }

    fn decrease(&mut self, factor: f64) {
        self.limit = (self.limit * factor).max(1.0);
        self.responses_since_decrease = 0.0;
    }

    fn record_latency(&mut self, points: f64, latency: f64) -> bool {
        self.recent_max_points = points.max(self.recent_max_points / Self::BASELINE_DECAY);
        if points > 0.0 && points * 2.0 >= self.recent_max_points {
            let smoothed = self.smoothed_latency.map_or(latency, |now| now + Self::SMOOTHING_WEIGHT * (latency - now));
            self.smoothed_latency = Some(smoothed);
            // With one in flight there is nothing that it could wait for: the store itself has become slower.
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
        /// Law: the limit stays in its bounds; at an even pace it rises by successes alone and falls by refusals alone.
        #[test]
        fn stays_in_bounds(max in 1usize..20, events in prop::collection::vec(any::<bool>(), 0..200)) {
            let mut aimd = AdaptiveConcurrency::new(max);
            for success in events {
                let before = aimd.limit();
                if success { aimd.record_success(100, QUICK) } else { aimd.record_refusal() }
                prop_assert!((1..=max).contains(&aimd.limit()));
                let moved = aimd.limit().cmp(&before);
                prop_assert_ne!(moved, if success { Ordering::Less } else { Ordering::Greater });
            }
        }
    }

    #[test]
    fn recovers_to_its_maximum() {
        let mut aimd = AdaptiveConcurrency::new(8);
        (0..64).for_each(|_| aimd.record_success(100, QUICK));
        assert_eq!(aimd.limit(), 8);
        aimd.record_refusal();
        assert_eq!(aimd.limit(), 4);
    }

    #[test]
    fn small_upserts_say_nothing_about_time() {
        let mut aimd = AdaptiveConcurrency::new(8);
        (0..64).for_each(|_| aimd.record_success(1_000, 10 * QUICK));
        (0..8).for_each(|_| aimd.record_success(10, QUICK));
        (0..8).for_each(|_| aimd.record_success(1_000, 10 * QUICK));
        assert_eq!(aimd.limit(), 8);
    }

    /// A store that works on `servers` upserts at once, each for `time`; others wait for their turn.
    #[derive(Clone, Copy)]
    struct Phase {
        servers: usize,
        time: Duration,
    }

    /// A store whose speed changes: each phase lasts a minute. It slows down to a thirtieth, and comes back.
    const PHASES: [Phase; 3] = [
        Phase { servers: 6, time: Duration::from_millis(50) },
        Phase { servers: 1, time: Duration::from_millis(250) },
        Phase { servers: 12, time: Duration::from_millis(50) },
    ];
    const PHASE: Duration = Duration::from_secs(60);

    /// Keeps as many upserts in flight as `limit` says, `answered` hears of each; gives, for each phase, the upserts that
    /// were answered and the mean time of one. Time is simulated.
    fn simulate(limit: impl Fn(&AdaptiveConcurrency) -> usize) -> Vec<(usize, Duration)> {
        let (mut aimd, mut now) = (AdaptiveConcurrency::new(16), Duration::ZERO);
        // When each was sent and is answered, by the time of its answer.
        let mut in_flight: VecDeque<(Duration, Duration)> = VecDeque::new();
        let mut free: Vec<Duration> = Vec::new();
        let mut totals = vec![(0, Duration::ZERO); PHASES.len()];
        let phase_at = |now: Duration| now.as_secs() as usize / PHASE.as_secs() as usize;
        while let Some(Phase { servers, time }) = PHASES.get(phase_at(now)).copied() {
            free.resize(servers, now);
            while in_flight.len() < limit(&aimd) {
                let server = free.iter_mut().min().unwrap();
                *server = now.max(*server) + time;
                in_flight.push_back((now, *server));
                in_flight.make_contiguous().sort_by_key(|(_, answer)| *answer);
            }
            let (sent, answer) = in_flight.pop_front().unwrap();
            now = answer;
            aimd.record_success(1_000, answer - sent);
            if let Some((count, waited)) = totals.get_mut(phase_at(now)) {
                (*count, *waited) = (*count + 1, *waited + (answer - sent));
            }
        }
        totals.into_iter().map(|(count, waited)| (count, waited / count.max(1) as u32)).collect()
    }

    /// Against each fixed number in flight: nearly as much is written as with the best one for each phase, without the
    /// waiting of those that are too many for it. Prints the table (`--nocapture`).
    #[test]
    fn follows_a_store_whose_speed_changes() {
        let fixed: Vec<_> = [1, 2, 4, 8, 16].map(|count| (count.to_string(), simulate(|_| count))).into();
        let ours = simulate(AdaptiveConcurrency::limit);
        println!("in flight   upserts and their mean time, by phase");
        for (name, phases) in fixed.iter().chain([&("AIMD".to_owned(), ours.clone())]) {
            let phases: Vec<_> = phases.iter().map(|(count, time)| format!("{count:6} {time:>8.0?}")).collect();
            println!("{name:>9}   {}", phases.join("   "));
        }
        for (phase, &(count, time)) in ours.iter().enumerate() {
            let best = fixed.iter().map(|(_, phases)| phases[phase].0).max().unwrap();
            assert!(count * 10 >= best * 9, "phase {phase}: {count} of {best}");
            assert!(time < PHASES[phase].time * 3, "phase {phase}: {time:?}");
        }
    }
}
