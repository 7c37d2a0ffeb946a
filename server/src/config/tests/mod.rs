//! The configuration as an operator meets it.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use crier_domain::{
    App, AuthMode,
    event::{CatalogueOptions, PaymentAudience, ProductAudience},
};
use crier_protocol::{Limits, engine::TransportName, socket::ParserChoice};

use super::read::Reader;
use super::*;

mod refusals;
mod used;

const KEY: &str = "0123456789abcdef0123456789abcdef";
const OTHER_KEY: &str = "fedcba9876543210fedcba9876543210";

fn parse_file(text: &str) -> Result<Config, String> {
    let file = Some((Path::new("crier.toml"), text));
    Config::parse(&MapVars::default(), file, &[]).map_err(|errors| errors.to_string())
}

fn parse_env<const N: usize>(vars: [(&str, &str); N]) -> Result<Config, String> {
    Config::parse(&MapVars::new(vars), None, &[]).map_err(|errors| errors.to_string())
}

fn flag(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn who_may_join_is_written_as_a_table_or_in_one_line() {
    let table = "[rooms.policy]\n\"order:*\" = [\"granted\", \"admin\"]\nlobby = \"public\"\n";
    let by_file = parse_file(table).unwrap();
    let by_env = parse_env([("CRIER_ROOMS_POLICY", "lobby=public, order:*=granted admin")]);
    let mut by_env = by_env.unwrap().rooms.policy;
    let mut by_file = by_file.rooms.policy;
    let text = |rule: &crier_domain::RoomRule| format!("{rule:?}");
    by_env.sort_by_key(text);
    by_file.sort_by_key(text);
    assert_eq!((by_file.len(), &by_file), (2, &by_env));
    assert_eq!(parse_file("").unwrap().rooms.policy, []);
}

#[test]
fn without_anything_it_runs_on_loopback_with_the_development_key() {
    let config = parse_env([]).unwrap();
    assert_eq!(config.listen, "127.0.0.1:3000".parse().unwrap());
    assert_eq!(config.rest_listen, Some("127.0.0.1:3001".parse().unwrap()));
    assert_eq!(config.internal_listen, "127.0.0.1:3002".parse().unwrap());
    assert!(config.auth.keys.is_development());
    assert_eq!(config.auth.mode, AuthMode::Optional);
    assert!(config.redis_url.is_none());
    assert_eq!(config.apps, App::ALL);
    assert!(config.is_loopback_only());
    assert_eq!(config.http.connections_per_ip, None, "load tests come from one address");
    assert_eq!(config.shutdown.drain, Duration::from_secs(25));
}

#[test]
fn an_operator_says_who_hears_of_payments_and_products() {
    let of = |payments: &str, products: &str| {
        let text = format!(
            "[marketplace]\npayment_audience = \"{payments}\"\n[audience]\nproducts = \"{products}\""
        );
        parse_file(&text).map(|config| config.audiences)
    };
    assert_eq!(of("parties", "auto"), Ok(CatalogueOptions::default()));
    let set =
        CatalogueOptions { payments: PaymentAudience::Everyone, products: ProductAudience::Room };
    assert_eq!(of("everyone", "room"), Ok(set));
    assert!(of("nobody", "room").unwrap_err().contains("marketplace.payment_audience"));
    assert!(of("parties", "rooms").unwrap_err().contains("audience.products"));
}

#[test]
fn the_default_limits_are_those_of_the_protocol() {
    assert_eq!(parse_env([]).unwrap().socket.limits, Limits::default());
}

#[test]
fn every_row_is_read_once_and_every_default_is_legal() {
    let mut errors = Vec::new();
    let entries = source::merge(&MapVars::default(), None, &[], &mut errors);
    let mut reader = Reader { entries: &entries, errors: &mut errors, read: Vec::new() };
    Config::read(&mut reader);
    let read = reader.read;
    assert_eq!(errors, []);
    let distinct: BTreeSet<&str> = read.iter().copied().collect();
    assert_eq!(distinct.len(), read.len(), "a setting is read twice");
    assert_eq!(distinct, SETTINGS.iter().map(|setting| setting.key).collect());
}

#[test]
fn every_word_that_a_row_offers_is_read() {
    for setting in SETTINGS {
        let (Kind::Choice(words) | Kind::Choices(words) | Kind::ChoicesOrNone(words)) =
            setting.kind
        else {
            continue;
        };
        for word in words {
            let word = word.to_ascii_uppercase();
            let flags = [flag(setting.key, &word)];
            let config = Config::parse(&MapVars::default(), None, &flags);
            assert!(config.is_ok(), "{}={word}: {config:?}", setting.key);
        }
    }
    assert_eq!(table::APPS, App::ALL.map(App::as_str));
    let backwards = Config::parse(&MapVars::default(), None, &[flag("apps", "shop,marketplace")]);
    assert_eq!(backwards.unwrap().apps, [App::Marketplace, App::Shop], "in the contract's order");
}

#[test]
fn names_are_unambiguous_and_documented() {
    let mut names = BTreeSet::new();
    for setting in SETTINGS {
        assert!(names.insert(setting.normal()), "{}", setting.key);
        assert!(!setting.normal().ends_with("_file"), "{}: reads as a secret's file", setting.key);
        assert!(setting.doc.ends_with('.') || setting.doc.ends_with(')'), "{}", setting.key);
        assert!(!setting.doc.contains('\n'), "{}", setting.key);
    }
}

#[test]
fn flag_over_env_over_file_over_default() {
    let file =
        (Path::new("crier.toml"), "listen = \"127.0.0.1:1\"\n[socket]\nping_interval = 1000");
    let env = MapVars::new([("CRIER_LISTEN", "127.0.0.1:2")]);
    let listen = |env: &MapVars, flags: &[_]| {
        let config = Config::parse(env, Some(file), flags).unwrap();
        let shown = config.shown().iter().find(|shown| shown.key == "listen").unwrap();
        (config.listen.port(), shown.source.to_string())
    };
    let none = MapVars::default();
    assert_eq!(listen(&none, &[]), (1, "file crier.toml".to_owned()));
    assert_eq!(listen(&env, &[]), (2, "env CRIER_LISTEN".to_owned()));
    assert_eq!(
        listen(&env, &[flag("listen", "127.0.0.1:3"), flag("listen", "127.0.0.1:4")]),
        (4, "flag".to_owned()),
        "the last of two flags counts"
    );
}

#[test]
fn a_name_may_be_spelt_as_its_source_spells_names() {
    for text in [
        "[socket]\npingInterval = 1000",
        "[socket]\nping_interval = 1000",
        "[socket]\nping_interval = \"1s\"",
        "socket.pingInterval = 1_000",
        "socket_ping_interval = 1000",
    ] {
        let config = parse_file(text).unwrap();
        assert_eq!(config.socket.limits.ping_interval, Duration::from_secs(1), "{text}");
    }
    for name in ["socket.ping_interval", "socket.pingInterval", "socket-ping-interval"] {
        let config = Config::parse(&MapVars::default(), None, &[flag(name, "1s")]).unwrap();
        assert_eq!(config.socket.limits.ping_interval, Duration::from_secs(1), "{name}");
    }
    let config = parse_file("[rest]\nlisten = false\n[socket]\nmaxHttpBufferSize = 2e6").unwrap();
    assert_eq!(config.rest_listen, None, "[rest] listen is rest_listen");
    assert_eq!(config.socket.limits.max_payload, 2_000_000);
}

#[test]
fn a_whole_file() {
    let config = parse_file(
        r#"
        listen = "0.0.0.0:3000"
        rest_listen = "off"
        internal_listen = "0.0.0.0:3002"
        advertise = "crier-0.crier:3002"
        redis_url = "redis://:hunter2@redis:6379"
        cluster_secret = ["0123456789abcdef0123456789abcdef", "with,comma,is,one,item,in,an,array,"]
        apps = ["shop", "vendor-chat"]
        cors_origins = ["https://shop.example"]
        hosts = ["crier.example"]
        [redis]
        username = "crier"
        password = "hunter3"
        prefix = "shop.1"
        connections = 8
        [socket]
        path = "/rt"
        transports = ["websocket"]
        parser = "msgpack"
        max_http_buffer_size = "2MB"
        [http]
        keep_alive = "1m"
        connections_per_ip = 0
        [auth]
        secret = "0123456789abcdef0123456789abcdef"
        mode = "optional"
        query_token = false
        max_lifetime = "1d"
        audience = ["shop", "admin"]
        [rest]
        api_keys = "one,two"
        "#,
    )
    .unwrap();
    assert_eq!(config.rest_listen, None);
    assert_eq!(config.advertise.as_deref(), Some("crier-0.crier:3002"));
    assert_eq!(config.cluster_secret.len(), 2);
    let redis = &config.redis;
    assert_eq!((redis.username.as_deref(), redis.prefix.as_str()), (Some("crier"), "shop.1"));
    assert_eq!(redis.password.as_ref().map(Secret::expose), Some("hunter3"));
    assert_eq!(redis.connections, 8);
    assert_eq!(config.apps, [App::Shop, App::VendorChat]);
    assert_eq!(config.socket.transports, [TransportName::WebSocket]);
    assert_eq!(config.socket.path, "/rt/");
    assert_eq!(config.socket.parser, ParserChoice::Msgpack);
    assert_eq!(config.socket.limits.max_payload, 2_000_000);
    assert_eq!(config.http.keep_alive, Duration::from_secs(60));
    assert_eq!(config.http.connections_per_ip, None);
    assert_eq!(config.auth.mode, AuthMode::Optional);
    assert_eq!(config.auth.max_lifetime, Some(Duration::from_secs(86_400)));
    assert_eq!(config.auth.audience, ["shop", "admin"]);
    assert!(!config.auth.query_token);
    assert_eq!(config.rest.api_keys.len(), 2);
    assert!(config.origin_policy().allows(Some("https://shop.example"), Some("crier.example")));
    assert!(!config.origin_policy().allows(Some("http://localhost:1"), Some("crier.example")));
}

#[test]
fn the_sources_own_names_are_fallbacks() {
    let config = parse_env([
        ("JWT_SECRET", KEY),
        ("REDIS_URL", "redis://a"),
        ("CRIER_REDIS_URL", "redis://b"),
        ("CRIER_CLUSTER_SECRET", KEY),
        ("FRONTEND_URL", "http://localhost:3000/"),
        ("CRIER_API_KEYS", "k"),
        ("CRIER_LOG", " "), // set to nothing = not set
    ])
    .unwrap();
    assert_eq!(config.redis_url.unwrap().expose(), "redis://b");
    assert!(!config.auth.keys.is_development());
    assert_eq!(config.auth.mode, AuthMode::Required);
    assert_eq!(config.cors_origins.unwrap()[0].as_str(), "http://localhost:3000");
    assert_eq!(config.rest.api_keys, [Secret::new("k")]);
    assert_eq!(config.log, "info");
}

#[test]
fn a_secret_may_stand_in_a_file() {
    let vars = MapVars::new([
        ("CRIER_AUTH_SECRET_FILE", "/run/secrets/jwt"),
        ("REDIS_URL_FILE", "/run/secrets/redis"),
        ("CRIER_CLUSTER_SECRET_FILE", "/run/secrets/cluster"),
    ]);
    let vars = vars
        .with_file("/run/secrets/jwt", &format!("{KEY}\n"))
        .with_file("/run/secrets/redis", "redis://:pw@r\r\n")
        .with_file("/run/secrets/cluster", &format!("{KEY},{OTHER_KEY}\n"));
    let config = Config::parse(&vars, None, &[]).unwrap();
    let AuthKeys::Configured { secret: Some(secret), .. } = &config.auth.keys else {
        panic!("{:?}", config.auth.keys)
    };
    assert_eq!(secret.expose(), KEY);
    assert_eq!(config.redis_url.as_ref().unwrap().expose(), "redis://:pw@r");
    assert_eq!(config.cluster_secret.len(), 2);
}

#[test]
fn the_file_is_found_as_operators_expect() {
    let load = |vars: MapVars, named: Option<&str>| {
        Config::load(&vars, named.map(Path::new), &[]).map(|config| config.log)
    };
    let vars = |env: Option<&str>| {
        let vars = MapVars::default()
            .with_file("crier.toml", "log = \"default\"")
            .with_file("env.toml", "log = \"env\"")
            .with_file("flag.toml", "log = \"flag\"");
        match env {
            Some(path) => {
                MapVars { vars: [("CRIER_CONFIG".to_owned(), path.to_owned())].into(), ..vars }
            }
            None => vars,
        }
    };
    assert_eq!(load(MapVars::default(), None).unwrap(), "info", "no file is fine");
    assert_eq!(load(vars(None), None).unwrap(), "default");
    assert_eq!(load(vars(Some("env.toml")), None).unwrap(), "env");
    assert_eq!(load(vars(Some("env.toml")), Some("flag.toml")).unwrap(), "flag");
    let missing = load(vars(Some("missing.toml")), None).unwrap_err().to_string();
    assert!(missing.starts_with("missing.toml: cannot be read (env CRIER_CONFIG)"), "{missing}");
    assert!(load(vars(None), Some("missing.toml")).is_err());
}

#[test]
fn print_config_shows_every_value_with_its_origin() {
    let printed = parse_env([("CRIER_LOG", "debug")]).unwrap().print();
    assert_eq!(printed.lines().count(), SETTINGS.len());
    assert!(printed.contains("log = debug  (env CRIER_LOG)\n"), "{printed}");
    assert!(printed.contains("socket.ping_interval = 25s  (default)\n"), "{printed}");
    assert!(printed.contains("redis_url = none  (default)\n"), "{printed}");
}

#[test]
fn readme_has_the_table() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let Ok(readme) = std::fs::read_to_string(readme) else {
        return;
    };
    let Some((_, rest)) = readme.split_once("<!-- config -->") else {
        return;
    };
    let (table, _) = rest.split_once("<!-- config -->").expect("a second marker ends the table");
    assert_eq!(
        table.trim(),
        markdown_table().trim(),
        "print it anew: crier print-config --markdown"
    );
}
