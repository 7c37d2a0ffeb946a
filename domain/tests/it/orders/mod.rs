//! Orders with stock, and products: section 6 of the contract, rule by rule.

mod create;
mod list;
mod products;
mod race;
mod shop;
mod status;
