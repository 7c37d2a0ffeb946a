//! Several replicas over one Redis: what they ask of each other, and who is there.

mod presence;
mod requests;
mod rig;
