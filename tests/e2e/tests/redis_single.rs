//! One Redis, however it is reached, with no more rights than the shipped ones.
use sillage_e2e::{
    Collector, Crowd, RedisCluster, RedisServer, Reply, Resp, until_logged, until_mirrored,
};
use std::path::Path;
use std::process::Command;

/// The shipped access rights, and a user for the tests themselves.
fn acl_file(folder: &Path) -> String {
    let shipped = include_str!("../../../examples/redis/sillage.acl");
    let path = folder.join("users.acl");
    std::fs::write(&path, format!("{shipped}user admin on >admin ~* &* +@all\n"))
        .expect("writable");
    path.display().to_string()
}

fn as_user(resp: &mut Resp, user: &str, password: &str) {
    assert_eq!(resp.ask(&["AUTH", user, password]), Reply::Simple("OK".to_owned()));
}

fn assert_denied(resp: &mut Resp, words: &[&str]) {
    let reply = resp.ask(words);
    assert!(
        matches!(&reply, Reply::Error(text) if text.starts_with("NOPERM")),
        "{words:?}: {reply:?}"
    );
}

/// Looks as somebody who may see everything.
struct Admin<'a>(&'a RedisServer);

impl sillage_e2e::Keys for Admin<'_> {
    fn ask(&self, words: &[&str]) -> Option<Reply> {
        self.ask_one(self.0.address, words)
    }

    fn servers(&self) -> Vec<std::net::SocketAddr> {
        vec![self.0.address]
    }

    fn ask_one(&self, server: std::net::SocketAddr, words: &[&str]) -> Option<Reply> {
        let mut resp = Resp::try_connect(server)?;
        as_user(&mut resp, "admin", "admin");
        resp.try_ask(words)
    }
}

#[test]
fn the_shipped_rights_are_enough_and_no_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let redis = RedisServer::start_with(&["--aclfile", &acl_file(folder.path())]);
    let url = format!("redis://sillage-writer:CHANGE-ME-WRITER@{}?protocol=resp3", redis.address);
    let collector = Collector::start(folder.path(), &url, Crowd::RULES);
    assert!(Crowd::default().act(collector.http));
    until_mirrored(&collector, &Admin(&redis));
    let mut resp = redis.resp();
    as_user(&mut resp, "sillage-writer", "CHANGE-ME-WRITER");
    for words in [
        &["FLUSHALL"][..],
        &["CONFIG", "GET", "*"],
        &["EVAL", "return 1", "0"],
        &["SCRIPT", "FLUSH"],
        &["KEYS", "*"],
        &["ACL", "LIST"],
        &["HSET", "sl:other:u:1", "v", "1"],
        &["HGET", "elsewhere", "v"],
        &["SHUTDOWN"],
    ] {
        assert_denied(&mut resp, words);
    }
    let mut resp = redis.resp();
    as_user(&mut resp, "sillage-reader", "CHANGE-ME-READER");
    assert!(matches!(resp.ask(&["HGET", "sl:shop:u:0", "v"]), Reply::Bulk(Some(_))));
    for words in [
        &["HSET", "sl:shop:u:1", "v", "1"][..],
        &["DEL", "sl:shop:u:1"],
        &["HGET", "sl:other:u:1", "v"],
        &["EVALSHA", "0000000000000000000000000000000000000000", "0"],
        &["FLUSHALL"],
    ] {
        assert_denied(&mut resp, words);
    }
    assert!(matches!(redis.ask(&["PING"]), Reply::Error(text) if text.starts_with("NOAUTH")));
}

#[test]
fn the_shipped_rights_are_enough_for_a_cluster() {
    let folder = tempfile::tempdir().expect("a folder");
    let acl = acl_file(folder.path());
    let options =
        ["--aclfile", &acl, "--masteruser", "sillage-replica", "--masterauth", "CHANGE-ME-REPLICA"];
    let cluster = RedisCluster::start(&options, &["--user", "admin", "--pass", "admin"]);
    let url = cluster.url("sillage-writer:CHANGE-ME-WRITER@");
    let collector = Collector::start(folder.path(), &url, Crowd::RULES);
    assert!(Crowd::default().act(collector.http));
    until_mirrored(&collector, &cluster);
}

#[test]
fn a_unix_socket_is_as_good() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("redis.sock").display().to_string();
    let redis = RedisServer::start_with(&["--unixsocket", &socket]);
    let url = format!("redis+unix://{socket}");
    let collector = Collector::start(folder.path(), &url, Crowd::RULES);
    assert!(Crowd::default().act(collector.http));
    until_mirrored(&collector, &redis);
}

fn openssl(folder: &Path, words: &str) {
    let done = Command::new("openssl").args(words.split(' ')).current_dir(folder).output();
    let done = done.expect("openssl is installed (apt-get install openssl)");
    assert!(done.status.success(), "{words}: {}", String::from_utf8_lossy(&done.stderr));
}

/// An authority `ca`, and certificates that it signed for `server` on loopback and for `client`.
fn certificates(folder: &Path) {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
    openssl(folder, &format!("req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=authority"));
    for (name, extension) in
        [("server", "subjectAltName=IP:127.0.0.1"), ("client", "subjectAltName=DNS:sillage")]
    {
        std::fs::write(folder.join("extension"), extension).expect("writable");
        openssl(
            folder,
            &format!("req {key} -keyout {name}.key -out {name}.csr -subj /CN={name}")
                .replace(" -days 2", ""),
        );
        openssl(
            folder,
            &format!(
                "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extension -out {name}.pem"
            ),
        );
    }
}

#[test]
fn both_sides_show_their_certificates_and_strangers_are_not_trusted() {
    let (folder, strange) =
        (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    certificates(folder.path());
    certificates(strange.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (cert, key, ca) = (file("server.pem"), file("server.key"), file("ca.pem"));
    let tls = sillage_e2e::free_port();
    let port = tls.port().to_string();
    let redis = RedisServer::start_with(&[
        "--tls-port",
        &port,
        "--tls-cert-file",
        &cert,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &ca,
    ]);
    let config = |ca: &str| {
        // Ends the value of `url` and begins those of the files.
        format!(
            "rediss://{tls}\"\nca = \"{ca}\"\ncert = \"{}\"\nkey = \"{}",
            file("client.pem"),
            file("client.key")
        )
    };
    let stranger = strange.path().join("ca.pem").display().to_string();
    let (trusting, wary) =
        (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let wary = Collector::start(wary.path(), &config(&stranger), Crowd::RULES);
    until_logged(&wary, "redis.ca");
    drop(wary);
    let collector = Collector::start(trusting.path(), &config(&ca), Crowd::RULES);
    assert!(Crowd::default().act(collector.http));
    until_mirrored(&collector, &redis);
}
