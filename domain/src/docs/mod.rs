//! Documents made from the rows of the catalogue, so that they cannot say anything else than what is
//! checked: AsyncAPI, types for TypeScript, README's table.

mod asyncapi;
mod markdown;
mod model;
mod types;
mod typescript;

pub use asyncapi::asyncapi;
pub use markdown::events_markdown;
pub use typescript::events_d_ts;
