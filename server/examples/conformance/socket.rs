//! What the official Socket.IO v5 suite expects.

use std::{sync::Arc, time::Duration};

use crier_protocol::socket::ParserChoice;
use crier_server::{Ack, Args, Io, Limits, Namespace, Options, Socket};

pub(crate) fn server(parser: ParserChoice) -> Io {
    let mut options = crate::options(300, 200);
    let limits = Limits { connect_timeout: Duration::from_secs(1), ..(*options.limits).clone() };
    options = Options { limits: Arc::new(limits), parser, ..options };
    let io = Io::new(options);
    echo(&crate::namespace(&io, "/"));
    crate::namespace(&io, "/custom").on_connect(send_auth);
    io
}

/// The namespace that both this suite and our own tests use.
pub(crate) fn echo(namespace: &Namespace) {
    namespace.on_connect(send_auth);
    namespace.on("message", |socket: Socket, args: Args, _ack: Ack| async move {
        let _ = socket.emit_args("message-back", args);
    });
    namespace.on("message-with-ack", |_socket: Socket, args: Args, ack: Ack| async move {
        ack.send_args(args);
    });
}

async fn send_auth(socket: Socket) {
    let _ = socket.emit("auth", &socket.auth().as_value());
}
