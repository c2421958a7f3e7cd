//! Challenges that were given with answers, and when.

use std::collections::VecDeque;

use crate::permit::LONGEST_TTL_MS;

/// One for each replica that sends permits, and some for answers that were lost.
const KEPT: usize = 32;

#[derive(Default)]
pub struct Challenges {
    given: VecDeque<(String, u64)>,
}

impl Challenges {
    pub fn give(&mut self, challenge: String, now: u64) {
        self.given.push_back((challenge, now));
        if self.given.len() > KEPT {
            self.given.pop_front();
        }
    }

    /// When it was made; each is good once, and for as long as a permit could live.
    pub fn redeem(&mut self, challenge: Option<&str>, now: u64) -> Option<u64> {
        let index = self.given.iter().position(|(given, _)| Some(given.as_str()) == challenge)?;
        let (_, made_at) = self.given.remove(index)?;
        (now - made_at < LONGEST_TTL_MS).then_some(made_at)
    }
}
