//! Chats of the marketplace: section 4 of the contract, rule by rule.

mod events;
pub(crate) mod house;
mod lists;
mod members;
mod model;
mod open;
mod pages;
mod rules;
mod vendor;
