//! What the apps work with, and the rules that hold for every event of a client.

use std::{sync::Arc, time::Duration};

use crier_domain::{
    App, AuthMode, Bus, Catalogue, Clock, Identity, Policy, Refusal, Role, RoomName, Row, UserId,
    event::Sender, room::enters_too, service::Services,
};

use crier_protocol::Room;

use super::{answer, presence::Audience, system};
use crate::{
    auth::{Expiry, Gate, Roster, apps_of, identity, restored, set_identity},
    namespace::{
        handler::Ack,
        socket::{Socket, rooms::JoinError},
    },
    presence::Presences,
    tasks::Background,
};

/// Events that name the user who sends them; in mode `off` the first of them says who the socket is.
const CLAIMS: [&str; 4] = ["join-user-room", "join-seller-room", "join-buyer-room", "user-online"];

/// What the apps work with. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Context {
    /// Who may come in.
    pub gate: Gate,
    /// Who may join which room.
    pub policy: Policy,
    /// Every event and its shape.
    pub catalogue: Arc<Catalogue>,
    /// The way to everybody.
    pub bus: Arc<dyn Bus>,
    /// What the shop does.
    pub services: Arc<Services>,
    /// The sockets of each user.
    pub roster: Roster,
    /// Tokens that end while their sockets are connected.
    pub expiry: Expiry,
    /// Who is there.
    pub presence: Presences,
    /// Who hears of it on `/`.
    pub presence_audience: Audience,
    /// What time it is.
    pub clock: Clock,
    /// Bytes of an event on `/`; more are refused.
    pub payload_max: usize,
    /// Where work beside the handlers runs.
    pub background: Background,
}

/// When a client may try again whose change could not be written.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl Context {
    /// Whether an app is on. One that is off is not installed.
    pub fn is_on(&self, app: App) -> bool {
        self.gate.apps().contains(app)
    }

    /// Who a socket is.
    ///
    /// # Errors
    /// [`Refusal::Unauthorized`] for an anonymous one.
    pub fn user(&self, socket: &Socket) -> Result<Arc<Identity>, Refusal> {
        identity(socket).ok_or(Refusal::Unauthorized)
    }

    /// Who a socket is, where its client claims to be a certain user (`join-user-room`, `user-online`).
    /// In mode `off` the first claim of a socket without a token is taken for true.
    ///
    /// # Errors
    /// [`Refusal::Unauthorized`] for an anonymous socket, and as [`same_user`].
    pub fn claim(&self, socket: &Socket, claimed: &UserId) -> Result<Arc<Identity>, Refusal> {
        match identity(socket) {
            Some(identity) => same_user(&identity, claimed).map(|()| identity),
            None if self.gate.mode() == AuthMode::Off => {
                let identity = Arc::new(claimed_identity(claimed.clone()));
                set_identity(socket, Arc::clone(&identity));
                // Nobody could tell that who comes back with its secret is this user, so nobody does.
                socket.end_session();
                self.roster.add(socket);
                system::signed_in(self, socket);
                Ok(identity)
            }
            None => Err(Refusal::Unauthorized),
        }
    }

    /// Makes a socket join a room, if the policy lets it; whether it is new there. The only way in for
    /// what a client asks for.
    ///
    /// # Errors
    /// The policy's; [`Refusal::Conflict`] for one room too many.
    ///
    /// # Cancel safety
    /// Dropped, it may have joined.
    pub async fn join(&self, socket: &Socket, room: &RoomName) -> Result<bool, Refusal> {
        let leavings = self.roster.leavings();
        let who = identity(socket);
        self.policy.may_join(who.as_deref(), room).await?;
        let is_new = !socket.is_in(room.as_str());
        let entered = socket.join(room.as_str());
        // Both or none.
        let entered = entered.and_then(|()| match enters_too(room.as_str()) {
            Some(along) => socket.join(along).inspect_err(|_| {
                if is_new {
                    socket.leave(room.as_str());
                }
            }),
            None => Ok(()),
        });
        match entered {
            Ok(()) => {}
            // One that has gone hears no answer anyway.
            Err(JoinError::Disconnected) => return Ok(false),
            Err(error @ JoinError::TooManyRooms { .. }) => {
                return Err(Refusal::Conflict { message: error.to_string() });
            }
        }
        if leavings != self.roster.leavings()
            && let Err(refusal) = self.policy.may_join(who.as_deref(), room).await
        {
            // It was taken back in between, before the socket could be found in the room.
            self.leave(socket, room);
            return Err(refusal);
        }
        // What is acknowledged holds wherever its client comes back.
        if let Err(error) = socket.saved().await {
            tracing::debug!(%error, "a client is told that it is not in the room");
            if is_new {
                self.leave(socket, room);
            }
            return Err(Refusal::Unavailable { retry_after: RETRY_AFTER });
        }
        Ok(is_new)
    }

    /// Those of these rooms, of a former socket of this client, that it may have again.
    ///
    /// # Cancel safety
    /// It only reads.
    pub async fn restore(&self, socket: &Socket, rooms: Vec<Room>) -> Vec<Room> {
        restored(self, socket, rooms).await
    }

    /// Makes a socket leave a room, and the one that it entered along with it unless it is in another
    /// such room; whether it was in there. [`Context::left`] comes before its client is told.
    pub fn leave(&self, socket: &Socket, room: &RoomName) -> bool {
        let was_in = socket.is_in(room.as_str());
        socket.leave(room.as_str());
        if let Some(along) = enters_too(room.as_str()) {
            // Where a backend has put it is not its own affair.
            let rooms = socket.rooms_asked_for();
            let is_by_itself = |other: &Room| enters_too(other.as_str()) == Some(along);
            if rooms.iter().any(|other| other.as_str() == along) && !rooms.iter().any(is_by_itself)
            {
                socket.leave(along);
            }
        }
        was_in
    }

    /// Waits until a leaving is where other replicas find it: a client that is told that it has left does
    /// not come back into the room.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`]: it has left here, and may find itself in the room if it comes back
    /// elsewhere; to leave again settles it.
    pub async fn left(&self, socket: &Socket) -> Result<(), Refusal> {
        socket.saved().await.map_err(|error| {
            tracing::debug!(%error, "a client is not told that it has left a room");
            Refusal::Unavailable { retry_after: RETRY_AFTER }
        })
    }

    /// What holds for every event of a client, before its handler runs: `None` where the event was
    /// refused, and its ack answered.
    pub(super) fn welcome(&self, socket: &Socket, event: &str, row: &Row, ack: Ack) -> Option<Ack> {
        if row.app.is_some_and(|app| !apps_of(socket).contains(app)) {
            // As for a server that does not have the app: told where it is asked for.
            if ack.is_wanted() {
                answer(socket, &Refusal::UnknownEvent { nearest: None }, ack);
            }
            return None;
        }
        let claims = self.gate.mode() == AuthMode::Off && CLAIMS.contains(&event);
        if row.sender == Sender::User && identity(socket).is_none() && !claims {
            answer(socket, &Refusal::Unauthorized, ack);
            return None;
        }
        Some(ack)
    }
}

/// No spoofing: an id of a user, agent or sender in a payload has to be the socket's own.
///
/// # Errors
/// [`Refusal::Forbidden`], `Access denied`.
pub fn same_user(identity: &Identity, claimed: &UserId) -> Result<(), Refusal> {
    if identity.user == *claimed {
        return Ok(());
    }
    Err(Refusal::Forbidden { code: "ACCESS_DENIED", message: "Access denied" })
}

/// A room that a client named in a field.
///
/// # Errors
/// [`Refusal::Invalid`] at that field where it cannot be the name of a room.
pub fn named_room(path: &str, name: &str) -> Result<RoomName, Refusal> {
    RoomName::parse(name)
        .map_err(|error| Refusal::Invalid { path: path.to_owned(), message: error.to_string() })
}

/// Who a socket is that nobody has vouched for.
fn claimed_identity(user: UserId) -> Identity {
    Identity {
        user,
        role: Role::User,
        email: None,
        name: None,
        avatar: None,
        is_verified: false,
        user_type: None,
        rooms: Vec::new(),
        expires_at: None,
        issued_at: None,
    }
}
