//! A running collector gives its listening sockets to the one that takes its place, so that a connection
//! made in between waits for an answer instead of being refused.
//!
//! The two meet at a socket file in the data folder, which only its owner can open. The newcomer gets copies
//! of the listening sockets and can still change its mind; once it says that it takes over, the other one
//! stops to accept, answers what is open, closes its files and ends, which the newcomer sees at the end of
//! their connection. From then on everything is as after any start.
use anyhow::{Context as _, bail};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead as _, BufReader, IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::UnixListener;
use tokio::sync::oneshot;

/// The socket file's name in the data folder.
const FILE: &str = "handover.sock";

/// What the two say to each other; one that speaks another version is left alone.
const VERSION: u32 = 1;

/// HTTP, the Redis protocol, and health.
const SOCKETS_MAX: usize = 3;

/// What is said first is shorter than this, in bytes.
const HELLO_BYTES_MAX: usize = 512;

/// How long either waits for a word of the other that needs no work.
const WORD_TIMEOUT: Duration = Duration::from_secs(10);

/// What is said when the newcomer has looked at its configuration and wants the place.
const TAKE: &str = "take\n";

/// Beyond `server.drain`: the last checkpoint of a large state.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(120);

/// With the sockets, in the order in which they are told here.
#[derive(Debug, Serialize, Deserialize)]
struct Hello {
    version: u32,
    addresses: Vec<SocketAddr>,
}

/// Listening sockets by their address, for whoever would bind them.
#[derive(Debug, Default)]
pub(crate) struct Sockets(Vec<(SocketAddr, TcpListener)>);

impl Sockets {
    /// Keeps a copy of a listening socket.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn keep(&mut self, listener: &impl AsFd) -> io::Result<()> {
        let copy = TcpListener::from(listener.as_fd().try_clone_to_owned()?);
        self.0.push((copy.local_addr()?, copy));
        Ok(())
    }

    /// Copies of all.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        let copy = |(at, listener): &(SocketAddr, TcpListener)| Ok((*at, listener.try_clone()?));
        self.0.iter().map(copy).collect::<io::Result<_>>().map(Self)
    }

    /// The one for an address; port 0 is content with any port.
    pub(crate) fn take(&mut self, wanted: SocketAddr) -> Option<TcpListener> {
        let fits =
            |at: &SocketAddr| *at == wanted || (wanted.port() == 0 && at.ip() == wanted.ip());
        let index = self.0.iter().position(|(address, _)| fits(address))?;
        Some(self.0.swap_remove(index).1)
    }
}

/// Waits at the socket file for one who takes over.
pub(crate) struct Offer {
    taken: oneshot::Receiver<Parting>,
}

/// Held by the one that leaves; the other sees its end.
pub(crate) struct Parting(
    #[expect(dead_code, reason = "its end is what it is for")] tokio::net::UnixStream,
);

impl Offer {
    /// Opens the socket file of a data folder that this process has to itself. Must be called within a tokio
    /// runtime.
    ///
    /// # Errors
    /// What the system says; a folder with a name of a hundred bytes is too long for a socket file.
    pub(crate) fn open(data_dir: &Path, sockets: Sockets) -> io::Result<Self> {
        let path = data_dir.join(FILE);
        // Whoever made it is gone: the data folder is ours.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        let (taking, taken) = oneshot::channel();
        tokio::spawn(async move {
            // Ends with the sender's other half: when the collector stops, nobody is waited for.
            let mut taking = taking;
            tokio::select! {
                parting = wait_for_taker(&listener, &sockets) => drop(taking.send(parting)),
                () = taking.closed() => {}
            }
        });
        Ok(Self { taken })
    }

    /// Resolves when another process takes over.
    pub(crate) async fn taken(&mut self) -> Parting {
        match (&mut self.taken).await {
            Ok(parting) => parting,
            // The task has gone, so nobody can come any more.
            Err(_) => std::future::pending().await,
        }
    }
}

async fn wait_for_taker(listener: &UnixListener, sockets: &Sockets) -> Parting {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => match tokio::time::timeout(WORD_TIMEOUT, offer(&stream, sockets))
                .await
            {
                Ok(Ok(())) => return Parting(stream),
                Ok(Err(error)) => tracing::warn!(%error, "somebody asked for the sockets and left"),
                Err(_) => tracing::warn!("somebody asked for the sockets and said nothing more"),
            },
            Err(error) => {
                tracing::warn!(%error, "cannot accept a successor");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Gives copies of the sockets and waits for the word.
async fn offer(stream: &tokio::net::UnixStream, sockets: &Sockets) -> io::Result<()> {
    let addresses = sockets.0.iter().map(|(address, _)| *address).collect();
    let mut hello = serde_json::to_string(&Hello { version: VERSION, addresses })?;
    hello.push('\n');
    let descriptors: Vec<BorrowedFd<'_>> = sockets.0.iter().map(|(_, fd)| fd.as_fd()).collect();
    let sent = stream
        .async_io(Interest::WRITABLE, || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_MAX))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            control.push(SendAncillaryMessage::ScmRights(&descriptors));
            let line = [IoSlice::new(hello.as_bytes())];
            Ok(sendmsg(stream, &line, &mut control, SendFlags::NOSIGNAL)?)
        })
        .await?;
    if sent != hello.len() {
        return Err(io::ErrorKind::WriteZero.into());
    }
    let mut word = [0; TAKE.len()];
    let mut len = 0;
    while len < word.len() {
        stream.readable().await?;
        match stream.try_read(&mut word[len..]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => len += read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    if word != TAKE.as_bytes() { Err(io::ErrorKind::InvalidData.into()) } else { Ok(()) }
}

/// What a running collector has offered. Dropping it leaves that one as it is.
pub(crate) struct Offered {
    stream: BufReader<UnixStream>,
    sockets: Sockets,
    path: PathBuf,
}

impl Offered {
    /// Asks the collector that runs on a data folder, if one does.
    ///
    /// # Errors
    /// If there is one that cannot be understood.
    pub(crate) fn ask(data_dir: &Path) -> anyhow::Result<Option<Self>> {
        let path = data_dir.join(FILE);
        let stream = match UnixStream::connect(&path) {
            Ok(stream) => stream,
            Err(error) if is_nobody(&error) => return Ok(None),
            Err(error) => return Err(error).with_context(|| place(&path)),
        };
        let (hello, sockets) = receive(&stream).with_context(|| place(&path))?;
        if hello.version != VERSION {
            bail!(
                "{}: the collector there hands over by version {} of the protocol, this one knows {VERSION}; stop \
                 it and start this one",
                path.display(),
                hello.version
            );
        }
        let sockets = Sockets(hello.addresses.into_iter().zip(sockets).collect());
        Ok(Some(Self { stream: BufReader::new(stream), sockets, path }))
    }

    /// Takes the place: returns once the other one has closed everything.
    ///
    /// # Errors
    /// If it does not within `drain` and two minutes.
    pub(crate) fn take(mut self, drain: Duration) -> anyhow::Result<Sockets> {
        let place = || place(&self.path);
        let stream = self.stream.get_mut();
        stream.set_read_timeout(Some(drain + CLOSING_TIMEOUT)).with_context(place)?;
        stream.write_all(TAKE.as_bytes()).with_context(place)?;
        let mut rest = Vec::new();
        // Its end is its word. A process that dies is as gone as one that says so.
        match self.stream.by_ref().take(1).read_to_end(&mut rest) {
            Ok(_) => Ok(self.sockets),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(self.sockets),
            Err(error) => Err(error).with_context(place),
        }
    }
}

fn place(path: &Path) -> String {
    format!("the collector that runs at {} did not hand over", path.display())
}

fn is_nobody(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

/// The first word, and the sockets that come with it.
fn receive(stream: &UnixStream) -> anyhow::Result<(Hello, Vec<TcpListener>)> {
    stream.set_read_timeout(Some(WORD_TIMEOUT))?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_MAX))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut line = [0; HELLO_BYTES_MAX];
    // Nobody else's children may inherit them.
    let flags = RecvFlags::CMSG_CLOEXEC;
    let got = recvmsg(stream, &mut [IoSliceMut::new(&mut line)], &mut control, flags)?;
    let mut sockets = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            sockets.extend(descriptors.map(TcpListener::from));
        }
    }
    let mut rest = String::new();
    (&line[..got.bytes]).read_line(&mut rest).context("it says nothing that can be read")?;
    let hello: Hello = serde_json::from_str(&rest).context("it says nothing that is known")?;
    if hello.version == VERSION && hello.addresses.len() != sockets.len() {
        bail!("it named {} sockets and gave {}", hello.addresses.len(), sockets.len());
    }
    Ok((hello, sockets))
}
