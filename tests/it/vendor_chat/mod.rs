//! Section 7 of the contract, as its clients meet it: customers and vendors on real sockets.

mod connect;
mod deliveries;
mod refusals;
mod rig;
