//! Clients of several replicas over one Redis: whichever they come back to.

mod claims;
mod costs;
mod faults;
mod orders;
mod rig;
