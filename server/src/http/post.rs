//! The body of a POST, read against its limits.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, timeout_at};

/// Bytes that earn a body one more second: slower peers are cut off.
const BYTES_PER_SECOND: usize = 1 << 10;

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadBody {
    /// More than the limit, said at the byte that crosses it, or by the declared length.
    TooLarge,
    /// The client went away.
    Aborted,
    /// It came too slowly.
    TooSlow,
}

/// Reads a body of at most `max` bytes; holds no more than has arrived. `time` is what it has besides
/// what its bytes earn it.
pub(crate) async fn read(mut body: Incoming, max: usize, time: Duration) -> Result<Bytes, BadBody> {
    let declared = body.size_hint().lower();
    if declared > u64::try_from(max).unwrap_or(u64::MAX) {
        return Err(BadBody::TooLarge);
    }
    let start = Instant::now();
    let mut first: Option<Bytes> = None;
    let mut all = BytesMut::new();
    let mut len = 0_usize;
    loop {
        let earned = u32::try_from(len / BYTES_PER_SECOND).unwrap_or(u32::MAX);
        let deadline = start + time + Duration::from_secs(1) * earned;
        let frame = timeout_at(deadline, body.frame()).await.map_err(|_| BadBody::TooSlow)?;
        let Some(frame) = frame else { break };
        let Ok(data) = frame.map_err(|_| BadBody::Aborted)?.into_data() else {
            continue;
        };
        len += data.len();
        if len > max {
            return Err(BadBody::TooLarge);
        }
        match (&first, all.is_empty()) {
            // Most bodies come in one piece, which is taken as it is.
            (None, true) => first = Some(data),
            (Some(piece), true) => {
                all.extend_from_slice(piece);
                all.extend_from_slice(&data);
                first = None;
            }
            (_, false) => all.extend_from_slice(&data),
        }
    }
    Ok(first.unwrap_or_else(|| all.freeze()))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http::{Request, Response};
    use http_body_util::Empty;
    use hyper::{server::conn::http1, service::service_fn};
    use hyper_util::rt::TokioIo;
    use tokio::{io::AsyncWriteExt as _, sync::mpsc};

    use super::*;

    /// What becomes of a body of 100,000 bytes that stops after some, and when.
    async fn stalled(sent: usize, time: Duration) -> (Result<Bytes, BadBody>, Duration) {
        let (mut client, server) = tokio::io::duplex(1 << 17);
        let head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";
        client.write_all(head).await.unwrap();
        client.write_all(&vec![b'x'; sent]).await.unwrap();
        let (say, mut heard) = mpsc::channel(1);
        let service = service_fn(|request: Request<Incoming>| {
            let say = say.clone();
            async move {
                let start = Instant::now();
                let body = read(request.into_body(), 100_000, time).await;
                say.send((body, start.elapsed())).await.unwrap();
                Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
            }
        });
        tokio::select! {
            biased;
            Some(outcome) = heard.recv() => outcome,
            ended = http1::Builder::new().serve_connection(TokioIo::new(server), service) => {
                panic!("{ended:?} before the body was read")
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_has_its_time_and_what_its_bytes_earn() {
        let second = Duration::from_secs(1);
        for (sent, time, until) in [(0, 3, 3), (2_048, 3, 5), (2_048, 10, 12)] {
            let (body, took) = stalled(sent, second * time).await;
            assert_eq!(body, Err(BadBody::TooSlow));
            let until = second * until;
            assert!((until..until + second).contains(&took), "{sent} bytes, {time} s: {took:?}");
        }
        let (body, took) = stalled(100_000, second).await;
        assert_eq!((body.map(|body| body.len()), took), (Ok(100_000), Duration::ZERO));
    }
}
