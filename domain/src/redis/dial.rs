//! Making connections, whatever stands behind the address.

use std::{fmt, time::Duration};

use ::redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind,
    IntoConnectionInfo as _, Pipeline, ProtocolVersion, RedisConnectionInfo, RedisError as Fault,
    TlsMode, Value,
    aio::{AsyncPushSender, ConnectionLike as _, MultiplexedConnection},
    cluster::{ClusterClient, ClusterClientBuilder},
    cluster_async::ClusterConnection,
    io::tcp::TcpSettings,
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};
use deadpool_redis::{Manager, Pool, PoolError};
use tokio::sync::Mutex;

use super::{
    RedisOptions, RedisUrlError,
    url::{Kind, Login, RedisUrl},
};

/// How long one connection attempt may take: an address that swallows packets must not hold anybody up
/// for long.
const CONNECT: Duration = Duration::from_secs(2);

/// A connection that several tasks send on. Cheap to clone.
#[derive(Clone)]
pub(super) enum Connection {
    /// To one server.
    One(MultiplexedConnection),
    /// To the nodes of a cluster.
    Cluster(ClusterConnection),
}

impl Connection {
    pub(super) async fn one(&mut self, command: &Cmd) -> Result<Value, Fault> {
        match self {
            Self::One(connection) => connection.req_packed_command(command).await,
            Self::Cluster(connection) => connection.req_packed_command(command).await,
        }
    }

    pub(super) async fn all(&mut self, pipe: &Pipeline) -> Result<Value, Fault> {
        match self {
            Self::One(connection) => pipe.query_async(connection).await,
            Self::Cluster(connection) => pipe.query_async(connection).await,
        }
    }

    pub(super) async fn subscribe(&mut self, channels: &[String]) -> Result<(), Fault> {
        match self {
            Self::One(connection) => connection.subscribe(channels).await,
            Self::Cluster(connection) => connection.ssubscribe(channels).await,
        }
    }
}

/// A connection, and what gives it back to where it came from.
pub(super) struct Dialed {
    pub(super) connection: Connection,
    /// Held as long as the connection is good, so that the pool counts it.
    pooled: Option<deadpool_redis::Connection>,
}

impl Dialed {
    /// Gives up a connection that is lost: the pool makes another one.
    pub(super) fn discard(self) {
        if let Some(pooled) = self.pooled {
            drop(deadpool_redis::Connection::take(pooled));
        }
    }
}

/// Where connections come from.
pub(super) struct Dial {
    url: RedisUrl,
    /// The nodes to begin with, or the sentinels.
    nodes: Vec<ConnectionInfo>,
    /// How to sign in to the server itself.
    login: RedisConnectionInfo,
    source: Source,
}

/// Both of the latter find their servers themselves. Pools for them could set neither deadlines nor
/// TCP_NODELAY.
enum Source {
    Single(Pool),
    Sentinel(Box<Mutex<SentinelClient>>),
    Cluster(Box<ClusterClient>),
}

impl Dial {
    pub(super) fn new(options: &RedisOptions) -> Result<Self, RedisUrlError> {
        let unusable = |_: Fault| RedisUrlError::Unusable;
        let url = options.url.clone();
        let username = options.username.as_ref().or(url.username.as_ref());
        let password = options.password.as_ref().or(url.password.as_ref());
        let login = sign_in(username, password, url.db);
        let (nodes, source) = match &url.kind {
            Kind::Single { host, port } => {
                let node = info(address(host, *port, url.tls), &login).map_err(unusable)?;
                (vec![node.clone()], Source::Single(pool(node, options.connections)?))
            }
            Kind::Unix { path } => {
                let address = ConnectionAddr::Unix(path.into());
                let node = info(address, &login).map_err(unusable)?;
                (vec![node.clone()], Source::Single(pool(node, options.connections)?))
            }
            Kind::Cluster { nodes } => {
                let nodes = nodes.iter().map(|(host, port)| address(host, *port, url.tls));
                let nodes: Result<Vec<_>, _> = nodes.map(|node| info(node, &login)).collect();
                let nodes = nodes.map_err(unusable)?;
                let client = cluster(nodes.clone()).build().map_err(unusable)?;
                (nodes, Source::Cluster(Box::new(client)))
            }
            Kind::Sentinel { .. } => {
                let client = sentinels(&url, &login).map_err(unusable)?;
                (Vec::new(), Source::Sentinel(Box::new(Mutex::new(client))))
            }
        };
        Ok(Self { url, nodes, login, source })
    }

    pub(super) fn is_cluster(&self) -> bool {
        self.url.is_cluster()
    }

    /// Whether nobody signs in to a Redis that is not on this machine.
    pub(super) fn is_open(&self) -> bool {
        let is_here = |host: &str| {
            host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
        };
        let all_here = match &self.url.kind {
            Kind::Unix { .. } => true,
            Kind::Single { host, .. } => is_here(host),
            Kind::Sentinel { nodes, .. } | Kind::Cluster { nodes } => {
                nodes.iter().all(|(host, _)| is_here(host))
            }
        };
        self.login.password().is_none() && !all_here
    }

    /// How long connecting is waited for: sentinels and nodes have to be asked first.
    pub(super) fn patience(&self) -> Duration {
        match self.source {
            Source::Single(_) => CONNECT,
            Source::Sentinel(_) | Source::Cluster(_) => CONNECT * 2,
        }
    }

    /// A connection for commands. Whoever has it keeps it: taken from the pool for each command, it
    /// would be asked for a sign of life each time, and the answer to the command says as much.
    pub(super) async fn connect(&self) -> Result<Dialed, Fault> {
        let (connection, pooled) = match &self.source {
            Source::Single(pool) => {
                let pooled = pool.get().await.map_err(fault)?;
                (Connection::One(pooled.as_ref().clone()), Some(pooled))
            }
            Source::Sentinel(client) => {
                let mut client = client.lock().await;
                let connection = client.get_async_connection_with_config(&config()).await?;
                (Connection::One(connection), None)
            }
            Source::Cluster(client) => {
                (Connection::Cluster(client.get_async_connection().await?), None)
            }
        };
        Ok(Dialed { connection, pooled })
    }

    /// A connection of its own, whose messages go to `pushes`.
    pub(super) async fn listen(&self, pushes: impl AsyncPushSender) -> Result<Connection, Fault> {
        Ok(match &self.source {
            Source::Single(_) => {
                let Some(node) = self.nodes.first() else { return Err(unconfigured()) };
                let client = Client::open(node.clone())?;
                let config = config().set_push_sender(pushes);
                Connection::One(client.get_multiplexed_async_connection_with_config(&config).await?)
            }
            Source::Sentinel(_) => {
                let mut client = sentinels(&self.url, &self.login)?;
                let config = config().set_push_sender(pushes);
                Connection::One(client.get_async_connection_with_config(&config).await?)
            }
            Source::Cluster(_) => {
                let client = cluster(self.nodes.clone()).push_sender(pushes).build()?;
                Connection::Cluster(client.get_async_connection().await?)
            }
        })
    }
}

/// Deadlines of answers are the link's: they depend on what was asked.
fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(None)
}

fn tcp() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}

fn sign_in(username: Option<&String>, password: Option<&String>, db: i64) -> RedisConnectionInfo {
    let mut login = RedisConnectionInfo::default()
        .set_protocol(ProtocolVersion::RESP3)
        .set_db(db)
        // One command less that a user has to be allowed.
        .set_skip_set_lib_name();
    if let Some(username) = username {
        login = login.set_username(username);
    }
    if let Some(password) = password {
        login = login.set_password(password);
    }
    login
}

fn address(host: &str, port: u16, tls: bool) -> ConnectionAddr {
    if tls {
        let host = host.to_owned();
        ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host.to_owned(), port)
    }
}

fn info(address: ConnectionAddr, login: &RedisConnectionInfo) -> Result<ConnectionInfo, Fault> {
    let info = address.into_connection_info()?;
    Ok(info.set_redis_settings(login.clone()).set_tcp_settings(tcp()))
}

/// So many for all, and one for changes.
fn pool(node: ConnectionInfo, connections: usize) -> Result<Pool, RedisUrlError> {
    let manager = Manager::new_with_config(node, config()).map_err(|_| RedisUrlError::Unusable)?;
    let pool = Pool::builder(manager).max_size(connections.max(1) + 1).build();
    pool.map_err(|_| RedisUrlError::Unusable)
}

fn cluster(nodes: Vec<ConnectionInfo>) -> ClusterClientBuilder {
    ClusterClientBuilder::new(nodes)
        .use_protocol(ProtocolVersion::RESP3)
        .connection_timeout(CONNECT)
        .tcp_settings(tcp())
        // Moved slots and a failover in progress; the link's deadline ends it in any case.
        .retries(4)
}

fn sentinels(url: &RedisUrl, login: &RedisConnectionInfo) -> Result<SentinelClient, Fault> {
    let Kind::Sentinel { nodes, service, login: Login { username, password } } = &url.kind else {
        return Err(unconfigured());
    };
    let nodes = nodes.iter().map(|(host, port)| address(host, *port, url.tls));
    let mut builder = SentinelClientBuilder::new(nodes, service, SentinelServerType::Master)?
        .set_client_to_redis_protocol(ProtocolVersion::RESP3)
        .set_client_to_redis_tcp_settings(tcp())
        .set_client_to_redis_db(login.db());
    if url.tls {
        builder = builder
            .set_client_to_redis_tls_mode(TlsMode::Secure)
            .set_client_to_sentinel_tls_mode(TlsMode::Secure);
    }
    if let Some(username) = login.username() {
        builder = builder.set_client_to_redis_username(username);
    }
    if let Some(password) = login.password() {
        builder = builder.set_client_to_redis_password(password);
    }
    if let Some(username) = username {
        builder = builder.set_client_to_sentinel_username(username);
    }
    if let Some(password) = password {
        builder = builder.set_client_to_sentinel_password(password);
    }
    builder.build()
}

fn unconfigured() -> Fault {
    Fault::from((ErrorKind::InvalidClientConfig, "no address"))
}

fn fault(error: PoolError) -> Fault {
    match error {
        PoolError::Backend(fault) => fault,
        other => Fault::from((ErrorKind::Io, "no connection", other.to_string())),
    }
}

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dial({})", self.url)
    }
}
