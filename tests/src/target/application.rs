//! What the target's namespaces do.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use crier_server::{
    Ack, Args, BadNamespace, Binary, CloseReason, ConnectError, Io, Namespace, Payload, Socket,
};
use futures_util::FutureExt as _;
use serde::Deserialize;
use serde_json::json;
use tokio_util::task::TaskTracker;

/// What rows ask for to see what ran, and what did not.
#[derive(Debug, Default)]
struct Stats {
    seen: AtomicU64,
    slow: AtomicU64,
    acked: AtomicU64,
    disconnects: AtomicU64,
    reasons: Mutex<BTreeMap<&'static str, u64>>,
}

#[derive(Debug, Deserialize)]
struct Flood {
    n: usize,
    #[serde(default)]
    size: usize,
}

#[derive(Debug, Deserialize)]
struct InRoom {
    room: String,
    #[serde(default)]
    data: serde_json::Value,
}

/// Registers everything.
pub(super) fn install(io: &Io) -> Result<(), BadNamespace> {
    let stats = Arc::new(Stats::default());
    let tasks = TaskTracker::new();
    let main = io.of("/")?;
    answers(&main, &stats);
    floods(&main, &stats, &tasks);
    rooms(&main);
    ends(&main, &stats);

    io.of("/deny")?.use_middleware(|_| async { Err(ConnectError::new("denied")) });
    io.of("/slow")?.use_middleware(move |_| {
        stats.slow.fetch_add(1, Ordering::Relaxed);
        async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            Ok(())
        }
    });
    io.of("/admin-like")?;
    Ok(())
}

fn answers(main: &Namespace, stats: &Arc<Stats>) {
    main.on("echo", |_: Socket, args: Args, ack: Ack| async move { ack.send_args(args) });
    let seen = Arc::clone(stats);
    main.on("seen", move |_: Socket, _: Args, _: Ack| {
        seen.seen.fetch_add(1, Ordering::Relaxed);
        async {}
    });
    let told = Arc::clone(stats);
    main.on("stats", move |_: Socket, (): (), ack: Ack| {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ack.send(&json!({
            "seen": count(&told.seen),
            "slow": count(&told.slow),
            "acked": count(&told.acked),
            "disconnects": count(&told.disconnects),
            "reasons": &*told.reasons.lock().unwrap_or_else(PoisonError::into_inner),
        }));
        async {}
    });
    main.on("address", |socket: Socket, (): (), ack: Ack| async move {
        ack.send(&socket.handshake().address);
    });
}

fn floods(main: &Namespace, stats: &Arc<Stats>, tasks: &TaskTracker) {
    main.on("flood", |socket: Socket, Payload(flood): Payload<Flood>, _: Ack| async move {
        let data = "x".repeat(flood.size);
        for _ in 0..flood.n {
            if socket.emit("flood", &data).is_err() {
                return;
            }
        }
    });

    let (acks, tracker) = (Arc::clone(stats), tasks.clone());
    main.on("flood-ack", move |socket: Socket, Payload(flood): Payload<Flood>, ack: Ack| {
        let (acks, tracker) = (Arc::clone(&acks), tracker.clone());
        async move {
            let mut refused = 0;
            for n in 0..flood.n {
                let (socket, acks) = (socket.clone(), Arc::clone(&acks));
                let Ok(args) = Args::one(&n) else { return };
                let mut answer = Box::pin(async move {
                    let long = Duration::from_secs(600);
                    socket.emit_with_ack("flood-ack", args, long).await
                });
                // The first poll sends it, or says that it cannot be sent.
                match (&mut answer).now_or_never() {
                    Some(_) => refused += 1,
                    None => {
                        tracker.spawn(async move {
                            if answer.await.is_ok() {
                                acks.acked.fetch_add(1, Ordering::Relaxed);
                            }
                        });
                    }
                }
            }
            ack.send(&json!({ "sent": flood.n - refused, "refused": refused }));
        }
    });

    let tracker = tasks.clone();
    main.on("burst-binary", move |socket: Socket, Payload(flood): Payload<Flood>, _: Ack| {
        for task in 0..2_u8 {
            let socket = socket.clone();
            tracker.spawn(async move {
                for n in 0..flood.n {
                    let n = n as u8;
                    let part = |part: u8| Binary(Bytes::copy_from_slice(&[task, n, part]));
                    let args = Args::many(&(task, n, part(0), part(1)));
                    // The client may have left; the row sees that by itself.
                    let _ = args.map(|args| socket.emit_args("bin", args));
                    tokio::task::yield_now().await;
                }
            });
        }
        async {}
    });
}

fn rooms(main: &Namespace) {
    main.on("join", |socket: Socket, Payload(to): Payload<InRoom>, ack: Ack| async move {
        match socket.join(to.room) {
            Ok(()) => ack.send(&json!({ "ok": true })),
            Err(error) => ack.send(&json!({ "error": error.to_string() })),
        }
    });
    main.on("leave", |socket: Socket, Payload(to): Payload<InRoom>, ack: Ack| async move {
        socket.leave(&to.room);
        ack.send(&json!({ "ok": true }));
    });
    main.on("rooms", |socket: Socket, (): (), ack: Ack| async move {
        let rooms: Vec<_> = socket.rooms().iter().skip(1).map(|r| r.as_str().to_owned()).collect();
        ack.send(&rooms);
    });
    main.on("broadcast", |socket: Socket, Payload(to): Payload<InRoom>, _: Ack| async move {
        // What cannot be sent is the row's business, which waits for it.
        let _ = socket.namespace().to(to.room).emit("broadcast", &to.data);
    });
}

fn ends(main: &Namespace, stats: &Arc<Stats>) {
    main.on("boom", |_: Socket, (): (), _: Ack| async move {
        #[expect(clippy::panic, reason = "what the event is for")]
        {
            panic!("boom");
        }
    });
    main.on("reenter", |socket: Socket, (): (), ack: Ack| async move {
        reenter(&socket);
        ack.send(&true);
    });
    let ended = Arc::clone(stats);
    main.on_disconnect(move |socket: Socket, reason: CloseReason| {
        ended.disconnects.fetch_add(1, Ordering::Relaxed);
        let mut reasons = ended.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        *reasons.entry(reason.as_str()).or_default() += 1;
        drop(reasons);
        // Not every disconnect: a thousand of them would only measure the broadcast.
        if socket.get::<Reenters>().is_some() {
            reenter(&socket);
        }
        async {}
    });
}

/// The socket's disconnect handler calls back into the server too.
#[derive(Debug, Clone)]
struct Reenters;

/// Everything that takes a lock, from inside a handler and inside one another.
fn reenter(socket: &Socket) {
    socket.insert(Reenters);
    let namespace = socket.namespace();
    // Refused once the socket has gone, which is as good.
    let _ = socket.join("reenter");
    let _ = namespace.to("reenter").emit("broadcast", &1);
    socket.leave("reenter");
    let _ = namespace.rooms();
    let _ = socket.join("reenter");
    let _ = namespace.everyone().to("reenter").except("nobody").emit("broadcast", &2);
    let _ = socket.rooms();
    if !socket.is_connected() {
        socket.disconnect(true);
    }
}
