//! What the handler API asks, in the words of the channels, and back.

use std::time::Duration;

use crier_domain::redis::ask::wire::{
    Question, WireArgs, WireRequest, WireSocket, WireTarget, names, namespace, rooms,
};
use crier_protocol::{Limits, Namespace as Name, SocketId, socket::Args};

use crate::{
    adapter::{Envelope, Request, SocketInfo, Target},
    badge::Who,
};

/// An event whose acknowledgements are asked for.
pub(crate) fn acks(envelope: &Envelope, timeout: Duration) -> Question {
    let Envelope { namespace, target, event, args, volatile, recoverable: _, key } = envelope;
    Question::Acks {
        namespace: namespace.as_str().to_owned(),
        target: target_out(target),
        event: event.to_string(),
        args: args_out(args),
        volatile: *volatile,
        key: key.as_deref().map(str::to_owned),
        timeout: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
    }
}

/// A request to sockets.
pub(crate) fn sockets(namespace: &Name, target: &Target, request: &Request) -> Question {
    Question::Sockets {
        namespace: namespace.as_str().to_owned(),
        target: target_out(target),
        request: match request {
            Request::Fetch => WireRequest::Fetch,
            Request::Join(rooms) => WireRequest::Join(names(rooms)),
            Request::Leave(rooms) => WireRequest::Leave(names(rooms)),
            Request::Disconnect { close } => WireRequest::Disconnect { close: *close },
        },
    }
}

/// The request, and where it goes; `None` where a name is none.
pub(crate) fn request(request: WireRequest) -> Request {
    match request {
        WireRequest::Fetch => Request::Fetch,
        WireRequest::Join(names) => Request::Join(rooms(names)),
        WireRequest::Leave(names) => Request::Leave(rooms(names)),
        WireRequest::Disconnect { close } => Request::Disconnect { close },
    }
}

fn target_out(target: &Target) -> WireTarget {
    let Target { rooms, except, who, local: _ } = target;
    WireTarget {
        rooms: names(rooms),
        except: names(except),
        all: who.all,
        any: who.any,
        none: who.none,
        owners: who.owners.iter().map(|owner| owner.to_string()).collect(),
    }
}

/// Which sockets of this replica are meant.
pub(crate) fn target(target: WireTarget) -> Target {
    let WireTarget { rooms: all_rooms, except, all, any, none, owners } = target;
    let owners = owners.into_iter().map(Into::into).collect();
    Target {
        rooms: rooms(all_rooms).into(),
        except: rooms(except).into(),
        who: Who { all, any, none, owners },
        local: true,
    }
}

/// The event of such a question; `None` where it cannot be one.
pub(crate) fn envelope(question: Question, limits: &Limits) -> Option<(Envelope, Duration)> {
    let Question::Acks { namespace: name, target: to, event, args: sent, volatile, key, timeout } =
        question
    else {
        return None;
    };
    let envelope = Envelope {
        namespace: namespace(&name)?,
        target: target(to),
        event: event.into(),
        args: args(sent, limits)?,
        volatile,
        recoverable: false,
        key: key.map(Into::into),
    };
    Some((envelope, Duration::from_millis(timeout)))
}

/// Arguments on their way.
pub(crate) fn args_out(args: &Args) -> WireArgs {
    let (text, attachments) = args.to_parts();
    WireArgs { text, attachments }
}

/// Arguments that came; `None` where they are over these limits.
pub(crate) fn args(args: WireArgs, limits: &Limits) -> Option<Args> {
    Args::from_parts(&args.text, args.attachments, limits).ok()
}

/// A socket on its way.
pub(crate) fn socket_out(socket: SocketInfo) -> WireSocket {
    WireSocket {
        id: socket.id.as_str().to_owned(),
        rooms: names(&socket.rooms),
        address: socket.address,
    }
}

/// A socket that came; `None` where its id is none.
pub(crate) fn socket(socket: WireSocket) -> Option<SocketInfo> {
    let WireSocket { id, rooms: names, address } = socket;
    Some(SocketInfo { id: SocketId::parse(&id)?, rooms: rooms(names), address })
}
