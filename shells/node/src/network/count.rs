//! What a guardian says of itself in its metrics.

use std::str::FromStr;
use std::time::Duration;

use super::{Counters, Standing};
use crate::person::Link;

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a guardian says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) counters: Counters,
    pub(super) standing: Standing,
}

/// Asks a guardian; nothing where it does not answer in time.
pub(super) async fn ask(link: &Link) -> Option<Count> {
    let text = tokio::time::timeout(PATIENCE, link.metrics()).await.ok()?.ok()?;
    Some(read(&text))
}

/// Reads metrics in Prometheus's text format. A guardian that is part of no
/// chain says nothing of one.
fn read(text: &str) -> Count {
    fn value<T: FromStr>(text: &str, name: &str) -> Option<T> {
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
    }
    Count {
        counters: Counters {
            registered: value(text, "allod_guardian_registered_total").unwrap_or(0),
            guesses: value(text, "allod_guardian_guesses_total").unwrap_or(0),
            recovered: value(text, "allod_guardian_recovered_total").unwrap_or(0),
        },
        standing: Standing {
            height: value(text, "allod_chain_height"),
            epoch: value(text, "allod_chain_epoch"),
            peers: value(text, "allod_chain_peers"),
            block_age_s: value(text, "allod_chain_last_block_age_seconds").map(|age: f64| age as u64),
            ready: value(text, "allod_chain_ready").map(|ready: u8| ready == 1),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_and_the_standing_in_the_chain_are_read_where_they_are_said() {
        let text = "# TYPE allod_guardian_registered_total counter\nallod_guardian_registered_total 3\n\
                    allod_guardian_guesses_total 7\nallod_guardian_recovered_total 2\n";
        let counters = Counters { registered: 3, guesses: 7, recovered: 2 };
        assert_eq!(read(text), Count { counters, standing: Standing::default() });
        let text = format!(
            "{text}allod_chain_height 120\nallod_chain_peers 9\nallod_chain_epoch what\n\
                 allod_chain_last_block_age_seconds 41.987\nallod_chain_ready 0\n"
        );
        let standing = Standing {
            height: Some(120),
            epoch: None,
            peers: Some(9),
            block_age_s: Some(41),
            ready: Some(false),
        };
        assert_eq!(read(&text), Count { counters, standing });
    }
}
