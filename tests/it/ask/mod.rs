//! Several replicas over one Redis: what they ask of each other, and who is there.

#![allow(clippy::disallowed_methods, reason = "a test ends the tasks that it starts")]

mod presence;
mod requests;
mod rig;
