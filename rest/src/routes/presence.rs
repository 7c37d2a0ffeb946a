//! `GET /api/presence/{userId}` and `/api/stats`: who is there, cluster wide.

use crier_domain::{
    UserId,
    cluster::{PresenceView, Scope, Stats},
};
use http::{Method, StatusCode};

use crate::{
    answer::Answer,
    call::Call,
    error::ApiError,
    table::{Access, Operation},
};

pub(super) fn operations() -> Vec<Operation> {
    let get = [Method::GET];
    vec![
        Operation::new(
            &get,
            "/api/presence/{userId}",
            "getPresence",
            "Whether a user is online: with a socket on `/`, or without one for less than the grace.",
            Access::Backend,
            presence,
        )
        .param::<UserId>("userId")
        .answers::<PresenceView>(StatusCode::OK, "Whether"),
        Operation::new(&get, "/api/stats", "getStats", "Figures of the whole.", Access::Backend, stats)
            .answers::<Stats>(StatusCode::OK, "The figures"),
    ]
}

async fn presence(call: Call) -> Result<Answer, ApiError> {
    let user: UserId = call.param("userId")?;
    Answer::ok(&call.state.parts.cluster.presence(Scope::Main, user.as_str()).await)
}

async fn stats(call: Call) -> Result<Answer, ApiError> {
    Answer::ok(&call.state.parts.cluster.stats().await)
}
