//! Which snapshots stay when old ones are to go, by the rules of restic's `forget`.
//!
//! Snapshots are looked at from the newest on. Each rule keeps the first that it sees of every
//! hour, day, ISO week, month or year, until it has kept as many as it says; hours and days in
//! which there is no snapshot do not count. If it gets to the oldest before that, it keeps that
//! one, too. A snapshot stays if any rule keeps it.

use std::str::FromStr;

use jiff::{Span, Timestamp, Zoned};

/// How many snapshots a rule keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    Of(u64),
    Unlimited,
}

/// A time before the newest snapshot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Within(Span);

/// What stays.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules {
    pub(crate) last: Option<Count>,
    pub(crate) hourly: Option<Count>,
    pub(crate) daily: Option<Count>,
    pub(crate) weekly: Option<Count>,
    pub(crate) monthly: Option<Count>,
    pub(crate) yearly: Option<Count>,
    pub(crate) within: Option<Within>,
}

impl FromStr for Count {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "unlimited" => Ok(Self::Unlimited),
            text => text.parse().map(Self::Of).map_err(|_| "a number, or `unlimited`".into()),
        }
    }
}

impl FromStr for Within {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "years, months, days and hours, such as 2y5m7d3h".to_owned();
        let (mut span, mut number) = (Span::new(), String::new());
        for character in text.chars() {
            if character.is_ascii_digit() {
                number.push(character);
                continue;
            }
            let count: i64 = number.parse().map_err(|_| wrong())?;
            number.clear();
            let with = match character {
                'y' => span.try_years(count),
                'm' => span.try_months(count),
                'd' => span.try_days(count),
                'h' => span.try_hours(count),
                _ => return Err(wrong()),
            };
            span = with.map_err(|_| wrong())?;
        }
        if span.is_zero() || !number.is_empty() { Err(wrong()) } else { Ok(Self(span)) }
    }
}

/// The hour, day and so on of a time, as a number; or its place.
type Period = fn(&Zoned, usize) -> i64;

/// A rule on its way from the newest to the oldest.
struct Rule {
    reason: &'static str,
    left: Count,
    /// What it saw last.
    seen: Option<i64>,
    of: Period,
}

impl Rules {
    /// Whether nothing would stay.
    pub(crate) fn are_empty(&self) -> bool {
        self.within.is_none() && self.rules().is_empty()
    }

    fn rules(&self) -> Vec<Rule> {
        let all: [(_, _, Period); 6] = [
            ("last", self.last, |_, place| place as i64),
            ("hourly", self.hourly, |time, _| day(time) * 100 + i64::from(time.hour())),
            ("daily", self.daily, |time, _| day(time)),
            ("weekly", self.weekly, |time, _| {
                let week = time.date().iso_week_date();
                i64::from(week.year()) * 100 + i64::from(week.week())
            }),
            ("monthly", self.monthly, |time, _| day(time) / 100),
            ("yearly", self.yearly, |time, _| day(time) / 10_000),
        ];
        all.into_iter()
            .filter_map(|(reason, count, of)| match count {
                None | Some(Count::Of(0)) => None,
                Some(left) => Some(Rule { reason, left, seen: None, of }),
            })
            .collect()
    }

    /// Why each snapshot stays, by their times, the newest first; for no reason where it goes.
    /// The calendar is that of the times' own zone.
    pub(crate) fn apply(&self, times: &[Zoned], now: Timestamp) -> Vec<Vec<&'static str>> {
        let mut rules = self.rules();
        let newest = times.iter().find(|time| time.timestamp() < now);
        // What is so long that no calendar has it is everything.
        let from = match (self.within, newest) {
            (Some(Within(span)), Some(newest)) => Some(newest.checked_sub(span).ok()),
            (Some(_), None) => Some(None),
            (None, _) => None,
        };
        let keep = |(place, time): (usize, &Zoned)| {
            let mut reasons = Vec::new();
            if from.as_ref().is_some_and(|from| from.as_ref().is_none_or(|from| time > from)) {
                reasons.push("within");
            }
            for rule in &mut rules {
                let value = (rule.of)(time, place);
                if rule.left == Count::Of(0) || (rule.seen == Some(value) && place + 1 < times.len()) {
                    continue;
                }
                rule.seen = Some(value);
                if let Count::Of(left) = &mut rule.left {
                    *left -= 1;
                }
                reasons.push(rule.reason);
            }
            reasons
        };
        times.iter().enumerate().map(keep).collect()
    }
}

/// A day as a number that has year, month and day in it.
fn day(time: &Zoned) -> i64 {
    i64::from(time.year()) * 10_000 + i64::from(time.month()) * 100 + i64::from(time.day())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::tz::TimeZone;
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn zoned(text: &str) -> Zoned {
        text.parse::<Timestamp>().unwrap().to_zoned(TimeZone::UTC)
    }

    fn rules(of: &Value) -> Rules {
        let count = |name: &str| of[name].as_str().map(|text| text.parse().unwrap());
        Rules {
            last: count("last"),
            hourly: count("hourly"),
            daily: count("daily"),
            weekly: count("weekly"),
            monthly: count("monthly"),
            yearly: count("yearly"),
            within: of["within"].as_str().map(|text| text.parse().unwrap()),
        }
    }

    fn kept<'a>(times: &'a [Zoned], reasons: &[Vec<&str>]) -> Vec<&'a Zoned> {
        times.iter().zip(reasons).filter(|(_, reasons)| !reasons.is_empty()).map(|(time, _)| time).collect()
    }

    #[test]
    fn what_restic_keeps_is_kept() {
        let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/restic/forget.json"));
        let vectors: Value = serde_json::from_str(text).unwrap();
        let times = |of: &Value| -> Vec<Zoned> {
            of.as_array().unwrap().iter().map(|time| zoned(time.as_str().unwrap())).collect()
        };
        let mut snapshots = times(&vectors["snapshots"]);
        snapshots.sort_by(|one, other| other.cmp(one));
        for case in vectors["cases"].as_array().unwrap() {
            let reasons = rules(&case["rules"]).apply(&snapshots, Timestamp::MAX);
            let expected = times(&case["keep"]);
            assert_eq!(kept(&snapshots, &reasons), expected.iter().collect::<Vec<_>>(), "{}", case["rules"]);
        }
    }

    #[test]
    fn the_example_of_restics_documentation_comes_out_the_same() {
        // Each weekday for two weeks but one, and on Fridays twice.
        let mut times: Vec<Zoned> = [21, 22, 23, 24, 25, 28, 29]
            .map(|day| zoned(&format!("2025-04-{day}T11:00:00Z")))
            .into_iter()
            .chain([1, 2].map(|day| zoned(&format!("2025-05-0{day}T11:00:00Z"))))
            .chain(["2025-04-25T23:00:00Z", "2025-05-02T23:00:00Z"].map(zoned))
            .collect();
        times.sort_by(|one, other| other.cmp(one));
        let daily = Rules { daily: Some(Count::Of(5)), ..Rules::default() };
        let reasons = daily.apply(&times, Timestamp::MAX);
        let expected = ["05-02T23", "05-01T11", "04-29T11", "04-28T11", "04-25T23"];
        let expected = expected.map(|time| zoned(&format!("2025-{time}:00:00Z")));
        assert!(kept(&times, &reasons).into_iter().eq(&expected));
        assert!(Rules { last: Some(Count::Of(0)), ..Rules::default() }.are_empty());
    }

    #[test]
    fn what_is_to_come_is_kept_and_does_not_count_as_the_newest() {
        let times = ["2030-01-01T00:00:00Z", "2026-05-05T00:00:00Z", "2026-05-01T00:00:00Z"].map(zoned);
        let within = Rules { within: Some("3d".parse().unwrap()), ..Rules::default() };
        let reasons = within.apply(&times, "2026-06-01T00:00:00Z".parse().unwrap());
        assert_eq!(reasons, [vec!["within"], vec!["within"], vec![]]);
        assert_eq!(within.apply(&[], Timestamp::MAX), Vec::<Vec<&str>>::new());
        for wrong in ["", "0d", "3", "d", "3w", "3d4", "-3d", "99999999999999999999y"] {
            assert!(wrong.parse::<Within>().is_err(), "{wrong}");
        }
    }

    /// The same in the words of the rule: of the distinct periods, the newest few, of each its
    /// newest snapshot; and the oldest snapshot, where there are fewer.
    fn reference(times: &[Zoned], count: usize, period: impl Fn(&Zoned) -> String) -> BTreeSet<usize> {
        let mut kept: Vec<usize> = Vec::new();
        for (place, time) in times.iter().enumerate() {
            if kept.iter().all(|kept| period(&times[*kept]) != period(time)) {
                kept.push(place);
            }
        }
        let is_short = kept.len() < count;
        kept.truncate(count);
        kept.into_iter().chain(is_short.then(|| times.len() - 1)).collect()
    }

    proptest! {
        #[test]
        fn each_rule_keeps_the_newest_of_the_newest_periods(
            seconds in prop::collection::btree_set(1_700_000_000_i64..1_760_000_000, 1..60),
            count in 1..8_u64,
            hours in -11..12_i8,
        ) {
            let zone = TimeZone::fixed(jiff::tz::offset(hours));
            let times: Vec<Zoned> = seconds.iter().rev()
                .map(|seconds| Timestamp::from_second(*seconds).unwrap().to_zoned(zone.clone()))
                .collect();
            let some = Some(Count::Of(count));
            for (rules, format) in [
                (Rules { hourly: some, ..Rules::default() }, "%Y-%m-%d %H"),
                (Rules { daily: some, ..Rules::default() }, "%Y-%m-%d"),
                (Rules { weekly: some, ..Rules::default() }, "%G-%V"),
                (Rules { monthly: some, ..Rules::default() }, "%Y-%m"),
                (Rules { yearly: some, ..Rules::default() }, "%Y"),
            ] {
                let reasons = rules.apply(&times, Timestamp::MAX);
                let kept: BTreeSet<usize> =
                    (0..times.len()).filter(|place| !reasons[*place].is_empty()).collect();
                let period = |time: &Zoned| time.strftime(format).to_string();
                prop_assert_eq!(kept, reference(&times, count as usize, period), "{}", format);
            }
        }
    }
}
