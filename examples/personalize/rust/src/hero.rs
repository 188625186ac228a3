//! Looks up which variant of a page a person sees, in one round trip and within a deadline.
use crate::decide::{Answer, Page, Values, key};
use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{AsyncCommands, Client, RedisResult};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::OnceCell;
use tokio::time::{sleep, timeout};

/// How long a program that starts waits for Redis.
const WARM_MOST: Duration = Duration::from_secs(2);

/// Make one for each process: all lookups share its connection, and none waits for another.
pub(crate) struct Hero {
    link: Link,
    project: String,
    page: Page,
    fields: Vec<String>,
}

enum Link {
    /// Connects when it is first used, and again when it was lost.
    Single(ConnectionManager),
    Cluster(Box<ClusterClient>, OnceCell<ClusterConnection>),
}

impl Hero {
    /// Connects to nothing yet: a Redis that is down now may come later.
    ///
    /// # Errors
    /// If the URL is none.
    pub(crate) fn open(url: &str, project: &str, page: Page, cluster: bool) -> RedisResult<Self> {
        let link = if cluster {
            let client = ClusterClient::builder([url]).retries(1).build()?;
            Link::Cluster(Box::new(client), OnceCell::new())
        } else {
            let config = ConnectionManagerConfig::new()
                .set_number_of_retries(1)
                .set_connection_timeout(Some(Duration::from_secs(1)))
                // How long a connection may be silent, not how long a page waits.
                .set_response_timeout(Some(Duration::from_secs(1)));
            Link::Single(ConnectionManager::new_lazy_with_config(Client::open(url)?, config)?)
        };
        Ok(Self { link, project: project.to_owned(), fields: page.fields(), page })
    }

    /// Connects, so that the first page need not.
    pub(crate) async fn warm(&self) {
        let most = WARM_MOST.max(Duration::from_millis(self.page.deadline_ms));
        // Whether it came to be is seen at the first lookup.
        let connected = async {
            while self.read("").await.is_err() {
                sleep(Duration::from_millis(50)).await;
            }
        };
        drop(timeout(most, connected).await);
    }

    /// Never fails: a page without its hero is worse than a page with the usual one.
    pub(crate) async fn choose(&self, person: &str, now: Option<i64>) -> Answer {
        let deadline = Duration::from_millis(self.page.deadline_ms);
        // Over the whole lookup, connecting included.
        let Ok(Ok((values, meta))) = timeout(deadline, self.read(person)).await else {
            return self.page.usual("unavailable"); // count these in your metrics
        };
        let [schema, half_life] = &meta;
        if schema.as_ref().is_some_and(|schema| schema != "1") {
            return self.page.usual("unavailable");
        }
        let now = now.unwrap_or_else(now_ms);
        self.page
            .decide(&self.fields, &values, half_life.as_deref(), now)
            .unwrap_or_else(|_| self.page.usual("unavailable"))
    }

    async fn read(&self, person: &str) -> RedisResult<(Values, [Option<String>; 2])> {
        match &self.link {
            Link::Single(connection) => self.read_over(connection, person).await,
            Link::Cluster(client, connection) => {
                let connection = connection.get_or_try_init(|| client.get_async_connection());
                self.read_over(connection.await?, person).await
            }
        }
    }

    /// Sends both commands at once, over as many nodes as it takes.
    async fn read_over<C>(
        &self,
        link: &C,
        person: &str,
    ) -> RedisResult<(Values, [Option<String>; 2])>
    where
        C: ConnectionLike + Clone + Send + Sync,
    {
        let (mut one, mut two) = (link.clone(), link.clone());
        tokio::try_join!(
            one.hmget(key(&self.project, person), &self.fields),
            two.hmget(format!("sl:{}:meta", self.project), &["schema", "half_life_ms"]),
        )
    }
}

#[allow(clippy::disallowed_methods, reason = "a program of its own reads the clock")]
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
