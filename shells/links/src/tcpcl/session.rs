//! One session, without a socket and without a clock.
//!
//! After each [`Session::handle`], outputs are to be taken until [`Session::poll`] gives none. A
//! transfer's segments are made while they are taken, so no more than one is in memory.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::message::{CONTACT, Init, Message, Reason, Refusal, Rejection, Start, Wrong, flags};

/// The most bytes of a segment that is sent, whatever the other side could take.
const SEGMENT_MAX: usize = 64 << 10;

/// How long a transfer may stand still where the sides do not say that they are there.
const STANDSTILL: Duration = Duration::from_secs(120);

/// Bytes that may wait to be looked at while somebody decides on a bundle.
const WAITING_MAX: usize = 256 << 10;

/// What this side says of itself, and its limits.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) node: String,
    pub(super) transfer_max: usize,
    pub(super) keepalive: u16,
    pub(super) contact: Duration,
}

/// What happens to a session.
#[derive(Debug)]
pub(super) enum Input<'a> {
    /// These bytes came.
    Bytes(&'a [u8]),
    /// Send this bundle. Only while [`Session::can_send`].
    Send(Vec<u8>),
    /// The bundle that came last was taken, or not.
    Decided(Result<(), Refusal>),
    /// End, once what is under way is through.
    Terminate,
    /// Time has passed.
    Time,
}

/// What a session wants to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// Send these bytes.
    Bytes(Vec<u8>),
    /// There is a session with this node.
    Opened { node: String },
    /// A bundle came; nothing else is looked at before it is decided on.
    Came(Vec<u8>),
    /// The bundle that was to be sent was taken, or not.
    Sent(Result<(), Refusal>),
    /// Close the connection, after the bytes before.
    Ended(Why),
}

/// Why a session has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// One side wanted to.
    Terminated,
    /// The other side said nothing any more.
    Silent,
    /// The other side does not do as RFC 9174 says.
    Wrong(&'static str),
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Contact,
    Init,
    Open,
    Ended,
}

#[derive(Debug)]
struct Sending {
    id: u64,
    bundle: Vec<u8>,
    sent: usize,
}

#[derive(Debug)]
struct Receiving {
    id: u64,
    bundle: Vec<u8>,
    /// How long it was said to be.
    length: Option<u64>,
}

/// One side of a session.
#[derive(Debug)]
pub(super) struct Session {
    is_active: bool,
    terms: Terms,
    state: State,
    began: Instant,
    buffer: Vec<u8>,
    outputs: VecDeque<Output>,
    segment_max: usize,
    transfer_max: u64,
    keepalive: Option<Duration>,
    sending: Option<Sending>,
    next_id: u64,
    receiving: Option<Receiving>,
    /// The transfer that was refused last: segments of it may still be under way.
    refused: Option<u64>,
    /// The transfer that is being decided on, and the flags and length to acknowledge it with.
    deciding: Option<(u64, u8, u64)>,
    has_said_end: bool,
    has_heard_end: bool,
    last_in: Instant,
    last_out: Instant,
}

impl Session {
    /// The side that connected is the active one: it speaks first.
    pub(super) fn new(is_active: bool, terms: Terms, now: Instant) -> Self {
        let mut session = Self {
            is_active,
            terms,
            state: State::Contact,
            began: now,
            buffer: Vec::new(),
            outputs: VecDeque::new(),
            segment_max: 0,
            transfer_max: 0,
            keepalive: None,
            sending: None,
            next_id: 0,
            receiving: None,
            refused: None,
            deciding: None,
            has_said_end: false,
            has_heard_end: false,
            last_in: now,
            last_out: now,
        };
        if is_active {
            session.outputs.push_back(Output::Bytes(CONTACT.to_vec()));
        }
        session
    }

    pub(super) fn handle(&mut self, now: Instant, input: Input<'_>) {
        if self.state == State::Ended {
            return;
        }
        match input {
            Input::Bytes(bytes) => {
                self.last_in = now;
                self.buffer.extend_from_slice(bytes);
                self.look(now);
            }
            Input::Send(bundle) => {
                // Silence counts from now on.
                self.last_in = now;
                self.sending = Some(Sending { id: self.next_id, bundle, sent: 0 });
                self.next_id += 1;
            }
            Input::Decided(decision) => {
                let Some((id, flags, length)) = self.deciding.take() else { return };
                let answer = match decision {
                    Ok(()) => Message::Ack { flags, id, length },
                    Err(refusal) => Message::Refuse { refusal, id },
                };
                self.say(now, &answer);
                self.last_in = now;
                self.look(now);
            }
            Input::Terminate => self.terminate(now, Reason::Unknown),
            Input::Time => self.on_time(now),
        }
        self.end_if_done();
    }

    /// What is to be done now.
    pub(super) fn poll(&mut self, now: Instant) -> Option<Output> {
        self.outputs.pop_front().or_else(|| self.segment(now))
    }

    /// By when something has to be done even if nothing happens.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Contact | State::Init => Some(self.began + self.terms.contact),
            State::Open => {
                let silent = self.silence().map(|silence| self.last_in + silence);
                let said = self.keepalive.map(|each| self.last_out + each);
                silent.into_iter().chain(said).min()
            }
            State::Ended => None,
        }
    }

    /// How long the other side may say nothing.
    fn silence(&self) -> Option<Duration> {
        if self.deciding.is_some() {
            // It may wait for this side.
            None
        } else if self.has_said_end {
            Some(self.terms.contact)
        } else if let Some(each) = self.keepalive {
            Some(2 * each)
        } else {
            (self.sending.is_some() || self.receiving.is_some()).then_some(STANDSTILL)
        }
    }

    pub(super) fn is_ended(&self) -> bool {
        self.state == State::Ended
    }

    pub(super) fn can_send(&self) -> bool {
        self.state == State::Open && self.sending.is_none() && !self.has_said_end && !self.has_heard_end
    }

    /// Whether more bytes may come.
    pub(super) fn can_take(&self) -> bool {
        self.deciding.is_none() || self.buffer.len() < WAITING_MAX
    }

    /// The largest bundle that the other side takes.
    pub(super) fn transfer_max(&self) -> u64 {
        self.transfer_max
    }

    fn say(&mut self, now: Instant, message: &Message) {
        self.last_out = now;
        self.outputs.push_back(Output::Bytes(message.encode()));
    }

    fn end(&mut self, why: Why) {
        self.state = State::Ended;
        self.buffer.clear();
        self.outputs.push_back(Output::Ended(why));
    }

    fn terminate(&mut self, now: Instant, reason: Reason) {
        if self.state != State::Open {
            self.end(Why::Terminated);
        } else if !self.has_said_end {
            self.has_said_end = true;
            self.last_in = now;
            self.say(now, &Message::Terminate { is_reply: false, reason: reason as u8 });
        }
    }

    /// Both have said that they want to end, and what was under way is through.
    fn end_if_done(&mut self) {
        let is_idle = self.sending.is_none() && self.receiving.is_none() && self.deciding.is_none();
        if self.state == State::Open && self.has_said_end && self.has_heard_end && is_idle {
            self.end(Why::Terminated);
        }
    }

    fn on_time(&mut self, now: Instant) {
        match self.state {
            State::Contact | State::Init if now >= self.began + self.terms.contact => self.end(Why::Silent),
            State::Open => {
                if self.silence().is_some_and(|silence| now >= self.last_in + silence) {
                    if !self.has_said_end {
                        let reason = Reason::Idle as u8;
                        self.say(now, &Message::Terminate { is_reply: false, reason });
                    }
                    self.end(Why::Silent);
                } else if self.keepalive.is_some_and(|each| now >= self.last_out + each) {
                    self.say(now, &Message::Keepalive);
                }
            }
            _ => {}
        }
    }

    /// The next segment of what is being sent.
    fn segment(&mut self, now: Instant) -> Option<Output> {
        let sending = self.sending.as_mut().filter(|_| self.state == State::Open)?;
        let total = sending.bundle.len();
        let is_start = sending.sent == 0;
        if sending.sent >= total {
            return None;
        }
        let end = total.min(sending.sent + self.segment_max);
        let data = sending.bundle.get(sending.sent..end)?.to_vec();
        sending.sent = end;
        // A bundle in one segment has its length there already.
        let length = (end < total).then_some(total as u64);
        let start = is_start.then_some(Start { length, is_extended: false });
        let message = Message::Segment { start, is_end: end == total, id: sending.id, data };
        self.last_out = now;
        Some(Output::Bytes(message.encode()))
    }

    /// Looks at what has come, as far as it is whole.
    fn look(&mut self, now: Instant) {
        if self.state == State::Contact && !self.contact() {
            return;
        }
        while matches!(self.state, State::Init | State::Open) {
            match Message::decode(&self.buffer, SEGMENT_MAX) {
                Ok(None) => break,
                // Only the next bundle waits for a decision: not what is said of this side's own, for
                // which whoever decides may wait.
                Ok(Some((Message::Segment { .. }, _))) if self.deciding.is_some() => break,
                Ok(Some((message, length))) => {
                    self.buffer.drain(..length);
                    self.hear(now, message);
                }
                Err(wrong) => self.on_wrong(now, wrong),
            }
        }
    }

    /// The contact header of the other side. Whether it is there and right.
    fn contact(&mut self) -> bool {
        let Some((header, _)) = self.buffer.split_at_checked(CONTACT.len()) else {
            if !CONTACT.starts_with(self.buffer.get(..4).unwrap_or(&self.buffer)) {
                self.end(Why::Wrong("it does not speak TCPCL"));
            }
            return false;
        };
        let (is_magic, version) = (header.starts_with(b"dtn!"), header.get(4).copied());
        if !is_magic {
            self.end(Why::Wrong("it does not speak TCPCL"));
            return false;
        }
        // Section 4.3: the passive side answers with its own, also if the version is another.
        if !self.is_active {
            self.outputs.push_back(Output::Bytes(CONTACT.to_vec()));
        }
        if version != Some(4) {
            self.end(Why::Wrong("it speaks another version of TCPCL"));
            return false;
        }
        self.buffer.drain(..CONTACT.len());
        self.state = State::Init;
        if self.is_active {
            self.say_init();
        }
        true
    }

    fn say_init(&mut self) {
        let init = Init {
            keepalive: self.terms.keepalive,
            segment_mru: SEGMENT_MAX as u64,
            transfer_mru: self.terms.transfer_max as u64,
            node: self.terms.node.clone(),
            is_extended: false,
        };
        self.outputs.push_back(Output::Bytes(Message::Init(init).encode()));
    }

    fn on_wrong(&mut self, now: Instant, wrong: Wrong) {
        let why = match wrong {
            Wrong::Unknown(header) => {
                self.say(now, &Message::Reject { rejection: Rejection::Unknown as u8, header });
                "it sent a message of an unknown kind"
            }
            Wrong::Name => "its name is none",
            Wrong::Items => "its extensions are not whole",
            Wrong::TooLong => "it sent more at once than was agreed on",
        };
        // Where the next message begins is not known, so this is the last word.
        if self.state == State::Open {
            let reason = if wrong == Wrong::TooLong { Reason::Exhausted } else { Reason::Failure };
            self.say(now, &Message::Terminate { is_reply: false, reason: reason as u8 });
        }
        self.end(Why::Wrong(why));
    }

    fn hear(&mut self, now: Instant, message: Message) {
        match (&self.state, message) {
            (State::Init, Message::Init(init)) => self.open(now, init),
            (State::Open, Message::Segment { start, is_end, id, data }) => {
                self.receive(now, start, is_end, id, data);
            }
            (State::Open, Message::Ack { flags, id, length }) => self.acknowledged(now, flags, id, length),
            (State::Open, Message::Refuse { refusal, id }) => {
                // What is left of the transfer is not sent (section 5.2.4).
                if self.sending.take_if(|sending| sending.id == id).is_some() {
                    self.outputs.push_back(Output::Sent(Err(refusal)));
                }
            }
            (State::Open, Message::Terminate { is_reply, reason }) => {
                self.has_heard_end = true;
                if !is_reply && !self.has_said_end {
                    self.has_said_end = true;
                    self.say(now, &Message::Terminate { is_reply: true, reason });
                }
                // What was not begun will not be; what was, may go on (section 6.1).
                if self.sending.as_ref().is_some_and(|sending| sending.sent == 0) {
                    self.sending = None;
                    self.outputs.push_back(Output::Sent(Err(Refusal::Ending)));
                }
                self.end_if_done();
            }
            (_, Message::Keepalive) => {}
            (_, Message::Reject { .. }) => self.end(Why::Wrong("it rejects what is sent to it")),
            (_, message) => {
                let header = message.encode().first().copied().unwrap_or_default();
                self.say(now, &Message::Reject { rejection: Rejection::Unexpected as u8, header });
                self.end(Why::Wrong("it sent a message at the wrong time"));
            }
        }
    }

    fn open(&mut self, now: Instant, init: Init) {
        if !self.is_active {
            self.say_init();
        }
        self.state = State::Open;
        if init.is_extended {
            let reason = Reason::Failure as u8;
            self.say(now, &Message::Terminate { is_reply: false, reason });
            return self.end(Why::Wrong("it needs an extension that is not known"));
        }
        if init.segment_mru == 0 || init.transfer_mru == 0 {
            return self.end(Why::Wrong("it takes no bundles"));
        }
        // A number that does not fit is larger than anything here.
        self.segment_max = usize::try_from(init.segment_mru).unwrap_or(usize::MAX).min(SEGMENT_MAX);
        self.transfer_max = init.transfer_mru;
        let seconds = self.terms.keepalive.min(init.keepalive);
        self.keepalive = (seconds > 0).then(|| Duration::from_secs(seconds.into()));
        (self.last_in, self.last_out) = (now, now);
        self.outputs.push_back(Output::Opened { node: init.node });
    }

    fn receive(&mut self, now: Instant, start: Option<Start>, is_end: bool, id: u64, data: Vec<u8>) {
        if start.is_none() && self.refused == Some(id) {
            return;
        }
        let mut receiving = match (self.receiving.take(), &start) {
            (None, Some(start)) => Receiving { id, bundle: Vec::new(), length: start.length },
            (Some(receiving), None) if receiving.id == id => receiving,
            _ => {
                let rejection = Rejection::Unexpected as u8;
                self.say(now, &Message::Reject { rejection, header: 1 });
                return self.end(Why::Wrong("the segments of its bundles are not in order"));
            }
        };
        let length = receiving.bundle.len() + data.len();
        let is_right = receiving
            .length
            .is_none_or(|said| if is_end { length as u64 == said } else { length as u64 <= said });
        let max = self.terms.transfer_max;
        let is_too_long = length > max || receiving.length.is_some_and(|said| said > max as u64);
        let refusal = if start.is_some_and(|start| start.is_extended) {
            Some(Refusal::Extension)
        } else if start.is_some() && (self.has_said_end || self.has_heard_end) {
            Some(Refusal::Ending)
        } else if is_too_long {
            Some(Refusal::NoRoom)
        } else {
            (!is_right).then_some(Refusal::NotAcceptable)
        };
        if let Some(refusal) = refusal {
            self.refused = Some(id);
            return self.say(now, &Message::Refuse { refusal, id });
        }
        receiving.bundle.extend_from_slice(&data);
        let (flags, length) = (flags(start.is_some(), is_end), length as u64);
        if is_end {
            self.deciding = Some((id, flags, length));
            self.outputs.push_back(Output::Came(receiving.bundle));
        } else {
            self.say(now, &Message::Ack { flags, id, length });
            self.receiving = Some(receiving);
        }
    }

    fn acknowledged(&mut self, now: Instant, flags: u8, id: u64, length: u64) {
        let Some(sending) = self.sending.as_ref().filter(|sending| sending.id == id) else { return };
        let is_all = sending.sent == sending.bundle.len();
        if length > sending.sent as u64 {
            let rejection = Rejection::Unexpected as u8;
            self.say(now, &Message::Reject { rejection, header: 2 });
            return self.end(Why::Wrong("it acknowledges what was not sent"));
        }
        if is_all && length == sending.bundle.len() as u64 && flags & 1 != 0 {
            self.sending = None;
            self.outputs.push_back(Output::Sent(Ok(())));
        }
    }
}
