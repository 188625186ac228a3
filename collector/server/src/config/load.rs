use super::Config;
use std::collections::BTreeSet;
use std::error::Error as _;
use std::path::{Path, PathBuf};

/// Why the configuration cannot be used. Each says where and what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{}: {message}", path.display())]
    Invalid { path: PathBuf, message: String },
    #[error("{place}: {message}")]
    Wrong { place: String, message: String },
}

/// Where the environment is read; a test gives its own.
pub(crate) type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads and checks a file (or, without one, the defaults) with the process's environment on top.
#[allow(clippy::disallowed_methods, reason = "this is the door of settings")]
pub(crate) fn load(path: Option<&Path>) -> Result<Config, ConfigError> {
    let variables = |name: &str| std::env::var(name).ok();
    let Some(path) = path else {
        return parse("", Path::new("the defaults"), &variables);
    };
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    parse(&text, path, &variables)
}

/// As [`load`], from text; `path` is only for messages.
pub(crate) fn parse(
    text: &str,
    path: &Path,
    variables: Variables<'_>,
) -> Result<Config, ConfigError> {
    let invalid = |message: String| ConfigError::Invalid { path: path.to_owned(), message };
    let mut config: Config = toml::from_str(text).map_err(|e| invalid(e.to_string()))?;
    override_from(&mut config, variables)?;
    for project in &mut config.projects {
        let place = format!("project {}", project.name);
        let lists = [&mut project.write_keys, &mut project.read_tokens, &mut project.admin_tokens];
        for secret in lists.into_iter().flatten() {
            resolve(secret, &place, variables)?;
        }
    }
    resolve(&mut config.redis.password, "redis.password", variables)?;
    resolve(&mut config.redis.url, "redis.url", variables)?;
    check(&config)?;
    Ok(config)
}

/// `SILLAGE_SERVER_LISTEN` and so on, for what differs between machines.
fn override_from(config: &mut Config, variables: Variables<'_>) -> Result<(), ConfigError> {
    let wrong = |name: &str, value: &str| ConfigError::Wrong {
        place: name.to_owned(),
        message: format!("`{value}` is not what this setting takes"),
    };
    if let Some(value) = variables("SILLAGE_SERVER_LISTEN") {
        config.server.listen = value.parse().map_err(|_| wrong("SILLAGE_SERVER_LISTEN", &value))?;
    }
    if let Some(value) = variables("SILLAGE_SERVER_DATA_DIR") {
        config.server.data_dir = value.into();
    }
    if let Some(value) = variables("SILLAGE_SERVER_WORKERS") {
        config.server.workers =
            value.parse().map_err(|_| wrong("SILLAGE_SERVER_WORKERS", &value))?;
    }
    if let Some(value) = variables("SILLAGE_SERVER_DURABILITY") {
        config.server.durability = match value.as_str() {
            "fsync" => super::Durability::Fsync,
            "os" => super::Durability::Os,
            _ => return Err(wrong("SILLAGE_SERVER_DURABILITY", &value)),
        };
    }
    if let Some(value) = variables("SILLAGE_REDIS_URL") {
        config.redis.url = value;
    }
    if let Some(value) = variables("SILLAGE_REDIS_LISTEN") {
        config.redis.listen = value;
    }
    Ok(())
}

/// A secret written `env:NAME` is read from the environment.
fn resolve(secret: &mut String, place: &str, variables: Variables<'_>) -> Result<(), ConfigError> {
    let Some(name) = secret.strip_prefix("env:") else {
        return Ok(());
    };
    *secret = variables(name).filter(|value| !value.is_empty()).ok_or_else(|| {
        let message = format!("the variable {name} is not set; export it or write the value");
        ConfigError::Wrong { place: place.to_owned(), message }
    })?;
    Ok(())
}

fn check(config: &Config) -> Result<(), ConfigError> {
    let fail = |place: String, message: &str| {
        Err(ConfigError::Wrong { place, message: message.to_owned() })
    };
    if config.server.workers > 64 {
        return fail("server.workers".to_owned(), "at most 64, the number of partitions");
    }
    if config.server.connections_max == 0 {
        return fail("server.connections_max".to_owned(), "at least 1");
    }
    if config.server.connections_per_ip_max == 0 {
        return fail("server.connections_per_ip_max".to_owned(), "at least 1");
    }
    if config.server.in_flight_bytes_max < 16 << 20 {
        return fail("server.in_flight_bytes_max".to_owned(), "at least 16 MiB, one large body");
    }
    if let Err(error) = config.redis.address() {
        let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        return fail("redis.url".to_owned(), &why);
    }
    config.server.ops_address()?;
    if let Some((name, message)) = config.limits.fault() {
        return fail(format!("limits.{name}"), &message);
    }
    if !config.redis.listen.is_empty() {
        let Ok(address) = config.redis.listen.parse::<std::net::SocketAddr>() else {
            return fail("redis.listen".to_owned(), "write an address and a port, or nothing");
        };
        if !address.ip().is_loopback() && config.redis.password.is_empty() {
            let message = "it is reachable from outside, so redis.password must be set";
            return fail("redis.listen".to_owned(), message);
        }
    }
    let (mut names, mut secrets) = (BTreeSet::new(), BTreeSet::new());
    for project in &config.projects {
        let place = format!("project {}", project.name);
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        if !(1..=64).contains(&project.name.len()) || !project.name.chars().all(allowed) {
            return fail(place, "a name is 1 to 64 of a-z, 0-9, - and _");
        }
        if !names.insert(&project.name) {
            return fail(place, "two projects have this name");
        }
        let lists = [&project.write_keys, &project.read_tokens, &project.admin_tokens];
        for secret in lists.into_iter().flatten() {
            if secret.is_empty() || secret.len() > 256 {
                return fail(place, "a key or token is 1 to 256 bytes");
            }
            if !secrets.insert(secret) {
                return fail(place, "a key or token is used twice; each must lead to one place");
            }
        }
        check_rules(project, place)?;
    }
    Ok(())
}

fn check_rules(project: &super::ProjectConfig, place: String) -> Result<(), ConfigError> {
    let fail = |message: &str| Err(ConfigError::Wrong { place, message: message.to_owned() });
    if super::zone::find(&project.tz).is_none() {
        return fail("tz is no name of the IANA time zone database, such as Europe/Paris");
    }
    let (session, engagement) = (&project.session, &project.engagement);
    if session.idle.ms() < 1_000 || session.idle.ms() > 86_400_000 {
        return fail("session.idle is between 1s and 24h");
    }
    if session.max.ms() < session.idle.ms() {
        return fail("session.max is at least session.idle");
    }
    if engagement.half_life.ms() < 60_000 {
        return fail("engagement.half_life is at least 1m");
    }
    if !engagement.scale.is_finite() || engagement.scale <= 0.0 {
        return fail("engagement.scale is above 0");
    }
    let weights = engagement.weights.values().map(|w| match w {
        super::WeightConfig::Plain(weight) => *weight,
        super::WeightConfig::Full(full) => full.weight,
    });
    if !weights.chain([engagement.engaged_second]).all(|w| w.is_finite() && w.abs() <= 1e6) {
        return fail("an engagement weight is a number between -1000000 and 1000000");
    }
    if !(1..=1_024).contains(&project.log.segment_mib) {
        return fail("log.segment_mib is between 1 and 1024");
    }
    if let Err(message) = project.quota.quota() {
        return fail(message);
    }
    if project.log.dedup.ms() < 60_000 {
        return fail("log.dedup is at least 1m");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        let variables = |name: &str| (name == "SHOP_READ").then(|| "secret".to_owned());
        parse(text, Path::new("sillage.toml"), &variables).map_err(|e| e.to_string())
    }

    const SHOP: &str = r#"
        [server]
        listen = "127.0.0.1:9000"
        durability = "os"
        [[project]]
        name = "shop"
        write_keys = ["wk_1"]
        read_tokens = ["env:SHOP_READ"]
        [project.session]
        idle = "10m"
        [project.engagement]
        weights = { "A" = 1.0, "Order Completed" = { weight = 0.1, property = "revenue", cap_per_day = 5 } }
        [[project.segment]]
        key = "vip"
        when = 'count("Order Completed") >= 3'
    "#;

    #[test]
    fn a_file_is_read_with_its_variables() {
        let config = read(SHOP).expect("valid");
        let shop = &config.projects[0];
        assert_eq!(shop.read_tokens, ["secret"]);
        assert_eq!(shop.session.idle.ms(), 600_000);
        let rules = shop.rule_set();
        assert_eq!(rules.session.max_ms, 86_400_000);
        assert_eq!(rules.segments[0].name, "vip");
        let order = rules.engagement.weights.iter().find(|w| w.event == "Order Completed");
        assert_eq!(order.and_then(|w| w.cap_per_day), Some(5));
    }

    #[test]
    fn a_quota_without_a_burst_takes_five_seconds_at_once() {
        let quota = |text: &str| {
            let text = format!("[[project]]\nname = \"a\"\n{text}");
            read(&text).expect("valid").projects[0].quota.quota().expect("checked")
        };
        assert_eq!(quota(""), None);
        assert_eq!(quota("[project.quota]\nevents_per_second = 0"), None);
        let told = quota("[project.quota]\nevents_per_second = 1000").expect("one");
        assert_eq!((told.events_per_second, told.burst), (1_000, 5_000));
        let told = quota("[project.quota]\nevents_per_second = 10\nburst = 7").expect("one");
        assert_eq!((told.events_per_second, told.burst), (10, 7));
    }

    #[test]
    fn limits_that_are_left_out_are_those_of_the_wire() {
        let limits = |text: &str| read(text).expect("valid").limits.limits();
        assert_eq!(limits(""), sillage_wire::Limits::default());
        let told = limits("[limits]\nbatch_events = 30000\nbody_total = \"2m\"");
        assert_eq!((told.batch_events_max, told.body_total_ms), (30_000, 120_000));
    }

    #[test]
    fn wrong_settings_are_refused_with_their_place() {
        let table = [
            ("[server]\nlisten_on = 1", "unknown field `listen_on`"),
            ("[server]\nworkers = 65", "server.workers"),
            ("[server]\nconnections_max = 0", "at least 1"),
            ("[server]\nconnections_per_ip_max = 0", "at least 1"),
            ("[[project]]\nname = \"Shop\"", "a name is"),
            ("[[project]]\nname = \"a\"\n[[project]]\nname = \"a\"", "two projects"),
            ("[[project]]\nname = \"a\"\nwrite_keys = [\"k\", \"k\"]", "used twice"),
            ("[[project]]\nname = \"a\"\nread_tokens = [\"env:NOT_SET\"]", "NOT_SET"),
            ("[[project]]\nname = \"a\"\n[project.session]\nidle = \"soon\"", "no length of time"),
            ("[[project]]\nname = \"a\"\n[project.engagement]\nscale = 0.0", "above 0"),
            ("[[project]]\nname = \"a\"\ntz = \"Mars/Base\"", "tz is no name"),
            ("[[project]]\nname = \"a\"\n[project.log]\nsegment_mib = 0", "between 1 and 1024"),
            (
                "[[project]]\nname = \"a\"\n[[project.segment]]\nkey = \"k\"\nwhen = 'true'\nholdout = 0.125",
                "no percentage",
            ),
            ("[redis]\nlisten = \"0.0.0.0:6380\"", "redis.password"),
            ("[redis]\nurl = \"redis+sentinel://a:1\"", "redis.url: after the hosts"),
            ("[redis]\nurl = \"rediss://a\"\nca = \"/none.pem\"", "cannot read /none.pem"),
            ("[redis]\nurl = \"env:NOT_SET\"", "NOT_SET"),
            ("[server]\nops_listen = \"9090\"", "server.ops_listen"),
            ("[limits]\ndepth = 33", "limits.depth: 33 is not between 1 and 32"),
            ("[limits]\nbody_bytes = 2000000\ndecompressed_bytes = 1000000", "decompressed_bytes"),
            ("[limits]\nstring_bytes = 70000", "limits.string_bytes"),
            ("[limits]\nbody_gap = \"40s\"", "limits.body_total: 30000 ms"),
            ("[limits]\nevents = 1", "unknown field `events`"),
            ("[[project]]\nname = \"a\"\n[project.quota]\nburst = 10", "quota.burst"),
            (
                "[[project]]\nname = \"a\"\n[project.quota]\nevents_per_second = 10\nburst = 0",
                "quota.burst",
            ),
        ];
        for (text, expected) in table {
            let message = read(text).expect_err(text);
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}
