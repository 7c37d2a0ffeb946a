//! How everybody else reaches the one task that owns a session: a bounded outbox for what goes to the
//! client, and a short list of commands.
//!
//! One mutex and one waker, no channel: a channel's first block alone would cost an idle session more
//! than all of its state. The lock is held for a push or a drain, never across a call out of this file.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Waker},
};

use super::{PollReply, PostReply, link::Link};
use crate::lock;
use crier_protocol::{
    CloseReason, Message, Namespace, SocketId, engine,
    socket::{Outgoing, Parser},
    websocket::{Opcode, append_frame},
};
use smallvec::SmallVec;

/// One event on its way to any number of clients: encoded once, shared by all of them.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) packet: Outgoing,
    /// Dropped where it cannot be written at once.
    pub(crate) volatile: bool,
    /// Where a client is behind, only the newest parcel of a key is owed to it.
    pub(crate) key: Option<Arc<str>>,
    /// The same under other names of the namespace.
    pub(crate) renamed: Mutex<SmallVec<[Arc<Self>; 0]>>,
}

impl Parcel {
    pub(crate) fn new(packet: Outgoing) -> Arc<Self> {
        Arc::new(packet.into())
    }

    /// The same for a client that knows the namespace by this name. Encoded once for each name that is in
    /// use; there are as many as the configuration has aliases.
    pub(crate) fn known_as(self: &Arc<Self>, name: &Namespace) -> Arc<Self> {
        if self.packet.namespace() == name {
            return Arc::clone(self);
        }
        let mut renamed = lock(&self.renamed);
        let known = renamed.iter().find(|parcel| parcel.packet.namespace() == name);
        if let Some(parcel) = known {
            return Arc::clone(parcel);
        }
        let (volatile, key) = (self.volatile, self.key.clone());
        let parcel = Arc::new(Self { volatile, key, ..Self::from(self.packet.renamed(name)) });
        renamed.push(Arc::clone(&parcel));
        parcel
    }
}

impl From<Outgoing> for Parcel {
    fn from(packet: Outgoing) -> Self {
        Self { packet, volatile: false, key: None, renamed: Mutex::default() }
    }
}

/// One entry of an outbox.
#[derive(Debug)]
pub(crate) enum Item {
    /// A Socket.IO packet with its attachments.
    Parcel(Arc<Parcel>),
    /// A packet of a replay: shared with the log that keeps it anyway, and written as fast as the client
    /// takes it, so that it does not count.
    Replayed(Arc<Parcel>),
    /// An Engine.IO packet of the session itself: a ping, or a message of a plain Engine.IO server.
    Engine(engine::Packet),
}

impl Item {
    fn size(&self) -> usize {
        match self {
            Self::Parcel(parcel) => parcel.packet.size(),
            Self::Replayed(_) => 0,
            Self::Engine(engine::Packet::Message(message)) => message.len(),
            Self::Engine(_) => 1,
        }
    }
}

/// What the owner of a session is asked to do.
#[derive(Debug)]
pub(crate) enum Command {
    /// A GET waits for what the outbox has.
    Poll(PollReply),
    /// A POST begins; its body follows. A plain Engine.IO server gets its head too.
    PostOpened(PostReply, Option<http::HeaderMap>),
    /// The body of the POST that was opened.
    PostBody(bytes::Bytes, PostReply),
    /// The POST's body was over the limit; it has been answered.
    PostRefused,
    /// The POST was not legal; it has been answered.
    PostIllegal,
    /// The client went away in the middle of its POST.
    PostAborted,
    /// A websocket, past its 101, wants to become the transport.
    Upgrade(Box<Link>),
    /// This socket was disconnected by the server, and its DISCONNECT is in the outbox.
    Left(SocketId),
    /// Disconnect every socket, then the transport.
    DisconnectAll,
    /// End the transport once the outbox is empty.
    Close(CloseReason),
}

impl Command {
    /// Whether a client's request makes it; the others are the server's own, at most one of each kind
    /// and one for each socket, and are never refused.
    fn is_request(&self) -> bool {
        !matches!(self, Self::Left(_) | Self::DisconnectAll | Self::Close(_))
    }
}

/// Requests that may wait: one GET, one POST in two steps, an upgrade. More means that the owner does not run, and the request is refused.
const COMMANDS_MAX: usize = 64;

/// What an owner finds in its mailbox.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) command: Option<Command>,
    /// The outbox was full once: the session is to be closed.
    pub(crate) overflow: bool,
    /// Whether packets wait.
    pub(crate) packets: bool,
}

/// What became of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// It will be written.
    Queued,
    /// It was volatile and could not be written now.
    Dropped,
    /// The outbox is full: the session is being closed with a recoverable reason.
    Overflow,
    /// The session is gone.
    Closed,
}

/// Bounds of an outbox. Overflow: a volatile event is dropped; an event with a key replaces its
/// predecessor; any other closes the session as a slow consumer.
#[derive(Clone, Copy, Debug)]
pub struct OutboxLimits {
    /// Packets that wait for one client. Default 1,000.
    pub frames: usize,
    /// Bytes that wait for one client. Default 1 MiB. One packet larger than that may wait alone.
    pub bytes: usize,
}

impl Default for OutboxLimits {
    fn default() -> Self {
        Self { frames: 1_000, bytes: 1 << 20 }
    }
}

#[derive(Debug)]
pub(crate) struct Mailbox {
    limits: OutboxLimits,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    items: VecDeque<Item>,
    bytes: usize,
    /// How many of the items are a replay's.
    replayed: usize,
    commands: VecDeque<Command>,
    waker: Option<Waker>,
    /// The owner has seen everything and is to be woken.
    resting: bool,
    /// Something came that the owner has not seen.
    news: bool,
    /// Whether a packet pushed now can be written now: a GET is held, or the websocket has no rest.
    writable: bool,
    overflow: bool,
    closed: bool,
}

impl Mailbox {
    pub(crate) fn new(limits: OutboxLimits) -> Self {
        Self { limits, inner: Mutex::default() }
    }

    /// Puts a packet at the end of the outbox.
    pub(crate) fn push(&self, parcel: &Arc<Parcel>) -> Pushed {
        self.put(&mut self.lock(), parcel)
    }

    /// Puts a packet at the end of the outbox and notes in `mark` that this was event `id`, in one step.
    pub(crate) fn push_marked(&self, parcel: &Arc<Parcel>, mark: &AtomicU64, id: u64) -> Pushed {
        let mut inner = self.lock();
        let pushed = self.put(&mut inner, parcel);
        if pushed == Pushed::Queued {
            mark.store(id, Ordering::Release);
        }
        pushed
    }

    /// Makes a packet and puts it at the end of the outbox, in one step: what it says of the packets
    /// before it is true.
    pub(crate) fn push_made(&self, make: impl FnOnce() -> Arc<Parcel>) -> Pushed {
        let mut inner = self.lock();
        self.put(&mut inner, &make())
    }

    /// Puts a replay at the end of the outbox. It is bounded by what a replay may be.
    pub(crate) fn push_replay(&self, parcels: impl Iterator<Item = Arc<Parcel>>) {
        let mut inner = self.lock();
        if inner.closed || inner.overflow {
            return;
        }
        for parcel in parcels {
            inner.items.push_back(Item::Replayed(parcel));
            inner.replayed += 1;
        }
        inner.wake();
    }

    fn put(&self, inner: &mut Inner, parcel: &Arc<Parcel>) -> Pushed {
        if inner.closed || inner.overflow {
            return Pushed::Closed;
        }
        if parcel.volatile && !inner.writable {
            return Pushed::Dropped;
        }
        let size = parcel.packet.size();
        let full = |inner: &Inner| {
            inner.items.len() - inner.replayed >= self.limits.frames
                || (inner.bytes + size > self.limits.bytes && !inner.items.is_empty())
        };
        if full(inner) {
            if parcel.volatile {
                return Pushed::Dropped;
            }
            if let Some(key) = &parcel.key {
                inner.drop_key(key);
            }
            if full(inner) {
                inner.overflow = true;
                inner.wake();
                return Pushed::Overflow;
            }
        }
        inner.bytes += size;
        inner.items.push_back(Item::Parcel(Arc::clone(parcel)));
        inner.wake();
        Pushed::Queued
    }

    /// Puts a packet of the session itself at the end of the outbox; bounded like any other.
    pub(crate) fn push_engine(&self, packet: engine::Packet) -> Pushed {
        let mut inner = self.lock();
        if inner.closed || inner.overflow {
            return Pushed::Closed;
        }
        let item = Item::Engine(packet);
        let size = item.size();
        let over = inner.bytes + size > self.limits.bytes && !inner.items.is_empty();
        if inner.items.len() - inner.replayed >= self.limits.frames || over {
            inner.overflow = true;
            inner.wake();
            return Pushed::Overflow;
        }
        inner.bytes += size;
        inner.items.push_back(item);
        inner.wake();
        Pushed::Queued
    }

    /// Asks the owner; gives the command back where the session is gone or does not keep up.
    pub(crate) fn command(&self, command: Command) -> Result<(), Command> {
        let mut inner = self.lock();
        let is_request = command.is_request();
        if inner.closed || is_request && inner.commands.len() >= COMMANDS_MAX {
            return Err(command);
        }
        let repeats =
            |known: &Command| std::mem::discriminant(known) == std::mem::discriminant(&command);
        let at_once = matches!(command, Command::Close(_) | Command::DisconnectAll);
        if at_once && inner.commands.iter().any(repeats) {
            // Said already, and only once is needed.
            return Ok(());
        }
        inner.commands.push_back(command);
        inner.wake();
        Ok(())
    }

    /// Bytes that wait.
    pub(crate) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    // What follows is for the owner only.

    /// What there is to do.
    pub(crate) fn look(&self) -> Work {
        let mut inner = self.lock();
        (inner.news, inner.resting) = (false, false);
        let command = inner.commands.pop_front();
        if inner.commands.is_empty() && inner.commands.capacity() > 0 {
            inner.commands = VecDeque::new();
        }
        Work { command, overflow: inner.overflow, packets: !inner.items.is_empty() }
    }

    /// The owner rests: true if it has seen everything, and is woken by the next push or command.
    ///
    /// Only a resting owner is woken. What its own handlers push while it works is written at the end
    /// of its turn, and must not schedule it once more.
    pub(crate) fn rest(&self, cx: &Context<'_>) -> bool {
        let mut inner = self.lock();
        if inner.news {
            return false;
        }
        match &mut inner.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        inner.resting = true;
        true
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().items.is_empty()
    }

    pub(crate) fn set_writable(&self, writable: bool) {
        self.lock().writable = writable;
    }

    /// Moves packets into `out` as websocket frames until it holds `enough` bytes or none is left;
    /// true if none is left.
    pub(crate) fn drain_websocket(
        &self,
        out: &mut Vec<u8>,
        enough: usize,
        parser: Parser,
        base64: bool,
    ) -> bool {
        let mut inner = self.lock();
        while out.len() < enough {
            let Some(item) = inner.pop() else { break };
            match item {
                Item::Parcel(parcel) | Item::Replayed(parcel) => {
                    out.extend_from_slice(&parcel.packet.websocket(parser, base64));
                }
                Item::Engine(packet) => append_websocket(out, &packet, base64),
            }
        }
        inner.drained()
    }

    /// Moves packets into a polling body of at most `max` bytes (one packet may be larger, alone).
    ///
    /// A packet and its attachments are never split: the client would take what comes between for
    /// the attachment.
    pub(crate) fn drain_polling(&self, max: usize, parser: Parser) -> Vec<u8> {
        let mut out = Vec::new();
        let mut record = Vec::new();
        let mut inner = self.lock();
        while let Some(item) = inner.items.front() {
            record.clear();
            match item {
                Item::Parcel(parcel) | Item::Replayed(parcel) => {
                    record.extend_from_slice(&parcel.packet.polling(parser));
                }
                Item::Engine(packet) => packet.append_record(&mut record),
            }
            if !out.is_empty() && out.len() + 1 + record.len() > max {
                break;
            }
            if !out.is_empty() {
                out.push(engine::SEPARATOR);
            }
            out.extend_from_slice(&record);
            inner.pop();
        }
        inner.drained();
        out
    }

    /// Ends it: later pushes and commands are refused, and what waited is dropped.
    pub(crate) fn close(&self) {
        let (items, commands);
        {
            let mut inner = self.lock();
            inner.closed = true;
            (inner.bytes, inner.replayed) = (0, 0);
            inner.waker = None;
            items = std::mem::take(&mut inner.items);
            commands = std::mem::take(&mut inner.commands);
        }
        // Dropped outside the lock: a command's reply wakes its HTTP request.
        drop((items, commands));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No code in here panics half-way through a change, so a poisoned state is a whole one.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn wake(&mut self) {
        self.news = true;
        if std::mem::take(&mut self.resting)
            && let Some(waker) = &self.waker
        {
            waker.wake_by_ref();
        }
    }

    fn pop(&mut self) -> Option<Item> {
        let item = self.items.pop_front()?;
        self.bytes = self.bytes.saturating_sub(item.size());
        self.replayed -= usize::from(matches!(item, Item::Replayed(_)));
        Some(item)
    }

    /// After a drain; true if no packet is left.
    fn drained(&mut self) -> bool {
        if !self.items.is_empty() {
            return false;
        }
        // Commands and an overflow are for the owner's next look.
        self.news = !self.commands.is_empty() || self.overflow;
        // Gives back what a burst made the queue grow to.
        if self.items.capacity() > 4 {
            self.items = VecDeque::new();
        }
        true
    }

    fn drop_key(&mut self, key: &str) {
        let older = self.items.iter().position(|item| match item {
            Item::Parcel(parcel) => parcel.key.as_deref() == Some(key),
            Item::Replayed(_) | Item::Engine(_) => false,
        });
        if let Some(item) = older.and_then(|at| self.items.remove(at)) {
            self.bytes = self.bytes.saturating_sub(item.size());
        }
    }
}

/// An Engine.IO packet as one websocket frame; with `base64` a binary message is text, as the client
/// asked for in its handshake.
pub(crate) fn append_websocket(out: &mut Vec<u8>, packet: &engine::Packet, base64: bool) {
    match packet {
        engine::Packet::Message(Message::Binary(bytes)) if !base64 => {
            append_frame(out, Opcode::Binary, bytes);
        }
        packet => {
            let mut record = Vec::new();
            packet.append_record(&mut record);
            append_frame(out, Opcode::Text, &record);
        }
    }
}
