//! Devices that prove their keys to each other, and others.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use allod_crypto::Secret;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection};
use tokio_rustls::rustls;

use super::keys::{begins_showing, of_key, shown};
use super::*;
use crate::ports_in_tests::free_address;

fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&Secret::from([number; 32]))
}

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(free_address()).unwrap();
    let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (one, listener.accept().unwrap().0)
}

fn accepts(other: TcpStream) -> thread::JoinHandle<io::Result<DeviceLink>> {
    thread::spawn(move || DeviceLink::accept(other, &key(2)))
}

/// Shakes hands as a client that does it its own way.
fn begin(config: ClientConfig, one: TcpStream) -> io::Result<DeviceLink> {
    let name = ServerName::try_from("device").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    DeviceLink::shake_hands(connection.into(), Box::new(one), HANDSHAKE)
}

fn asks_and_is_answered(mut link: &DeviceLink) {
    link.write_all(b"asked").unwrap();
    link.flush().unwrap();
    let mut answer = Vec::new();
    // The end is told, and is no cut.
    link.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, [7; 200_000]);
    assert_eq!(link.proven(), key(2).verifying_key());
}

fn answers_with_much(mut link: &DeviceLink) {
    let mut asked = [0; 5];
    link.read_exact(&mut asked).unwrap();
    link.write_all(&[7; 200_000]).unwrap();
    link.flush().unwrap();
    assert_eq!((link.proven(), asked), (key(1).verifying_key(), *b"asked"));
}

#[test]
fn each_side_learns_the_key_that_the_other_proved_and_bytes_go_both_ways() {
    let (one, other) = pair();
    let answers = thread::spawn(move || answers_with_much(&DeviceLink::accept(other, &key(2)).unwrap()));
    asks_and_is_answered(&DeviceLink::connect(one, &key(1)).unwrap());
    answers.join().unwrap();
    let (one, other) = UnixStream::pair().unwrap();
    let answers = thread::spawn(move || answers_with_much(&DeviceLink::accept(other, &key(2)).unwrap()));
    asks_and_is_answered(&DeviceLink::connect(one, &key(1)).unwrap());
    answers.join().unwrap();
}

#[test]
fn who_shows_the_key_of_another_is_refused() {
    let (one, other) = pair();
    let answers = accepts(other);
    // It shows the key of 1, and signs with its own.
    let signs = Arc::clone(&shown(&key(9)).unwrap().key);
    let lie = Arc::new(CertifiedKey::new(vec![of_key(&key(1).verifying_key())], signs));
    let lies = begin(begins_showing(lie).unwrap(), one);
    assert_eq!(answers.join().unwrap().unwrap_err().kind(), ErrorKind::InvalidData);
    // To the one who lies, it shows when it is to hear something.
    assert!(lies.is_err() || (&lies.unwrap()).read(&mut [0]).is_err());
}

#[test]
fn who_shows_no_key_or_speaks_no_tls_is_refused() {
    let (mut one, other) = pair();
    let answers = accepts(other);
    one.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(answers.join().unwrap().unwrap_err().kind(), ErrorKind::InvalidData);
    let (one, other) = pair();
    let answers = accepts(other);
    drop(one);
    assert!(answers.join().unwrap().is_err());

    let (one, other) = pair();
    let answers = accepts(other);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let nobody = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(keys::any(provider))
        .with_no_client_auth();
    let nobody = begin(nobody, one);
    assert_eq!(answers.join().unwrap().unwrap_err().kind(), ErrorKind::InvalidData);
    assert!(nobody.is_err() || (&nobody.unwrap()).read(&mut [0]).is_err());
}

#[test]
fn who_says_nothing_or_says_it_byte_by_byte_is_not_waited_for() {
    let (one, other) = pair();
    let limit = Duration::from_millis(300);
    let silent = DeviceLink::accept_within(other, &key(2), limit).unwrap_err();
    assert_eq!(silent.kind(), ErrorKind::TimedOut);
    drop(one);

    let (mut one, other) = pair();
    let slow = thread::spawn(move || DeviceLink::accept_within(other, &key(2), limit).map(drop));
    // The head of a record of 16,000 bytes, and then a byte at a time.
    let mut sent = one.write_all(&[22, 3, 1, 0x3E, 0x80]);
    while sent.is_ok() && !slow.is_finished() {
        thread::sleep(Duration::from_millis(20));
        sent = one.write_all(&[1]);
    }
    assert!(slow.join().unwrap().is_err());
}

#[test]
fn a_link_that_falls_silent_is_told_as_late() {
    let (one, other) = pair();
    let answers = accepts(other);
    let link = DeviceLink::connect(one, &key(1)).unwrap();
    let there = answers.join().unwrap().unwrap();
    link.set_patience(Duration::from_millis(100)).unwrap();
    assert_eq!((&link).read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
    drop(there);
}

#[test]
fn a_door_answers_devices_while_others_stand_in_it() {
    let door = Door::open(&free_address().to_string()).unwrap();
    let address = door.address().unwrap();
    thread::spawn(move || {
        door.answer(&key(2), |_, link| {
            if let Ok(link) = link {
                answers_with_much(&link);
            }
        });
    });
    let silent: Vec<_> = (0..3).map(|_| TcpStream::connect(address).unwrap()).collect();
    for _ in 0..3 {
        asks_and_is_answered(&DeviceLink::connect(TcpStream::connect(address).unwrap(), &key(1)).unwrap());
    }
    drop(silent);
}
