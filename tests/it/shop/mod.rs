//! What clients of shop, marketplace and storefront send: sections 4 to 6 of the contract on real
//! sockets of a real `crier`.

mod crier;
mod heads;
mod marketplace;
mod names;
mod orders;
mod rooms;
mod storefront;
