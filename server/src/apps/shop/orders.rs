//! `order:create` and `order:updateStatus`.

use std::sync::Arc;

use crier_domain::{
    Refusal,
    event::shop::{CreateOrder, OrderDone, UpdateOrderStatus},
    service::once::Once,
};

use crate::{
    apps::{Context, on::on},
    namespace::{Namespace, socket::Socket},
};

pub(super) fn install(main: &Namespace, context: &Arc<Context>) {
    on(main, context, "order:create", |context, socket, asked| async move {
        create(&context, &socket, asked).await
    });
    on(main, context, "order:updateStatus", |context, socket, asked| async move {
        update(&context, &socket, asked).await
    });
}

async fn create(
    context: &Context,
    socket: &Socket,
    asked: CreateOrder,
) -> Result<OrderDone, Refusal> {
    let who = context.user(socket)?;
    let once = asked.client_id.as_deref();
    let once = once.map(|id| Once::of_client("/", who.user.as_str(), "order:create", id, &asked));
    let order = context.services.orders.create(&who, &asked, once.transpose()?).await?;
    Ok(OrderDone { ok: true, order })
}

async fn update(
    context: &Context,
    socket: &Socket,
    asked: UpdateOrderStatus,
) -> Result<OrderDone, Refusal> {
    let who = context.user(socket)?;
    let orders = &context.services.orders;
    let order = orders.update_status((&*who).into(), asked.order_id, asked.status).await?;
    Ok(OrderDone { ok: true, order })
}
