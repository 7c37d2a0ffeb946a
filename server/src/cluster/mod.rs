//! What the replicas of one server say to each other, and to the sidecar.
//!
//! ```text
//!   Replicas   who there is and where: a fixed list, or leases in Redis
//!   Asking     the way to ask them all; Responder answers for the sockets here
//!   Seal       signs what one replica asks of another over the internal listener
//! ```

pub mod answer;
pub mod asking;
pub mod leases;
pub mod local;
pub mod registry;
pub mod seal;
pub(crate) mod wire;

pub use self::{
    answer::Responder,
    asking::Asking,
    leases::{JoinError, Leases},
    local::LocalCluster,
    registry::{FixedReplicas, Replica, Replicas},
    seal::{BadSeal, Seal},
};
