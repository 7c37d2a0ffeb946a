//! Pages that may call, pages that may not, and names that are not ours.

use crier_rest::SidecarConfig;
use http::Method;

use crate::client::{Answer, Rig, call, config, get, post, rig, rig_with};

const BODY: &str = r#"{"event":"e","args":[]}"#;

fn listed() -> Rig {
    rig_with(SidecarConfig { origins: vec!["https://good.com".into()], ..config() })
}

fn expect_refused(answer: &Answer) {
    answer.expect_error(403, "ORIGIN_NOT_ALLOWED");
    assert_eq!(answer.header("access-control-allow-origin"), None);
    assert_eq!(answer.header("vary"), Some("origin"));
}

#[tokio::test]
async fn o1_an_origin_is_allowed_when_it_is_listed_exactly() {
    let rig = listed();
    let answer = post("/api/emit", BODY).header("origin", "https://good.com").send(&rig).await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://good.com"));
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    for origin in [
        "https://evil.com",
        "null",
        "",
        "*",
        "https://good.com.evil.com",
        "https://good.com:8443",
        "https://good.com.",
        "https://GOOD.com",
        "http://good.com",
        "https://good.com/",
        "https://good.com@evil.com",
        "https://evil.com/https://good.com",
    ] {
        let answer = post("/api/emit", BODY).header("origin", origin).send(&rig).await;
        expect_refused(&answer);
    }
    let two = post("/api/emit", BODY)
        .header("origin", "https://good.com")
        .header("origin", "https://evil.com");
    expect_refused(&two.send(&rig).await);
    assert_eq!(rig.bus.published().len(), 1);
}

#[tokio::test]
async fn o1_loopback_pages_are_allowed_where_that_is_set() {
    let open = rig_with(SidecarConfig { loopback_origins: true, ..config() });
    for origin in ["http://localhost:5173", "https://127.0.0.1", "http://[::1]:3000"] {
        let answer = post("/api/emit", BODY).header("origin", origin).send(&open).await;
        assert_eq!(answer.status, 202, "{origin}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
        expect_refused(&post("/api/emit", BODY).header("origin", origin).send(&rig()).await);
    }
    for origin in [
        "http://localhost.evil.com",
        "http://127.0.0.1.evil.com",
        "http://evil@localhost",
        "file://localhost",
        "http://127.1",
        "http://localhost/x",
    ] {
        expect_refused(&post("/api/emit", BODY).header("origin", origin).send(&open).await);
    }
}

#[tokio::test]
async fn o1_a_page_of_our_own_host_may_call() {
    let rig = rig_with(SidecarConfig {
        hosts: vec!["shop.example".into(), "localhost".into()],
        ..config()
    });
    let from = |host: &str, origin: &str| {
        post("/api/emit", BODY).header("host", host).header("origin", origin)
    };
    for (host, origin) in [
        ("shop.example", "https://shop.example"),
        ("shop.example:8080", "http://shop.example:8080"),
        ("localhost:3000", "http://localhost:3000"),
    ] {
        assert_eq!(from(host, origin).send(&rig).await.status, 202, "{host} {origin}");
    }
    for (host, origin) in [
        ("shop.example", "https://shop.example:8080"),
        ("localhost:3000", "http://localhost:3001"),
        ("shop.example", "https://localhost"),
    ] {
        expect_refused(&from(host, origin).send(&rig).await);
    }
}

#[tokio::test]
async fn o2_answers_vary_by_origin_and_credentials_are_never_for_all() {
    let rig = listed();
    for call in [
        get("/healthz"),
        get("/zebra"),
        post("/api/emit", BODY),
        post("/api/emit", "x").header("origin", "https://good.com"),
        post("/api/emit", BODY).header("origin", "https://evil.com"),
    ] {
        let answer = call.send(&rig).await;
        assert_eq!(answer.header("vary"), Some("origin"));
        let allowed = answer.header("access-control-allow-origin");
        assert!(matches!(allowed, None | Some("https://good.com")), "{allowed:?}");
        let credentials = answer.header("access-control-allow-credentials");
        assert_eq!(credentials.is_some(), allowed.is_some());
    }
}

#[tokio::test]
async fn o3_a_preflight_has_a_fixed_answer() {
    let rig = listed();
    for path in ["/api/emit", "/api/events/x", "/zebra"] {
        let answer = call(Method::OPTIONS, path)
            .header("origin", "https://good.com")
            .header("access-control-request-method", "BREW")
            .header("access-control-request-headers", "x-evil, \"><script>")
            .send(&rig)
            .await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
        assert_eq!(answer.header("access-control-allow-origin"), Some("https://good.com"));
        assert_eq!(
            answer.header("access-control-allow-methods"),
            Some("GET, HEAD, POST, PUT, PATCH, DELETE")
        );
        let headers = answer.header("access-control-allow-headers");
        assert_eq!(headers, Some("authorization, content-type, idempotency-key"));
        assert_eq!(answer.header("access-control-max-age"), Some("600"));
    }
    let evil = call(Method::OPTIONS, "/api/emit").header("origin", "https://evil.com");
    expect_refused(&evil.send(&rig).await);
    assert!(rig.bus.published().is_empty());
}

#[tokio::test]
async fn o4_a_host_that_is_not_ours_is_421() {
    let rig =
        rig_with(SidecarConfig { hosts: vec!["localhost".into(), "127.0.0.1".into()], ..config() });
    for host in ["localhost", "LOCALHOST:3001", "127.0.0.1:3001"] {
        let answer = post("/api/emit", BODY).header("host", host).send(&rig).await;
        assert_eq!(answer.status, 202, "{host}");
    }
    for host in
        ["evil.com", "evil.com:3001", "localhost.evil.com", "evil.com@localhost", "", "127.0.0.2"]
    {
        let answer = post("/api/emit", BODY).header("host", host).send(&rig).await;
        answer.expect_error(421, "MISDIRECTED_REQUEST");
    }
    post("/api/emit", BODY).send(&rig).await.expect_error(421, "MISDIRECTED_REQUEST");
    let two = post("/api/emit", BODY).header("host", "localhost").header("host", "evil.com");
    two.send(&rig).await.expect_error(421, "MISDIRECTED_REQUEST");
}

#[test]
fn the_sidecar_owns_its_paths_and_no_others() {
    let sidecar = rig().sidecar;
    for path in ["/api", "/api/", "/api/emit", "/api/zebra", "/healthz", "/readyz", "/openapi.json"]
    {
        assert!(sidecar.owns(path), "{path}");
    }
    for path in ["/", "/apis", "/api.html", "/healthz/x", "/socket.io/", "/livez"] {
        assert!(!sidecar.owns(path), "{path}");
    }
}
