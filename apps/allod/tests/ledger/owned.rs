//! What a home folder lists as its person's, while things come and go.

use std::fs;

use serde_json::{Value, json};

use crate::people::Net;

/// What a home folder came across is listed while it is theirs, and no longer.
pub fn what_is_owned_is_listed(net: &Net, alice: &str, bob: &str) {
    let list = |who: &str| net.json(who, &["own", "list"]);
    let ids = |rows: &Value, field: &str| -> Vec<String> {
        rows.as_array().unwrap().iter().map(|row| row[field].as_str().unwrap().to_owned()).collect()
    };
    // Bob bought the name, gave it away and has it again, which his device did not see.
    let none = list("bob");
    assert_eq!((&none["names"], &none["gone"]), (&json!([]), &json!([])), "{none}");
    net.json("bob", &["name", "show", "orchard"]);
    let has = list("bob");
    assert_eq!(ids(&has["names"], "name"), ["orchard"], "{has}");
    assert!(has["names"][0]["known_since"].is_u64() && has["names"][0]["aside"].is_null(), "{has}");
    let money = has["assets"].as_array().unwrap().iter().find(|asset| asset["amount"] == 80).unwrap();
    assert_eq!((&money["issuer"], &money["name"]), (&json!(true), &json!("Village hours")));
    let money = money["asset"].as_str().unwrap();
    let hers = list("alice");
    assert_eq!((&hers["names"], &hers["assets"][0]["amount"]), (&json!([]), &json!(20)), "{hers}");

    // What is offered is his until somebody buys it.
    let price = format!("{money}:7");
    let made = net.json("bob", &["offer", "make", "--name", "orchard", "--price", &price]);
    let offered = list("bob");
    assert_eq!(ids(&offered["offers"], "offer"), [made["offer"].as_str().unwrap()], "{offered}");
    assert_eq!(offered["names"][0]["aside"]["offer"], made["offer"], "{offered}");
    net.json("bob", &["offer", "withdraw", made["offer"].as_str().unwrap()]);
    let back = list("bob");
    assert_eq!((&back["offers"], &back["names"][0]["aside"]), (&json!([]), &Value::Null), "{back}");

    // What is set aside for her she has once she looked at it, and he no more once she took it.
    let units = format!("{money}:5");
    let lock = net.json("bob", &["lock", "make", "--units", &units, "--to", alice]);
    let lock = lock["lock"].as_str().unwrap();
    assert_eq!(ids(&list("bob")["locks"], "lock"), [lock]);
    assert_eq!(list("alice")["locks"], json!([]));
    net.json("alice", &["lock", "show", lock]);
    let hers = list("alice");
    assert_eq!(ids(&hers["locks"], "lock"), [lock], "{hers}");
    net.json("alice", &["lock", "claim", lock]);
    let hers = list("alice");
    assert_eq!((&hers["locks"], &hers["gone"]), (&json!([]), &json!([])), "{hers}");
    assert_eq!(hers["assets"][0]["amount"], 25);
    let gone = list("bob");
    assert_eq!((&gone["locks"], &gone["gone"]), (&json!([]), &json!([format!("the lock {lock}")])), "{gone}");
    assert_eq!(list("bob")["gone"], json!([]), "it is told once");

    // A proof that somebody hands over tells of it too.
    let (deed, proof) = (net.text("deed"), net.text("deed.proof"));
    fs::write(deed, "a content").unwrap();
    let title = net.json("alice", &["title", "make", deed])["title"].as_str().unwrap().to_owned();
    assert_eq!(ids(&list("alice")["titles"], "title"), std::slice::from_ref(&title));
    net.json("alice", &["title", "transfer", &title, "--to", bob]);
    assert_eq!(list("alice")["titles"], json!([]));
    net.json("alice", &["own", "prove", proof, "--title", &title]);
    net.run("bob", &["--json", "own", "verify", proof]).done();
    let has = net.run("bob", &["own", "list"]).done();
    assert!(has.out.contains(&title) && has.out.contains("name     orchard, until"), "{has:?}");
    assert!(has.out.contains("What others gave you appears once you looked it up"), "{has:?}");
}
