//! The published `juicebox-sdk`, as it comes from the npm registry, registers,
//! recovers and deletes against our guardians, and each client recovers what the
//! other registered.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod operator;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use allod_guardian::client::RecoverError;
use allod_node::guardian::Algorithm;
use data_encoding::HEXLOWER;
use operator::Operator;
use serde_json::{Value, json};

/// A user's id as the SDK's own token generator takes it: 16 bytes.
const USER: &str = "00112233445566778899aabbccddeeff";
const PIN: &[u8] = b"271828";
const WRONG: &[u8] = b"000000";
const INFO: &[u8] = b"a user's id";
const SECRET: &[u8] = b"what only the right PIN gives back";

/// Has the SDK take `steps` for a user, and tells what came of each.
fn sdk(operator: &Operator, threshold: u8, user: &str, steps: &[Value]) -> Vec<Value> {
    sdk_with(&operator.sdk_configuration(threshold), &operator.sdk_auth(user), steps)
}

fn sdk_with(configuration: &Value, auth: &Value, steps: &[Value]) -> Vec<Value> {
    let input = json!({ "configuration": configuration, "auth": auth, "steps": steps });
    let mut node = Command::new("node")
        .args(["--experimental-wasm-modules", "--no-warnings", "client.mjs"])
        .current_dir(installed())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("node starts");
    node.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the SDK's program failed: {complaint}");
    let text = String::from_utf8(output.stdout).unwrap();
    let results: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(results.len(), steps.len(), "{text}{complaint}");
    results
}

/// The folder where the SDK is installed, once for a build folder.
fn installed() -> PathBuf {
    for program in ["node", "npm"] {
        let found = Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success());
        assert!(
            found,
            "this test runs the published Juicebox SDK and needs `{program}`: install Node.js 20 or newer with npm \
             (on Debian: apt install nodejs npm)"
        );
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/juicebox-sdk");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("juicebox-sdk");
    fs::create_dir_all(&folder).unwrap();
    // Tests may run in several processes at once.
    let lock = fs::File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    for name in ["package.json", "package-lock.json", ".npmrc", "client.mjs"] {
        // Another process may be reading what is there already.
        let content = fs::read(source.join(name)).unwrap();
        if fs::read(folder.join(name)).ok().as_ref() != Some(&content) {
            fs::write(folder.join(name), content).unwrap();
        }
    }
    let wanted = fs::read(source.join("package-lock.json")).unwrap();
    let stamp = folder.join("installed");
    if fs::read(&stamp).is_ok_and(|done| done == wanted) {
        return folder;
    }
    let output = Command::new("npm")
        .args(["ci", "--ignore-scripts"])
        .current_dir(&folder)
        .output()
        .expect("npm starts");
    assert!(
        output.status.success(),
        "`npm ci` could not install juicebox-sdk 0.3.7 into {}; it needs a package registry within reach, or npm's \
         cache: {}",
        folder.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    fs::write(&stamp, wanted).unwrap();
    folder
}

fn register(pin: &[u8], secret: &[u8], guesses: u16) -> Value {
    json!({
        "do": "register", "pin": HEXLOWER.encode(pin), "secret": HEXLOWER.encode(secret),
        "info": HEXLOWER.encode(INFO), "guesses": guesses,
    })
}

fn recover(pin: &[u8]) -> Value {
    json!({ "do": "recover", "pin": HEXLOWER.encode(pin), "info": HEXLOWER.encode(INFO) })
}

fn delete() -> Value {
    json!({ "do": "delete" })
}

fn done() -> Value {
    json!({ "done": true })
}

fn gives(secret: &[u8]) -> Value {
    json!({ "secret": HEXLOWER.encode(secret) })
}

fn invalid_pin(guesses_remaining: u16) -> Value {
    json!({ "error": "InvalidPin", "guesses_remaining": guesses_remaining })
}

fn not_registered() -> Value {
    json!({ "error": "NotRegistered", "guesses_remaining": null })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_gets_back_what_it_registered_until_it_deletes_it() {
    let operator = Operator::start(5, Algorithm::HS256).await;
    let steps = [recover(PIN), register(PIN, SECRET, 3), recover(PIN), recover(PIN), delete(), recover(PIN)];
    let results = sdk(&operator, 3, USER, &steps);
    assert_eq!(results, [not_registered(), done(), gives(SECRET), gives(SECRET), done(), not_registered()]);
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_is_told_how_many_guesses_are_left_until_there_are_none() {
    let operator = Operator::start(5, Algorithm::HS256).await;
    let steps = [
        register(PIN, SECRET, 3),
        recover(WRONG),
        recover(WRONG),
        // The right PIN gives the guesses back.
        recover(PIN),
        recover(WRONG),
        recover(WRONG),
        recover(WRONG),
        recover(PIN),
    ];
    let results = sdk(&operator, 3, USER, &steps);
    assert_eq!(
        results,
        [
            done(),
            invalid_pin(2),
            invalid_pin(1),
            gives(SECRET),
            invalid_pin(2),
            invalid_pin(1),
            invalid_pin(0),
            invalid_pin(0),
        ]
    );
    // A new registration begins with all its guesses.
    let other = b"another secret";
    let results = sdk(&operator, 3, USER, &[register(PIN, other, 2), recover(WRONG), recover(PIN)]);
    assert_eq!(results, [done(), invalid_pin(1), gives(other)]);
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_from_the_sdks_own_generator_are_taken() {
    let operator = Operator::start(3, Algorithm::EdDSA).await;
    let steps = [register(PIN, SECRET, 2), recover(WRONG), recover(PIN), delete(), recover(PIN)];
    let results = sdk(&operator, 2, USER, &steps);
    assert_eq!(results, [done(), invalid_pin(1), gives(SECRET), done(), not_registered()]);
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_another_key_signed_is_refused() {
    let (ours, other) =
        (Operator::start(3, Algorithm::HS256).await, Operator::start(3, Algorithm::HS256).await);
    let steps = [register(PIN, SECRET, 2), recover(PIN), delete()];
    let results = sdk_with(&ours.sdk_configuration(2), &other.sdk_auth(USER), &steps);
    assert_eq!(
        results,
        [
            json!({ "error": "InvalidAuth" }),
            json!({ "error": "InvalidAuth", "guesses_remaining": null }),
            json!({ "error": "InvalidAuth" }),
        ]
    );
    ours.stop().await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_client_recovers_what_the_sdk_registered() {
    let operator = Operator::start(5, Algorithm::HS256).await;
    assert_eq!(sdk(&operator, 3, USER, &[register(PIN, SECRET, 3)]), [done()]);
    assert_eq!(operator.recover(USER, 3, [PIN, INFO]).await, Ok(SECRET.to_vec()));
    let wrong = operator.recover(USER, 3, [WRONG, INFO]).await;
    assert_eq!(wrong, Err(RecoverError::WrongPin { guesses_left: 2 }));
    // Both count the same guesses.
    assert_eq!(sdk(&operator, 3, USER, &[recover(WRONG)]), [invalid_pin(1)]);
    let wrong = operator.recover(USER, 3, [WRONG, INFO]).await;
    assert_eq!(wrong, Err(RecoverError::WrongPin { guesses_left: 0 }));
    let out = operator.recover(USER, 3, [PIN, INFO]).await;
    assert!(matches!(out, Err(RecoverError::OutOfGuesses { guardians: 5, .. })), "{out:?}");
    assert_eq!(sdk(&operator, 3, USER, &[recover(PIN)]), [invalid_pin(0)]);
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_recovers_what_our_client_registered() {
    let operator = Operator::start(5, Algorithm::HS256).await;
    // The longest secret, the empty one, and one with a zero at its end.
    for secret in [&[7; 128][..], &[], b"zero\0"] {
        assert_eq!(operator.register(USER, 3, [PIN, secret, INFO], 4).await, Ok(5));
        let results = sdk(&operator, 3, USER, &[recover(WRONG), recover(PIN)]);
        assert_eq!(results, [invalid_pin(3), gives(secret)]);
    }
    operator.stop().await;
}
