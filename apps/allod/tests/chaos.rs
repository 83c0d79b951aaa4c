//! Networks that a script disturbs: what it says happens, at its time, and what
//! is written down of the run says so.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[path = "chaos/chain.rs"]
mod chain;
#[path = "chaos/ended.rs"]
mod ended;
#[path = "chaos/namespaces.rs"]
mod namespaces;
mod process;
#[path = "chaos/watched.rs"]
mod watched;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use allod_guardian::juicebox::{Recover1, Response};
use process::{At, Ended, folder};
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;
use watched::{Answer, Net, Person, home, of, read_export, script, unlimited};

/// A guardian, or the way to it from another, asked at a time: milliseconds since
/// 1970 at the beginning and the end.
struct Asked {
    whom: &'static str,
    from_ms: u64,
    to_ms: u64,
    answer: Answer,
}

const ROUGH: &str = "\
# One guardian of four at a time, any three of which recover.
at 1s     kill 4 for 2s
at 3.5s   pause 3 for 2s
at 6s     partition 2 | 1,3,4,outside for 2s
at 8.5s   delay 1 100ms jitter 50ms for 2s
at 11s    lie 4 not-registered for 2s
at 13.5s  skew 2 +3d for 2s
at 16s    cut all
at 17s    end
";

/// When its disturbances are over.
const QUIET: Duration = Duration::from_secs(16);

fn at(home: &Path) -> At<'_> {
    At { home, pin: "" }
}

fn check(home: &Path, script: &str, more: &[&str]) -> Ended {
    at(home).run(&[&["--json", "testnet", "--chaos", script, "--check"], more].concat())
}

/// Where guardian 1 finds guardian 2, with the pin.
fn way_from_1_to_2(home: &Path, address: &str) -> String {
    let peers = fs::read(home.join("network/guardian-1/peers.json")).unwrap();
    let peers: Value = serde_json::from_slice(&peers).unwrap();
    assert_eq!((&peers["guardian"], &peers["peers"][0]["guardian"]), (&1.into(), &2.into()));
    assert_eq!(peers["peers"].as_array().unwrap().len(), 3);
    let place = peers["peers"][0]["ports"]["service"].as_str().unwrap();
    format!("https://{place}#{}", address.split('#').nth(1).unwrap())
}

/// Asks each guardian again and again.
async fn ask_on(ways: Vec<(&'static str, String)>, person: Arc<Person>, tell: UnboundedSender<Asked>) {
    let mut asking = JoinSet::new();
    loop {
        for (whom, address) in ways.clone() {
            let (person, tell) = (Arc::clone(&person), tell.clone());
            asking.spawn(async move {
                let from_ms = allod_node::now().0;
                let answer = person.ask(&address, Duration::from_millis(600)).await;
                let _ = tell.send(Asked { whom, from_ms, to_ms: allod_node::now().0, answer });
            });
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
        while asking.try_join_next().is_some() {}
    }
}

/// Recovers again and again, each time until it comes about, for as long as the
/// network is disturbed. How often it did.
async fn recover_on(person: &Person) -> usize {
    let begun = Instant::now();
    let mut recovered = 0;
    while begun.elapsed() < QUIET {
        // One that comes between two disturbances may see both; it tries again.
        for tries in 1.. {
            match person.recover().await {
                Ok(()) => break,
                // As late as this, the guardians may have ended.
                Err(_) if begun.elapsed() > QUIET => return recovered,
                Err(why) => assert!(tries < 5, "{why}"),
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        recovered += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    recovered
}

/// From when until when an order of the script was in force, in milliseconds
/// since 1970; to its undoing, or the end.
fn in_force(events: &[Value], order: &str) -> (u64, u64) {
    let zero = events[0]["unix_ms"].as_u64().unwrap();
    let ms = |event: &Value, name: &str| event[name].as_u64().unwrap();
    let done = of(events, "order").find(|event| event["order"] == order).unwrap();
    let undone = of(events, "order").find(|event| event["line"] == done["line"] && event["undoes"] == true);
    (zero + ms(done, "at_ms") + ms(done, "took_ms") + 5, zero + ms(undone.unwrap(), "at_ms"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_happens_as_it_is_written_while_people_go_on_recovering() {
    let folder = folder();
    let home = home(&folder);
    let net = Net::start(&home, &["--guardians", "4", "--threshold", "3"]);
    let person = Arc::new(Person::register(&net.addresses, 3).await);
    assert_eq!(net.interrupt(), 0);
    unlimited(&home, 4);

    let script = script(folder.path(), ROUGH);
    let export = folder.path().join("run.jsonl");
    let net = Net::start(&home, &["--chaos", &script, "--export", export.to_str().unwrap()]);
    let mut ways: Vec<_> = ["1", "2", "3", "4"].into_iter().zip(net.addresses.clone()).collect();
    ways.push(("1 -> 2", way_from_1_to_2(&home, &net.addresses[1])));
    let (tell, mut answers) = tokio::sync::mpsc::unbounded_channel();
    let asking = tokio::spawn(ask_on(ways, Arc::clone(&person), tell));
    let recovered = recover_on(&person).await;
    assert!(recovered >= 5, "{recovered}");
    assert_eq!(net.end(), 0, "all orders could be carried out");
    asking.abort();
    let asked: Vec<Asked> = std::iter::from_fn(|| answers.try_recv().ok()).collect();
    let events = read_export(&export);

    // Whoever was asked wholly while an order was in force, saw it.
    let came = |answer: &Answer| matches!(answer, Answer::Came(..));
    type Saw = fn(&Answer) -> bool;
    let orders: [(&str, &[&str], Saw); 6] = [
        ("kill 4", &["4"], |answer| matches!(answer, Answer::Fault(_))),
        ("pause 3", &["3"], |answer| *answer == Answer::None),
        ("partition 2 | 1,3,4,outside", &["2", "1 -> 2"], |answer| *answer == Answer::None),
        // A handshake and a request are at least two ways there and back.
        ("delay 1 100ms jitter 50ms", &["1"], |answer| match answer {
            Answer::Came(took, _) => *took >= Duration::from_millis(200),
            other => *other == Answer::None,
        }),
        ("lie 4 not-registered", &["4"], |answer| {
            matches!(answer, Answer::Came(_, Response::Recover1(Recover1::NotRegistered)))
        }),
        (
            "skew 2 +3d",
            &["2", "1 -> 2"],
            |answer| matches!(answer, Answer::Fault(why) if why.contains("the token ended")),
        ),
    ];
    for (order, touched, saw) in orders {
        let (from, to) = in_force(&events, order);
        let within: Vec<_> = asked.iter().filter(|asked| asked.from_ms >= from && asked.to_ms < to).collect();
        for whom in touched {
            let answers: Vec<_> =
                within.iter().filter(|asked| asked.whom == *whom).map(|asked| &asked.answer).collect();
            assert!(!answers.is_empty(), "{order}: {whom} was not asked");
            assert!(answers.iter().all(|answer| saw(answer)), "{order}: {answers:?}");
        }
        // The others answered as always, one at least, however slow this machine is.
        let others = within.iter().filter(|asked| !touched.contains(&asked.whom) && asked.whom != "1 -> 2");
        assert!(others.clone().any(|asked| came(&asked.answer)), "{order}: nobody else answered");
    }
    says_what_happened(&events, &home, folder.path());
}

/// What is written down of the run tells all of it, and makes a script again.
fn says_what_happened(events: &[Value], home: &Path, folder: &Path) {
    let (start, end) = (&events[0], events.last().unwrap());
    assert_eq!((&start["event"], &start["script"]["text"]), (&"start".into(), &ROUGH.into()));
    assert_eq!(start["versions"]["allod"], env!("CARGO_PKG_VERSION"));
    let parameters = &start["parameters"];
    assert_eq!((&parameters["guardians"], &parameters["threshold"]), (&4.into(), &3.into()));
    assert_eq!(parameters["links"], "relay");
    let planned = start["script"]["steps"].as_array().unwrap();
    let mut given: Vec<&Value> = of(events, "order").collect();
    // They are written when they were answered, which need not be in turn.
    given.sort_by_key(|order| order["at_ms"].as_u64());
    assert_eq!((planned.len(), given.len()), (16, 16));
    for planned in planned {
        let fits = |given: &&&Value| {
            ["order", "line", "planned_ms", "undoes"].iter().all(|name| given[name] == planned[name])
        };
        let given = given.iter().find(fits).unwrap_or_else(|| panic!("{planned} was not given"));
        assert_eq!((&given["result"], &given["by"]), (&"done".into(), &"script".into()), "{given}");
        assert!(given["at_ms"].as_u64() >= planned["planned_ms"].as_u64(), "{given}");
    }
    // Each guardian that was disturbed was otherwise for a time.
    for (guardian, fits) in [
        (4, &(|status: &Value| status["state"] == "killed") as &dyn Fn(&Value) -> bool),
        (3, &|status| status["state"] == "paused"),
        (2, &|status| status["group"] == 1),
        (1, &|status| status["group"] == 2),
        (1, &|status| status["delay_ms"] == 100),
        (4, &|status| status["state"] == "lying" && status["how"] == "not-registered"),
        (2, &|status| status["skew_ms"] == 3 * 86_400_000),
    ] {
        let of_it: Vec<_> = of(events, "status").filter(|status| status["guardian"] == guardian).collect();
        assert!(of_it.iter().any(|status| fits(status)), "{guardian}: {of_it:?}");
        let last = of_it.last().unwrap();
        assert!(last["state"] == "running" && last["skew_ms"].is_null() && last["group"].is_null(), "{last}");
    }
    let counted: Vec<_> = of(events, "counters").collect();
    assert!(counted.len() >= 10, "each second: {}", counted.len());
    let last = counted.last().unwrap()["guardians"].as_array().unwrap();
    assert!(last.len() == 4 && last.iter().any(|row| row["recovered"].as_u64() > Some(2)), "{last:?}");
    assert_eq!((&end["event"], &end["reason"]), (&"end".into(), &"script".into()));
    assert_eq!(end["orders"], serde_json::json!({ "done": 16, "refused": 0, "left": 0 }));
    let times: Vec<_> = events.iter().filter_map(|event| event["at_ms"].as_u64()).collect();
    assert_eq!(times.len(), events.len());

    let log = fs::read_to_string(home.join("network/guardian-2/log")).unwrap();
    assert!(log.contains("THE CLOCK OF THIS GUARDIAN IS WRONG ON PURPOSE"), "{log}");

    // A script of what was really done, at the time when it was.
    let lines =
        given.iter().map(|order| format!("at {}ms {}\n", order["at_ms"], order["order"].as_str().unwrap()));
    let again = script(folder, &lines.collect::<String>());
    let plan = check(home, &again, &[]).done().json();
    let orders = |steps: &Value| -> Vec<Value> {
        steps.as_array().unwrap().iter().map(|step| step["order"].clone()).collect()
    };
    assert_eq!(orders(&plan["steps"]), given.iter().map(|order| order["order"].clone()).collect::<Vec<_>>());
}

#[test]
fn ten_guardians_are_disturbed_the_same_way_under_the_same_seed() {
    let folder = folder();
    let home = home(&folder);
    let text = "seed 7\nevery 700ms kill random for 1s\nevery 900ms pause random for 500ms\n\
                at 1s partition random,random,random | rest for 2s\nat 4s end\n";
    let script = script(folder.path(), text);
    let plan = check(&home, &script, &["--guardians", "10"]).done().json();
    assert_eq!((&plan["seed"], &plan["guardians"], &plan["links"]), (&7.into(), &10.into(), &"relay".into()));
    assert_eq!(plan["lacks"], serde_json::json!([]));
    let export = folder.path().join("run.jsonl");
    let export_to = export.to_str().unwrap();
    let net = Net::start(&home, &["--guardians", "10", "--chaos", &script, "--export", export_to]);
    assert_eq!(net.addresses.len(), 10);
    assert_eq!(net.end(), 0);
    let events = read_export(&export);
    let mut given: Vec<_> = of(&events, "order").map(|order| order["order"].to_string()).collect();
    let mut planned: Vec<_> =
        plan["steps"].as_array().unwrap().iter().map(|step| step["order"].to_string()).collect();
    assert!(given.len() > 15, "{given:?}");
    // Orders that are given at the same moment may be answered in any order.
    given.sort_unstable();
    planned.sort_unstable();
    assert_eq!(given, planned);
}
