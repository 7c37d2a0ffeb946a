//! `/api/products/{id}`: what there is to order, told by backends, seen by everyone.

use crier_domain::service::products::{ObjectId, Product, PutProduct};
use http::{Method, StatusCode};

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
            "/api/products/{id}",
            "getProduct",
            "A product with its stock.",
            Access::Anyone,
            get,
        )
        .param::<ObjectId>("id")
        .answers::<Product>(StatusCode::OK, "The product")
        .refuses(&[StatusCode::NOT_FOUND]),
        Operation::new(
            &[Method::PUT],
            "/api/products/{id}",
            "putProduct",
            "Makes a product, or replaces what is known of it. A stock below what pending orders \
             have reserved is refused.",
            Access::Backend,
            put,
        )
        .param::<ObjectId>("id")
        .body::<PutProduct>()
        .answers::<Product>(StatusCode::OK, "The product as it is now")
        .refuses(&[StatusCode::CONFLICT]),
    ]
}

async fn get(call: Call) -> Result<Answer, ApiError> {
    let id = call.id("id", "Product")?;
    Answer::ok(&call.state.parts.services.products.get(id).await?)
}

async fn put(mut call: Call) -> Result<Answer, ApiError> {
    // No product can be made under it, so here it is a wrong value rather than nothing.
    let id: ObjectId = call.param("id")?;
    let product: PutProduct = call.json().await?;
    let products = &call.state.parts.services.products;
    Answer::ok(&products.put(call.asker()?, id, &product).await?)
}
