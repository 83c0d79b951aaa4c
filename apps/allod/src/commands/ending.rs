//! When a command that stays up is to end.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::failure::{Failure, Kind};

/// SIGINT, SIGTERM, and for a process that is watched over the end of standard
/// input.
pub(super) struct Ending {
    interrupt: Signal,
    terminate: Signal,
    stdin: Option<oneshot::Receiver<()>>,
}

impl Ending {
    /// From now on signals do not end the process by themselves.
    pub(super) fn new(until_stdin_closes: bool) -> Result<Self, Failure> {
        let failed = |e: std::io::Error| Failure::new(Kind::Failed, format!("cannot wait for signals: {e}"));
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
            stdin: until_stdin_closes.then(stdin_closes),
        })
    }

    /// Waits.
    pub(super) async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            () = closed(&mut self.stdin) => {}
        }
    }
}

async fn closed(stdin: &mut Option<oneshot::Receiver<()>>) {
    match stdin {
        Some(receiver) => {
            let _ = receiver.await;
        }
        None => std::future::pending().await,
    }
}

/// A thread of its own reads: the runtime's would keep the process from ending.
fn stdin_closes() -> oneshot::Receiver<()> {
    let (told, closes) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = told.send(());
    });
    closes
}
