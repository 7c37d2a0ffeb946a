//! Bodies of the fuzz targets, kept here so that they compile and run every day.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{Incoming, Outgoing, Parser, ParserChoice, Session};
use crate::{Limits, Message};

/// Splits `data` at each `\xff` into messages (text where they are UTF-8), gives them to a session
/// that lets everybody in, and checks what must hold whatever comes: limits on what is held and
/// joined, events only for joined namespaces, and that what was let in can be sent on to clients of
/// either parser.
///
/// # Panics
///
/// One of these does not hold.
pub fn sio_packet(data: &[u8]) {
    #[expect(clippy::disallowed_methods, reason = "a start for virtual time")]
    let start = Instant::now();
    let limits = Arc::new(Limits::default());
    let mut session = Session::new(&limits, ParserChoice::Auto, start);
    for (n, part) in (0_u64..).zip(data.split(|byte| *byte == 0xff)) {
        let bytes = Bytes::copy_from_slice(part);
        let message = match bytes.clone().try_into() {
            // Half of the text goes in as binary, or attachments would never be text.
            Ok(text) if part.first() != Some(&b'B') => Message::Text(text),
            _ => Message::Binary(bytes),
        };
        let now = start + Duration::from_millis(n);
        let Ok(incoming) = session.handle(message, now) else {
            assert_eq!(session.held(), 0, "a closed session holds attachments");
            return;
        };
        assert!(session.held() <= limits.attachments_bytes_max);
        assert!(session.namespaces().count() <= limits.namespaces_max);
        if let Some(incoming) = incoming {
            check(&mut session, incoming, &limits);
        }
    }
}

fn check(session: &mut Session, incoming: Incoming, limits: &Limits) {
    match incoming {
        Incoming::Connect { namespace, auth } => {
            // Not every object is a readable one, but none may fail in another way.
            let _ = auth.as_value();
            session.accepted(&namespace);
            assert!(session.namespaces().any(|joined| *joined == namespace));
        }
        Incoming::Event { namespace, name, args, id } => {
            assert!(session.namespaces().any(|joined| *joined == namespace));
            assert!(name.len() <= limits.event_name_max && args.len() <= limits.args_max);
            for index in 0..=args.len() {
                let _ = args.get::<super::Value>(index);
            }
            if let Ok(outgoing) = Outgoing::event(&namespace, &name, args, id) {
                for parser in [Parser::Default, Parser::Msgpack] {
                    assert!(!outgoing.websocket(parser, false).is_empty());
                    assert!(!outgoing.polling(parser).is_empty());
                }
            }
        }
        Incoming::Ack { namespace, .. } => {
            assert!(session.namespaces().any(|joined| *joined == namespace));
        }
        Incoming::Disconnect { namespace } => {
            assert!(session.namespaces().all(|joined| *joined != namespace));
        }
        Incoming::Ignored(_) => {}
    }
}
