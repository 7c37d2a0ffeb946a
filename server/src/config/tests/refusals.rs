//! What is refused, and in which words.

use super::super::*;
use super::{KEY, parse_env, parse_file};

#[test]
fn what_is_not_legal_is_named_with_what_would_be() {
    for (text, expected) in [
        (
            "[socket]\nping_interval = \"fast\"",
            "socket.ping_interval: \"fast\" is not legal: expected a time from 100ms to 1d, in \
             milliseconds or with a unit (25000, 25s) (file crier.toml)",
        ),
        ("[http]\nkeep_alive = 75", "http.keep_alive: \"75\" is not legal: expected a time"),
        ("[socket]\nping_interval = 99", "socket.ping_interval: \"99\" is not legal"),
        ("[socket]\njson_depth = 129", "expected a whole number from 1 to 128"),
        ("[socket]\ntransports = [\"ws\"]", "expected one or more of polling, websocket"),
        ("[socket]\ntransports = []", "socket.transports: \"\" is not legal"),
        ("listen = \"\"", "listen: \"\" is not legal"),
        ("listen = 3000", "listen: \"3000\" is not legal: expected an address and a port"),
        (
            "apps = \"shops\"",
            "expected some of marketplace, storefront, shop, vendor-chat; or none",
        ),
        ("cors_origins = \"*\"", "cors_origins: \"*\" is not legal"),
        ("cors_origins = [\"null\"]", "cors_origins: \"null\" is not legal"),
        ("hosts = \"http://a\"", "hosts: \"http://a\" is not legal"),
        ("advertise = \"0.0.0.0:3002\"", "advertise: \"0.0.0.0:3002\" is not legal"),
        ("redis_url = \"http://:pw@r\"", "redis_url: \"http://:***@r\" is not legal"),
        (
            "redis_url = \"redis+sentinel://r\"",
            "expected a URL of redis://, redis+sentinel:// (with",
        ),
        ("redis_url = \"redis://r:0\"", "redis_url: \"redis://r:0\" is not legal"),
        ("[redis]\nprefix = \"a}b\"", "redis.prefix: \"a}b\" is not legal: expected 1 to 64"),
        ("[redis]\nconnections = 0", "expected a whole number from 1 to 64"),
        ("[auth]\njwks = \"https://a/jwks\"", "a URL is not fetched yet"),
        ("[auth]\nmode = \"maybe\"", "expected one of required, optional, off"),
        (
            "log = \"info,crier_server=loud\"",
            "log: \"info,crier_server=loud\" is not legal: expected a filter of the log",
        ),
        ("[http]\nconnections_max = 0", "expected a whole number from 1 to"),
        ("[rest]\nrequests_per_second = 0", "expected a whole number from 1 to"),
        (
            "[rooms.policy]\n\"order:*\" = [\"owners\"]",
            "rooms.policy: order:*: \"owners\" is none of public, user",
        ),
        ("[rooms.policy]\nlobby = []", "rooms.policy: lobby: say who may join"),
        ("[rooms.policy]\n\"a*b\" = \"user\"", "rooms.policy: \"a*b\" is not the name of a room"),
        ("rooms.policy = \"a=user, a=deny\"", "rooms.policy: a: given twice (file crier.toml)"),
        ("[presence]\naudience = \"all\"", "expected one of everyone, shared-rooms, auto"),
        ("listen = { port = 1 }", "listen.port: no such setting"),
        ("pings = [[1]", "crier.toml:1:"),
        ("a = 1\nb = \"", "crier.toml:2:"),
    ] {
        let errors = parse_file(text).unwrap_err();
        assert!(errors.contains(expected), "{text}:\n{errors}");
    }
}

#[test]
fn secrets_never_show() {
    let short = "short-and-secret";
    for text in [
        format!("[auth]\nsecret = \"{short}\""),
        format!("cluster_secret = \"{short}\""),
        format!("[redis]\npassword = \"{short}\"\nprefix = \"\""),
        format!("[auth]\nsecret = \"{short}"),
        format!("redis_url = \"redis://u:{short}@r\"\nlisten = 1"),
    ] {
        let errors = parse_file(&text).unwrap_err();
        assert!(!errors.contains(short), "{errors}");
        assert!(!errors.is_empty());
    }
    let key = "very-secret-very-secret-very-secret";
    let text = format!(
        "redis_url = \"redis://u:{short}@r\"\ncluster_secret = \"{key}\"\n\
         [auth]\nsecret = \"{key}\"\n[rest]\napi_keys = \"{short}\"\n\
         [redis]\npassword = \"{short}\""
    );
    let config = parse_file(&text).unwrap();
    let all = format!("{config:?}\n{}\n{}", config.print(), config.summary());
    assert!(!all.contains(short) && !all.contains(key), "{all}");
    assert!(all.contains("auth.secret = ***  (file crier.toml)"), "{all}");
    assert!(all.contains("redis_url = redis://u:***@r  (file crier.toml)"), "{all}");
}

#[test]
fn an_unknown_name_is_an_error_that_names_the_nearest() {
    for (text, expected) in [
        (
            "[socket]\nping_intervall = 1",
            "socket.ping_intervall: no such setting (file crier.toml); did you mean socket.ping_interval?",
        ),
        ("ping_interval = 1", "did you mean socket.ping_interval?"),
        ("[http]\npingTimeout = 1", "did you mean socket.ping_timeout?"),
        ("[sockets]\nping_timeout = 1", "did you mean socket.ping_timeout?"),
        ("rediss_url = 1", "did you mean redis_url?"),
        ("completely_other = 1", "completely_other: no such setting (file crier.toml)"),
    ] {
        let errors = parse_file(text).unwrap_err();
        assert!(errors.contains(expected), "{text}:\n{errors}");
    }
    let errors = parse_env([("CRIER_LISTN", "x"), ("CRIER_JWT_SECRET", KEY)]).unwrap_err();
    assert!(
        errors
            .contains("CRIER_LISTN: no such setting (env CRIER_LISTN); did you mean CRIER_LISTEN?"),
        "{errors}"
    );
    assert!(errors.contains("CRIER_JWT_SECRET: no such setting"), "{errors}");
    assert!(!errors.contains(KEY), "{errors}");
}

#[test]
fn variables_of_others_are_left_alone() {
    let vars = [
        ("CRIER_CONFIG", "crier.toml"),
        ("CRIER_SUITES", "/suites"),
        // Kubernetes makes these of services called crier and crier-rest.
        ("CRIER_PORT", "tcp://10.0.0.1:3000"),
        ("CRIER_PORT_3000_TCP", "tcp://10.0.0.1:3000"),
        ("CRIER_PORT_3000_TCP_ADDR", "10.0.0.1"),
        ("CRIER_SERVICE_HOST", "10.0.0.1"),
        ("CRIER_SERVICE_PORT_HTTP", "3000"),
        ("CRIER_REST_SERVICE_PORT", "3001"),
        ("PATH", "/bin"),
    ];
    assert!(parse_env(vars).unwrap().shown().iter().all(|shown| shown.source == Source::Default));
}

#[test]
fn twice_is_an_error() {
    for text in [
        "[socket]\nping_interval = 1000\npingInterval = 1000",
        "rest_listen = \"off\"\n[rest]\nlisten = \"off\"",
    ] {
        assert!(parse_file(text).unwrap_err().contains("given twice (file crier.toml); keep one"));
    }
    let vars = MapVars::new([("CRIER_AUTH_SECRET", KEY), ("CRIER_AUTH_SECRET_FILE", "/k")]);
    let errors = Config::parse(&vars.with_file("/k", KEY), None, &[]).unwrap_err();
    assert_eq!(
        errors.0,
        [ConfigError::Twice {
            key: "auth.secret",
            at: Source::Env("CRIER_AUTH_SECRET_FILE".to_owned())
        }]
    );
}

#[test]
fn several_errors_come_together() {
    let errors = parse_file("listen = 1\nfoo = 2\n[socket]\nping_timeout = -1\n").unwrap_err();
    assert_eq!(errors.lines().count(), 3, "{errors}");
}

#[test]
fn the_development_key_stays_on_loopback() {
    for (key, address, legal) in [
        ("CRIER_LISTEN", "0.0.0.0:3000", false),
        ("CRIER_LISTEN", "[::]:3000", false),
        ("CRIER_REST_LISTEN", "192.168.1.5:3001", false),
        ("CRIER_INTERNAL_LISTEN", "10.0.0.1:3002", false),
        ("CRIER_LISTEN", "[::1]:3000", true),
        ("CRIER_LISTEN", "127.0.0.2:3000", true),
        ("CRIER_LISTEN", "localhost:0", true),
        ("CRIER_LISTEN", "[::ffff:127.0.0.1]:3000", true),
    ] {
        let result = parse_env([(key, address)]);
        assert_eq!(result.is_ok(), legal, "{key}={address}");
        if let Err(errors) = result {
            assert!(errors.contains("development key"), "{errors}");
        }
        assert!(parse_env([(key, address), ("CRIER_AUTH_SECRET", KEY)]).is_ok(), "{key}={address}");
    }
}

#[test]
fn a_key_shorter_than_32_bytes_refuses_to_start() {
    for name in ["CRIER_AUTH_SECRET", "JWT_SECRET", "CRIER_CLUSTER_SECRET"] {
        assert!(
            parse_env([(name, KEY.trim_start_matches('0'))])
                .unwrap_err()
                .contains("at least 32 bytes"),
            "{name}"
        );
        assert!(parse_env([(name, KEY)]).is_ok(), "{name}");
    }
    let three = [KEY, KEY, KEY].join(",");
    assert!(
        parse_env([("CRIER_CLUSTER_SECRET", &three)]).is_err(),
        "two while rotating, not three"
    );
    // A short key is no reason to fall back to the development key and complain about that.
    let errors =
        parse_env([("CRIER_AUTH_SECRET", "x"), ("CRIER_LISTEN", "0.0.0.0:1")]).unwrap_err();
    assert!(!errors.contains("development"), "{errors}");
}

#[test]
fn rules_between_settings() {
    let redis = ("CRIER_REDIS_URL", "redis://r");
    assert!(parse_env([redis]).is_ok(), "on the development key no cluster secret is needed");
    let errors = parse_env([redis, ("CRIER_AUTH_SECRET", KEY)]).unwrap_err();
    assert!(errors.starts_with("cluster_secret: required with redis_url"), "{errors}");

    // The public secret is for the development key alone.
    let public = ("CRIER_CLUSTER_SECRET", DEVELOPMENT_CLUSTER_SECRET);
    assert!(parse_env([redis, public]).is_ok());
    for secrets in [public.1, &format!("{KEY},{}", public.1)] {
        let vars = [redis, ("CRIER_AUTH_SECRET", KEY), ("CRIER_CLUSTER_SECRET", secrets)];
        let errors = parse_env(vars).unwrap_err();
        assert!(
            errors.starts_with("cluster_secret: is the one of the development key"),
            "{errors}"
        );
    }
    let secrets = |vars: &[(&str, &str)]| {
        let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let vars = MapVars { vars: vars.collect(), ..MapVars::default() };
        let config = Config::parse(&vars, None, &[]).unwrap();
        config.cluster_secrets().into_iter().map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    assert_eq!(secrets(&[]), [public.1.as_bytes()]);
    assert_eq!(secrets(&[("CRIER_CLUSTER_SECRET", KEY)]), [KEY.as_bytes()]);
    assert!(secrets(&[("CRIER_AUTH_SECRET", KEY)]).is_empty(), "alone, and nothing to sign");

    let everywhere = ("CRIER_INTERNAL_LISTEN", "0.0.0.0:3002");
    let errors = parse_env([everywhere, ("CRIER_AUTH_SECRET", KEY)]).unwrap_err();
    assert!(errors.contains("CRIER_ADVERTISE=10.0.0.7:3002"), "{errors}");

    let errors = parse_env([("CRIER_REST_LISTEN", "127.0.0.1:3000")]).unwrap_err();
    assert_eq!(errors, "rest_listen: is the address of listen already");
    assert!(
        parse_env([
            ("CRIER_LISTEN", "127.0.0.1:0"),
            ("CRIER_REST_LISTEN", "127.0.0.1:0"),
            ("CRIER_INTERNAL_LISTEN", "127.0.0.1:0"),
        ])
        .is_ok()
    );
}
