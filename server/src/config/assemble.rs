//! Entries to sections: which setting becomes which field.

use std::num::NonZeroU32;

use crier_domain::{
    App, AuthMode,
    event::{CatalogueOptions, PaymentAudience, ProductAudience},
    service::{notifications::SendFrom, orders::OrderStatus},
};
use crier_protocol::{
    Limits, engine::TransportName, redis_adapter::SubscriptionMode, socket::ParserChoice,
};

use super::read::{self, Reader};
use super::source::Entry;
use super::{
    Attachments, Auth, AuthKeys, Chat, Cluster, Config, Http, Namespaces, NodeCompat,
    Notifications, Presence, Recovery, Redis, Rest, Rooms, Shop, Shown, Shutdown, Socket,
    VendorChat, is_loopback,
};
use crate::apps::AudienceMode;

const TRANSPORTS: [TransportName; 2] = [TransportName::Polling, TransportName::WebSocket];

/// So many in a time; 0 is refused by the setting's row.
fn rate(r: &mut Reader<'_>, key: &'static str) -> NonZeroU32 {
    NonZeroU32::new(r.small(key)).unwrap_or(NonZeroU32::MIN)
}

impl Config {
    /// Reads every setting once. What is not legal is noted by the reader and stands here as a
    /// placeholder that no caller ever sees.
    pub(super) fn read(r: &mut Reader<'_>) -> Self {
        let listen = r.address("listen");
        let rest_listen = r.address_or_off("rest_listen");
        let loopback_only = is_loopback(listen) && rest_listen.is_none_or(is_loopback);
        let auth = read_auth(r);
        Self {
            listen,
            rest_listen,
            internal_listen: r.address("internal_listen"),
            advertise: r.host_port("advertise"),
            cluster_secret: r.keys("cluster_secret"),
            redis_url: r.redis_url("redis_url"),
            redis: Redis {
                username: r.text("redis.username"),
                password: r.password("redis.password"),
                prefix: r.prefix("redis.prefix"),
                connections: r.number("redis.connections"),
            },
            cluster: Cluster {
                emitter: r.switch("cluster.emitter"),
                node_compat: r.word("cluster.node_compat", NodeCompat::parse).unwrap_or_default(),
                node_prefix: r.prefix("cluster.node_prefix"),
                node_subscription_mode: r
                    .word("cluster.node_subscription_mode", SubscriptionMode::parse)
                    .unwrap_or_default(),
                node_specific_responses: r.switch("cluster.node_specific_responses"),
                node_timeout: r.time("cluster.node_timeout"),
            },
            data_dir: r.path("data_dir").unwrap_or_default(),
            apps: r.words("apps", &App::ALL, App::parse),
            cors_origins: r.origins("cors_origins"),
            hosts: r.hosts("hosts"),
            client_dist: r.path("client_dist"),
            log: r.filter("log"),
            socket: read_socket(r),
            http: read_http(r, loopback_only),
            auth,
            audiences: CatalogueOptions {
                payments: r
                    .word("marketplace.payment_audience", PaymentAudience::parse)
                    .unwrap_or_default(),
                products: r.word("audience.products", ProductAudience::parse).unwrap_or_default(),
            },
            chat: Chat {
                edit_window: r.time("chat.edit_window"),
                message_max: r.number("chat.message_max"),
                group_max: r.number("chat.group_max"),
                messages_per_minute: rate(r, "chat.messages_per_minute"),
                new_per_minute: rate(r, "chat.new_per_minute"),
            },
            notifications: Notifications {
                send_from: r.word("notifications.send_from", SendFrom::parse).unwrap_or_default(),
                per_minute: rate(r, "notifications.per_minute"),
                kept: r.time("notifications.kept"),
                max: r.number("notifications.max"),
            },
            shop: Shop {
                messages_per_minute: rate(r, "shop.messages_per_minute"),
                orders_per_minute: rate(r, "shop.orders_per_minute"),
            },
            owner_statuses: r.words("orders.owner_statuses", &OrderStatus::ALL, OrderStatus::parse),
            rooms: Rooms { policy: r.room_rules("rooms.policy") },
            presence: Presence {
                grace: r.time("presence.grace"),
                audience: r.word("presence.audience", AudienceMode::parse).unwrap_or_default(),
            },
            vendor_chat: VendorChat { share_contact: r.switch("vendor_chat.share_contact") },
            rest: Rest {
                api_keys: r.keys("rest.api_keys"),
                outbox: r.switch("rest_outbox"),
                body_max: r.number("rest.body_max"),
                batch_max: r.number("rest.batch_max"),
                requests_per_second: rate(r, "rest.requests_per_second"),
                refusals_per_second: rate(r, "rest.refusals_per_second"),
            },
            recovery: Recovery {
                window: r.time("recovery.window"),
                entries_max: r.number("recovery.entries_max"),
                bytes_max: r.number("recovery.bytes_max"),
                replay_events_max: r.number("recovery.replay_events_max"),
                replay_bytes_max: r.number("recovery.replay_bytes_max"),
                sessions_max: r.number("recovery.sessions_max"),
            },
            namespaces: Namespaces { alias: r.aliases("namespaces.alias") },
            attachments: Attachments {
                bytes_max: r.number("attachments.bytes_max"),
                s3_bucket: r.text("attachments.s3_bucket"),
                s3_endpoint: r.text("attachments.s3_endpoint"),
                s3_region: r.text("attachments.s3_region").unwrap_or_default(),
            },
            shutdown: Shutdown { drain: r.time("shutdown.drain") },
            shown: r.entries.iter().map(show).collect(),
        }
    }
}

fn read_socket(r: &mut Reader<'_>) -> Socket {
    let events_per_second = r.small("socket.events_per_second");
    Socket {
        path: r.url_path("socket.path"),
        transports: r.words("socket.transports", &TRANSPORTS, transport),
        parser: r.word("socket.parser", parser).unwrap_or_default(),
        limits: Limits {
            ping_interval: r.time("socket.ping_interval"),
            ping_timeout: r.time("socket.ping_timeout"),
            upgrade_timeout: r.time("socket.upgrade_timeout"),
            connect_timeout: r.time("socket.connect_timeout"),
            max_payload: r.number("socket.max_http_buffer_size"),
            payload_packets_max: r.number("socket.payload_packets_max"),
            fragments_max: r.number("socket.fragments_max"),
            message_timeout: r.time("socket.message_timeout"),
            control_frames_per_second: r.small("socket.control_frames_per_second"),
            attachments_max: r.number("socket.attachments_max"),
            attachments_bytes_max: r.number("socket.attachments_bytes_max"),
            depth_max: r.number("socket.json_depth"),
            args_max: r.number("socket.args_max"),
            event_name_max: r.number("socket.event_name_max"),
            namespace_max: r.number("socket.namespace_max"),
            namespaces_max: r.number("socket.namespaces_max"),
            unknown_namespaces_max: r.number("socket.unknown_namespaces_max"),
            pending_acks_max: r.number("socket.pending_acks_max"),
        },
        outbox_frames: r.number("socket.outbox_frames"),
        outbox_bytes: r.number("socket.outbox_bytes"),
        rooms_max: r.number("socket.rooms_max"),
        event_payload_max: r.number("socket.event_payload_max"),
        events_per_second,
        // Whoever raises the rate alone does not want it held down by the burst's default.
        events_burst: r.small("socket.events_burst").max(events_per_second),
    }
}

fn transport(word: &str) -> Option<TransportName> {
    TRANSPORTS.into_iter().find(|transport| transport.as_str() == word)
}

fn parser(word: &str) -> Option<ParserChoice> {
    match word {
        "auto" => Some(ParserChoice::Auto),
        "default" => Some(ParserChoice::Default),
        "msgpack" => Some(ParserChoice::Msgpack),
        _ => None,
    }
}

fn read_http(r: &mut Reader<'_>, loopback_only: bool) -> Http {
    Http {
        header_timeout: r.time("http.header_timeout"),
        keep_alive: r.time("http.keep_alive"),
        body_timeout: r.time("http.body_timeout"),
        write_timeout: r.time("http.write_timeout"),
        head_max: r.number("http.head_max"),
        headers_max: r.number("http.headers_max"),
        uri_max: r.number("http.uri_max"),
        connections_max: r.number("http.connections_max"),
        connections_per_ip: r.cap("http.connections_per_ip", loopback_only),
    }
}

fn read_auth(r: &mut Reader<'_>) -> Auth {
    let (secret, pem, jwks) = (r.key("auth.secret"), r.path("auth.keys"), r.path("auth.jwks"));
    // A key that is given and wrong is an error of its own, not a reason to fall back.
    let given = ["auth.secret", "auth.keys", "auth.jwks"].iter().any(|key| r.is_given(key));
    let keys =
        if given { AuthKeys::Configured { secret, pem, jwks } } else { AuthKeys::Development };
    let default = if given { AuthMode::Required } else { AuthMode::Optional };
    Auth {
        keys,
        mode: r.word("auth.mode", AuthMode::parse).unwrap_or(default),
        query_token: r.switch("auth.query_token"),
        require_exp: r.switch("auth.require_exp"),
        issuer: r.text("auth.issuer"),
        audience: r.texts("auth.audience"),
        max_lifetime: Some(r.time("auth.max_lifetime")).filter(|time| !time.is_zero()),
    }
}

fn show(entry: &Entry) -> Shown {
    let value = read::shown(entry.setting, &entry.raw);
    Shown { key: entry.setting.key, value, source: entry.source.clone() }
}
