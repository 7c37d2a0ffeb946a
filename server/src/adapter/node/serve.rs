//! What others ask of this server, carried out.

use std::{sync::Arc, time::Duration};

use crier_protocol::{
    Namespace as Name, Room, SocketId,
    redis_adapter::{Event, Message, Order, Reply, RequestId, Response, Selection, Uid},
};
use tokio::sync::oneshot;

use super::{Inlet, NodeBridge, convert};
use crate::{
    adapter::{Hub as _, Request, Target},
    io::IoInner,
    metrics,
    namespace::{acks::AckNews, server_side::ServerAck},
};

/// Longest time that acknowledgements are gathered for another server, whatever it asks for.
const ACKS_MAX: Duration = Duration::from_secs(300);
/// Of a server that names no time (`requestsTimeout` of the adapters).
const ACKS_DEFAULT: Duration = Duration::from_secs(5);
/// Handlers and waits on behalf of other servers that may be at work at one time; more messages of that
/// kind are dropped and counted.
pub(crate) const WORK_MAX: usize = 1_000;

/// Who asked, and where.
struct Asker {
    bridge: NodeBridge,
    namespace: Name,
    from: Option<Uid>,
}

impl Asker {
    fn answer(&self, request: RequestId, reply: Reply) {
        let response = Response { request, reply };
        // Node answers an event between servers to all, whatever the option says.
        let shared = matches!(response.reply, Reply::ServerSideEmit(_));
        let wire = &self.bridge.0.wire;
        let post = wire.response(&self.namespace, self.from.as_ref(), response, shared);
        if let Some(post) = post {
            self.bridge.0.posts.push(post);
        }
    }
}

/// Carries a message out. Orders are done when it returns, so that what follows finds them done.
pub(super) async fn carry_out(
    bridge: &NodeBridge,
    inlet: &dyn Inlet,
    namespace: Name,
    from: Option<Uid>,
    message: Message,
) {
    let Some(io) = bridge.0.io.upgrade() else { return };
    metrics::node_taken();
    let asker = Asker { bridge: bridge.clone(), namespace, from };
    let name = &asker.namespace;
    match message {
        Message::Broadcast { event, to, request: None } => {
            inlet.take(convert::envelope(name.clone(), event, to)).await;
        }
        Message::Broadcast { event, to, request: Some(request) } => {
            gather(&io, asker, event, to, request);
        }
        Message::Join { of, rooms } => order(&io, name, of, &Request::Join(rooms)),
        Message::Leave { of, rooms } => order(&io, name, of, &Request::Leave(rooms)),
        Message::Disconnect { of, close } => order(&io, name, of, &Request::Disconnect { close }),
        Message::Fetch { of, request } => {
            let answers = io.answer(name, &convert::target(of), &Request::Fetch);
            let sockets = answers.sockets.into_iter().map(convert::remote_socket).collect();
            asker.answer(request, Reply::Sockets(sockets));
        }
        Message::ServerSideEmit { event, request } => call(&io, asker, event, request),
        Message::Rooms { request } => {
            let rooms = io.existing(name).map(|namespace| {
                let rooms = namespace.rooms().into_iter().map(|(room, _)| room);
                rooms.chain(namespace.socket_ids().iter().map(own_room)).collect()
            });
            asker.answer(request, Reply::Rooms(rooms.unwrap_or_default()));
        }
        Message::Ids { rooms, request } => {
            let target = Target { rooms: rooms.into(), ..Target::default() };
            let answers = io.answer(name, &target, &Request::Fetch);
            let ids = answers.sockets.into_iter().map(|info| info.id).collect();
            asker.answer(request, Reply::Ids(ids));
        }
        Message::One { socket, order, request } => {
            let target = Target { rooms: [own_room(&socket)].into(), ..Target::default() };
            let order = match order {
                Order::Join(room) => Request::Join(vec![room]),
                Order::Leave(room) => Request::Leave(vec![room]),
                Order::Disconnect(close) => Request::Disconnect { close },
            };
            // Only the server that has it answers.
            if io.answer(name, &target, &order).matched > 0 {
                asker.answer(request, Reply::Done);
            }
        }
    }
}

fn own_room(id: &SocketId) -> Room {
    Room::from(id.as_str())
}

fn order(io: &IoInner, namespace: &Name, of: Selection, order: &Request) {
    io.answer(namespace, &convert::target(of), order);
}

/// Asks the clients here, tells at once how many they are, and then what each answers.
fn gather(io: &Arc<IoInner>, asker: Asker, event: Event, to: Selection, request: RequestId) {
    let Some(namespace) = io.existing(&asker.namespace) else {
        asker.answer(request, Reply::ClientCount(0));
        return;
    };
    let Some(permit) = io.work() else { return metrics::node_dropped("busy") };
    let timeout = to.flags.timeout.map_or(ACKS_DEFAULT, Duration::from_millis).min(ACKS_MAX);
    let envelope = convert::envelope(asker.namespace.clone(), event, to);
    io.spawn(async move {
        let told = namespace.deliver_telling(envelope, timeout, |news| {
            let reply = match news {
                AckNews::Asked(count) => {
                    Reply::ClientCount(u64::try_from(count).unwrap_or(u64::MAX))
                }
                // Only the first argument counts, as between Node servers.
                AckNews::Answer(args) => Reply::Ack(args.get(0).unwrap_or_default()),
            };
            asker.answer(request.clone(), reply);
        });
        if let Err(error) = told.await {
            metrics::node_dropped("unsendable");
            tracing::debug!(%error, "another server's event cannot be sent to clients");
        }
        drop(permit);
    });
}

/// Calls the handler for an event of another server.
fn call(io: &Arc<IoInner>, asker: Asker, event: Event, request: Option<RequestId>) {
    let Some(namespace) = io.existing(&asker.namespace) else { return };
    let (sender, receiver) = oneshot::channel();
    let ack = ServerAck::new(request.is_some().then_some(sender));
    let Some(running) = namespace.server_side(&event.name, event.args, ack) else { return };
    let Some(permit) = io.work() else { return metrics::node_dropped("busy") };
    io.spawn(async move {
        match request {
            // The answer does not wait for the handler's end.
            Some(request) => {
                let answer = async {
                    if let Ok(value) = receiver.await {
                        asker.answer(request, Reply::ServerSideEmit(value));
                    }
                };
                tokio::join!(running, answer);
            }
            None => running.await,
        }
        drop(permit);
    });
}
