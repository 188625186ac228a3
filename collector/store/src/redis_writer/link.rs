//! A connection to wherever our keys are: to one server, or to every primary of a cluster.
//!
//! Commands are given with their key and arrive where that key is; redirections, moved slots and
//! lost scripts are dealt with here. What fails beyond that is an answer like any other. Nothing
//! here repeats a command whose outcome is unknown.
use super::address::{Host, Place, RedisAddress};
use super::sentinel;
use super::slots::Slots;
use crate::keys::key_slot;
use crate::limits::{REDIS_REDIRECTS_MAX, REDIS_RETRY_MS, REDIS_TIMEOUT_MS};
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError,
    RedisResult, Script, ServerErrorKind, Value,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Connections to all servers that hold our keys.
///
/// *Guarantees*: each call ends within [`REDIS_TIMEOUT_MS`] and some retries of that length. A
/// connection on which an answer is late or cut is dropped, so a late answer meets nobody.
pub(crate) struct Link {
    address: RedisAddress,
    /// One, or what has been met of a cluster; never shrinks within a connection's life.
    nodes: Vec<Node>,
    /// `None` for a single server, which has all keys.
    slots: Option<Slots>,
    scripts: Arc<[Script]>,
}

/// One server.
pub(super) struct Node {
    name: String,
    client: Client,
    connection: Option<MultiplexedConnection>,
    run_id: Option<String>,
}

/// Opens a connection with a deadline on everything.
pub(super) async fn open(client: &Client) -> RedisResult<MultiplexedConnection> {
    let timeout = Duration::from_millis(REDIS_TIMEOUT_MS);
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(timeout))
        .set_response_timeout(Some(timeout));
    let opening = client.get_multiplexed_async_connection_with_config(&config);
    tokio::time::timeout(timeout, opening).await.map_err(|_| too_late())?
}

fn too_late() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}

impl Node {
    pub(super) async fn open(client: Client, name: String) -> RedisResult<Self> {
        let mut node = Self { name, client, connection: None, run_id: None };
        node.ensure().await?;
        Ok(node)
    }

    fn unopened(client: Client, name: String) -> Self {
        Self { name, client, connection: None, run_id: None }
    }

    /// The open connection.
    pub(super) fn connection(&mut self) -> RedisResult<&mut MultiplexedConnection> {
        let name = &self.name;
        let closed = || (ErrorKind::Io, "the connection was dropped", name.clone());
        self.connection.as_mut().ok_or_else(|| closed().into())
    }

    /// Connects if there is no connection.
    async fn ensure(&mut self) -> RedisResult<&mut MultiplexedConnection> {
        if self.connection.is_none() {
            let mut connection = open(&self.client).await?;
            let mut ask = redis::cmd("INFO");
            // A server that does not tell may be another each time.
            let told = ask.arg("server").query_async::<redis::InfoDict>(&mut connection).await;
            self.run_id = told.ok().and_then(|info| info.get::<String>("run_id"));
            self.connection = Some(connection);
        }
        self.connection()
    }
}

impl Link {
    /// Connects, at a cluster to all of its primaries. `scripts` may then be called by their hash.
    pub(crate) async fn open(address: &RedisAddress, scripts: Arc<[Script]>) -> RedisResult<Self> {
        let address = address.clone();
        let mut link = Self { address, nodes: Vec::new(), slots: None, scripts };
        match link.address.place.clone() {
            Place::Single(server) => {
                let client = link.address.client_of(&server)?;
                link.nodes.push(Node::open(client, server.to_string()).await?);
            }
            Place::Sentinel { seeds, master, login } => {
                let node = sentinel::master(&link.address, &seeds, &master, &login).await?;
                link.nodes.push(node);
            }
            Place::Cluster { .. } => link.refresh().await?,
        }
        for node in link.primaries() {
            link.load_scripts(node).await?;
        }
        Ok(link)
    }

    /// Whether keys are spread over servers, so that no script can touch several of them.
    pub(crate) fn is_cluster(&self) -> bool {
        self.address.is_cluster()
    }

    /// The servers that hold keys, as numbers for [`Link::ask_at`]. They may change with every call
    /// in a cluster that is being changed.
    pub(crate) fn primaries(&self) -> Vec<usize> {
        match &self.slots {
            Some(slots) => slots.owners(),
            None => (0..self.nodes.len()).collect(),
        }
    }

    /// Which runs of which servers hold keys; `None` for a server that does not tell.
    pub(super) fn runs(&self) -> Vec<Option<String>> {
        self.primaries().into_iter().map(|node| self.nodes[node].run_id.clone()).collect()
    }

    /// The server with this slot.
    pub(super) fn owner_of_slot(&self, slot: u16) -> Option<usize> {
        self.slots.as_ref().map_or(Some(0), |slots| slots.owner(slot))
    }

    /// Whether most Sentinels name another master than the one that is connected.
    pub(super) async fn is_deposed(&self) -> bool {
        let Place::Sentinel { seeds, master, login } = &self.address.place else { return false };
        let Some(ours) = self.nodes.first() else { return false };
        let mut others = 0;
        for seed in seeds {
            let named = sentinel::named(&self.address, seed, master, login).await;
            others += usize::from(named.is_ok_and(|host| host.to_string() != ours.name));
        }
        others > seeds.len() / 2
    }

    /// Asks where the command's key is.
    ///
    /// # Errors
    /// What the server says, or that it does not say anything in time.
    pub(crate) async fn ask<T: FromRedisValue>(&mut self, command: Cmd) -> RedisResult<T> {
        let answer = self.ask_all(vec![command]).await.pop();
        let answer = answer.unwrap_or_else(|| Err(too_late()))?;
        Ok(redis::from_redis_value(answer)?)
    }

    /// Asks one server of [`Link::primaries`], whatever the command.
    ///
    /// # Errors
    /// What the server says, or that it does not say anything in time.
    pub(crate) async fn ask_at<T: FromRedisValue>(
        &mut self,
        node: usize,
        command: &Cmd,
    ) -> RedisResult<T> {
        let node = &mut self.nodes[node];
        let answer = command.query_async(node.ensure().await?).await;
        node.dropped_by(answer.as_ref().err());
        answer
    }

    /// Asks everything, each where its key is, servers at the same time and the commands to one
    /// server in their order; gives the answers in the order of the commands.
    pub(crate) async fn ask_all(&mut self, commands: Vec<Cmd>) -> Vec<RedisResult<Value>> {
        let mut round = Round::new(&commands);
        let until = Instant::now() + Duration::from_millis(REDIS_TIMEOUT_MS);
        for step in 0..REDIS_REDIRECTS_MAX {
            self.run(&commands, &mut round).await;
            if round.todo.is_empty() || Instant::now() >= until {
                break;
            }
            if round.must_wait {
                tokio::time::sleep(Duration::from_millis(REDIS_RETRY_MS << step.min(4))).await;
                // An error says nothing that the answers to the commands will not say.
                self.refresh().await.ok();
            }
        }
        round.into_answers()
    }

    /// Asks once what is still to be asked, and sorts the answers.
    async fn run(&mut self, commands: &[Cmd], round: &mut Round) {
        round.must_wait = false;
        let mut groups: BTreeMap<usize, (Vec<Option<Todo>>, Pipeline)> = BTreeMap::new();
        for todo in std::mem::take(&mut round.todo) {
            let command = &commands[todo.index];
            let Some(node) = todo.asking.or_else(|| self.owner_of_slot(key_slot(key_of(command))))
            else {
                round.retry(todo, down(), true);
                continue;
            };
            let (members, pipeline) = groups.entry(node).or_default();
            if todo.asking.is_some() {
                members.push(None);
                pipeline.add_command(redis::cmd("ASKING"));
            }
            members.push(Some(todo));
            pipeline.add_command(command.clone());
        }
        let mut asked = JoinSet::new();
        for (node, (members, mut pipeline)) in groups {
            match self.nodes[node].ensure().await.cloned() {
                Ok(mut connection) => {
                    pipeline.ignore_errors();
                    asked.spawn(async move {
                        let answers: RedisResult<Vec<RedisResult<Value>>> =
                            pipeline.query_async(&mut connection).await;
                        (node, members, answers)
                    });
                }
                Err(error) => round.all_failed(members, &error),
            }
        }
        while let Some(answered) = asked.join_next().await {
            // A task that panicked leaves its commands without an answer, which is a failure.
            let Ok((node, members, answers)) = answered else { continue };
            match answers {
                Ok(answers) if answers.len() == members.len() => {
                    for (todo, answer) in members.into_iter().zip(answers) {
                        let Some(todo) = todo else { continue };
                        self.sort(round, node, todo, answer).await;
                    }
                }
                Ok(_) => {
                    self.nodes[node].connection = None;
                    let error = (ErrorKind::Parse, "fewer answers than commands").into();
                    round.all_failed(members, &error);
                }
                Err(error) => {
                    self.nodes[node].dropped_by(Some(&error));
                    round.all_failed(members, &error);
                }
            }
        }
        // The commands to one server keep their order also when they are asked again.
        round.todo.sort_by_key(|todo| todo.index);
    }

    async fn sort(
        &mut self,
        round: &mut Round,
        node: usize,
        todo: Todo,
        answer: RedisResult<Value>,
    ) {
        let error = match answer {
            Ok(answer) => return round.answers[todo.index] = Some(Ok(answer)),
            Err(error) => error,
        };
        let ErrorKind::Server(kind) = error.kind() else {
            return round.answers[todo.index] = Some(Err(error));
        };
        match kind {
            ServerErrorKind::NoScript => {
                let loaded = round.loaded.contains(&node) || self.load_scripts(node).await.is_ok();
                round.loaded.push(node);
                if loaded {
                    return round.retry(todo, error, false);
                }
                round.answers[todo.index] = Some(Err(error));
            }
            ServerErrorKind::Moved if self.slots.is_some() => {
                let to = self.redirected(node, &error);
                if let (Some(to), Some(slots)) = (to, &mut self.slots) {
                    slots.moved(&error, to);
                }
                round.retry(Todo { asking: None, ..todo }, error, to.is_none());
            }
            ServerErrorKind::Ask if self.slots.is_some() => {
                let asking = self.redirected(node, &error);
                round.retry(Todo { asking, ..todo }, error, asking.is_none());
            }
            ServerErrorKind::TryAgain
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::MasterDown
            | ServerErrorKind::ReadOnly
                if self.slots.is_some() =>
            {
                round.retry(Todo { asking: None, ..todo }, error, true);
            }
            _ => round.answers[todo.index] = Some(Err(error)),
        }
    }

    /// The server that an answer of `from` points to.
    fn redirected(&mut self, from: usize, error: &RedisError) -> Option<usize> {
        let (name, port) = error.redirect_node()?;
        let (name, port) = (name.to_owned(), port);
        // A server that does not know its own name says so.
        let name = if matches!(name.as_str(), "" | "?") {
            self.nodes[from].host().to_owned()
        } else {
            name
        };
        self.node(Host { name, port }).ok()
    }

    /// The number of a server, which may be new.
    fn node(&mut self, host: Host) -> RedisResult<usize> {
        let name = host.to_string();
        if let Some(known) = self.nodes.iter().position(|node| node.name == name) {
            return Ok(known);
        }
        self.nodes.push(Node::unopened(self.address.client(&host)?, name));
        Ok(self.nodes.len() - 1)
    }

    /// Asks a cluster anew which server has which slots, and connects to those that are new.
    ///
    /// # Errors
    /// None of the known servers says it, or one that it names cannot be reached.
    pub(super) async fn refresh(&mut self) -> RedisResult<()> {
        let Place::Cluster { seeds } = self.address.place.clone() else { return Ok(()) };
        let mut failed = None;
        let mut asked: Vec<usize> = self.primaries();
        for seed in seeds {
            let node = self.node(seed)?;
            if !asked.contains(&node) {
                asked.push(node);
            }
        }
        for node in asked {
            let mut ask = redis::cmd("CLUSTER");
            match self.ask_at::<Value>(node, ask.arg("SLOTS")).await {
                Ok(told) => {
                    let host = self.nodes[node].host().to_owned();
                    let ranges = Slots::parse(told, &host);
                    if ranges.is_empty() {
                        failed = Some(down());
                        continue;
                    }
                    let mut slots = Slots::none();
                    for (range, host) in ranges {
                        let owner = self.node(host)?;
                        slots.give(range, owner);
                    }
                    self.slots = Some(slots);
                    return self.meet().await;
                }
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(down))
    }

    /// Connects to all primaries, so that their runs are known.
    async fn meet(&mut self) -> RedisResult<()> {
        for node in self.primaries() {
            self.nodes[node].ensure().await?;
        }
        Ok(())
    }

    async fn load_scripts(&mut self, node: usize) -> RedisResult<()> {
        let scripts = Arc::clone(&self.scripts);
        let connection = self.nodes[node].ensure().await?;
        for script in scripts.iter() {
            script.load_async(connection).await?;
        }
        Ok(())
    }
}

impl Node {
    fn host(&self) -> &str {
        self.name.rsplit_once(':').map_or(&self.name, |(host, _)| host)
    }

    /// Drops the connection if this error leaves answers on their way.
    fn dropped_by(&mut self, error: Option<&RedisError>) {
        let lasting = |error: &RedisError| {
            matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
        };
        if error.is_some_and(|error| !lasting(error)) {
            self.connection = None;
        }
    }
}

/// The commands of one call that are on their way.
struct Round {
    answers: Vec<Option<RedisResult<Value>>>,
    todo: Vec<Todo>,
    /// Whether a cluster is to be given time.
    must_wait: bool,
    /// Servers that were given the scripts again.
    loaded: Vec<usize>,
}

#[derive(Clone, Copy)]
struct Todo {
    index: usize,
    /// A server that takes the command only if it is told that it was sent there.
    asking: Option<usize>,
}

impl Round {
    fn new(commands: &[Cmd]) -> Self {
        let todo = (0..commands.len()).map(|index| Todo { index, asking: None }).collect();
        let answers = commands.iter().map(|_| None).collect();
        Self { answers, todo, must_wait: false, loaded: Vec::new() }
    }

    fn retry(&mut self, todo: Todo, error: RedisError, wait: bool) {
        // Stands if there is no further round.
        self.answers[todo.index] = Some(Err(error));
        self.must_wait |= wait;
        self.todo.push(todo);
    }

    fn all_failed(&mut self, members: Vec<Option<Todo>>, error: &RedisError) {
        for todo in members.into_iter().flatten() {
            self.answers[todo.index] = Some(Err(error.clone()));
        }
    }

    fn into_answers(self) -> Vec<RedisResult<Value>> {
        let none = || Err((ErrorKind::Client, "a command was left without an answer").into());
        self.answers.into_iter().map(|answer| answer.unwrap_or_else(none)).collect()
    }
}

fn down() -> RedisError {
    (ErrorKind::ClusterConnectionNotFound, "no server of the cluster has these keys").into()
}

/// The first key of a command: for a script after its hash and number of keys, else the first word.
fn key_of(command: &Cmd) -> &[u8] {
    let mut words = command.args_iter().filter_map(|word| match word {
        redis::Arg::Simple(bytes) => Some(bytes),
        _ => None,
    });
    let skipped = match words.next() {
        Some(name) if name.eq_ignore_ascii_case(b"EVALSHA") => 2,
        _ => 0,
    };
    words.nth(skipped).unwrap_or_default()
}
