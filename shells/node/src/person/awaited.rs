//! Whom a person waits for: the guardians that were asked and have not answered, so
//! that whoever waits can be told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use allod_guardian::client::Fault;

/// Requests under way to guardians, and how the last ones ended. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Awaited(Arc<Mutex<BTreeMap<String, Asked>>>);

/// What is known of one guardian.
#[derive(Debug, Default)]
struct Asked {
    under_way: usize,
    /// When it was asked first of all that it has not answered.
    since: Option<Instant>,
    could_not_be_reached: bool,
}

/// A guardian that was asked and has not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Late {
    /// Where people reach it.
    pub address: String,
    /// Whether it could not be reached when it was tried last.
    pub could_not_be_reached: bool,
}

impl Awaited {
    /// Who has been waited for at least this long. Nobody while nobody is asked.
    pub fn longer_than(&self, least: Duration) -> Vec<Late> {
        let asked = self.all();
        if asked.values().all(|asked| asked.under_way == 0) {
            return Vec::new();
        }
        let late =
            asked.iter().filter(|(_, asked)| asked.since.is_some_and(|since| since.elapsed() >= least));
        late.map(|(address, asked)| Late {
            address: address.clone(),
            could_not_be_reached: asked.could_not_be_reached,
        })
        .collect()
    }

    /// Whether anybody is asked just now.
    pub fn is_busy(&self) -> bool {
        self.all().values().any(|asked| asked.under_way > 0)
    }

    /// Counts a request as under way until the value is [told](Request::end) how it
    /// ended, or dropped.
    pub(super) fn begin(&self, address: String) -> Request {
        let mut all = self.all();
        let asked = all.entry(address.clone()).or_default();
        asked.under_way += 1;
        asked.since.get_or_insert_with(Instant::now);
        Request { all: self.clone(), address, ended: false }
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Asked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Request {
    all: Awaited,
    address: String,
    ended: bool,
}

impl Request {
    /// Ends it. A refusal is an answer.
    pub(super) fn end<T>(mut self, answer: &Result<T, Fault>) {
        self.ended = true;
        if let Some(asked) = self.all.all().get_mut(&self.address) {
            asked.under_way = asked.under_way.saturating_sub(1);
            match answer {
                Err(Fault::Unreachable(_)) => asked.could_not_be_reached = true,
                Err(Fault::Slow) => {}
                _ => (asked.since, asked.could_not_be_reached) = (None, false),
            }
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        // Others answered, and nobody waits for this one any more.
        if let Some(asked) = self.all.all().get_mut(&self.address) {
            asked.under_way = asked.under_way.saturating_sub(1);
            if asked.under_way == 0 && !asked.could_not_be_reached {
                asked.since = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn late(address: &str, could_not_be_reached: bool) -> Late {
        Late { address: address.into(), could_not_be_reached }
    }

    #[test]
    fn who_has_not_answered_is_waited_for_until_an_answer_or_nobody_asks() {
        let awaited = Awaited::default();
        assert!(!awaited.is_busy() && awaited.longer_than(Duration::ZERO).is_empty());
        let (one, two, three) =
            (awaited.begin("1".into()), awaited.begin("2".into()), awaited.begin("3".into()));
        assert!(awaited.is_busy());
        assert_eq!(awaited.longer_than(Duration::ZERO), ["1", "2", "3"].map(|address| late(address, false)));
        assert_eq!(awaited.longer_than(Duration::from_secs(60)), []);
        one.end(&Ok(()));
        two.end::<()>(&Err(Fault::Unreachable("refused".into())));
        assert_eq!(awaited.longer_than(Duration::ZERO), [late("2", true), late("3", false)]);
        drop(three);
        assert_eq!(awaited.longer_than(Duration::ZERO), [], "nobody is asked any more");
        // It is tried again, and has been waited for all the while.
        let again = awaited.begin("2".into());
        assert_eq!(awaited.longer_than(Duration::ZERO), [late("2", true)]);
        again.end::<()>(&Err(Fault::Refused("no".into())));
        let other = awaited.begin("1".into());
        assert_eq!(awaited.longer_than(Duration::ZERO), [late("1", false)], "a refusal is an answer");
        drop(other);
    }
}
