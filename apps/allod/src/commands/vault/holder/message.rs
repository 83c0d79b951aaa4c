//! What holder and caller say to each other.
//!
//! The holder: `allod` and its version, a line, and a challenge. The caller: the size of its request (4 bytes, little
//! endian; with them its standard input, output and error), and the request, as JSON. The holder: its
//! answer, as JSON, and the end.
//!
//! In its request the caller proves that it has the key that opens the vault: whoever reaches the
//! socket, in a container with nothing but the vault's folder, say, gets no more by it.

use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use allod_crypto::hash::{blake3_keyed, tagged};
use allod_crypto::{ConstantTimeEq, Secret};
use rustix::net::sockopt::socket_peercred;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use rustix::process::getuid;
use serde::{Deserialize, Serialize};

/// Who this is. The number is that of what is said here, and of what commands mean.
pub(super) const VERSION: &str = concat!("allod ", env!("CARGO_PKG_VERSION"), " (1)");

/// Bytes of a greeting, at most.
const GREETING_MAX: u64 = 128;

/// Bytes of a request, at most.
const REQUEST_MAX: usize = 16 << 20;

/// Bytes of an answer, at most.
const ANSWER_MAX: u64 = 64 << 10;

/// Standard input, output and error.
const STREAMS: usize = 3;

/// What a caller proves its key for, once.
pub(super) type Challenge = [u8; 32];

/// By what callers show that they could open the vault themselves.
#[derive(Clone, Debug)]
pub(super) struct Proving(Secret<32>);

impl Proving {
    /// For the vault that this key opens.
    pub(super) fn new(root: &Secret<32>) -> Self {
        Self(Secret::from(tagged("allod 2026, key of those who ask the holder of a vault", &[root.expose()])))
    }

    /// The proof for a challenge: 32 bytes.
    pub(super) fn prove(&self, challenge: &Challenge) -> Vec<u8> {
        blake3_keyed(&self.0, &[challenge]).to_vec()
    }

    /// Whether this is one.
    pub(super) fn is_proven(&self, challenge: &Challenge, proof: &[u8]) -> bool {
        self.prove(challenge).ct_eq(proof).into()
    }
}

/// A command that is handed over.
#[derive(Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    /// What was typed, the program's name first.
    pub(super) arguments: Vec<Vec<u8>>,
    /// Where it was typed.
    pub(super) directory: Vec<u8>,
    /// The caller's environment.
    pub(super) environment: Vec<(Vec<u8>, Vec<u8>)>,
    /// Whether it lets colours be.
    pub(super) wants_colour: bool,
    /// Which permissions it gives to nobody.
    pub(super) umask: u32,
    /// That it could open the vault itself.
    pub(super) proof: Vec<u8>,
}

/// What came of it.
#[derive(Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(super) enum Answer {
    /// It was done, or not, as this exit code says; what is to be said was printed.
    Ended(u8),
    /// Nothing was done, for this reason.
    Refused(String),
}

/// Where a holder listens, for calls of the system that take no more than 107 bytes of a path. It is
/// good as long as the folder is open.
pub(super) fn socket(folder: &File) -> PathBuf {
    use std::os::fd::AsRawFd;
    Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join("holder")
}

/// Whether the other side is the same user, or root.
pub(super) fn is_of_this_user(link: &UnixStream) -> bool {
    socket_peercred(link).is_ok_and(|other| other.uid.is_root() || other.uid == getuid())
}

pub(super) fn greet(mut link: &UnixStream, challenge: &Challenge) -> io::Result<()> {
    link.write_all(&[format!("{VERSION}\n").as_bytes(), challenge].concat())
}

/// What is to be proven, which follows the greeting.
pub(super) fn challenged(mut link: &UnixStream) -> io::Result<Challenge> {
    let mut challenge = [0; 32];
    link.read_exact(&mut challenge)?;
    Ok(challenge)
}

/// What the holder calls itself.
pub(super) fn greeted(link: &UnixStream) -> io::Result<String> {
    let mut line = Vec::new();
    let mut byte = [0];
    let mut link = link.take(GREETING_MAX);
    while link.read(&mut byte)? == 1 && byte != *b"\n" {
        line.push(byte[0]);
    }
    let line = String::from_utf8_lossy(&line);
    Ok(line.chars().filter(|character| !character.is_control()).collect())
}

impl Request {
    pub(super) fn send(&self, mut link: &UnixStream, streams: [&dyn AsFd; STREAMS]) -> io::Result<()> {
        let bytes = serde_json::to_vec(self)?;
        if bytes.len() > REQUEST_MAX {
            return Err(io::Error::new(
                ErrorKind::ArgumentListTooLong,
                "more was typed than can be handed over",
            ));
        }
        let streams = streams.map(AsFd::as_fd);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(STREAMS))];
        let mut with = SendAncillaryBuffer::new(&mut space);
        with.push(SendAncillaryMessage::ScmRights(&streams));
        let size = (bytes.len() as u32).to_le_bytes();
        // A stream takes some bytes of so few, or all.
        let sent = sendmsg(link, &[IoSlice::new(&size)], &mut with, SendFlags::NOSIGNAL)?;
        link.write_all(&size[sent..])?;
        link.write_all(&bytes)
    }

    pub(super) fn receive(mut link: &UnixStream) -> io::Result<(Self, [File; STREAMS])> {
        let malformed = || io::Error::new(ErrorKind::InvalidData, "a malformed request");
        let mut size = [0; 4];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(STREAMS))];
        let mut with = RecvAncillaryBuffer::new(&mut space);
        let came =
            recvmsg(link, &mut [IoSliceMut::new(&mut size)], &mut with, RecvFlags::CMSG_CLOEXEC)?.bytes;
        let mut streams: Vec<OwnedFd> = Vec::new();
        for message in with.drain() {
            if let RecvAncillaryMessage::ScmRights(passed) = message {
                streams.extend(passed);
            }
        }
        link.read_exact(&mut size[came..])?;
        let streams: [OwnedFd; STREAMS] = streams.try_into().map_err(|_| malformed())?;
        let size = u32::from_le_bytes(size) as usize;
        if size > REQUEST_MAX {
            return Err(malformed());
        }
        // Memory is taken as bytes come.
        let mut bytes = Vec::new();
        link.take(size as u64).read_to_end(&mut bytes)?;
        let request = serde_json::from_slice(&bytes).map_err(|_| malformed())?;
        Ok((request, streams.map(File::from)))
    }
}

impl Answer {
    pub(super) fn send(&self, mut link: &UnixStream) -> io::Result<()> {
        link.write_all(&serde_json::to_vec(self)?)
    }

    /// The answer; nothing where the holder ended without one.
    pub(super) fn receive(link: &UnixStream) -> io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        match link.take(ANSWER_MAX).read_to_end(&mut bytes) {
            Err(why) if why.kind() == ErrorKind::ConnectionReset => return Ok(None),
            read => read?,
        };
        if bytes.is_empty() {
            return Ok(None);
        }
        serde_json::from_slice(&bytes).map(Some).map_err(|_| io::Error::from(ErrorKind::InvalidData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        Request {
            arguments: vec![b"allod".to_vec(), b"ls".to_vec(), b"odd \xff".to_vec()],
            directory: b"/somewhere".to_vec(),
            environment: vec![(b"A".to_vec(), b"B\xfe".to_vec())],
            wants_colour: true,
            umask: 0o022,
            proof: vec![7; 32],
        }
    }

    #[test]
    fn a_request_arrives_with_what_its_caller_reads_and_prints() {
        let (here, there) = UnixStream::pair().unwrap();
        let (mut read, write) = std::io::pipe().unwrap();
        let input = File::open("/dev/null").unwrap();
        request().send(&here, [&input, &write, &write]).unwrap();
        let (came, [_, mut out, err]) = Request::receive(&there).unwrap();
        assert_eq!(came, request());
        out.write_all(b"printed").unwrap();
        drop((out, err, write));
        let mut printed = String::new();
        read.read_to_string(&mut printed).unwrap();
        assert_eq!(printed, "printed");
        for answer in [Answer::Ended(5), Answer::Refused("why".into())] {
            let (here, there) = UnixStream::pair().unwrap();
            answer.send(&there).unwrap();
            drop(there);
            assert_eq!(Answer::receive(&here).unwrap(), Some(answer));
        }
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let bytes = serde_json::to_vec(&request()).unwrap();
        let size = (bytes.len() as u32).to_le_bytes();
        let too_large = (REQUEST_MAX as u32 + 1).to_le_bytes();
        let whole = [&size[..], &bytes].concat();
        let null = File::open("/dev/null").unwrap();
        let send = |bytes: &[u8], count: usize| {
            let (here, there) = UnixStream::pair().unwrap();
            let passed = vec![null.as_fd(); count];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
            let mut with = SendAncillaryBuffer::new(&mut space);
            if count > 0 {
                with.push(SendAncillaryMessage::ScmRights(&passed));
            }
            if !bytes.is_empty() {
                sendmsg(&here, &[IoSlice::new(bytes)], &mut with, SendFlags::NOSIGNAL).unwrap();
            }
            drop(here);
            Request::receive(&there)
        };
        assert!(send(&whole, 3).is_ok());
        for count in [0, 1, 2, 4, 8] {
            assert!(send(&whole, count).is_err(), "{count}");
        }
        for bytes in [&[][..], &size[..3], &size, &whole[..whole.len() - 1], &too_large] {
            assert!(send(bytes, 3).is_err(), "{bytes:?}");
        }
        let other = br#"{"arguments":[],"directory":[],"environment":[],"wants_colour":true,"umask":18,"proof":[],"more":1}"#;
        assert!(send(&[&(other.len() as u32).to_le_bytes()[..], other].concat(), 3).is_err());
    }

    #[test]
    fn a_greeting_is_bounded_and_does_nothing_to_a_terminal() {
        let (here, there) = UnixStream::pair().unwrap();
        greet(&there, &[9; 32]).unwrap();
        assert_eq!(greeted(&here).unwrap(), VERSION);
        assert_eq!(challenged(&here).unwrap(), [9; 32]);
        (&there).write_all(&[b'\x1b'; 64]).unwrap();
        (&there).write_all(&[b'x'; 300]).unwrap();
        assert_eq!(greeted(&here).unwrap(), "x".repeat(64));
    }

    #[test]
    fn only_who_has_the_vaults_key_proves_it_and_for_one_challenge() {
        let proving = Proving::new(&Secret::from([1; 32]));
        let proof = proving.prove(&[2; 32]);
        assert!(proving.is_proven(&[2; 32], &proof));
        assert!(!proving.is_proven(&[3; 32], &proof));
        assert!(!Proving::new(&Secret::from([4; 32])).is_proven(&[2; 32], &proof));
        assert!(!proving.is_proven(&[2; 32], &proof[..31]) && !proving.is_proven(&[2; 32], &[]));
    }
}
