//! Missed events: who comes back gets everything that it was owed, once and in order, or is told why not.

mod client;
mod refusals;
mod replays;
mod shared;
mod stress;
mod wires;
