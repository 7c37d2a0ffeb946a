//! The one table of settings. A new setting is one row here and one field that reads it.

use super::setting::{Kind, Setting};

const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// What the words of [`OrderStatus`](crier_domain::service::orders::OrderStatus) may be set to by owners.
const OWNER_STATUSES: &[&str] = &["paid", "shipped", "delivered", "cancelled"];

/// The names of [`App`](crier_domain::App), in its order.
pub(super) const APPS: &[&str] = &["marketplace", "storefront", "shop", "vendor-chat"];

const fn row(key: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Setting {
    Setting::new(key, kind, default, doc)
}

/// Every setting, in the order of README's table.
#[rustfmt::skip] // Two lines a row read as a table; one argument a line does not.
pub static SETTINGS: &[Setting] = &[
    row("listen", Kind::Address, "127.0.0.1:3000",
        "Sockets, pages and, with the embedded sidecar, `/api`. Other addresses than loopback need a key."),
    row("rest_listen", Kind::AddressOrOff, "127.0.0.1:3001",
        "The embedded sidecar; `off` to run `crier-rest` apart."),
    row("internal_listen", Kind::Address, "127.0.0.1:3002",
        "`/livez`, `/readyz`, `/metrics` and what replicas say to each other. Never for the public."),
    row("advertise", Kind::HostPort, "",
        "Where other replicas reach `internal_listen`. Default: that address itself, which must then be a definite one."),
    row("cluster_secret", Kind::Keys, "",
        "Signs what replicas and sidecars send each other, and attachment links. The same everywhere, at least 32 bytes; the second of two is accepted while rotating. Required with Redis; on the development key the default is a public one. Without Redis, links are by default signed with a key of the store's own."),
    row("redis_url", Kind::RedisUrl, "",
        "Bus, log and store of a cluster: `redis://`, `redis+sentinel://`, `redis+cluster://`, each with `rediss` for TLS, `redis+unix://`. Default: embedded in this process.")
        .or_env(&["REDIS_URL"]),
    row("redis.username", Kind::Text, "",
        "User of Redis's ACL. Default: that of the URL, if any."),
    row("redis.password", Kind::Password, "",
        "Its password. Default: that of the URL, if any."),
    row("redis.prefix", Kind::Prefix, "crier",
        "What all keys and channels begin with, in braces: another prefix is another Crier in the same Redis."),
    row("redis.connections", Kind::Count(1, 64), "4",
        "Connections that commands share; subscriptions have their own."),
    row("data_dir", Kind::Path, "./data",
        "Folder of what is kept on disk: the embedded store (`crier.redb`) and uploads (`uploads/`). Made if it is not there; one process at a time."),
    row("rest_outbox", Kind::Switch, "off",
        "The sidecar keeps what is published on disk while Redis is away, and sends it later in order. Not built yet: with `on`, `crier` does not start."),
    row("apps", Kind::ChoicesOrNone(APPS), "marketplace,storefront,shop,vendor-chat",
        "Which apps answer; `none` = a plain Socket.IO server with rooms and the sidecar."),
    row("cors_origins", Kind::Origins, "",
        "Web origins that may connect and call, exact, also for websockets. Default: pages of localhost on any port while listening on loopback only. Always: requests without Origin, and our own pages under a name of `hosts`.")
        .or_env(&["FRONTEND_URL"]),
    row("hosts", Kind::Hosts, "",
        "Host names that count as our own, beside `localhost`, `127.0.0.1` and `[::1]`, which always do. Any other gets no same-origin rights (DNS rebinding), and of the sidecar 421; a sidecar on a public address looks at the name only where some are given here."),
    row("client_dist", Kind::Path, "",
        "Folder of the official client bundle (npm `socket.io-client/dist`), served under `/socket.io/`. Default: a redirect to the public CDN."),
    row("log", Kind::Filter, "info",
        "Filter of the log on stderr, as of Rust's `tracing`: `warn`, `info,crier_server=debug`."),

    row("socket.path", Kind::UrlPath, "/socket.io/",
        "Path of the endpoint (socket.io `path`)."),
    row("socket.transports", Kind::Choices(&["polling", "websocket"]), "polling,websocket",
        "Transports that are answered (engine.io `transports`)."),
    row("socket.parser", Kind::Choice(&["auto", "default", "msgpack"]), "auto",
        "Packet encoding: the default one, socket.io-msgpack-parser's, or by the first packet of each connection."),
    row("socket.ping_interval", Kind::Millis(100, 24 * HOUR), "25s",
        "From the open packet or a pong to the next ping (engine.io `pingInterval`). Short = more traffic."),
    row("socket.ping_timeout", Kind::Millis(100, 24 * HOUR), "20s",
        "Time to answer a ping; then the session is closed (engine.io `pingTimeout`). A half-open connection is noticed after interval + timeout."),
    row("socket.upgrade_timeout", Kind::Millis(100, HOUR), "10s",
        "From the probing websocket's opening to its `5` packet (engine.io `upgradeTimeout`)."),
    row("socket.connect_timeout", Kind::Millis(100, HOUR), "45s",
        "Time to join a first namespace (socket.io `connectTimeout`)."),
    row("socket.max_http_buffer_size", Kind::Size(KIB, GIB), "1e6",
        "Largest polling body, websocket message and polling answer, in bytes (engine.io `maxHttpBufferSize`; sent as `maxPayload`)."),
    row("socket.outbox_frames", Kind::Count(16, 1_000_000), "1000",
        "Frames that may wait for one slow receiver; beyond, its transport is closed and it recovers from the log."),
    row("socket.outbox_bytes", Kind::Size(64 * KIB, GIB), "1MiB",
        "The same in bytes. Times sessions = the worst case of memory."),
    row("socket.rooms_max", Kind::Count(1, 1_000_000), "256",
        "Rooms of one socket."),
    row("socket.event_payload_max", Kind::Size(KIB, GIB), "64KiB",
        "Bytes of an event's arguments on `/`; beyond, it is refused. Events over 10 KB are counted, and logged once a name."),
    row("socket.events_per_second", Kind::Count(1, 1_000_000), "50",
        "Events of one socket, sustained. Beyond: an error ack; after 10 s of it the socket is disconnected."),
    row("socket.events_burst", Kind::Count(1, 1_000_000), "100",
        "Events of one socket at once."),
    row("socket.json_depth", Kind::Count(1, 128), "64",
        "Nesting of arrays and objects in JSON and msgpack. At most 128, what JSON readers elsewhere take."),
    row("socket.args_max", Kind::Count(1, 65_536), "64",
        "Arguments of one event or ack."),
    row("socket.event_name_max", Kind::Size(16, 64 * KIB), "128",
        "Bytes of an event's name."),
    row("socket.namespace_max", Kind::Size(16, 64 * KIB), "128",
        "Bytes of a namespace's name."),
    row("socket.namespaces_max", Kind::Count(1, 65_536), "16",
        "Namespaces joined on one connection."),
    row("socket.unknown_namespaces_max", Kind::Count(1, 65_536), "10",
        "Refused CONNECTs to unknown namespaces before the connection is closed."),
    row("socket.attachments_max", Kind::Count(0, 1_000), "10",
        "Binary attachments of one packet (socket.io-parser `maxAttachments`)."),
    row("socket.attachments_bytes_max", Kind::Size(KIB, GIB), "4MiB",
        "Bytes of all attachments of one packet."),
    row("socket.message_timeout", Kind::Millis(100, HOUR), "10s",
        "From the first byte of a websocket message, or a packet's attachment header, to its end."),
    row("socket.fragments_max", Kind::Count(1, 1_000_000), "1024",
        "Frames of one fragmented websocket message."),
    row("socket.payload_packets_max", Kind::Count(1, 1_000_000), "16384",
        "Packets in one polling body."),
    row("socket.control_frames_per_second", Kind::Count(1, 100_000), "10",
        "Websocket pings of a peer that are answered, sustained; a burst of as many again."),
    row("socket.pending_acks_max", Kind::Count(1, 1_000_000), "1000",
        "Acks awaited of one socket."),

    row("http.header_timeout", Kind::Time(100, HOUR), "10s",
        "From a request's first byte (the first request's: from accept) to the end of its head."),
    row("http.keep_alive", Kind::Time(0, 24 * HOUR), "75s",
        "How long an idle connection is kept for its next request."),
    row("http.body_timeout", Kind::Time(100, HOUR), "10s",
        "From the end of the head to the end of the body. A polling body has a second more for each KiB that has come."),
    row("http.write_timeout", Kind::Time(SECOND, HOUR), "30s",
        "Time for a peer to take what is written to it."),
    row("http.head_max", Kind::Size(KIB, MIB), "32KiB",
        "Bytes of a request's head; beyond 431."),
    row("http.headers_max", Kind::Count(8, 10_000), "100",
        "Header lines of a request; beyond 431."),
    row("http.uri_max", Kind::Size(128, MIB), "8KiB",
        "Bytes of a request's target; beyond 414."),
    row("http.connections_max", Kind::Count(1, 100_000_000), "100000",
        "Open connections of each listener, websockets included; beyond, new ones wait in the kernel's queue. The process must be allowed as many open files."),
    row("http.connections_per_ip", Kind::AutoCap(200), "auto",
        "Sessions of one address that have not joined a namespace yet; beyond 429. `auto` = 200, or no cap while listening on loopback only."),

    row("auth.secret", Kind::Key, "",
        "HMAC secret of user tokens (HS256/384/512), at least 32 bytes. Without any key Crier uses a development key that everyone knows, on loopback only.")
        .or_env(&["JWT_SECRET"]),
    row("auth.keys", Kind::Path, "",
        "PEM file of public keys (RS, PS, ES, EdDSA)."),
    row("auth.jwks", Kind::LocalFile, "",
        "JWKS file, keys by `kid`."),
    row("auth.mode", Kind::Choice(&["required", "optional", "off"]), "",
        "Whether a socket needs a token. Default: `required`, or `optional` with the development key."),
    row("auth.query_token", Kind::Switch, "on",
        "Whether the query's `token` is looked at. Never logged."),
    row("auth.require_exp", Kind::Switch, "on",
        "Whether a token must expire."),
    row("auth.issuer", Kind::Text, "",
        "The `iss` that a token must have."),
    row("auth.audience", Kind::Texts, "",
        "The `aud` that a token must have one of."),
    row("auth.max_lifetime", Kind::Time(0, 3_650 * 24 * HOUR), "0",
        "Longest time from now to `exp` that a token may have; 0 = any."),

    row("marketplace.payment_audience", Kind::Choice(&["parties", "everyone"]), "parties",
        "Who hears of payments: the buyer, seller, request and checkout rooms that a publishing names, and `admins`; or every signed-in socket."),
    row("audience.products", Kind::Choice(&["auto", "everyone", "room"]), "auto",
        "Who hears of a product's price and stock: everyone, those in `product:{id}`, or everyone up to 1,000 sockets and the room above that."),

    row("orders.owner_statuses", Kind::ChoicesOrNone(OWNER_STATUSES), "cancelled",
        "What users may set their own orders to; `none` = nothing. `admin` and `service` take every legal step."),
    row("rooms.policy", Kind::RoomRules, "",
        "Who may join the rooms of a pattern, in place of the built-in table: `[rooms.policy]` with rows such as `\"order:*\" = [\"granted\", \"admin\"]`, elsewhere `order:*=granted admin, lobby=public`. Words: `public` `user` `owner` `participant` `granted` `agent` `admin`, or `deny` alone. A row holds where it is at least as narrow as the built-in one; of several the narrowest."),

    row("presence.grace", Kind::Time(0, HOUR), "5s",
        "How long a user without sockets is still online: hides reconnects."),
    row("presence.audience", Kind::Choice(&["everyone", "shared-rooms", "auto"]), "auto",
        "Who hears that a user came or went: every user, those who share a room, or everyone up to 1,000 users online and shared rooms above (back below 800)."),

    row("chat.edit_window", Kind::Time(0, 365 * 24 * HOUR), "15m",
        "How long its author may change a message."),
    row("chat.message_max", Kind::Count(1, 20_000), "5000",
        "Characters (UTF-16 units) of a message."),
    row("chat.group_max", Kind::Count(2, 500), "100",
        "Participants of a group: each message writes a record for each of them."),
    row("chat.messages_per_minute", Kind::Count(1, 1_000_000), "20",
        "Messages of one user in a minute, by the sidecar and by `sendMessage` together."),
    row("chat.new_per_minute", Kind::Count(1, 1_000_000), "10",
        "New chats of one user in a minute."),
    row("notifications.send_from", Kind::Choice(&["user", "service"]), "user",
        "Whose `notification:send` is taken: every user's, or only that of roles `service` and `admin`."),
    row("notifications.per_minute", Kind::Count(1, 1_000_000), "30",
        "`notification:send` of one user in a minute."),
    row("notifications.kept", Kind::Time(HOUR, 3_650 * 24 * HOUR), "90d",
        "How long a notification is kept."),
    row("notifications.max", Kind::Count(1, 10_000), "1000",
        "Notifications of one user; then the oldest goes."),
    row("shop.messages_per_minute", Kind::Count(1, 1_000_000), "20",
        "`message` of one user in a minute."),
    row("shop.orders_per_minute", Kind::Count(1, 1_000_000), "10",
        "`order:create` of one user in a minute."),
    row("vendor_chat.share_contact", Kind::Switch, "off",
        "Whether customers and vendors who have a chat see each other's address and telephone number."),

    row("rest.api_keys", Kind::ApiKeys, "",
        "Keys that backends may publish with instead of a token.")
        .or_env(&["CRIER_API_KEYS"]),
    row("rest.body_max", Kind::Size(KIB, GIB), "64KiB",
        "Bytes of a request body; beyond 413."),
    row("rest.batch_max", Kind::Size(KIB, GIB), "8MiB",
        "Bytes of a batch of events (up to 1,000)."),
    row("rest.requests_per_second", Kind::Count(1, 1_000_000), "10000",
        "What one user or key may ask for in a second, and at once; a batch counts as its events. Beyond 429."),
    row("rest.refusals_per_second", Kind::Count(1, 1_000_000), "10",
        "Wrong credentials of one address (IPv6: one /64) that are answered 401 in a second, and five times as many at once. Beyond 429; right credentials always get in."),

    row("recovery.window", Kind::Time(0, 24 * HOUR), "5m",
        "How long a client may be away and still get what it missed (socket.io `connectionStateRecovery`); 0 = nothing is kept."),
    row("recovery.entries_max", Kind::Count(16, 1_000_000_000), "1000000",
        "Events that are kept for those who are away; beyond, the oldest go, and whoever would need them is told `log-lost`."),
    row("recovery.bytes_max", Kind::Size(64 * KIB, 1_024 * GIB), "256MiB",
        "The same in bytes of memory: about 700 and twice the payload for each event."),
    row("recovery.replay_events_max", Kind::Count(1, 10_000_000), "10000",
        "Events that one client is sent when it comes back; beyond, it is told `too-much` and reloads."),
    row("recovery.replay_bytes_max", Kind::Size(KIB, GIB), "4MiB",
        "The same in bytes."),
    row("recovery.sessions_max", Kind::Count(16, 100_000_000), "100000",
        "Sessions without a connection that are kept; beyond, the one that ended first is forgotten."),

    row("namespaces.alias", Kind::Aliases, "/ws=/",
        "Namespaces under further names, `name=namespace`: who connects to the first is in the second and is answered under the first. `none` = none."),

    row("attachments.bytes_max", Kind::Size(KIB, GIB), "10MiB",
        "Bytes of a file that goes with a message."),
    row("attachments.s3_bucket", Kind::Text, "",
        "Bucket for these files, of anything that speaks S3. Its credentials are `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or the machine's role. Default: `uploads/` in `data_dir`."),
    row("attachments.s3_endpoint", Kind::Text, "",
        "URL of the S3 server, such as `https://minio.example:9000`. Default: Amazon's. Takes effect with a bucket."),
    row("attachments.s3_region", Kind::Text, "us-east-1",
        "Region of the bucket."),

    row("shutdown.drain", Kind::Time(0, HOUR), "25s",
        "From SIGTERM to the exit: clients are moved away in batches meanwhile. Keep it below the supervisor's patience (Kubernetes: 30 s)."),
];

/// README's table, between its `<!-- config -->` markers.
#[must_use]
pub fn markdown_table() -> String {
    let mut table =
        String::from("| setting | environment | default | |\n| --- | --- | --- | --- |\n");
    for setting in SETTINGS {
        let mut envs = vec![format!("`{}`", setting.env())];
        envs.extend(setting.aliases.iter().map(|alias| format!("`{alias}`")));
        let default = match setting.default {
            "" => "none".to_owned(),
            text => format!("`{text}`"),
        };
        let (key, envs, doc) = (setting.key, envs.join(", "), setting.doc.replace('|', "\\|"));
        table.push_str(&format!("| `{key}` | {envs} | {default} | {doc} |\n"));
    }
    table
}
