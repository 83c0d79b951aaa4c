//! Frames on a stream of bytes: four bytes with the length, most significant first, then as
//! many bytes.

use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::timeout;

/// The most bytes of a frame. A longer one ends the contact.
pub const FRAME_MAX: usize = (2 << 20) + (64 << 10);

/// How long the other direction may go on when one has ended.
const LINGER: Duration = Duration::from_secs(5);

/// Bytes that are read or written at once. So much room is made for a frame before any of its
/// bytes are there.
const PIECE: usize = 64 << 10;

/// How a contact ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// This side had no more to say.
    Here,
    /// The other side had no more to say.
    There,
    /// The other side sent a frame that is longer than may be.
    TooLong(usize),
    /// The connection broke.
    Broken(String),
    /// Nothing came any more, not even an answer to whether somebody is there.
    Silent,
}

impl End {
    pub(super) fn words(&self) -> String {
        match self {
            Self::Here => "the contact was ended here".into(),
            Self::There => "the other device ended the contact".into(),
            Self::TooLong(length) => {
                format!("the other device sent {length} bytes at once, more than {FRAME_MAX}")
            }
            Self::Silent => "it does not answer any more".into(),
            Self::Broken(why) => format!("the connection broke: {why}"),
        }
    }
}

/// Carries frames until one side ends the contact, or until all is to stop: then what was
/// handed in before is still brought to them. The bytes that went either way are counted.
pub(super) async fn carry<S>(
    stream: S,
    from_us: mpsc::Receiver<Vec<u8>>,
    to_us: mpsc::Sender<Vec<u8>>,
    stop: watch::Receiver<bool>,
    moved: &AtomicU64,
) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (input, output) = stream.split();
    let no_more = Notify::new();
    let mut reading = pin!(read(input, to_us, moved));
    let mut writing = pin!(write(output, from_us, stop, &no_more, moved));
    tokio::select! {
        end = &mut reading => {
            if matches!(end, End::Here | End::There) {
                // What was handed in before is still brought to them.
                no_more.notify_one();
                let _ = timeout(LINGER, writing).await;
            }
            end
        }
        end = &mut writing => match end {
            Ok(()) => {
                let _ = timeout(LINGER, reading).await;
                End::Here
            }
            Err(why) => End::Broken(why.to_string()),
        },
    }
}

/// Brings frames to this side, until it has dropped its receiver.
async fn read(mut input: impl AsyncRead + Unpin, to_us: mpsc::Sender<Vec<u8>>, moved: &AtomicU64) -> End {
    loop {
        let frame = tokio::select! {
            frame = next(&mut input, moved) => frame,
            () = to_us.closed() => return End::Here,
        };
        match frame {
            Ok(Some(frame)) => {
                if to_us.send(frame).await.is_err() {
                    return End::Here;
                }
            }
            Ok(None) => return End::There,
            Err(end) => return end,
        }
    }
}

/// The next frame; none if there comes no more.
async fn next(input: &mut (impl AsyncRead + Unpin), moved: &AtomicU64) -> Result<Option<Vec<u8>>, End> {
    let broken = |why: io::Error| End::Broken(why.to_string());
    let mut length = [0; 4];
    let (first, rest) = length.split_at_mut(1);
    if input.read(first).await.map_err(broken)? == 0 {
        return Ok(None);
    }
    input.read_exact(rest).await.map_err(broken)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > FRAME_MAX {
        return Err(End::TooLong(length));
    }
    // Room grows with what comes, not with what is announced.
    let mut frame = Vec::new();
    while frame.len() < length {
        let piece = PIECE.min(length - frame.len());
        let came = (&mut *input).take(piece as u64).read_to_end(&mut frame).await.map_err(broken)?;
        moved.fetch_add(came as u64, Ordering::Relaxed);
        if came < piece {
            return Err(End::Broken("it ended inside a frame".into()));
        }
    }
    Ok(Some(frame))
}

async fn write(
    mut output: impl AsyncWrite + Unpin,
    mut from_us: mpsc::Receiver<Vec<u8>>,
    mut stop: watch::Receiver<bool>,
    no_more: &Notify,
    moved: &AtomicU64,
) -> io::Result<()> {
    loop {
        let frame = tokio::select! {
            frame = from_us.recv() => frame,
            () = async { tokio::select! {
                _ = stop.wait_for(|stop| *stop) => {}
                () = no_more.notified() => {}
            } }, if !from_us.is_closed() => {
                // No more can be handed in after this.
                from_us.close();
                continue;
            }
        };
        let Some(frame) = frame else { break };
        let length = u32::try_from(frame.len()).ok().filter(|_| frame.len() <= FRAME_MAX);
        let length = length.ok_or_else(|| io::Error::other("a frame was longer than the link's MTU"))?;
        output.write_all(&length.to_be_bytes()).await?;
        for piece in frame.chunks(PIECE) {
            output.write_all(piece).await?;
            moved.fetch_add(piece.len() as u64, Ordering::Relaxed);
        }
        if from_us.is_empty() {
            output.flush().await?;
        }
    }
    output.close().await
}
