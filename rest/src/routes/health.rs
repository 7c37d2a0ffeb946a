//! `GET /healthz`: alive. `GET /readyz`: ready for traffic. Both are public.

use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    answer::Answer,
    call::Call,
    error::ApiError,
    table::{Access, Operation},
};

pub(super) fn operations() -> Vec<Operation> {
    let get = [Method::GET];
    vec![
        Operation::new(&get, "/healthz", "isAlive", "Alive.", Access::Public, healthz)
            .answers::<Health>(StatusCode::OK, "Alive"),
        Operation::new(&get, "/readyz", "isReady", "Ready for traffic.", Access::Public, readyz)
            .answers::<Health>(StatusCode::OK, "Ready")
            .refuses(&[StatusCode::SERVICE_UNAVAILABLE]),
    ]
}

/// How the sidecar is.
#[derive(Serialize, JsonSchema)]
struct Health {
    /// `ok` or `ready`.
    status: &'static str,
}

async fn healthz(_: Call) -> Result<Answer, ApiError> {
    Answer::ok(&Health { status: "ok" })
}

async fn readyz(call: Call) -> Result<Answer, ApiError> {
    if !(call.state.parts.ready)() {
        return Err(ApiError::NotReady);
    }
    Answer::ok(&Health { status: "ready" })
}
