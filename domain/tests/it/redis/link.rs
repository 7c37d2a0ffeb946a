//! The link: commands, scripts, messages, and what becomes of them when Redis goes.

use std::time::Duration;

use crier_domain::redis::{Redis, RedisError, RedisUrl, Script, cmd, pipe};

use super::server::Server;

async fn publish(redis: &Redis, channel: &str, payload: &str) -> u64 {
    redis.query(cmd("PUBLISH").arg(channel).arg(payload)).await.unwrap()
}

#[tokio::test]
async fn commands_pipelines_and_scripts_are_answered() {
    let server = Server::start(&[]);
    let redis = server.redis("crier");
    let key = redis.keys().named("x");
    let () = redis.query(cmd("SET").arg(&key).arg(b"\x00\xff")).await.unwrap();
    let value: Vec<u8> = redis.query(cmd("GET").arg(&key)).await.unwrap();
    assert_eq!(value, b"\x00\xff");
    let mut both = pipe();
    both.cmd("INCR").arg(redis.keys().number()).cmd("INCR").arg(redis.keys().number());
    assert_eq!(redis.pipeline::<(u64, u64)>(&both).await, Ok((1, 2)));
    assert_eq!(redis.pipeline::<Vec<u64>>(&pipe()).await, Ok(vec![]));
    let script = Script::new("return { KEYS[1], ARGV[1] .. '!' }");
    for _ in 0..2 {
        let answer: (String, String) = redis.script(&script, &[&key], &["a"]).await.unwrap();
        assert_eq!(answer, (key.clone(), "a!".to_owned()));
        let () = redis.query(cmd("SCRIPT").arg("FLUSH")).await.unwrap();
    }
}

#[tokio::test]
async fn what_redis_refuses_is_told_apart_from_redis_being_away() {
    let mut server = Server::start(&[]);
    let redis = server.redis("crier");
    let code = |error| match error {
        RedisError::Answer(answer) => answer.code,
        RedisError::Unavailable { .. } => "unavailable".to_owned(),
    };
    let nonsense = redis.query::<()>(&cmd("NONSENSE")).await.unwrap_err();
    assert_eq!(code(nonsense), "ERR");
    let no_number = redis.query::<u64>(cmd("ECHO").arg("x")).await.unwrap_err();
    assert_eq!(code(no_number), "UNEXPECTED");
    let mut some = pipe();
    some.cmd("ECHO").arg("1").cmd("NONSENSE");
    assert_eq!(code(redis.pipeline::<Vec<u64>>(&some).await.unwrap_err()), "ERR");
    let full = redis.query::<()>(cmd("CONFIG").arg("SET").arg("maxmemory").arg("1")).await;
    assert_eq!(full, Ok(()));
    let oom = redis.query::<()>(cmd("SET").arg("x").arg("y")).await.unwrap_err();
    assert_eq!(code(oom), "unavailable");

    server.kill();
    for _ in 0..3 {
        let away = redis.query::<()>(&cmd("PING")).await.unwrap_err();
        assert_eq!(code(away), "unavailable");
    }
    server.up();
    for _ in 0..3 {
        assert_eq!(redis.query::<String>(&cmd("PING")).await, Ok("PONG".to_owned()));
    }
}

#[tokio::test]
async fn a_redis_that_hangs_holds_nobody_up_beyond_the_deadline() {
    let server = Server::start(&[]);
    let mut options = server.options("crier");
    options.timeout = Duration::from_millis(200);
    let redis = Redis::new(options).unwrap();
    assert_eq!(redis.query::<String>(&cmd("PING")).await, Ok("PONG".to_owned()));
    server.signal("STOP");
    let hung = redis.query::<String>(&cmd("PING")).await;
    assert_eq!(hung, Err(RedisError::Unavailable { retry_after: Duration::from_secs(1) }));
    server.signal("CONT");
    assert_eq!(redis.query::<String>(&cmd("PING")).await, Ok("PONG".to_owned()));
}

#[tokio::test]
async fn a_subscription_has_everything_from_its_beginning_to_the_end_of_its_connection() {
    let mut server = Server::start(&[]);
    let redis = server.redis("crier");
    let channels = [redis.keys().bus().to_owned(), redis.keys().ask().to_owned()];
    let mut heard = redis.subscribe(&channels).await.unwrap();
    assert_eq!(publish(&redis, &channels[0], "1").await, 1);
    assert_eq!(publish(&redis, &channels[1], "2").await, 1);
    assert_eq!(publish(&redis, "{crier}:other", "3").await, 0);
    for (channel, payload) in [(&channels[0], "1"), (&channels[1], "2")] {
        let next = heard.next().await.unwrap();
        assert_eq!((&next.channel, &next.payload[..]), (channel, payload.as_bytes()));
        assert!(!next.lost);
    }
    publish(&redis, &channels[0], "last").await;
    // Whoever is answered now was asked after that message had been sent.
    assert_eq!(redis.query::<String>(&cmd("PING")).await, Ok("PONG".to_owned()));
    server.kill();
    assert_eq!(heard.next().await.unwrap().payload, "last");
    assert_eq!(heard.next().await, None);
    assert!(redis.subscribe(&channels).await.is_err());
}

#[tokio::test]
async fn a_password_is_taken_from_the_settings_or_the_address_and_shown_nowhere() {
    let server = Server::start(&["--requirepass", "s3cr3t"]);
    let with = |password: Option<&str>| {
        let mut options = server.options("crier");
        options.password = password.map(str::to_owned);
        options
    };
    let right = Redis::new(with(Some("s3cr3t"))).unwrap();
    assert_eq!(right.query::<String>(&cmd("PING")).await, Ok("PONG".to_owned()));
    for wrong in [None, Some("wr0ng")] {
        let redis = Redis::new(with(wrong)).unwrap();
        assert!(redis.query::<String>(&cmd("PING")).await.is_err());
    }
    let mut options = with(Some("s3cr3t"));
    options.url = RedisUrl::parse("redis://:4ddress@localhost").unwrap();
    let shown = format!("{options:?} {:?} {right:?}", Redis::new(options.clone()).unwrap());
    assert!(!shown.contains("s3cr3t") && !shown.contains("4ddress"), "{shown}");
    assert!(!shown.contains("a secret"), "{shown}");
}

#[tokio::test]
async fn tls_is_spoken_where_the_address_says_so() {
    // A server without TLS: the handshake fails, cleanly, for want of a certificate.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = Server::start(&[]);
    let mut options = server.options("crier");
    options.url = RedisUrl::parse(&format!("rediss://127.0.0.1:{port}")).unwrap();
    let redis = Redis::new(options).unwrap();
    let (answer, hello) = tokio::join!(async { redis.query::<()>(&cmd("PING")).await }, async {
        use tokio::io::AsyncReadExt as _;
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap()
    });
    assert!(matches!(answer, Err(RedisError::Unavailable { .. })), "{answer:?}");
    assert_eq!(hello, 0x16, "the first byte of a TLS handshake");
}
