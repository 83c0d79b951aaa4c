//! A connection that ends where the other side takes nothing of what it is sent, so that
//! nobody holds an answer for ever by not reading it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// How long the other side may take nothing.
const PATIENCE: Duration = Duration::from_secs(30);

/// A stream whose writing fails where it stands still for too long.
#[derive(Debug)]
pub(super) struct Unstalled<S> {
    stream: S,
    patience: Duration,
    /// Runs while something waits to be taken.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Unstalled<S> {
    pub(super) fn new(stream: S) -> Self {
        Self::with(stream, PATIENCE)
    }

    fn with(stream: S, patience: Duration) -> Self {
        Self { stream, patience, stalled: None }
    }

    fn watch<T>(&mut self, cx: &mut Context<'_>, done: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if done.is_ready() {
            self.stalled = None;
            return done;
        }
        let patience = self.patience;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Unstalled<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Unstalled<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write(cx, from);
        self.watch(cx, done)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write_vectored(cx, from);
        self.watch(cx, done)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.stream).poll_flush(cx);
        self.watch(cx, done)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.watch(cx, done)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn who_reads_nothing_is_left_and_who_reads_slowly_is_not() {
        let (near, mut far) = tokio::io::duplex(1000);
        let mut near = Unstalled::with(near, Duration::from_millis(100));
        let why = near.write_all(&[0; 5000]).await.unwrap_err();
        assert_eq!(why.kind(), io::ErrorKind::TimedOut);
        let (near, mut slow) = tokio::io::duplex(1000);
        let reading = tokio::spawn(async move {
            let mut all = Vec::new();
            let mut some = [0; 1000];
            while all.len() < 5000 {
                tokio::time::sleep(Duration::from_millis(20)).await;
                let count = slow.read(&mut some).await.unwrap();
                all.extend_from_slice(&some[..count]);
            }
            all.len()
        });
        let mut near = Unstalled::with(near, Duration::from_secs(60));
        near.write_all(&[0; 5000]).await.unwrap();
        assert_eq!(reading.await.unwrap(), 5000);
        far.shutdown().await.unwrap();
    }
}
