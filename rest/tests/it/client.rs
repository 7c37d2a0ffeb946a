//! A client that writes a request in one line and compares the answer in another.

use std::{net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use crier_domain::{
    App, Catalogue, Clock, DEVELOPMENT_SECRET, Keys, Role, Verifier, VerifierOptions, mint,
    service::{
        Deps, Services,
        limits::{PerMinute, UserLimits},
    },
    store::MemoryStore,
};
use crier_rest::{Parts, Sidecar, SidecarConfig};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::Value;

use crate::{bus::MemoryBus, cluster::FakeCluster};

pub(crate) const API_KEY: &str = "backend-key-of-the-tests";

/// A sidecar and the bus behind it.
#[derive(Clone)]
pub(crate) struct Rig {
    pub(crate) sidecar: Sidecar,
    pub(crate) bus: Arc<MemoryBus>,
    pub(crate) cluster: Arc<FakeCluster>,
    pub(crate) services: Arc<Services>,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

pub(crate) fn config() -> SidecarConfig {
    SidecarConfig { api_keys: vec![API_KEY.into(), "other-key".into()], ..SidecarConfig::default() }
}

pub(crate) fn rig() -> Rig {
    rig_with(config())
}

pub(crate) fn rig_with(config: SidecarConfig) -> Rig {
    rig_that_is(config, true)
}

pub(crate) fn rig_that_is(config: SidecarConfig, ready: bool) -> Rig {
    let bus = Arc::new(MemoryBus::default());
    let cluster = Arc::new(FakeCluster::default());
    let clock = Clock::system();
    let services = Arc::new(Services::new(Deps {
        store: Arc::new(MemoryStore::new(Arc::clone(&bus) as _, clock.clone())),
        clock,
        cluster: Arc::clone(&cluster) as _,
        limits: Arc::new(UserLimits::new(&PerMinute::default())),
    }));
    let parts = Parts {
        bus: Arc::clone(&bus) as _,
        cluster: Arc::clone(&cluster) as _,
        services: Arc::clone(&services),
        verifier: Arc::new(Verifier::new(Keys::development(), VerifierOptions::default())),
        catalogue: Arc::new(Catalogue::new(App::ALL)),
        ready: Arc::new(move || ready),
    };
    Rig { sidecar: Sidecar::new(config, parts), bus, cluster, services }
}

/// `Bearer` and a token of this role.
pub(crate) fn bearer(role: Role) -> String {
    let secret = DEVELOPMENT_SECRET.as_bytes();
    let token = mint(secret, "backend", role, None, Duration::from_secs(60));
    format!("Bearer {token}")
}

/// A request under way.
pub(crate) struct Call {
    request: http::request::Builder,
    body: Bytes,
    peer: IpAddr,
}

/// A request without credentials.
pub(crate) fn call(method: Method, path: &str) -> Call {
    Call {
        request: Request::builder().method(method).uri(path),
        body: Bytes::new(),
        peer: [192, 0, 2, 1].into(),
    }
}

pub(crate) fn get(path: &str) -> Call {
    call(Method::GET, path)
}

/// A POST of JSON with the API key.
pub(crate) fn post(path: &str, body: impl ToString) -> Call {
    anonymous_post(path, body).header("authorization", &format!("Bearer {API_KEY}"))
}

/// A POST of JSON without credentials.
pub(crate) fn anonymous_post(path: &str, body: impl ToString) -> Call {
    let mut call = call(Method::POST, path).header("content-type", "application/json");
    call.body = body.to_string().into();
    call
}

impl Call {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// With a body of JSON.
    pub(crate) fn json(mut self, body: &Value) -> Self {
        self.body = body.to_string().into();
        self.header("content-type", "application/json")
    }

    /// With another method, for what `post` puts in.
    pub(crate) fn with_method(mut self, method: Method) -> Self {
        self.request = self.request.method(method);
        self
    }

    /// Without this header, for what `post` puts in.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.request.headers_mut().unwrap().remove(name);
        self
    }

    pub(crate) fn from(mut self, peer: &str) -> Self {
        self.peer = peer.parse().unwrap();
        self
    }

    pub(crate) async fn send(self, rig: &Rig) -> Answer {
        let request = self.request.body(Full::new(self.body)).unwrap();
        answer(rig, request, self.peer).await
    }

    /// Sends this body instead, whatever it is.
    pub(crate) async fn send_body<B>(self, rig: &Rig, body: B) -> Answer
    where
        B: http_body::Body<Data = Bytes> + Send + Sync + 'static,
        B::Error: Into<crier_rest::BoxError>,
    {
        let request = self.request.body(body).unwrap();
        answer(rig, request, self.peer).await
    }
}

async fn answer<B>(rig: &Rig, request: Request<B>, peer: IpAddr) -> Answer
where
    B: http_body::Body<Data = Bytes> + Send + Sync + 'static,
    B::Error: Into<crier_rest::BoxError>,
{
    let response = rig.sidecar.handle(request, peer).await;
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Answer {
        status: parts.status,
        headers: parts.headers,
        text: String::from_utf8(bytes.to_vec()).unwrap(),
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Checks the status and, byte for byte, the JSON.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16, json: &Value) {
        assert_eq!((self.status.as_u16(), &self.json()), (status, json));
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert_eq!(self.header("cache-control"), Some("no-store"));
    }

    /// Checks the status, the shape of an error, and its code; gives the message.
    #[track_caller]
    pub(crate) fn expect_error(&self, status: u16, code: &str) -> String {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        let json = self.json();
        assert_eq!(json["success"], Value::Bool(false));
        assert_eq!(json["error"]["code"], code, "{}", self.text);
        assert_eq!(json.as_object().unwrap().len(), 2);
        json["error"]["message"].as_str().unwrap().to_owned()
    }

    /// Checks that it is a 422 and gives the path that it names.
    #[track_caller]
    pub(crate) fn expect_invalid(&self) -> String {
        self.expect_error(422, "VALIDATION_ERROR");
        let path = &self.json()["error"]["details"]["path"];
        path.as_str().unwrap_or_default().to_owned()
    }
}
