//! Scripts that are read, written out and refused.

use proptest::prelude::*;

use super::super::{How, Order, Place};
use super::time::{self, TIME_MS_MAX};
use super::*;

fn script(text: &str) -> Script {
    Script::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

/// The orders of a script for five guardians, with their times.
fn orders(text: &str) -> Vec<(u64, String)> {
    let schedule = script(text).schedule(5, 1).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    schedule.steps.into_iter().map(|step| (step.at_ms, step.order.to_string())).collect()
}

#[track_caller]
fn ordered(text: &str, expected: &[(u64, &str)]) {
    let expected: Vec<_> = expected.iter().map(|(at, order)| (*at, (*order).to_owned())).collect();
    assert_eq!(orders(text), expected, "{text}");
}

/// What is said of a script that is wrong, as it is written or for five guardians.
fn wrong(text: &str) -> String {
    let error = match Script::parse(text) {
        Err(error) => error,
        Ok(script) => script.schedule(5, 1).expect_err(text),
    };
    error.to_string()
}

#[test]
fn every_kind_of_order_is_read() {
    ordered(
        "# nothing but a comment\n\
         \n\
         at 1s kill 3            # and one behind an order\n\
         at 2s start 3\n\
         at 3s pause 1,2\n\
         at 4s resume 1, 2\n\
         at 5s lie 4 bad-proof\n\
         at 6s skew 5 +90s\n\
         at 7s skew 5 -5m\n\
         at 8s skew 5 0s\n\
         at 9s partition 1,2|3,4,outside\n\
         at 10s heal\n\
         at 11s delay 4 200ms jitter 50ms\n\
         at 12s delay 1->2,outside 1.5s\n\
         at 13s cut 4\n\
         at 1m end\n",
        &[
            (1000, "kill 3"),
            (2000, "start 3"),
            (3000, "pause 1"),
            (3000, "pause 2"),
            (4000, "resume 1"),
            (4000, "resume 2"),
            (5000, "lie 4 bad-proof"),
            (6000, "skew 5 +90s"),
            (7000, "skew 5 -300s"),
            (8000, "skew 5 0s"),
            (9000, "partition 1,2 | 3,4,outside"),
            (10_000, "heal"),
            (11_000, "delay 4 200ms jitter 50ms"),
            (12_000, "delay 1 -> outside 1.5s"),
            (12_000, "delay 1 -> 2 1.5s"),
            (13_000, "cut 4"),
        ],
    );
    assert_eq!(script("at 1m end").schedule(5, 1).unwrap().end_ms, Some(60_000));
}

#[test]
fn what_lasts_for_a_time_is_undone_after_it() {
    ordered(
        "at 1s kill 1 for 5s\nat 2s pause 2 for 5s\nat 3s lie 3 slow for 5s\nat 4s skew 4 +1h for 5s\n\
         at 5s partition 1 | rest for 5s\nat 5s delay 5 1s for 6s\nat 5s delay 5 -> outside 2s for 7s\n",
        &[
            (1000, "kill 1"),
            (2000, "pause 2"),
            (3000, "lie 3 slow"),
            (4000, "skew 4 +1h"),
            (5000, "partition 1 | 2,3,4,5"),
            (5000, "delay 5 1s"),
            (5000, "delay 5 -> outside 2s"),
            (6000, "start 1"),
            (7000, "resume 2"),
            (8000, "start 3"),
            (9000, "skew 4 0s"),
            (10_000, "heal"),
            (11_000, "delay 5 0s"),
            (12_000, "delay 5 -> outside 0s"),
        ],
    );
}

#[test]
fn nothing_is_undone_that_a_later_order_has_changed_or_the_end_has_overtaken() {
    ordered(
        "at 1s pause 1 for 5s\nat 2s kill 1\nat 3s partition 1 | 2 for 5s\nat 4s partition 1 | 3\n\
         at 5s skew 2 +1s for 5s\nat 6s skew 2 +2s\nat 7s kill 5 for 5s\nat 12s end\n",
        &[
            (1000, "pause 1"),
            (2000, "kill 1"),
            (3000, "partition 1 | 2"),
            (4000, "partition 1 | 3"),
            (5000, "skew 2 +1s"),
            (6000, "skew 2 +2s"),
            (7000, "kill 5"),
        ],
    );
}

#[test]
fn at_the_same_time_what_undoes_comes_first_and_lines_follow_each_other() {
    ordered(
        "at 5s partition 1,2 | 3\nat 5s kill 4\nat 1s partition 1 | 2 for 4s\n",
        &[(1000, "partition 1 | 2"), (5000, "heal"), (5000, "partition 1,2 | 3"), (5000, "kill 4")],
    );
}

#[test]
fn what_is_repeated_comes_until_its_end_or_the_scripts() {
    ordered("every 2s until 7s cut 1", &[(2000, "cut 1"), (4000, "cut 1"), (6000, "cut 1")]);
    ordered("every 3s from 1s cut 1\nat 7s end", &[(1000, "cut 1"), (4000, "cut 1")]);
}

#[test]
fn times_are_read_and_written() {
    for (word, ms) in [
        ("0s", 0),
        ("200ms", 200),
        ("5s", 5000),
        ("1.5s", 1500),
        ("5.003s", 5003),
        ("2m", 120_000),
        ("1h", 3_600_000),
        ("3d", 259_200_000),
    ] {
        assert_eq!(time::parse(word), Some(ms), "{word}");
        assert_eq!(time::parse(&Ms(ms).to_string()), Some(ms), "{word}");
    }
    for word in
        ["", "5", "s", "-5s", "+5s", "5 s", "1.5m", "1.s", ".5s", "1.2345s", "1m30s", "5S", "99999999999d"]
    {
        assert_eq!(time::parse(word), None, "{word}");
    }
}

#[test]
fn a_line_that_is_wrong_is_named_with_what_was_expected() {
    let order =
        "expected an order: kill, start, pause, resume, lie, skew, partition, heal, delay or cut, found";
    let time = "expected a time such as `5s`, `1.5s`, `200ms`, `2m`, `1h` or `3d`, found";
    for (text, said) in [
        ("\nthen kill 3", "line 2: expected `at`, `every` or `seed`, found `then`".to_owned()),
        ("at", format!("line 1: {time} the end of the line")),
        ("at 5 kill 3", format!("line 1: {time} `5`")),
        ("at 5s", format!("line 1: {order} the end of the line")),
        ("at 5s slay 3", format!("line 1: {order} `slay`")),
        ("at 5s kill", "line 1: expected a guardian's number, `random` or `all`, found the end of the line".into()),
        ("at 5s kill 0", "line 1: expected a guardian's number, `random` or `all`, found `0`".into()),
        ("at 5s kill outside", "line 1: expected a guardian's number, `random` or `all`, found `outside`".into()),
        ("at 5s kill 1,", "line 1: expected a guardian's number, `random` or `all`, found the end of the line".into()),
        ("at 5s kill 3 4", "line 1: expected `for` or the end of the line, found `4`".into()),
        ("at 5s kill 3 for", format!("line 1: {time} the end of the line")),
        ("at 5s kill 3 for 0s", "line 1: for 0s it would not be".into()),
        ("at 5s start 3 for 4s", "line 1: expected the end of the line, found `for`".into()),
        ("at 5s heal now", "line 1: expected the end of the line, found `now`".into()),
        (
            "at 5s lie 1 wrong-proof",
            format!("line 1: expected a way to lie: {}, found `wrong-proof`", How::ALL.map(How::name).join(", ")),
        ),
        ("at 5s skew 5 90s", "line 1: expected how much, such as `+90s`, `-5m` or `0s`, found `90s`".into()),
        ("at 5s partition 1,2", "line 1: expected `,`, or `|` and another group, found the end of the line".into()),
        (
            "at 5s partition 1 | all",
            "line 1: expected a guardian's number, `outside`, `rest` or `random`, found `all`".into(),
        ),
        ("at 5s partition 1,2 | 2", "line 1: guardian 2 stands in the groups twice".into()),
        ("at 5s partition outside,1 | outside", "line 1: `outside` stands in the groups twice".into()),
        ("at 5s partition rest | 1,rest", "line 1: `rest` stands in the groups twice".into()),
        ("at 5s delay outside 5s", "line 1: expected `->` and who is sent something, found `5s`".into()),
        (
            "at 5s delay 4 fast",
            "line 1: expected `,`, `->` or a time such as `5s`, `1.5s`, `200ms`, `2m`, `1h` or `3d`, found `fast`"
                .into(),
        ),
        ("at 5s delay 4 1s jitter 2s", "line 1: a jitter of 2s on 1s would be before it was sent".into()),
        ("seed many", "line 1: expected a number from 0 to 18446744073709551615, found `many`".into()),
        ("seed 1\nseed 2", "line 2: line 1 gives the seed already".into()),
        ("seed 1 2", "line 1: expected the end of the line, found `2`".into()),
        ("at 5s end\nat 6s end", "line 2: line 1 ends the script already".into()),
        ("at 5s end now", "line 1: expected the end of the line, found `now`".into()),
        ("at 5s end\nat 6s kill 3", "line 2: 6s is after the end at 5s in line 1".into()),
        (
            "every 5s kill random",
            "line 1: nothing ends this; say `until TIME` behind the first time, or add a line `at TIME end`".into(),
        ),
        ("every 0s kill 1\nat 9s end", "line 1: every 0s would be without end".into()),
        ("every 5s from 9s until 9s kill 1", "line 1: from 9s until 9s is never".into()),
    ] {
        assert_eq!(wrong(text), said, "{text}");
    }
}

#[test]
fn orders_that_will_make_no_sense_are_refused_beforehand() {
    for (text, said) in [
        ("at 1s kill 6", "line 1: at 1s there is no guardian 6; they are numbered 1 to 5"),
        ("at 1s partition 1 | 6", "line 1: at 1s there is no guardian 6; they are numbered 1 to 5"),
        ("at 1s kill 3\nat 2s kill 3", "line 2: at 2s guardian 3 is killed already (line 1)"),
        ("at 1s kill 3\nat 2s pause 3", "line 2: at 2s guardian 3 is killed already (line 1)"),
        ("at 1s kill 3\nat 2s cut 3", "line 2: at 2s guardian 3 is killed already (line 1)"),
        ("at 1s pause 3\nat 2s pause 3", "line 2: at 2s guardian 3 is paused (line 1)"),
        ("at 1s pause 3\nat 2s skew 3 +1s", "line 2: at 2s guardian 3 is paused (line 1)"),
        (
            "at 1s pause 3\nat 2s start 3",
            "line 2: at 2s guardian 3 is paused (line 1); `resume` lets it run on",
        ),
        ("at 1s start 3", "line 1: at 1s guardian 3 is running"),
        ("at 1s resume 3", "line 1: at 1s guardian 3 is not paused"),
        (
            "at 1s partition 1,2,3,4,5 | rest",
            "line 1: at 1s every guardian stands in a group already, so `rest` is nobody",
        ),
        ("at 1s partition 1,2,3,4,5 | random", "line 1: at 1s every guardian stands in a group already"),
        ("at 1s delay 1 -> 1 5s", "line 1: at 1s nobody would send anything to another"),
        ("every 1s until 9s kill random", "line 1: at 6s there is nobody left whom it fits"),
        ("at 1s kill all\nat 2s pause all", "line 2: at 2s there is nobody whom it fits"),
        ("every 1ms until 1h cut 1", "line 1: that makes more than 10000 orders"),
    ] {
        assert_eq!(wrong(text), said, "{text}");
    }
}

#[test]
fn a_guardian_that_lies_is_honest_after_a_start_and_lies_on_after_a_pause() {
    ordered(
        "at 1s lie 2 silent\nat 2s pause 2\nat 3s resume 2\nat 4s start 2\nat 5s kill 2\nat 6s lie 2 slow",
        &[
            (1000, "lie 2 silent"),
            (2000, "pause 2"),
            (3000, "resume 2"),
            (4000, "start 2"),
            (5000, "kill 2"),
            (6000, "lie 2 slow"),
        ],
    );
}

#[test]
fn a_plan_with_chance_is_repeatable_under_its_seed() {
    let text = "every 7s kill random for 3s\nevery 5s pause random,random for 2s\n\
                every 9s partition random,outside | rest for 4s\nevery 11s delay random -> random 100ms\n\
                every 8s lie random bad-share for 1s\nat 300s end\n";
    let parsed = script(text);
    assert!(parsed.is_random() && parsed.seed.is_none());
    let first = parsed.schedule(10, 7);
    assert_eq!(first, script(text).schedule(10, 7));
    let first = first.unwrap();
    let kills = |schedule: &Schedule| {
        let killed = |step: &Step| match step.order {
            Order::Kill { guardian } => Some(guardian),
            _ => None,
        };
        schedule.steps.iter().filter_map(killed).collect::<Vec<_>>()
    };
    assert_ne!(kills(&first), kills(&parsed.schedule(10, 8).unwrap()), "another seed chooses others");
    let mut chosen = kills(&first);
    assert_eq!(chosen.len(), 42);
    chosen.sort_unstable();
    chosen.dedup();
    assert!(chosen.len() >= 8, "chance reaches most of ten: {chosen:?}");
    assert!(!script("at 5s kill 3").is_random());
}

/// The choices of one seed. They must stay, since scripts with seeds are kept.
#[test]
fn a_seed_chooses_the_same_in_every_version() {
    let text = "seed 7\nevery 2s kill random for 3s\nat 12s end\n";
    let parsed = script(text);
    let schedule = parsed.schedule(5, parsed.seed.unwrap()).unwrap();
    let steps: Vec<_> = schedule.steps.iter().map(|step| step.to_string().trim().to_owned()).collect();
    assert_eq!(
        steps,
        [
            "2s  kill 3",
            "4s  kill 1",
            "5s  start 3",
            "6s  kill 4",
            "7s  start 1",
            "8s  kill 5",
            "9s  start 4",
            "10s  kill 3",
            "11s  start 5",
        ]
    );
}

#[test]
fn only_orders_about_connections_need_links() {
    let needs = |text: &str| script(text).schedule(5, 1).unwrap().needs_links();
    assert!(!needs("at 1s kill 1\nat 1s pause 2\nat 1s lie 3 slow\nat 1s skew 4 +1s"));
    for text in ["at 1s partition 1 | 2", "at 1s delay 1 1s", "at 1s delay 1 -> 2 1s", "at 1s cut 1"] {
        assert!(needs(text), "{text}");
    }
}

#[test]
fn an_order_by_hand_knows_nothing_of_how_guardians_are() {
    let steps = Schedule::of_order("start 3", 5, 1).unwrap().steps;
    assert_eq!(steps[0].order, Order::Start { guardian: 3 });
    let steps = Schedule::of_order("partition 1 | rest for 2s", 3, 1).unwrap().steps;
    assert_eq!(steps.len(), 2);
    assert_eq!((steps[1].at_ms, &steps[1].order), (2000, &Order::Heal));
    let missing = Schedule::of_order("kill 6", 5, 1).unwrap_err();
    assert!(missing.to_string().contains("there is no guardian 6"), "{missing}");
    assert!(Schedule::of_order("at 5s kill 1", 5, 1).is_err());
    for (order, is_for_all) in [
        ("kill all", true),
        ("pause 1,all for 2s", true),
        ("kill 1,2", false),
        ("kill random", false),
        ("heal", false),
    ] {
        assert_eq!(Script::is_for_all(order), is_for_all, "{order}");
    }
}

fn place() -> impl Strategy<Value = Place> {
    prop_oneof![Just(Place::Outside), (1_usize..=20).prop_map(Place::Guardian)]
}

fn order() -> impl Strategy<Value = Order> {
    let guardian = || 1_usize..=20;
    let ms = || 0_u64..=TIME_MS_MAX;
    let delay = || (ms(), 0_u64..=1000).prop_map(|(delay, jitter)| (delay, jitter.min(delay)));
    let groups = proptest::collection::btree_set(place(), 2..8).prop_map(|places| {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for (number, place) in places.into_iter().enumerate() {
            if number % 2 == 0 { first.push(place) } else { second.push(place) }
        }
        vec![first, second]
    });
    prop_oneof![
        guardian().prop_map(|guardian| Order::Kill { guardian }),
        guardian().prop_map(|guardian| Order::Start { guardian }),
        guardian().prop_map(|guardian| Order::Pause { guardian }),
        guardian().prop_map(|guardian| Order::Resume { guardian }),
        guardian().prop_map(|guardian| Order::Cut { guardian }),
        (guardian(), 0..How::ALL.len())
            .prop_map(|(guardian, how)| Order::Lie { guardian, how: How::ALL[how].name().into() }),
        (guardian(), -1_000_000_i64..1_000_000)
            .prop_map(|(guardian, skew_ms)| Order::Skew { guardian, skew_ms }),
        groups.prop_map(|groups| Order::Partition { groups }),
        Just(Order::Heal),
        (guardian(), delay()).prop_map(|(guardian, (delay_ms, jitter_ms))| Order::Delay {
            guardian,
            delay_ms,
            jitter_ms
        }),
        (place(), place(), delay())
            .prop_filter("to another", |(from, to, _)| from != to)
            .prop_map(|(from, to, (delay_ms, jitter_ms))| Order::DelayLink { from, to, delay_ms, jitter_ms }),
    ]
}

proptest! {
    /// So that a run that was written down can be made a script again.
    #[test]
    fn an_order_that_is_written_reads_as_the_same_order(order in order()) {
        let steps = Schedule::of_order(&order.to_string(), 20, 1).unwrap().steps;
        prop_assert_eq!(steps.len(), 1);
        prop_assert_eq!(&steps[0].order, &order);
        let json = serde_json::to_string(&order).unwrap();
        prop_assert_eq!(serde_json::from_str::<Order>(&json).unwrap(), order);
    }

    #[test]
    fn no_text_panics(text in "(at|every|seed|kill|delay|partition|for|[0-9]{1,3}(ms|s)?|random|->|[|]|,|#| |\n){0,40}") {
        if let Ok(script) = Script::parse(&text) {
            let _ = script.schedule(5, 1);
        }
    }

    /// Whatever chance does with these lines, no order comes at a time when it
    /// makes no sense.
    #[test]
    fn chance_never_makes_a_plan_senseless(seed: u64, guardians in 4_usize..12) {
        let text = "every 3s kill random for 2s\nevery 5s pause random for 4s\nevery 4s lie random slow for 1s\nat 60s end";
        prop_assert!(script(text).schedule(guardians, seed).is_ok());
    }
}
