//! The log of a single process: it gives the numbers itself.

use crier_domain::event::system::NotRecovered;
use crier_protocol::{Namespace as Name, socket::Outgoing};

use super::{Deliver, Entry, Epoch, Log, Membership, Missed, RecoveryOptions, line::Line};
use crate::{adapter::Envelope, error::EmitError, session::mailbox::Parcel};

/// The events of this process in their order.
#[derive(Debug)]
pub(super) struct LocalLog {
    epoch: Epoch,
    line: Line,
}

impl LocalLog {
    pub(super) fn new(epoch: Epoch, options: &RecoveryOptions, deliver: Deliver) -> Self {
        Self { epoch, line: Line::new(options, deliver) }
    }
}

impl Log for LocalLog {
    fn publish(&self, envelope: Envelope) -> Result<(), EmitError> {
        let Envelope { namespace, target, event, args, volatile, recoverable, key } = envelope;
        let packet = Outgoing::event(&namespace, &event, args, None)?;
        let logged = recoverable && !volatile;
        self.line.append(|head| {
            let id = head + u64::from(logged);
            let packet = packet.with_last(&self.epoch.offset(id));
            let parcel = Parcel { volatile, key, ..Parcel::from(packet) }.into();
            Entry { id, logged, namespace, target, parcel }
        });
        Ok(())
    }

    fn in_order(&self, act: &mut dyn FnMut()) {
        self.line.in_order(act);
    }

    fn complete(&self) -> u64 {
        self.line.complete()
    }

    fn ends(&self) -> (u64, u64) {
        self.line.ends()
    }

    fn size(&self) -> (usize, usize) {
        self.line.size()
    }

    fn offset(&self, id: u64) -> String {
        self.epoch.offset(id)
    }

    fn parse(&self, offset: &str) -> Option<u64> {
        self.epoch.parse(offset)
    }

    fn missed(
        &self,
        namespace: &Name,
        own_room: &str,
        membership: &Membership,
        range: (u64, u64),
        options: &RecoveryOptions,
        is_meant: &dyn Fn(&Entry) -> bool,
    ) -> Result<Missed, NotRecovered> {
        self.line.missed(namespace, own_room, membership, range, options, is_meant)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    };

    use crier_protocol::socket::{Args, Parser};

    use super::{
        super::{in_order, line::QUEUE_MAX},
        *,
    };
    use crate::lock;

    fn envelope(event: &str, recoverable: bool) -> Envelope {
        Envelope {
            namespace: Name::MAIN,
            target: crate::adapter::Target::default(),
            event: event.into(),
            args: Args::none(),
            volatile: !recoverable,
            recoverable,
            key: None,
        }
    }

    type Delivered = Arc<Mutex<Vec<(u64, bool)>>>;

    fn log(deliver: impl Fn(&Entry) + Send + Sync + 'static) -> LocalLog {
        let options = RecoveryOptions::default();
        LocalLog::new(Epoch::from_random([0; 8]), &options, Box::new(deliver))
    }

    #[test]
    fn an_event_is_kept_before_it_is_delivered_and_says_its_number() {
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let told = Arc::clone(&seen);
        let log = log(move |entry| {
            let text = entry.parcel.packet.polling(Parser::Default).to_vec();
            lock(&told).push(String::from_utf8(text).unwrap());
        });
        for (event, recoverable) in [("a", false), ("b", true), ("c", false), ("d", true)] {
            log.publish(envelope(event, recoverable)).unwrap();
        }
        let offset = |event: &str, id: u64| format!(r#"42["{event}","0000000000000000~{id}"]"#);
        let expected = [offset("a", 0), offset("b", 1), offset("c", 1), offset("d", 2)];
        assert_eq!(*lock(&seen), expected);
        assert_eq!((log.complete(), log.ends()), (2, (2, 0)));
    }

    #[test]
    fn a_name_that_no_event_may_have_takes_no_number() {
        let log = log(|_| {});
        assert!(log.publish(envelope("connect", true)).is_err());
        assert_eq!(log.ends(), (0, 0));
    }

    #[test]
    fn many_threads_at_once_are_one_order() {
        const THREADS: usize = 4;
        const EACH: usize = 5_000;
        let delivered = Delivered::default();
        let busy = Arc::new(AtomicUsize::new(0));
        let (told, at_work) = (Arc::clone(&delivered), Arc::clone(&busy));
        let log = log(move |entry| {
            assert_eq!(at_work.fetch_add(1, Ordering::SeqCst), 0, "two deliver at once");
            lock(&told).push((entry.id, entry.logged));
            at_work.fetch_sub(1, Ordering::SeqCst);
        });
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for n in 0..EACH {
                        log.publish(envelope("e", n % 5 > 0)).unwrap();
                        if n % 100 == 0 {
                            // What was published is delivered, and nobody is at it.
                            let (head, busy) =
                                in_order(&log, || (log.complete(), busy.load(Ordering::SeqCst)))
                                    .unwrap();
                            assert!(head > 0 || n == 0);
                            assert_eq!(busy, 0);
                        }
                    }
                });
            }
        });
        let delivered = lock(&delivered);
        assert_eq!(delivered.len(), THREADS * EACH);
        let mut last = 0;
        for (id, logged) in delivered.iter() {
            // One that is not kept says the number of the last that is.
            assert_eq!(*id, last + u64::from(*logged));
            last = *id;
        }
        assert_eq!(log.complete(), last);
    }

    #[test]
    fn a_publisher_waits_where_the_delivery_does_not_keep_up() {
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let wait = Mutex::new(wait);
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let log = log(move |_| {
            if counted.fetch_add(1, Ordering::SeqCst) == 0 {
                // The first holds all others up.
                let _ = lock(&wait).recv();
            }
        });
        std::thread::scope(|scope| {
            scope.spawn(|| log.publish(envelope("first", true)));
            while count.load(Ordering::SeqCst) == 0 {
                std::thread::yield_now();
            }
            for _ in 0..QUEUE_MAX {
                log.publish(envelope("queued", true)).unwrap();
            }
            let waits = scope.spawn(|| log.publish(envelope("one too many", true)));
            assert_eq!(count.load(Ordering::SeqCst), 1);
            assert!(!waits.is_finished());
            go.send(()).unwrap();
            waits.join().unwrap().unwrap();
            assert_eq!(count.load(Ordering::SeqCst), QUEUE_MAX + 2);
        });
    }
}
