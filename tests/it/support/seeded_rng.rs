//! Reproducible random numbers: a test prints its seed.

use std::time::SystemTime;

/// SplitMix64 generator.
#[derive(Debug, Clone)]
pub struct SeededRng(u64);

impl SeededRng {
    /// Reads the seed from an environment variable, or derives it from the time, and prints it.
    pub fn from_env(variable: &str) -> Self {
        let now = || SystemTime::UNIX_EPOCH.elapsed().unwrap().as_micros() as u64;
        let seed = std::env::var(variable).map_or_else(|_| now(), |seed| seed.parse().unwrap());
        println!("{variable}={seed} reproduces this run");
        Self(seed)
    }

    pub const fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns a number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}
