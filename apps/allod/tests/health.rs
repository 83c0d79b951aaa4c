//! A guardian that is asked how it is, and that ends when it is told to.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod process;

use std::fs;
use std::path::Path;

use allod_node::guardian::{Config, Tls};
use process::{At, Ended, Guardian, folder};

fn health(home: &Path, config: &Path) -> Ended {
    let person = At { home, pin: "" };
    person.run(&["--json", "guardian", "health", "--config", config.to_str().unwrap()])
}

#[test]
fn a_guardian_that_is_up_is_well_and_one_that_is_down_is_not() {
    let folder = folder();
    let home = folder.path().join("home");
    for (name, tls) in [("pinned", Tls::SelfSigned), ("plain", Tls::Off)] {
        let mut guardian = Guardian::start(&folder.path().join(name), tls);
        let told = health(&home, guardian.config()).done().json();
        assert_eq!(told["address"], guardian.address());
        assert!(told["realm"].is_string());
        guardian.kill();
        let ended = health(&home, guardian.config());
        assert_eq!(ended.code, 1, "{ended:?}");
        let why = ended.json()["error"].as_str().unwrap().to_owned();
        assert!(why.contains("is not well") && why.contains("refused"), "{why}");
    }
}

#[test]
fn on_all_addresses_it_is_asked_on_this_machine() {
    let folder = folder();
    let mut guardian = Guardian::start(&folder.path().join("one"), Tls::SelfSigned);
    guardian.kill();
    let mut config = Config::read(guardian.config()).unwrap();
    config.listen.set_ip([0, 0, 0, 0].into());
    let everywhere = folder.path().join("everywhere.toml");
    config.write(&everywhere).unwrap();
    guardian.run();
    let told = health(&folder.path().join("home"), &everywhere).done().json();
    assert_eq!(told["address"], guardian.address());
}

#[test]
fn another_guardian_in_its_place_is_not_taken_for_it() {
    let folder = folder();
    let home = folder.path().join("home");
    let guardian = Guardian::start(&folder.path().join("one"), Tls::SelfSigned);
    let mut config = Config::read(guardian.config()).unwrap();
    let other = Guardian::start(&folder.path().join("other"), Tls::SelfSigned);
    config.state = other.state();
    let mixed = folder.path().join("mixed.toml");
    config.write(&mixed).unwrap();
    let ended = health(&home, &mixed);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.json()["error"].as_str().unwrap().contains("TLS"), "{ended:?}");
}

#[test]
fn asking_before_the_first_start_makes_nothing() {
    let folder = folder();
    let path = folder.path().join("guardian.toml");
    Config::new(([127, 0, 0, 1], 9).into(), "state".into(), Tls::SelfSigned).write(&path).unwrap();
    let ended = health(&folder.path().join("home"), &path);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(!fs::exists(folder.path().join("state")).unwrap());
}
