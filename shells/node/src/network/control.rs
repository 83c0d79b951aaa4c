//! Orders to a running network, over a socket in its folder: one line of JSON
//! each way. Whoever may enter the folder may give orders.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

use super::{NetworkError, Order, Origin, Status};
use crate::files::at;

/// Orders that a running network takes.
#[derive(Clone, Debug)]
pub struct Orders(mpsc::UnboundedSender<Given>);

/// An order with the way back for its answer.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) order: Order,
    pub(super) origin: Origin,
    pub(super) reply: oneshot::Sender<Answer>,
}

/// How the guardians are that carried the order out, each by itself; or why it
/// was refused.
pub(super) type Answer = Result<Vec<Status>, String>;

impl Orders {
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Given>) {
        let (send, given) = mpsc::unbounded_channel();
        (Self(send), given)
    }

    /// Gives an order. Orders to one guardian are carried out in turn, those to
    /// several at the same time.
    pub(super) fn give(&self, order: Order, origin: Origin) -> oneshot::Receiver<Answer> {
        let (reply, answer) = oneshot::channel();
        // Where nobody takes it, the answer says so by never coming.
        let _ = self.0.send(Given { order, origin, reply });
        answer
    }
}

/// Longest line, in bytes.
const LINE_MAX: u64 = 16 * 1024;

/// How long an order may take.
const ANSWER: Duration = Duration::from_secs(60);

fn path(folder: &Path) -> PathBuf {
    folder.join("control.sock")
}

/// Gives an order to the network that runs in `folder`, and returns how the
/// guardian is then; nothing where the order was about connections.
///
/// # Errors
/// [`NetworkError::NotRunning`]; [`NetworkError::Refused`] in the network's words.
pub async fn order(folder: &Path, order: &Order) -> Result<Vec<Status>, NetworkError> {
    let path = path(folder);
    let stream = match UnixStream::connect(&path).await {
        Ok(stream) => stream,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Err(NetworkError::NotRunning(folder.to_owned()));
        }
        Err(e) => return Err(at(&path)(e).into()),
    };
    let answer = tokio::time::timeout(ANSWER, exchange(stream, order))
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(at(&path))?;
    serde_json::from_str::<Answer>(&answer).map_err(|e| at(&path)(e.into()))?.map_err(NetworkError::Refused)
}

async fn exchange(mut stream: UnixStream, order: &Order) -> io::Result<String> {
    stream.write_all(format!("{}\n", json!(order)).as_bytes()).await?;
    let mut answer = String::new();
    BufReader::new(stream.take(LINE_MAX)).read_line(&mut answer).await?;
    Ok(answer)
}

/// Listens in `folder`, which this process has locked, so that a socket that is
/// there was left behind.
pub(super) fn listen(folder: &Path) -> Result<UnixListener, NetworkError> {
    let path = path(folder);
    close(folder);
    let listener = UnixListener::bind(&path).map_err(at(&path))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(at(&path))?;
    Ok(listener)
}

/// Takes the socket away.
pub(super) fn close(folder: &Path) {
    let _ = std::fs::remove_file(path(folder));
}

/// Passes orders on for as long as the task is not aborted.
pub(super) async fn serve(listener: UnixListener, orders: Orders) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let orders = orders.clone();
                tokio::spawn(async move {
                    if let Err(why) = converse(stream, orders).await {
                        tracing::debug!(%why, "an order was not answered");
                    }
                });
            }
            Err(why) => {
                tracing::warn!(%why, "accepting an order failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn converse(stream: UnixStream, orders: Orders) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    BufReader::new(read.take(LINE_MAX)).read_line(&mut line).await?;
    let answer: Answer = match serde_json::from_str(&line) {
        Err(e) => Err(format!("not an order: {e}")),
        Ok(order) => {
            orders.give(order, Origin::Hand).await.unwrap_or_else(|_| Err("the network is ending".into()))
        }
    };
    write.write_all(format!("{}\n", json!(answer)).as_bytes()).await
}
