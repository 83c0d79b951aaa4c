//! The bytes of RFC 9174's messages, two sides of a session, and those who lie.

use std::time::{Duration, Instant};

use super::message::{CONTACT, Init, Message, Refusal, Start, Wrong};
use super::session::{Input, Output, Session, Terms, Why};
use super::{Connection, Listener, Settings};
use crate::LinkError;

const MAX: usize = 100_000;

/// Each field as the figures of RFC 9174 have it, from figure 18 on.
#[test]
fn messages_have_the_bytes_that_the_rfc_says() {
    let init = Init {
        keepalive: 0x1234,
        segment_mru: 0x0102_0304,
        transfer_mru: 5,
        node: "dtn://a/".into(),
        is_extended: false,
    };
    let start = |length| Some(Start { length, is_extended: false });
    let segment =
        |start, is_end, data: &[u8]| Message::Segment { start, is_end, id: 258, data: data.to_vec() };
    let all: [(Message, &[u8]); 10] = [
        (
            Message::Init(init),
            b"\x07\x12\x34\0\0\0\0\x01\x02\x03\x04\0\0\0\0\0\0\0\x05\0\x08dtn://a/\0\0\0\0",
        ),
        // START and END, no extension.
        (segment(start(None), true, b"xyz"), b"\x01\x03\0\0\0\0\0\0\x01\x02\0\0\0\0\0\0\0\0\0\0\0\x03xyz"),
        // START alone, with the length of the transfer: critical, type 1, 8 bytes.
        (
            segment(start(Some(7)), false, b"x"),
            b"\x01\x02\0\0\0\0\0\0\x01\x02\0\0\0\x0d\x01\0\x01\0\x08\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\x01x",
        ),
        // In the middle, and at the end, there is no list of extensions.
        (segment(None, false, b"x"), b"\x01\x00\0\0\0\0\0\0\x01\x02\0\0\0\0\0\0\0\x01x"),
        (segment(None, true, b""), b"\x01\x01\0\0\0\0\0\0\x01\x02\0\0\0\0\0\0\0\0"),
        (Message::Ack { flags: 3, id: 258, length: 3 }, b"\x02\x03\0\0\0\0\0\0\x01\x02\0\0\0\0\0\0\0\x03"),
        (Message::Refuse { refusal: Refusal::NoRoom, id: 1 }, b"\x03\x02\0\0\0\0\0\0\0\x01"),
        (Message::Keepalive, b"\x04"),
        (Message::Terminate { is_reply: true, reason: 1 }, b"\x05\x01\x01"),
        (Message::Reject { rejection: 3, header: 1 }, b"\x06\x03\x01"),
    ];
    for (message, bytes) in all {
        assert_eq!(message.encode(), bytes, "{message:?}");
        // The next message does not belong to it, and less than it is none yet.
        let followed = [bytes, b"\x04"].concat();
        assert_eq!(Message::decode(&followed, MAX), Ok(Some((message, bytes.len()))));
        for cut in 0..bytes.len() {
            assert_eq!(Message::decode(&bytes[..cut], MAX), Ok(None), "{cut} of {bytes:?}");
        }
    }
}

#[test]
fn what_is_no_message_is_refused_before_it_is_there() {
    for (bytes, wrong) in [
        (&b"\x08"[..], Wrong::Unknown(8)),
        (b"\x00", Wrong::Unknown(0)),
        // A segment of more than was agreed on, of which nothing has come.
        (b"\x01\x00\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x86\xa1", Wrong::TooLong),
        (b"\x01\x00\0\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", Wrong::TooLong),
        // Lists of extensions: too long, not filled, a length of a transfer in four bytes.
        (b"\x01\x02\0\0\0\0\0\0\0\0\0\x01\0\0", Wrong::TooLong),
        (b"\x01\x02\0\0\0\0\0\0\0\0\0\0\0\x02ab", Wrong::Items),
        (b"\x01\x02\0\0\0\0\0\0\0\0\0\0\0\x09\x01\0\x01\0\x04abcd", Wrong::Items),
        (b"\x07\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff", Wrong::TooLong),
        (b"\x07\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\xff\0\0\0\0", Wrong::Name),
        (b"\x07\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x1b\0\0\0\0", Wrong::Name),
    ] {
        assert_eq!(Message::decode(bytes, MAX), Err(wrong), "{bytes:x?}");
    }
}

fn terms() -> Terms {
    Terms { node: "dtn://here/".into(), transfer_max: MAX, keepalive: 10, contact: Duration::from_secs(15) }
}

/// All that a session wants now.
fn all(session: &mut Session, now: Instant) -> Vec<Output> {
    std::iter::from_fn(|| session.poll(now)).collect()
}

/// The messages among outputs.
fn messages(outputs: &[Output]) -> Vec<Message> {
    let mut said = Vec::new();
    for output in outputs {
        if let Output::Bytes(bytes) = output
            && *bytes != CONTACT
        {
            let (message, length) = Message::decode(bytes, usize::MAX).unwrap().unwrap();
            assert_eq!(length, bytes.len());
            said.push(message);
        }
    }
    said
}

/// A passive side in a session with somebody who takes segments of 4 bytes and bundles of 10.
fn open(now: Instant, keepalive: u16) -> Session {
    let mut session = Session::new(false, terms(), now);
    assert_eq!(session.poll(now), None);
    session.handle(now, Input::Bytes(&CONTACT));
    assert_eq!(all(&mut session, now), [Output::Bytes(CONTACT.to_vec())]);
    let init =
        Init { keepalive, segment_mru: 4, transfer_mru: 10, node: "dtn://there/".into(), is_extended: false };
    // Byte by byte, as TCP may bring them.
    for byte in Message::Init(init).encode() {
        session.handle(now, Input::Bytes(&[byte]));
    }
    let outputs = all(&mut session, now);
    assert!(matches!(messages(&outputs)[..], [Message::Init(_)]));
    assert_eq!(outputs[1..], [Output::Opened { node: "dtn://there/".into() }]);
    assert_eq!(session.transfer_max(), 10);
    session
}

fn hear(session: &mut Session, now: Instant, message: &Message) -> Vec<Output> {
    session.handle(now, Input::Bytes(&message.encode()));
    all(session, now)
}

fn start(id: u64, length: Option<u64>, is_end: bool, data: &[u8]) -> Message {
    let start = Some(Start { length, is_extended: false });
    Message::Segment { start, is_end, id, data: data.to_vec() }
}

#[test]
fn a_bundle_goes_in_segments_and_is_sent_when_its_end_is_acknowledged() {
    let now = Instant::now();
    let mut session = open(now, 10);
    session.handle(now, Input::Send(b"0123456789".to_vec()));
    assert!(!session.can_send());
    let outputs = all(&mut session, now);
    let segment = |is_end, data: &[u8]| Message::Segment { start: None, is_end, id: 0, data: data.to_vec() };
    let expected = [start(0, Some(10), false, b"0123"), segment(false, b"4567"), segment(true, b"89")];
    assert_eq!(messages(&outputs), expected);
    for (flags, length) in [(2, 4), (0, 8)] {
        assert_eq!(hear(&mut session, now, &Message::Ack { flags, id: 0, length }), []);
    }
    let sent = hear(&mut session, now, &Message::Ack { flags: 1, id: 0, length: 10 });
    assert_eq!(sent, [Output::Sent(Ok(()))]);
    assert!(session.can_send());
}

#[test]
fn the_end_of_a_bundle_is_acknowledged_when_it_is_taken_and_not_before() {
    let now = Instant::now();
    let mut session = open(now, 10);
    let said = hear(&mut session, now, &start(9, Some(3), false, b"ab"));
    assert_eq!(messages(&said), [Message::Ack { flags: 2, id: 9, length: 2 }]);
    let end = Message::Segment { start: None, is_end: true, id: 9, data: b"c".to_vec() };
    assert_eq!(hear(&mut session, now, &end), [Output::Came(b"abc".to_vec())]);
    // The next one waits.
    assert_eq!(hear(&mut session, now, &start(10, None, true, b"d")), []);
    session.handle(now, Input::Decided(Ok(())));
    let outputs = all(&mut session, now);
    assert_eq!(messages(&outputs), [Message::Ack { flags: 1, id: 9, length: 3 }]);
    assert_eq!(outputs[1..], [Output::Came(b"d".to_vec())]);
    session.handle(now, Input::Decided(Err(Refusal::NotAcceptable)));
    let refused = Message::Refuse { refusal: Refusal::NotAcceptable, id: 10 };
    assert_eq!(messages(&all(&mut session, now)), [refused]);
}

#[test]
fn what_is_larger_than_agreed_is_refused_and_the_session_goes_on() {
    let now = Instant::now();
    let mut session = open(now, 10);
    let max = MAX as u64;
    let too_large = [
        (start(1, Some(max + 1), false, b"a"), Refusal::NoRoom),
        // Longer than it said, and shorter.
        (start(2, Some(1), false, b"ab"), Refusal::NotAcceptable),
        (start(3, Some(3), true, b"ab"), Refusal::NotAcceptable),
        (
            Message::Segment {
                start: Some(Start { length: None, is_extended: true }),
                is_end: true,
                id: 4,
                data: Vec::new(),
            },
            Refusal::Extension,
        ),
    ];
    for (message, refusal) in too_large {
        let Message::Segment { start: said, is_end, id, data } = message else { unreachable!() };
        let mut bytes = Message::Segment { start: said, is_end, id, data }.encode();
        if refusal == Refusal::Extension {
            // An item that is needed, of a type for private use, without a value.
            bytes.splice(10..14, *b"\0\0\0\x05\x01\x80\0\0\0");
        }
        session.handle(now, Input::Bytes(&bytes));
        assert_eq!(messages(&all(&mut session, now)), [Message::Refuse { refusal, id }]);
        // What was under way already is let go by.
        let rest = Message::Segment { start: None, is_end: true, id, data: vec![0; 9] };
        assert_eq!(hear(&mut session, now, &rest), []);
    }
    // Without a length, it is refused when it is too long.
    let piece = vec![0; 60_000];
    assert_eq!(messages(&hear(&mut session, now, &start(5, None, false, &piece))).len(), 1);
    let rest = Message::Segment { start: None, is_end: false, id: 5, data: piece };
    let refused = Message::Refuse { refusal: Refusal::NoRoom, id: 5 };
    assert_eq!(messages(&hear(&mut session, now, &rest)), [refused]);
    assert_eq!(hear(&mut session, now, &start(6, None, true, b"ok")), [Output::Came(b"ok".to_vec())]);
}

#[test]
fn whoever_breaks_the_rules_is_told_and_left() {
    let now = Instant::now();
    let ack = |length| Message::Ack { flags: 1, id: 0, length };
    let segment = Message::Segment { start: None, is_end: true, id: 3, data: Vec::new() };
    let init =
        Init { keepalive: 0, segment_mru: 1, transfer_mru: 1, node: String::new(), is_extended: false };
    let wrong: [(&[Message], u8, u8); 4] = [
        (&[segment], 3, 1),
        (&[start(1, None, false, b"a"), start(2, None, false, b"a")], 3, 1),
        (&[Message::Init(init)], 3, 7),
        (&[ack(11)], 3, 2),
    ];
    for (said, rejection, header) in wrong {
        let mut session = open(now, 10);
        session.handle(now, Input::Send(b"0123456789".to_vec()));
        all(&mut session, now);
        let mut outputs = Vec::new();
        for message in said {
            outputs = hear(&mut session, now, message);
        }
        assert_eq!(messages(&outputs), [Message::Reject { rejection, header }], "{said:?}");
        assert!(matches!(outputs.last(), Some(Output::Ended(Why::Wrong(_)))));
        assert!(session.is_ended() && session.deadline().is_none());
    }
    let mut session = open(now, 10);
    session.handle(now, Input::Bytes(b"\x2a"));
    let said = messages(&all(&mut session, now));
    assert_eq!(said[0], Message::Reject { rejection: 1, header: 0x2a });
    for header in [&b"HTTP/1.1"[..], b"dtx", b"dtn!\x03\0"] {
        let mut session = Session::new(true, terms(), now);
        session.handle(now, Input::Bytes(header));
        let outputs = all(&mut session, now);
        assert!(matches!(outputs.last(), Some(Output::Ended(Why::Wrong(_)))), "{outputs:?}");
    }
}

#[test]
fn silence_is_filled_and_too_much_of_it_ends_a_session() {
    let began = Instant::now();
    let at = |seconds| began + Duration::from_secs(seconds);
    // The smaller one of both sides' seconds counts.
    let mut session = open(began, 7);
    assert_eq!(session.deadline(), Some(at(7)));
    session.handle(at(7), Input::Time);
    assert_eq!(messages(&all(&mut session, at(7))), [Message::Keepalive]);
    assert_eq!(hear(&mut session, at(8), &Message::Keepalive), []);
    session.handle(at(21), Input::Time);
    assert_eq!(messages(&all(&mut session, at(21))), [Message::Keepalive]);
    session.handle(at(22), Input::Time);
    let outputs = all(&mut session, at(22));
    assert_eq!(messages(&outputs), [Message::Terminate { is_reply: false, reason: 1 }]);
    assert_eq!(outputs[1..], [Output::Ended(Why::Silent)]);
    // Nobody says anything at all.
    let mut session = Session::new(false, terms(), began);
    session.handle(session.deadline().unwrap(), Input::Time);
    assert_eq!(all(&mut session, at(15)), [Output::Ended(Why::Silent)]);
    // With 0, nobody has to speak, but a transfer may not stand still for ever.
    let mut session = open(began, 0);
    assert_eq!(session.deadline(), None);
    session.handle(began, Input::Send(b"a".to_vec()));
    assert_eq!(session.deadline(), Some(at(120)));
}

#[test]
fn a_session_ends_when_both_said_so_and_what_was_under_way_is_through() {
    let now = Instant::now();
    let mut session = open(now, 10);
    session.handle(now, Input::Send(b"abc".to_vec()));
    all(&mut session, now);
    let said = hear(&mut session, now, &Message::Terminate { is_reply: false, reason: 3 });
    assert_eq!(messages(&said), [Message::Terminate { is_reply: true, reason: 3 }]);
    assert!(!session.is_ended() && !session.can_send());
    let ending = Message::Refuse { refusal: Refusal::Ending, id: 4 };
    assert_eq!(messages(&hear(&mut session, now, &start(4, None, true, b"x"))), [ending]);
    let outputs = hear(&mut session, now, &Message::Ack { flags: 3, id: 0, length: 3 });
    assert_eq!(outputs, [Output::Sent(Ok(())), Output::Ended(Why::Terminated)]);
    // A transfer of which nothing was sent is not begun any more.
    let mut session = open(now, 10);
    session.handle(now, Input::Send(b"abc".to_vec()));
    let outputs = hear(&mut session, now, &Message::Terminate { is_reply: false, reason: 0 });
    assert!(outputs.contains(&Output::Sent(Err(Refusal::Ending))), "{outputs:?}");
    assert_eq!(outputs.last(), Some(&Output::Ended(Why::Terminated)));
}

/// Two nodes of this implementation on one machine.
async fn two(transfer_max: usize) -> (Connection, Connection) {
    let settings = Settings { transfer_max, ..Settings::new("dtn://passive/") };
    let mut listener = Listener::bind("127.0.0.1:0", settings).await.unwrap();
    let address = listener.address().unwrap().to_string();
    let active = Settings::new("ipn:7.0");
    let (active, passive) = tokio::join!(Connection::connect(&address, &active), listener.next());
    (active.unwrap(), passive.unwrap())
}

/// Sends a bundle, and gives the one that came.
async fn both(connection: &mut Connection, bundle: &[u8]) -> Vec<u8> {
    let sender = connection.sender();
    let (sent, came) = tokio::join!(sender.send(bundle.to_vec()), async {
        let came = connection.receive().await.unwrap();
        let bundle = came.bundle.clone();
        came.accept();
        bundle
    });
    sent.unwrap();
    came
}

#[tokio::test]
async fn bundles_go_both_ways_at_once() {
    let (mut a, mut b) = two(3 << 20).await;
    assert_eq!((a.node(), b.node()), ("dtn://passive/", "ipn:7.0"));
    let bundle = |length: usize, salt: u8| (0..length).map(|at| at as u8 ^ salt).collect::<Vec<_>>();
    for length in [1, 65_536, 65_537, 2 << 20] {
        let (to_b, to_a) = (bundle(length, 1), bundle(length, 2));
        // Each side sends while it receives.
        let (at_b, at_a) = tokio::join!(both(&mut b, &to_a), both(&mut a, &to_b));
        assert!(at_b == to_b && at_a == to_a);
    }
}

#[tokio::test]
async fn a_bundle_that_nobody_wants_is_said_to_be_refused() {
    let (a, mut b) = two(1000).await;
    let (sent, ()) = tokio::join!(a.send(vec![1]), async {
        b.receive().await.unwrap().refuse(Refusal::NoRoom);
    });
    assert!(matches!(sent, Err(LinkError::Refused(Refusal::NoRoom))), "{sent:?}");
    let (sent, ()) = tokio::join!(a.send(vec![1]), async { drop(b.receive().await) });
    assert!(matches!(sent, Err(LinkError::Refused(Refusal::NotAcceptable))), "{sent:?}");
    let sent = a.send(vec![1; 1001]).await;
    assert!(matches!(sent, Err(LinkError::TooLarge { max: 1000 })), "{sent:?}");
    drop(a);
    assert!(b.receive().await.is_none());
    assert!(matches!(b.send(vec![1]).await, Err(LinkError::Ended)));
}

#[tokio::test]
async fn somebody_who_says_nothing_keeps_nobody_else_waiting() {
    let settings = Settings { contact: Duration::from_secs(2), ..Settings::new("dtn://here/") };
    let mut listener = Listener::bind("127.0.0.1:0", settings.clone()).await.unwrap();
    let address = listener.address().unwrap().to_string();
    let silent = tokio::net::TcpStream::connect(&address).await.unwrap();
    let (met, found) = tokio::join!(Connection::connect(&address, &settings), listener.next());
    assert_eq!((met.unwrap().node(), found.unwrap().node()), ("dtn://here/", "dtn://here/"));
    assert!(matches!(listener.next().await, Err(LinkError::Protocol(_))));
    drop(silent);
    let refused = Connection::connect("127.0.0.1:1", &settings).await;
    assert!(matches!(refused, Err(LinkError::Dial { .. })), "{refused:?}");
    let named = Connection::connect(&address, &Settings::new("me")).await;
    assert!(matches!(named, Err(LinkError::Address { .. })), "{named:?}");
}
