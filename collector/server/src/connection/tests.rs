use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;

/// What the peer does not take lies here, as in a socket's buffers.
const PIPE_BYTES: usize = 4 << 10;

struct Peer {
    stream: DuplexStream,
    serving: JoinHandle<()>,
    stop: watch::Sender<bool>,
    started: Instant,
}

impl Peer {
    /// A connection whose every answer has so many bytes and takes so long.
    fn connect(answer_bytes: usize, takes: Duration) -> Self {
        let (stream, served) = tokio::io::duplex(PIPE_BYTES);
        let (stop, stopped) = watch::channel(false);
        let answer = move |_: Request<Incoming>| async move {
            tokio::time::sleep(takes).await;
            Response::new(Full::from(vec![b'x'; answer_bytes]))
        };
        let serving = tokio::spawn(async move { run(served, &builder(), answer, stopped).await });
        Self { stream, serving, stop, started: Instant::now() }
    }

    async fn say(&mut self, bytes: &str) {
        self.stream.write_all(bytes.as_bytes()).await.unwrap();
    }

    /// Reads one answer of this length; its head.
    async fn hear(&mut self, answer_bytes: usize) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await.unwrap());
        }
        let mut body = vec![0; answer_bytes];
        self.stream.read_exact(&mut body).await.unwrap();
        String::from_utf8(head).unwrap()
    }

    /// Seconds until the connection was given up by the other side.
    async fn ended_after_s(self) -> u64 {
        self.serving.await.unwrap();
        self.started.elapsed().as_secs()
    }
}

const REQUEST: &str = "POST / HTTP/1.1\r\nhost: c\r\ncontent-length: 2\r\n\r\nab";

#[tokio::test(start_paused = true)]
async fn a_head_has_ten_seconds_from_its_first_byte() {
    let mut peer = Peer::connect(0, Duration::ZERO);
    tokio::time::sleep(Duration::from_secs(20)).await;
    for byte in "GET / HTTP/1.1\r\nx-long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaa".bytes() {
        if peer.stream.write_all(&[byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(900)).await;
    }
    let (rest, started) = (peer.stream, peer.started);
    peer.serving.await.unwrap();
    drop(rest);
    let after = started.elapsed().as_secs();
    assert!((30..32).contains(&after), "20 s of silence and 10 s of a head: {after}");
}

#[tokio::test(start_paused = true)]
async fn the_next_head_has_its_own_ten_seconds() {
    let mut peer = Peer::connect(3, Duration::ZERO);
    for _ in 0..3 {
        peer.say(REQUEST).await;
        peer.hear(3).await;
        // Longer than a head may take, and no head is begun.
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    peer.say("GET").await;
    let after = peer.ended_after_s().await;
    assert!((190..192).contains(&after), "{after}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_outlives_a_load_balancers_minute_and_no_more_than_three() {
    for says in ["", REQUEST] {
        let mut peer = Peer::connect(3, Duration::ZERO);
        peer.say(says).await;
        let after = peer.ended_after_s().await;
        assert!((75..=160).contains(&after), "{says:?}: {after}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_takes_long_is_no_silence() {
    let mut peer = Peer::connect(3, Duration::from_secs(400));
    peer.say(REQUEST).await;
    peer.hear(3).await;
    assert_eq!(peer.started.elapsed().as_secs(), 400);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_no_answer_is_given_up() {
    let mut peer = Peer::connect(1 << 20, Duration::ZERO);
    peer.say(REQUEST).await;
    let after = peer.ended_after_s().await;
    assert!((30..32).contains(&after), "{after}");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_its_answer_slowly_gets_it() {
    let mut peer = Peer::connect(200 << 10, Duration::ZERO);
    peer.say(REQUEST).await;
    let mut piece = vec![0; PIPE_BYTES];
    for _ in 0..50 {
        tokio::time::sleep(Duration::from_secs(20)).await;
        peer.stream.read_exact(&mut piece).await.unwrap();
    }
    assert!(peer.started.elapsed().as_secs() >= 1_000);
}

#[tokio::test(start_paused = true)]
async fn over_http2_silence_ends_too_whatever_is_answered_to_pings() {
    let mut peer = Peer::connect(3, Duration::ZERO);
    peer.stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    peer.stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
    let (mut reader, mut writer) = tokio::io::split(peer.stream);
    let answering = tokio::spawn(async move {
        let mut goodbyes = 0;
        loop {
            let mut head = [0; 9];
            if reader.read_exact(&mut head).await.is_err() {
                return goodbyes;
            }
            let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
            reader.read_exact(&mut payload).await.unwrap();
            goodbyes += usize::from(head[3] == 7);
            if head[3] == 6 && head[4] == 0 {
                let pong = [&[0, 0, 8, 6, 1, 0, 0, 0, 0], &payload[..]].concat();
                // The other side may have gone meanwhile.
                drop(writer.write_all(&pong).await);
            }
        }
    });
    peer.serving.await.unwrap();
    let after = peer.started.elapsed().as_secs();
    assert!((75..=160).contains(&after), "{after}");
    assert!(answering.await.unwrap() > 0, "it is told to go away first");
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_silent_at_once_and_lets_the_others_be_answered() {
    let mut silent = Peer::connect(3, Duration::ZERO);
    silent.say(REQUEST).await;
    silent.hear(3).await;
    silent.stop.send_replace(true);
    assert_eq!(silent.ended_after_s().await, 0);
    let mut asking = Peer::connect(3, Duration::from_secs(5));
    asking.say(REQUEST).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    asking.stop.send_replace(true);
    let head = asking.hear(3).await;
    assert!(head.contains("connection: close"), "{head}");
    assert_eq!(asking.ended_after_s().await, 5);
}
