//! How a run with a script ends, and what is said before it begins.

use std::process::Command;
use std::time::Duration;

use crate::process::{At, folder};
use crate::watched::{ALLOD, Net, home, of, read_export, script};

#[test]
fn an_order_that_is_refused_is_told_and_gives_another_exit_code() {
    let folder = folder();
    let home = home(&folder);
    let script = script(folder.path(), "at 2s kill 1\nat 2.5s end\n");
    let export = folder.path().join("run.jsonl");
    let net =
        Net::start(&home, &["--guardians", "2", "--chaos", &script, "--export", export.to_str().unwrap()]);
    At { home: &home, pin: "" }.run(&["testnet", "--order", "kill 1"]).done();
    net.wait_for(|said| said["event"] == "order" && said["by"] == "hand" && said["result"] == "done");
    let refused = net.wait_for(|said| said["event"] == "order" && said["by"] == "script");
    assert_eq!(refused["why"], "guardian 1 is not running", "{refused}");
    let failed = net.wait_for(|said| said["error"].is_string());
    let why = failed["error"].as_str().unwrap();
    assert!(why.contains("`kill 1` in line 1: guardian 1 is not running"), "{why}");
    assert_eq!(net.end(), 1);
    let events = read_export(&export);
    let by: Vec<_> = of(&events, "order").map(|order| (&order["by"], &order["result"])).collect();
    assert_eq!(by, [(&"hand".into(), &"done".into()), (&"script".into(), &"refused".into())]);
}

#[test]
fn a_script_that_is_interrupted_was_not_carried_out() {
    let folder = folder();
    let home = home(&folder);
    let script = script(folder.path(), "at 0s pause 1\nat 1h resume 1\n");
    let net = Net::start(&home, &["--guardians", "2", "--chaos", &script]);
    net.wait_for(|said| said["event"] == "order");
    assert_eq!(net.interrupt(), 1);
    // One without an end that has nothing left to do has been carried out.
    let script = crate::watched::script(folder.path(), "at 0s pause 1 for 100ms\n");
    let net = Net::start(&home, &["--chaos", &script]);
    net.wait_for(|said| said["event"] == "order" && said["undoes"] == true);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(net.interrupt(), 0);
}

#[test]
fn what_is_wrong_with_a_script_is_said_before_anything_starts() {
    let folder = folder();
    let home = home(&folder);
    let run = |text: &str, more: &[&str]| {
        let script = script(folder.path(), text);
        At { home: &home, pin: "" }.run(&[&["testnet", "--chaos", &script], more].concat())
    };
    let wrong = run("at 1s kill 1\nat 2s lie 1 wrong-proof\n", &[]);
    assert!(wrong.code == 2 && wrong.err.contains("line 2: expected a way to lie"), "{wrong:?}");
    let senseless = run("at 1s kill 3\n", &["--guardians", "2"]);
    assert!(senseless.code == 2 && senseless.err.contains("there is no guardian 3"), "{senseless:?}");
    // Also as root, namespaces cannot do this.
    let lacking = run("at 1s cut 1\nat 2s end", &["--namespaces"]);
    assert!(
        lacking.code == 1 && lacking.err.contains("this machine cannot carry out the script"),
        "{lacking:?}"
    );
    let lacking = run("at 1s cut 1\nat 2s end", &["--namespaces", "--check"]);
    assert!(
        lacking.code == 1 && lacking.out.contains("cut 1"),
        "the plan is shown all the same: {lacking:?}"
    );
    assert!(!home.join("network").exists(), "nothing was started");
    let both = run("at 1s end", &["--relay", "--namespaces"]);
    assert_eq!(both.code, 2, "{both:?}");
    let missing = At { home: &home, pin: "" }.run(&["testnet", "--chaos", "nowhere.chaos"]);
    assert!(missing.code == 1 && missing.err.contains("nowhere.chaos"), "{missing:?}");

    let plan = run("at 1s kill 1 for 2s\nat 4s end\n", &["--check"]).done();
    assert_eq!(
        plan.out,
        "5 guardians, links direct, 2 orders in 4s\n      1s  kill 1  (line 1)\n      3s  start 1  (line 1, undone)\n      4s  end\n"
    );
}

#[test]
fn a_network_that_is_connected_directly_says_what_it_cannot_do() {
    let folder = folder();
    let home = home(&folder);
    let net = Net::start(&home, &["--guardians", "2"]);
    let order = |text: &str| At { home: &home, pin: "" }.run(&["--json", "testnet", "--order", text]);
    let refused = order("partition 1 | 2");
    assert!(refused.code == 1 && refused.out.contains("start the network with --relay"), "{refused:?}");
    let nobody = order("kill 3");
    assert!(nobody.code == 2 && nobody.out.contains("there is no guardian 3"), "{nobody:?}");
    let skewed = order("skew 2 -1h").done().json();
    assert_eq!((&skewed["state"], &skewed["skew_ms"]), (&"running".into(), &(-3_600_000).into()));
    let done = order("pause 1 for 300ms").done();
    let states: Vec<_> = done.out.lines().map(|line| line.contains("paused")).collect();
    assert_eq!(states, [true, false], "{done:?}");
    drop(net);
}

/// A wrong clock is for tests: nobody has one by mistake.
#[test]
fn a_guardian_outside_of_a_testnet_refuses_a_wrong_clock() {
    let folder = folder();
    let config = folder.path().join("guardian-1").join("guardian.toml");
    std::fs::create_dir(config.parent().unwrap()).unwrap();
    // A lock that nobody holds makes no network.
    std::fs::write(folder.path().join("lock"), "").unwrap();
    let allod = |arguments: &[&str]| {
        let ended = Command::new(ALLOD)
            .args(["guardian"])
            .args(arguments)
            .args(["--config", config.to_str().unwrap()])
            .env("ALLOD_CLOCK_SKEW_MS", "90000")
            .output()
            .unwrap();
        (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
    };
    assert_eq!(allod(&["init", "--listen", "127.0.0.1:0"]).0, Some(0));
    let (code, said) = allod(&["run"]);
    assert!(code == Some(2) && said.contains("ALLOD_CLOCK_SKEW_MS is set"), "{code:?} {said}");
}
