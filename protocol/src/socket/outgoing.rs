//! One packet to clients, written once for each wire form.

use std::sync::OnceLock;

use bytes::Bytes;
use bytestring::ByteString;

use super::{
    Args, EncodeError, Parser,
    args::utf8,
    frame::{BINARY, HEAD_MAX, TEXT, append_frame, base64_packet},
    is_reserved,
    msgpack::{write_array_len, write_map_len, write_str, write_uint, write_value},
    parts::{Parts, push_digits, push_quoted},
    stringify::{quote, stringify},
    tree,
};
use crate::{AckId, Namespace, Pid, SocketId};

/// Attachments that a client takes in one packet; above, it drops the connection (`maxAttachments`
/// of socket.io-parser 4.2.7, which also clients use).
const CLIENT_ATTACHMENTS_MAX: usize = 10;

/// One packet for any number of clients.
///
/// What it says is kept as given; each wire form is written when the first client that needs it is
/// met, then shared. All parts of a packet are in one form, so that attachments can never be
/// separated from it.
#[derive(Debug)]
pub struct Outgoing {
    namespace: Namespace,
    body: Body,
    forms: [OnceLock<Bytes>; FORMS],
}

#[derive(Clone, Debug)]
enum Body {
    Connect {
        sid: SocketId,
        pid: Option<Pid>,
    },
    Disconnect,
    Event {
        name: ByteString,
        id: Option<AckId>,
        args: Args,
    },
    Ack {
        id: AckId,
        args: Args,
    },
    /// The payload as JSON.
    ConnectError(ByteString),
}

/// Wire forms: websocket and websocket with base64 for each parser, polling for each parser.
const FORMS: usize = 6;

impl Outgoing {
    /// An event; with `id`, its receivers acknowledge it.
    ///
    /// # Errors
    ///
    /// A reserved name; more than 10 attachments; or msgpack arguments with both binary data and
    /// data that a client of the default parser would take for a placeholder.
    pub fn event(
        namespace: &Namespace,
        name: &str,
        args: Args,
        id: Option<AckId>,
    ) -> Result<Self, EncodeError> {
        if let Some(name) = is_reserved(name) {
            return Err(EncodeError::ReservedName(name));
        }
        check(&args)?;
        let name = name.into();
        Ok(Self::new(namespace, Body::Event { name, id, args }))
    }

    /// The ack of a client's event.
    ///
    /// # Errors
    ///
    /// As [`Outgoing::event`], but for the name.
    pub fn ack(namespace: &Namespace, id: AckId, args: Args) -> Result<Self, EncodeError> {
        check(&args)?;
        Ok(Self::new(namespace, Body::Ack { id, args }))
    }

    /// The answer that lets a client in. `pid` only if it may recover its session later.
    pub fn connect(namespace: &Namespace, sid: &SocketId, pid: Option<&Pid>) -> Self {
        let (sid, pid) = (*sid, pid.copied());
        Self::new(namespace, Body::Connect { sid, pid })
    }

    /// The answer that refuses a client: the message and data of the `Error` that it gets. Without
    /// data there is no `data` key.
    pub fn connect_error(
        namespace: &Namespace,
        message: &str,
        data: Option<&serde_json::Value>,
    ) -> Self {
        let mut text = br#"{"message":"#.to_vec();
        quote(message, &mut text);
        if let Some(data) = data {
            text.extend_from_slice(br#","data":"#);
            // A tree of plain JSON can always be written.
            let _ = stringify(data, &mut text, &mut Vec::new());
        }
        text.push(b'}');
        Self::new(namespace, Body::ConnectError(utf8(text)))
    }

    /// Sends a client away from the namespace; it does not come back by itself.
    pub fn disconnect(namespace: &Namespace) -> Self {
        Self::new(namespace, Body::Disconnect)
    }

    /// The same packet with a string as the last argument of its event: the offset that a client keeps and
    /// hands back to recover its session. A packet other than an event without ack stays as it is,
    /// since a client takes an offset from these alone (`socket.io-client` 4.8, `emitEvent`).
    #[must_use]
    pub fn with_last(self, last: &str) -> Self {
        match self.body {
            Body::Event { name, id: None, args } => {
                let body = Body::Event { name, id: None, args: args.with_last(last) };
                Self::new(&self.namespace, body)
            }
            _ => self,
        }
    }

    /// The same packet for those who know the namespace by another name; encoded anew.
    #[must_use]
    pub fn renamed(&self, namespace: &Namespace) -> Self {
        Self::new(namespace, self.body.clone())
    }

    /// The name that the packet carries.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Complete websocket frames of a server: a text frame, then one binary frame an attachment;
    /// with msgpack one binary frame.
    ///
    /// `base64` is for clients that cannot read binary frames (`b64=1`): text frames `b…` then.
    pub fn websocket(&self, parser: Parser, base64: bool) -> Bytes {
        let form = match (parser, base64) {
            (Parser::Default, false) => 0,
            (Parser::Default, true) => 1,
            (Parser::Msgpack, false) => 2,
            (Parser::Msgpack, true) => 3,
        };
        self.form(form, || match parser {
            Parser::Default => self.text_frames(base64),
            Parser::Msgpack if base64 => {
                let mut out = Vec::new();
                append_frame(&mut out, TEXT, &[&base64_packet(&self.msgpack())]);
                out
            }
            Parser::Msgpack => {
                let packet = self.msgpack();
                let mut out = Vec::with_capacity(packet.len() + HEAD_MAX);
                append_frame(&mut out, BINARY, &[&packet]);
                out
            }
        })
    }

    /// Engine.IO packets joined by the separator `\x1e`, none before the first or after the last:
    /// `4<packet>` and `b<base64>` for each attachment; with msgpack one `b<base64>`.
    pub fn polling(&self, parser: Parser) -> Bytes {
        match parser {
            Parser::Default => self.form(4, || {
                let parts = self.parts();
                let mut out = parts.text().concat();
                for attachment in parts.attachments() {
                    out.push(0x1e);
                    out.extend_from_slice(&base64_packet(attachment));
                }
                out
            }),
            Parser::Msgpack => self.form(5, || base64_packet(&self.msgpack())),
        }
    }

    /// About how many bytes this takes in a queue. Nothing is encoded for it.
    pub fn size(&self) -> usize {
        let body = match &self.body {
            Body::Connect { .. } => 64,
            Body::Disconnect => 0,
            Body::Event { name, args, .. } => name.len() + args.size(),
            Body::Ack { args, .. } => args.size(),
            Body::ConnectError(text) => text.len(),
        };
        // Frame head, type, ack id and brackets.
        body + self.namespace.as_str().len() + 24
    }

    fn new(namespace: &Namespace, body: Body) -> Self {
        Self { namespace: namespace.clone(), body, forms: [const { OnceLock::new() }; FORMS] }
    }

    fn form(&self, form: usize, write: impl FnOnce() -> Vec<u8>) -> Bytes {
        match self.forms.get(form) {
            Some(form) => form.get_or_init(|| write().into()).clone(),
            // There is a place for each form above.
            None => write().into(),
        }
    }

    fn text_frames(&self, base64: bool) -> Vec<u8> {
        let parts = self.parts();
        let attachments = parts.attachments();
        let binary: usize = attachments.iter().map(|a| a.len() + HEAD_MAX).sum();
        let mut out = Vec::with_capacity(parts.len() + HEAD_MAX + binary);
        append_frame(&mut out, TEXT, &parts.text());
        for attachment in attachments {
            if base64 {
                append_frame(&mut out, TEXT, &[&base64_packet(attachment)]);
            } else {
                append_frame(&mut out, BINARY, &[attachment]);
            }
        }
        out
    }

    /// The packet of the default parser, as an Engine.IO message (`4…`).
    fn parts(&self) -> Parts {
        let mut parts = Parts::default();
        let (kind, id, args) = match &self.body {
            Body::Connect { .. } => (b'0', None, None),
            Body::Disconnect => (b'1', None, None),
            Body::Event { id, args, .. } => (b'2', *id, Some(args)),
            Body::Ack { id, args } => (b'3', Some(*id), Some(args)),
            Body::ConnectError(_) => (b'4', None, None),
        };
        if let Some(args) = args {
            (parts.items, parts.attachments) = args.to_json();
        }
        let head = &mut parts.head;
        head.push(b'4');
        match parts.attachments.as_deref() {
            // With attachments EVENT 2 is BINARY_EVENT 5, and ACK 3 is BINARY_ACK 6.
            Some(attachments) => {
                head.push(kind + 3);
                push_digits(head, u64::try_from(attachments.len()).unwrap_or(u64::MAX));
                head.push(b'-');
            }
            None => head.push(kind),
        }
        if !self.namespace.is_main() {
            head.extend_from_slice(self.namespace.as_str().as_bytes());
            head.push(b',');
        }
        if let Some(id) = id {
            push_digits(head, id.get());
        }
        match &self.body {
            Body::Disconnect => {}
            Body::Connect { sid, pid } => {
                head.extend_from_slice(br#"{"sid":""#);
                head.extend_from_slice(sid.as_str().as_bytes());
                if let Some(pid) = pid {
                    head.extend_from_slice(br#"","pid":""#);
                    head.extend_from_slice(pid.as_str().as_bytes());
                }
                parts.tail = br#""}"#;
            }
            Body::ConnectError(text) => parts.items = text.clone(),
            Body::Event { name, args, .. } => {
                head.push(b'[');
                push_quoted(head, name);
                if !args.is_empty() {
                    head.push(b',');
                }
                parts.tail = b"]";
            }
            Body::Ack { .. } => {
                head.push(b'[');
                parts.tail = b"]";
            }
        }
        parts
    }

    /// The packet of the msgpack parser.
    fn msgpack(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.size() + 32);
        let id = match &self.body {
            Body::Event { id, .. } => *id,
            Body::Ack { id, .. } => Some(*id),
            Body::Connect { .. } | Body::Disconnect | Body::ConnectError(_) => None,
        };
        let data = !matches!(self.body, Body::Disconnect);
        write_map_len(&mut out, 2 + usize::from(data) + usize::from(id.is_some()));
        write_str(&mut out, "type");
        out.push(match self.body {
            Body::Connect { .. } => 0,
            Body::Disconnect => 1,
            Body::Event { .. } => 2,
            Body::Ack { .. } => 3,
            Body::ConnectError(_) => 4,
        });
        write_str(&mut out, "nsp");
        write_str(&mut out, self.namespace.as_str());
        if let Some(id) = id {
            write_str(&mut out, "id");
            write_uint(&mut out, id.get());
        }
        if data {
            write_str(&mut out, "data");
            self.write_msgpack_data(&mut out);
        }
        out
    }

    fn write_msgpack_data(&self, out: &mut Vec<u8>) {
        match &self.body {
            Body::Connect { sid, pid } => {
                write_map_len(out, 1 + usize::from(pid.is_some()));
                write_str(out, "sid");
                write_str(out, sid.as_str());
                if let Some(pid) = pid {
                    write_str(out, "pid");
                    write_str(out, pid.as_str());
                }
            }
            Body::Disconnect => {}
            Body::Event { name, args, .. } => {
                write_array_len(out, 1 + args.len());
                write_str(out, name);
                args.write_msgpack(out);
            }
            Body::Ack { args, .. } => {
                write_array_len(out, args.len());
                args.write_msgpack(out);
            }
            Body::ConnectError(text) => write_value(out, &tree::parse_lossy(text, &[])),
        }
    }
}

/// What every client can take.
fn check(args: &Args) -> Result<(), EncodeError> {
    let (facts, max) = (args.facts(), CLIENT_ATTACHMENTS_MAX);
    if facts.binaries > max {
        let got = facts.binaries;
        return Err(EncodeError::TooManyAttachments { got, max });
    }
    if facts.binaries > 0 && facts.lookalike {
        return Err(EncodeError::Ambiguous);
    }
    Ok(())
}
