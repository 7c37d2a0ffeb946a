//! `/api/orders`: one's own; for the staff everybody's, and their steps.

use crier_domain::service::{
    orders::{Order, OrderPage, OrderQuery, OrderStatus},
    products::ObjectId,
};
use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    answer::Answer,
    call::Call,
    error::ApiError,
    table::{Access, Operation},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            &[Method::GET],
            "/api/orders",
            "listOrders",
            "The caller's orders, newest first; everybody's for `service` and `admin`.",
            Access::UserOrKey,
            list,
        )
        .query::<OrderQuery>()
        .answers::<OrderPage>(StatusCode::OK, "A page of them")
        .link("order", "getOrder", &[("id", "$response.body#/items/0/_id")]),
        Operation::new(
            &[Method::GET],
            "/api/orders/{id}",
            "getOrder",
            "An order, for its owner, `service` and `admin`.",
            Access::UserOrKey,
            get,
        )
        .param::<ObjectId>("id")
        .answers::<Order>(StatusCode::OK, "The order")
        .refuses(&[StatusCode::NOT_FOUND]),
        Operation::new(
            &[Method::PATCH],
            "/api/orders/{id}",
            "updateOrder",
            "Takes an order a step on: `pending`, `paid`, `shipped`, `delivered`; `cancelled` from \
             the first two. The same rules and events as of `order:updateStatus`.",
            Access::Backend,
            patch,
        )
        .param::<ObjectId>("id")
        .body::<PatchOrder>()
        .answers::<Order>(StatusCode::OK, "The order as it is now")
        .refuses(&[StatusCode::NOT_FOUND, StatusCode::CONFLICT]),
    ]
}

/// What changes of an order.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PatchOrder {
    /// The next step.
    status: OrderStatus,
}

async fn list(call: Call) -> Result<Answer, ApiError> {
    let query: OrderQuery = call.query()?;
    let orders = &call.state.parts.services.orders;
    Answer::ok(&orders.list(call.asker()?, &query).await?)
}

async fn get(call: Call) -> Result<Answer, ApiError> {
    let id = call.id("id", "Order")?;
    let orders = &call.state.parts.services.orders;
    Answer::ok(&orders.get(call.asker()?, id).await?)
}

async fn patch(mut call: Call) -> Result<Answer, ApiError> {
    let id = call.id("id", "Order")?;
    let PatchOrder { status } = call.json().await?;
    let orders = &call.state.parts.services.orders;
    Answer::ok(&orders.update_status(call.asker()?, id, status).await?)
}
