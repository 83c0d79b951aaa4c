//! What the ledger refuses, as people read it, and what they can do then.

use allod_ledger::Rejection;
use allod_wire::Instant;

use crate::commands::ledger::time;

/// Digits from which on a number of milliseconds is a time, and no duration.
const TIME_DIGITS: usize = 12;

/// Of [`Rejection::TooLittle`], what stands behind the number.
const TOO_LITTLE: &str = "units are held";

/// Writes times out that stand there in milliseconds.
pub(super) fn readable(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let bare = word.trim_end_matches([',', '.', ';', ')']);
        let at = match words.last() {
            Some(number) if bare == "ms" && number.len() >= TIME_DIGITS => number.parse::<u64>().ok(),
            _ => None,
        };
        match (at, words.last_mut()) {
            (Some(at), Some(number)) => {
                *number = time(Instant(at)) + word.strip_prefix("ms").unwrap_or_default();
            }
            _ => words.push(word.to_owned()),
        }
    }
    words.join(" ")
}

/// What can be done where the ledger refuses in these words.
pub(super) fn next(why: &str) -> Option<&'static str> {
    let known = [
        (
            Rejection::NoRecipient,
            "the recipient comes to the ledger with the first thing they do there: have them run `allod name register \
             NAME` or `allod title make FILE` first",
        ),
        (Rejection::NotLeft, "run `allod guardian leave` first; the bond is free some time after that"),
        (Rejection::StillNeeded, "keep the guardian running, and try again after the next epoch"),
        (Rejection::AllowanceUsedUp, "wait a while: what an identity may do grows with time"),
        (Rejection::NameTaken, "choose another name"),
        (Rejection::NotYours, "look who has it: `allod name show`, `allod title show`, `allod lock show`"),
        (Rejection::NoAsset, "look at the id again: `allod asset show ID`"),
        (Rejection::BadTerm, "choose a shorter time; one that is to last longer must end after it does now"),
        (Rejection::WrongRelease, "name the release that the lock's maker was shown: --release HEX"),
        (Rejection::LockOver, "ask its maker for another"),
        (Rejection::OfferOver, "ask the seller for another"),
        (Rejection::OtherPrice, "look at it again: `allod offer show ID`"),
        (Rejection::NoCandidate, "`allod guardian admit` without a name lists those who wait"),
        (Rejection::LastGuardian, "let another guardian join first"),
    ];
    if why.contains(TOO_LITTLE) {
        return Some(
            "whoever has units gives some with `allod asset transfer ASSET UNITS --to DID`; `allod asset show` names \
             the network's first asset, in which bonds are put up",
        );
    }
    known.into_iter().find(|(rejection, _)| why.contains(&rejection.to_string())).map(|(_, next)| next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_out_and_durations_are_left() {
        let at = Instant(1_795_263_204_809);
        let early = Rejection::TooEarly { until: at }.to_string();
        assert_eq!(readable(&early), format!("it is too early, until {}", time(at)));
        let outlived = Rejection::OutlivesName { until: at }.to_string();
        assert!(readable(&outlived).ends_with(&time(at)), "{}", readable(&outlived));
        assert_eq!(readable("by 1795263204809 ms, or"), format!("by {}, or", time(at)));
        for whole in ["it took 500 ms", "ms", "", "1795263204809 units"] {
            assert_eq!(readable(whole), whole);
        }
    }

    #[test]
    fn a_refusal_says_what_to_do_where_that_is_known() {
        let declined = format!("the guardians say: {}", Rejection::NotLeft);
        assert!(next(&declined).unwrap().contains("guardian leave"));
        assert!(next(&Rejection::TooLittle { held: 7 }.to_string()).unwrap().contains("asset transfer"));
        assert_eq!(next("something else"), None);
    }
}
