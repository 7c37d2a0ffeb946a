//! Start-up checks, and the configuration that is shipped.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use crier_domain::redis::{Finding, Redis, cmd};

use super::{server::Server, shipped};

#[tokio::test]
async fn the_shipped_configuration_is_found_fine() {
    let server = Server::run(shipped());
    assert_eq!(server.redis("crier").check().await, Ok(vec![]));
}

#[tokio::test]
async fn redis_as_it_comes_is_found_unsafe() {
    let server = Server::run(vec![]);
    let redis = server.redis("crier");
    let findings = redis.check().await.unwrap();
    assert_eq!(findings, [Finding::NotKept, Finding::PubsubBuffer { bytes: 32 << 20 }]);
    for (name, value) in [("maxmemory-policy", "volatile-lru"), ("appendonly", "yes")] {
        let mut set = cmd("CONFIG");
        let () = redis.query(set.arg("SET").arg(name).arg(value)).await.unwrap();
    }
    let findings = redis.check().await.unwrap();
    let eviction = Finding::Eviction { policy: "volatile-lru".to_owned() };
    assert!(eviction.is_fatal());
    assert_eq!(findings[0], eviction);
    assert_eq!(findings[1], Finding::Fsync { appendfsync: "everysec".to_owned() });
}

#[tokio::test]
async fn a_replica_of_redis_is_not_written_to() {
    let master = Server::start(&[]);
    let server = Server::start(&["--replicaof", "127.0.0.1 1"]);
    let findings = server.redis("crier").check().await.unwrap();
    assert!(findings.contains(&Finding::ReadOnly), "{findings:?}");
    drop(master);
}

/// The line of the sample user, with a password of the test's.
fn sample_user() -> String {
    let conf = std::fs::read_to_string(super::CONF).unwrap();
    let line = conf.lines().find_map(|line| line.strip_prefix("# user crier "));
    line.expect("redis.conf has a sample user").replace("CHANGE-ME", "s3cr3t")
}

/// A server on which only the sample user may do anything, and that user's options.
pub(crate) fn server_of_the_sample_user() -> (Arc<Server>, crier_domain::redis::RedisOptions) {
    let folder = tempfile::tempdir().unwrap();
    let acl = folder.path().join("users.acl");
    std::fs::write(&acl, format!("user default off\nuser crier {}\n", sample_user())).unwrap();
    let mut arguments = shipped();
    arguments.extend(["--aclfile".to_owned(), acl.display().to_string()]);
    let server = Server::run(arguments);
    let mut options = server.options("crier");
    options.username = Some("crier".to_owned());
    options.password = Some("s3cr3t".to_owned());
    (Arc::new(server), options)
}

#[tokio::test]
async fn the_sample_user_may_do_what_crier_does_and_nothing_else() {
    let (_server, options) = server_of_the_sample_user();
    let redis = Redis::new(options).unwrap();
    assert_eq!(redis.check().await, Ok(vec![]));
    assert!(redis.look(None).await.is_ok());
    let channel = redis.keys().bus().to_owned();
    let mut heard = redis.subscribe(std::slice::from_ref(&channel)).await.unwrap();
    let () = redis.query(cmd("PUBLISH").arg(&channel).arg("x")).await.unwrap();
    assert_eq!(heard.next().await.unwrap().payload, "x");

    let mut forbidden = vec![];
    for words in [
        "KEYS *",
        "FLUSHALL",
        "CONFIG SET maxmemory 1",
        "EVAL return(1) 0",
        "GET other",
        "GETDEL {crier}:x",
        "SCAN 0",
        "RANDOMKEY",
        "SORT {crier}:x",
        "PSUBSCRIBE *",
        "PUBLISH other x",
        "SHUTDOWN",
        "ACL LIST",
        "MONITOR",
        "SCRIPT FLUSH",
        "SAVE",
        "REPLICAOF NO ONE",
        "CLIENT LIST",
    ] {
        let mut words = words.split(' ');
        let mut command = cmd(words.next().unwrap());
        for word in words {
            command.arg(word);
        }
        forbidden.push((command.clone(), redis.query::<()>(&command).await));
    }
    for (command, answer) in forbidden {
        let refused = answer.unwrap_err().to_string();
        let said = String::from_utf8_lossy(&command.get_packed_command()).into_owned();
        assert!(refused.contains("NOPERM"), "{said}: {refused}");
    }
    assert!(redis.subscribe(&["other".to_owned()]).await.is_err());
}

#[tokio::test]
async fn settings_that_may_not_be_seen_are_told_of() {
    let server = Server::start(&[]);
    let redis = server.redis("crier");
    let mut user = cmd("ACL");
    user.arg("SETUSER").arg("blind").arg("on").arg(">x").arg("~*").arg("&*").arg("+@all");
    user.arg("-config");
    let () = redis.query(&user).await.unwrap();
    let mut options = server.options("crier");
    (options.username, options.password) = (Some("blind".to_owned()), Some("x".to_owned()));
    let findings = Redis::new(options).unwrap().check().await;
    assert_eq!(findings, Ok(vec![Finding::Hidden]));
}

/// Every command that our sources name, in Lua or in Rust.
fn commands_used() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders: Vec<_> =
        ["domain", "server", "rest"].map(|it| root.join(it).join("src")).into();
    let mut used = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            for opening in ["redis.call('", "redis.pcall('", "cmd(\"", "cmd('"] {
                let named = text.split(opening).skip(1);
                let named = named.filter_map(|rest| rest.split(['\'', '"']).next());
                let is_command = |word: &&str| {
                    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase())
                };
                used.extend(named.filter(is_command).map(str::to_lowercase));
            }
        }
    }
    used
}

#[test]
fn the_sample_user_may_run_every_command_that_the_sources_name() {
    let used = commands_used();
    assert!(used.contains("evalsha") && used.contains("xadd"), "{used:?}");
    let user = sample_user();
    let allowed: BTreeSet<_> =
        user.split(' ').filter_map(|word| word.strip_prefix('+')?.split('|').next()).collect();
    let missing: Vec<_> = used.iter().filter(|used| !allowed.contains(used.as_str())).collect();
    assert!(missing.is_empty(), "redis.conf does not allow {missing:?}");
}
