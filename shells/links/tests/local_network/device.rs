//! A device in a process of its own, which says what happens, with the milliseconds since it
//! began. With each device that it meets one frame goes there and back. It ends when its standard
//! input does.

use std::io::Read;
use std::time::Instant;

use allod_crypto::Secret;
use allod_links::Contact;
use allod_links::p2p::{Config, P2p};

pub(crate) async fn run() {
    let began = Instant::now();
    let say = move |words: &str| println!("{} {words}", began.elapsed().as_millis());
    let mut rng = getrandom::rand_core::UnwrapErr(getrandom::SysRng);
    let config = Config::new(Secret::random(&mut rng));
    let (p2p, mut contacts) = P2p::start(config, rng).unwrap();
    let mut events = p2p.events();
    tokio::spawn(async move {
        while let Ok(event) = events.recv().await {
            say(&event.to_string());
        }
    });
    tokio::spawn(async move {
        while let Some(contact) = contacts.recv().await {
            tokio::spawn(there_and_back(contact, say));
        }
    });
    let ending = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    let _ = ending.await;
    p2p.end().await;
}

/// Whoever dialled sends a frame, the other one sends back what comes.
async fn there_and_back(mut contact: Contact, say: impl Fn(&str)) {
    if contact.is_dialer {
        let began = Instant::now();
        let frame = vec![7; contact.link.mtu];
        if contact.send.send(frame.clone()).await.is_ok()
            && contact.receive.recv().await.is_some_and(|back| back == frame)
        {
            say(&format!("{} bytes went there and back in {} ms", frame.len(), began.elapsed().as_millis()));
        }
    }
    while let Some(frame) = contact.receive.recv().await {
        if contact.send.send(frame).await.is_err() {
            break;
        }
    }
}
