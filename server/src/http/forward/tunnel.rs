//! A websocket that passes through: bytes both ways between its client and the replica that owns its
//! session. Nothing of it is understood here, and while it is idle it holds no buffer.

use std::{
    cell::Cell,
    future::poll_fn,
    io,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, sleep_until},
};

/// Read at once. What a peer does not take of it is kept until it does, and nothing more is read.
const SCRATCH: usize = 16 << 10;

/// Time for a peer to take what is written to it, and after one end's goodbye for the other's.
const PATIENCE: Duration = Duration::from_secs(30);

thread_local! {
    static READ: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// Two streams that are one connection.
#[derive(Debug)]
pub(super) struct Tunnel<S = TcpStream> {
    client: End<S>,
    owner: End<S>,
}

/// One of the two, and what came from the other and is to be written to it.
#[derive(Debug)]
pub(super) struct End<S> {
    stream: S,
    rest: Vec<u8>,
    written: usize,
    /// The other end says nothing more.
    ended: bool,
    /// And this one was told.
    shut: bool,
    /// Since when it does not take what there is for it, or was told the end.
    waits: Option<Instant>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Tunnel<S> {
    /// Each stream with what was read of the other's early.
    pub(super) fn new((client, for_client): (S, &[u8]), (owner, for_owner): (S, &[u8])) -> Self {
        Self { client: End::new(client, for_client), owner: End::new(owner, for_owner) }
    }

    /// Copies until both ends have ended, one fails, one does not read for 30 s, or nothing comes for
    /// `silence`: a session that lives has its pings.
    pub(super) async fn run(mut self, silence: Duration) {
        let mut armed = Instant::now() + silence;
        let mut moved = Instant::now();
        let mut sleep = pin!(sleep_until(armed));
        poll_fn(|cx| {
            let up = self.owner.poll_take(cx, &mut self.client.stream, &mut moved);
            let down = self.client.poll_take(cx, &mut self.owner.stream, &mut moved);
            match (up, down) {
                (Poll::Ready(Err(_)), _) | (_, Poll::Ready(Err(_))) => return Poll::Ready(()),
                (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => return Poll::Ready(()),
                (Poll::Pending, _) | (_, Poll::Pending) => {}
            }
            let waits = [self.client.waits, self.owner.waits].into_iter().flatten().min();
            let end = moved + silence;
            let end = waits.map_or(end, |since| end.min(since + PATIENCE));
            loop {
                // One that moved back is left armed, as in the sessions: it fires once too often.
                if end < armed || sleep.is_elapsed() {
                    armed = end;
                    sleep.as_mut().reset(armed);
                }
                ready!(sleep.as_mut().poll(cx));
                if Instant::now() >= end {
                    return Poll::Ready(());
                }
            }
        })
        .await;
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> End<S> {
    fn new(stream: S, early: &[u8]) -> Self {
        let rest = early.to_vec();
        Self { stream, rest, written: 0, ended: false, shut: false, waits: None }
    }

    /// Writes what comes from the other end; ready once that has ended and this one was told.
    fn poll_take(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut S,
        moved: &mut Instant,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.poll_rest(cx, moved)?.is_pending() {
                self.waits.get_or_insert_with(Instant::now);
                return Poll::Pending;
            }
            if self.ended {
                self.waits.get_or_insert_with(Instant::now);
                if !self.shut {
                    ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
                    self.shut = true;
                }
                return Poll::Ready(Ok(()));
            }
            self.waits = None;
            let mut scratch = READ.take().unwrap_or_else(|| vec![0; SCRATCH].into_boxed_slice());
            let mut buf = ReadBuf::new(&mut scratch);
            let read = Pin::new(&mut *from).poll_read(cx, &mut buf);
            let taken = read.map_ok(|()| {
                *moved = Instant::now();
                self.ended = buf.filled().is_empty();
                self.write(cx, buf.filled())
            });
            READ.set(Some(scratch));
            ready!(taken)??;
        }
    }

    /// Writes once and keeps what was not taken.
    fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> io::Result<()> {
        let written = match Pin::new(&mut self.stream).poll_write(cx, bytes) {
            Poll::Ready(written) => written?,
            Poll::Pending => 0,
        };
        self.rest.extend_from_slice(bytes.get(written..).unwrap_or_default());
        Ok(())
    }

    fn poll_rest(&mut self, cx: &mut Context<'_>, moved: &mut Instant) -> Poll<io::Result<()>> {
        while let Some(rest) = self.rest.get(self.written..).filter(|rest| !rest.is_empty()) {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += written;
            (*moved, self.waits) = (Instant::now(), None);
        }
        if self.written > 0 {
            (self.rest, self.written) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
        task::JoinHandle,
    };

    use super::*;

    const SILENCE: Duration = Duration::from_secs(55);

    /// The client's and the owner's far ends of a tunnel, each with room for 1,000 bytes on its way.
    fn tunnel() -> (DuplexStream, DuplexStream, JoinHandle<Duration>) {
        let ((client, near), (owner, far)) = (duplex(1_000), duplex(1_000));
        let tunnel = Tunnel::new((near, b"from owner "), (far, b"from client "));
        #[expect(clippy::disallowed_methods, reason = "its test waits for it")]
        let ended = tokio::spawn(async move {
            let start = Instant::now();
            tunnel.run(SILENCE).await;
            start.elapsed()
        });
        (client, owner, ended)
    }

    async fn expect(stream: &mut DuplexStream, text: &[u8]) {
        let mut got = vec![0; text.len()];
        stream.read_exact(&mut got).await.unwrap();
        assert_eq!(got, text);
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_pass_both_ways_and_then_both_ends() {
        let (mut client, mut owner, ended) = tunnel();
        expect(&mut client, b"from owner ").await;
        expect(&mut owner, b"from client ").await;
        for n in 0..100_u8 {
            client.write_all(&[n; 700]).await.unwrap();
            owner.write_all(&[n; 900]).await.unwrap();
            expect(&mut owner, &[n; 700]).await;
            expect(&mut client, &[n; 900]).await;
        }
        client.write_all(b"bye").await.unwrap();
        client.shutdown().await.unwrap();
        expect(&mut owner, b"bye").await;
        assert_eq!(owner.read(&mut [0]).await.unwrap(), 0);
        // A goodbye has its answer.
        owner.write_all(b"goodbye").await.unwrap();
        drop(owner);
        expect(&mut client, b"goodbye").await;
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
        assert_eq!(ended.await.unwrap(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_tunnel_ends_when_nothing_passes() {
        let (_client, _owner, ended) = tunnel();
        assert_eq!(ended.await.unwrap().as_secs(), 55);
        // A byte now and then keeps it.
        let (mut client, mut owner, ended) = tunnel();
        expect(&mut owner, b"from client ").await;
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_secs(50)).await;
            client.write_all(b"x").await.unwrap();
            expect(&mut owner, b"x").await;
        }
        assert_eq!(ended.await.unwrap().as_secs(), 555);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_does_not_read_is_given_up_and_held_back_meanwhile() {
        let (mut client, owner, ended) = tunnel();
        let mut taken = 0;
        while let Ok(Ok(n)) =
            tokio::time::timeout(Duration::from_secs(1), client.write(&[0; 100])).await
        {
            taken += n;
        }
        // What is under way to either side, and one read.
        assert!((1_000..=2_000 + SCRATCH).contains(&taken), "{taken}");
        let took = ended.await.unwrap();
        assert!((30..=31).contains(&took.as_secs()), "{took:?}");
        drop(owner);
    }

    #[tokio::test(start_paused = true)]
    async fn after_one_goodbye_the_other_has_half_a_minute() {
        let (mut client, _owner, ended) = tunnel();
        client.shutdown().await.unwrap();
        assert_eq!(ended.await.unwrap().as_secs(), 30);
    }
}
