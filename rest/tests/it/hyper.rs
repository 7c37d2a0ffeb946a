//! The sidecar under hyper.

use crate::client::{API_KEY, rig};
use hyper::service::service_fn;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// One connection of HTTP/1.1 as bytes: what is written, and all that comes back.
async fn exchange(request: &str) -> String {
    let rig = rig();
    let (mut client, server) = tokio::io::duplex(1 << 20);
    let serve = async move {
        let service = service_fn(|request| {
            let sidecar = rig.sidecar.clone();
            async move {
                let peer = [127, 0, 0, 1].into();
                Ok::<_, std::convert::Infallible>(sidecar.handle(request, peer).await)
            }
        });
        let io = hyper_util::rt::TokioIo::new(server);
        // A request that is refused half-read ends the connection with an error on our side.
        let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
    };
    let converse = async {
        client.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        answer
    };
    tokio::join!(serve, converse).1
}

#[tokio::test]
async fn under_hyper_a_request_is_answered() {
    let body = r#"{"event":"e","args":[1]}"#;
    let answer = exchange(&format!(
        "POST /api/emit HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {API_KEY}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    ))
    .await;
    assert!(answer.starts_with("HTTP/1.1 202 Accepted\r\n"), "{answer}");
    assert!(answer.contains("\"event\":\"e\""), "{answer}");
}

#[tokio::test]
async fn a1_under_hyper_a_chunked_body_is_cut_off_at_its_limit() {
    let chunk = format!("2000\r\n{}\r\n", " ".repeat(0x2000));
    let answer = exchange(&format!(
        "POST /api/emit HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {API_KEY}\r\n\
         content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{}",
        chunk.repeat(9)
    ))
    .await;
    assert!(answer.starts_with("HTTP/1.1 413 Payload Too Large\r\n"), "{answer}");
    assert!(answer.contains("connection: close\r\n"), "{answer}");
}
