//! Sessions behind a balancer that knows nothing of them: every request may meet any replica.

mod client;
mod leases;
mod passing;
mod rig;
mod trouble;
mod trust;
