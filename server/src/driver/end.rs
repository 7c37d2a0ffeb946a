//! Parting with a websocket so that its peer gets the last bytes.

use std::{future::poll_fn, io, time::Duration};

use crier_protocol::socket::Parser;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::session::{link::Link, mailbox::Mailbox};

/// A websocket that is closed by us has this long to take the last bytes and close too.
const LINGER: Duration = Duration::from_secs(5);

/// Writes what is left, with the last words, and closes. The connection counts as open until then.
pub(super) async fn part(mut link: Link, outbox: Option<(&Mailbox, Parser, bool)>) {
    // Too late or broken: either way the stream is dropped now.
    let _ = tokio::time::timeout(LINGER, linger(&mut link, outbox)).await;
}

/// Our side is closed, and what still comes is read away for a moment: unread bytes would turn the
/// close into a reset, and the peer would lose what it has not read yet.
async fn linger(link: &mut Link, outbox: Option<(&Mailbox, Parser, bool)>) -> io::Result<()> {
    poll_fn(|cx| link.poll_flush(cx, outbox)).await?;
    let stream = link.stream();
    stream.shutdown().await?;
    let mut sink = [0; 1024];
    // A peer that goes on sending is cut off.
    let mut left = 64;
    while left > 0 && stream.read(&mut sink).await? > 0 {
        left -= 1;
    }
    Ok(())
}
