//! The binary `crier` as its operator meets it: commands, who is let in, the internal listener, the end.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
};

use tests::{
    process::TempDir,
    raw::{Response, WAIT, WebSocket, Wire, eventually},
    workspace::{self, Target},
};

fn crier(args: &[&str]) -> Command {
    let mut command =
        Command::new(workspace::binary(Target::Bin("crier-server", "crier")).unwrap());
    command.args(args).env_clear().current_dir(std::env::temp_dir());
    command
}

pub(crate) fn run(args: &[&str]) -> Output {
    crier(args).output().unwrap()
}

pub(crate) fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A running `crier` on free ports.
pub(crate) struct Crier {
    pub(crate) child: Child,
    data: TempDir,
    pub(crate) sockets: SocketAddr,
    pub(crate) internal: SocketAddr,
    pub(crate) lines: Vec<String>,
}

impl Crier {
    pub(crate) fn start(settings: &[&str]) -> Self {
        Self::start_in(TempDir::new("binary").unwrap(), settings)
    }

    /// Starts it with what an earlier one left in this folder.
    fn start_in(data: TempDir, settings: &[&str]) -> Self {
        let mut command = crier(&[]);
        command.env("CRIER_DATA_DIR", data.path().join("data"));
        for listener in ["listen", "rest_listen", "internal_listen"] {
            command.args(["--set", &format!("{listener}=127.0.0.1:0")]);
        }
        for setting in settings {
            command.args(["--set", setting]);
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut lines = Vec::new();
        while !lines.iter().any(|line: &String| line.starts_with("internal")) {
            let mut line = String::new();
            assert_ne!(stdout.read_line(&mut line).unwrap(), 0, "it ended: {lines:?}");
            lines.push(line);
        }
        let address = |name: &str| {
            let line = lines.iter().find(|line| line.starts_with(name)).unwrap();
            let url = line.split_once("http://").unwrap().1;
            url.split('/').next().unwrap().trim().parse().unwrap()
        };
        let (sockets, internal) = (address("sockets"), address("internal"));
        Self { child, data, sockets, internal, lines }
    }

    /// The head of what it answers.
    pub(crate) fn get(address: SocketAddr, path: &str, host: &str) -> Response {
        let mut wire = Wire::connect(address);
        wire.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
        Response::read_head(&mut wire, WAIT)
    }

    /// Kills it at once and starts another one with what it left.
    pub(crate) fn crash_and_start_again(mut self, settings: &[&str]) -> Self {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let nothing = TempDir::new("binary").unwrap();
        let data = std::mem::replace(&mut self.data, nothing);
        Self::start_in(data, settings)
    }

    /// The folder of its stores.
    pub(crate) fn data(&self) -> PathBuf {
        self.data.path().join("data")
    }

    /// Sends it a signal, by name.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Crier {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_token_is_printed_alone_and_a_user_is_required() {
    let token = out(&run(&["token", "--user", "demo"]));
    assert_eq!(token.trim_end().split('.').count(), 3, "{token}");
    assert_eq!(token.lines().count(), 1);
    assert!(!run(&["token"]).status.success());
}

#[test]
fn wrong_settings_are_named_and_nothing_is_started() {
    for (setting, names) in [
        ("socket.ping_intervall=5", "ping_interval"),
        ("socket.ping_interval=soon", "ping_interval"),
        ("listen=0.0.0.0:3000", "development key"),
        ("auth.secret=short", "auth.secret"),
        ("redis_url=redis://127.0.0.1", "redis_url"),
    ] {
        let output = run(&["--set", setting, "--set", "rest_listen=off"]);
        assert_eq!(output.status.code(), Some(1), "{setting}");
        assert!(err(&output).contains(names), "{setting}: {}", err(&output));
        assert_eq!(out(&output), "", "{setting}");
    }
    assert!(run(&["check-config"]).status.success());
    assert!(out(&run(&["print-config"])).contains("socket.ping_interval"));
}

#[test]
fn secrets_are_masked_where_settings_are_shown() {
    let secret = "auth.secret=0123456789abcdef0123456789abcdef";
    let shown = out(&run(&["--set", secret, "print-config"]));
    assert!(shown.contains("auth.secret") && !shown.contains("0123456789abcdef"), "{shown}");
}

#[test]
fn who_is_let_in_follows_the_mode() {
    let secret = "auth.secret=0123456789abcdef0123456789abcdef";
    let good = out(&run(&["--set", secret, "token", "--user", "u1"]));
    let auth = |token: &str| format!("40{}", serde_json::json!({ "token": token.trim_end() }));
    let refused = |message: &str, code: &str| {
        format!(r#"44{{"message":"{message}","data":{{"code":"{code}""#)
    };
    for (mode, packet, expected) in [
        ("required", "40".to_owned(), refused("Authentication error", "NO_TOKEN")),
        ("required", auth("no.token.this"), refused("Invalid token", "INVALID_TOKEN")),
        ("required", auth(&good), "40{\"sid\"".to_owned()),
        ("required", auth(&format!("Bearer {good}")), "40{\"sid\"".to_owned()),
        ("optional", "40".to_owned(), "40{\"sid\"".to_owned()),
        ("optional", auth("no.token.this"), "40{\"sid\"".to_owned()),
        ("off", auth("no.token.this"), "40{\"sid\"".to_owned()),
    ] {
        let crier = Crier::start(&[secret, &format!("auth.mode={mode}")]);
        let mut client = WebSocket::open(crier.sockets);
        client.send(&packet);
        let answer = client.text();
        assert!(answer.starts_with(&expected), "{mode} {packet:.20}: {answer}");
        assert!(!crier.lines.concat().contains("eyJ"), "tokens of a real key are not printed");
    }
}

#[test]
fn o4_the_internal_listener_answers_to_its_own_names_only() {
    let crier = Crier::start(&[]);
    // The lines are printed once the addresses are taken, a moment before it is ready.
    eventually(WAIT, || match Crier::get(crier.internal, "/readyz", "localhost").status {
        200 => Ok(()),
        status => Err(format!("{status}")),
    });
    for path in ["/livez", "/readyz", "/metrics"] {
        Crier::get(crier.internal, path, "127.0.0.1:3002").expect_status(200);
        Crier::get(crier.internal, path, "localhost").expect_status(200);
        Crier::get(crier.internal, path, "evil.test").expect_status(421);
        Crier::get(crier.internal, path, "127.0.0.1.evil.test").expect_status(421);
    }
    Crier::get(crier.internal, "/nothing", "localhost").expect_status(404);
}

#[test]
fn a_signal_drains_and_clients_are_told() {
    let mut crier = Crier::start(&[]);
    let mut client = WebSocket::connect(crier.sockets);
    assert!(client.text().starts_with("42[\"connected\",{\"userId\":null,"));
    crier.signal("TERM");
    let goodbye = client.text();
    assert!(
        goodbye.starts_with("42[\"disconnected\",{\"reason\":\"server shutting down\","),
        "{goodbye}"
    );
    // Its transport is closed, without a DISCONNECT: the client comes back.
    client.expect_closed();
    assert_eq!(crier.child.wait().unwrap().code(), Some(0));
}

#[test]
fn subscriptions_follow_the_policy() {
    let crier = Crier::start(&[]);
    let token = out(&run(&["token", "--user", "u1"]));
    let mut client = WebSocket::open(crier.sockets);
    client.send(format!("40{}", serde_json::json!({ "token": token.trim_end() })));
    assert!(client.text().starts_with("40{"));
    assert!(client.text().starts_with("42[\"connected\",{\"userId\":\"u1\","));
    for (asked, answer) in [
        (r#"{"channel":"orders"}"#, r#"{"ok":true,"channel":"orders"}"#),
        (r#"{"channel":"nothing"}"#, r#"{"error":"Unknown channel"}"#),
        (
            r#"{"channel":5}"#,
            r#"{"error":"channel: invalid type: integer `5`, expected a string"}"#,
        ),
        ("{}", r#"{"error":"channel: missing field"}"#),
        ("null", r#"{"error":"#),
    ] {
        client.send(format!("421[\"subscribe\",{asked}]"));
        // Between them it hears that its user is there.
        let got = loop {
            let text = client.text();
            if !text.starts_with("42") {
                break text;
            }
        };
        assert!(
            got.starts_with(&format!("431[{}", answer.trim_end_matches('}'))),
            "{asked}: {got}"
        );
    }
    let mut anonymous = WebSocket::connect(crier.sockets);
    let _connected = anonymous.text();
    anonymous.send(r#"421["subscribe",{"channel":"orders"}]"#);
    anonymous.expect(r#"431[{"error":"Unauthorized"}]"#);
    anonymous.send(r#"42["subscribe",{"channel":"orders"}]"#);
    let told = anonymous.text();
    assert!(
        told.starts_with(r#"42["error",{"code":"UNAUTHORIZED","message":"Unauthorized""#),
        "{told}"
    );
}

#[test]
fn the_sidecar_answers_on_the_sockets_address_too() {
    let crier = Crier::start(&[]);
    Crier::get(crier.sockets, "/healthz", "localhost").expect_status(200);
    Crier::get(crier.sockets, "/api/nothing", "localhost").expect_status(404);
    Crier::get(crier.sockets, "/ws-tester.html", "localhost").expect_status(200);
    Crier::get(crier.sockets, "/nothing", "localhost").expect_status(404);
}
