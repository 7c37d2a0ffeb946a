//! Identity on the live socket, rooms, presence: sections 1 to 3 and 9 of the contract.

mod greeting;
mod identity;
mod presence;
mod rig;
mod rooms;
mod sessions;
mod typing;
mod withdrawn;
