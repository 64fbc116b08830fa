//! The guarded listener: what hyper's timers and poem's accept loop leave open.
//!
//! * A request head must be complete within a deadline of its first byte, or the connection is
//!   cut: trickling headers (slow loris) would otherwise hold it for ever, since every byte counts
//!   as activity. Bodies have their own deadline in `limits`.
//! * Connections are counted; past the limit new ones wait in the kernel's queue.
//! * A failing `accept` (no file descriptors) pauses instead of spinning.
//! * A handler runs to its end also when its client hangs up; whoever must know asks [`hung_up`].

use std::{
    collections::HashMap,
    io::{Error, ErrorKind, IoSlice, Result},
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use poem::{
    Addr, Request,
    http::uri::Scheme,
    listener::Acceptor,
    web::{LocalAddr, RemoteAddr},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, Sleep},
};

/// Pause after a failed `accept`.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Both ends of a connection.
type Ends = (SocketAddr, SocketAddr);

/// The open connections, and which of them their clients have closed. A request knows nothing of its
/// connection but the two addresses.
static OPEN: LazyLock<Mutex<HashMap<Ends, Arc<AtomicBool>>>> = LazyLock::new(Mutex::default);

fn open() -> MutexGuard<'static, HashMap<Ends, Arc<AtomicBool>>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What becomes true when the client of this request hangs up.
pub fn hung_up(request: &Request) -> Arc<AtomicBool> {
    match (&request.local_addr().0, &request.remote_addr().0) {
        (Addr::SocketAddr(here), Addr::SocketAddr(there)) => open().get(&(*here, *there)).cloned(),
        _ => None,
    }
    .unwrap_or_default()
}

/// A listener whose connections are guarded.
pub struct GuardedListener {
    listener: TcpListener,
    address: SocketAddr,
    places: Arc<Semaphore>,
    head_deadline: Duration,
}

impl GuardedListener {
    /// Listens on `address`.
    pub async fn bind(address: SocketAddr, max_connections: usize, head_deadline: Duration) -> Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, places: Arc::new(Semaphore::new(max_connections)), head_deadline })
    }

    /// Where it listens, with the port the system chose when 0 was asked for.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Acceptor for GuardedListener {
    type Io = GuardedStream;

    fn local_addr(&self) -> Vec<LocalAddr> {
        vec![LocalAddr(self.address.into())]
    }

    async fn accept(&mut self) -> Result<(Self::Io, LocalAddr, RemoteAddr, Scheme)> {
        loop {
            let place = Arc::clone(&self.places).acquire_owned().await.map_err(Error::other)?;
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    // Answers are small and complete; waiting to fill a packet only delays them.
                    let _ = stream.set_nodelay(true);
                    let ends = (self.address, peer);
                    let stream = GuardedStream::new(stream, ends, self.head_deadline, place);
                    return Ok((
                        stream,
                        LocalAddr(self.address.into()),
                        RemoteAddr(peer.into()),
                        Scheme::HTTP,
                    ));
                }
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "a connection could not be accepted"
                    );
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// Where in a request the bytes read so far end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    /// Between requests.
    Idle,
    /// Only line breaks so far: a parser skips them, so they begin no head and end none.
    Blank,
    /// Inside a head; so many bytes of the final `\r\n\r\n` matched.
    Reading { matched: usize },
    /// The head is complete; body and answer follow.
    Done,
    /// HTTP/2: frames are not ours to read, and its own limits apply.
    Exempt,
}

impl Head {
    /// Moves on over bytes that were read.
    fn read(self, bytes: &[u8]) -> Self {
        const END: &[u8] = b"\r\n\r\n";
        // The whole first line, so that half of it falls under the deadline.
        const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\n";
        let is_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let (mut matched, breaks) = match self {
            Self::Idle if bytes.starts_with(HTTP2) => return Self::Exempt,
            Self::Idle | Self::Blank => (0, bytes.iter().take_while(|byte| is_break(byte)).count()),
            Self::Reading { matched } => (matched, 0),
            Self::Done | Self::Exempt => return self,
        };
        if breaks > 0 && breaks == bytes.len() {
            return Self::Blank;
        }
        for byte in &bytes[breaks..] {
            matched = match *byte {
                byte if byte == END[matched] => matched + 1,
                b'\r' => 1,
                _ => 0,
            };
            if matched == END.len() {
                return Self::Done;
            }
        }
        Self::Reading { matched }
    }

    /// Moves on over bytes that were written: an answer ends the request, `100 Continue` does not.
    fn written(self, bytes: &[u8]) -> Self {
        if self == Self::Done && !bytes.starts_with(b"HTTP/1.1 100") { Self::Idle } else { self }
    }
}

/// A connection that must send a request head in time.
pub struct GuardedStream {
    stream: TcpStream,
    head: Head,
    head_deadline: Duration,
    timer: Pin<Box<Sleep>>,
    ends: Ends,
    hung_up: Arc<AtomicBool>,
    _place: OwnedSemaphorePermit,
}

impl GuardedStream {
    fn new(stream: TcpStream, ends: Ends, head_deadline: Duration, place: OwnedSemaphorePermit) -> Self {
        let timer = Box::pin(tokio::time::sleep(head_deadline));
        let hung_up = Arc::<AtomicBool>::default();
        open().insert(ends, Arc::clone(&hung_up));
        Self { stream, head: Head::Idle, head_deadline, timer, ends, hung_up, _place: place }
    }

    fn reading(&self) -> bool {
        matches!(self.head, Head::Blank | Head::Reading { .. })
    }
}

impl Drop for GuardedStream {
    fn drop(&mut self) {
        self.hung_up.store(true, Ordering::Relaxed);
        let mut open = open();
        // The next connection may have the same ends already.
        if open.get(&self.ends).is_some_and(|hung_up| Arc::ptr_eq(hung_up, &self.hung_up)) {
            open.remove(&self.ends);
        }
    }
}

impl AsyncRead for GuardedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let this = &mut *self;
        if this.reading() && this.timer.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(Error::new(ErrorKind::TimedOut, "the request head took too long")));
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buf);
        if let Poll::Ready(Ok(())) = read {
            let bytes = &buf.filled()[before..];
            if bytes.is_empty() && buf.remaining() > 0 {
                this.hung_up.store(true, Ordering::Relaxed);
            }
            if this.head == Head::Idle && !bytes.is_empty() {
                this.timer.as_mut().reset(Instant::now() + this.head_deadline);
            }
            if !bytes.is_empty() {
                this.head = this.head.read(bytes);
            }
        }
        read
    }
}

impl AsyncWrite for GuardedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        self.head = self.head.written(buf);
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        if let Some(first) = bufs.iter().find(|buf| !buf.is_empty()) {
            self.head = self.head.written(first);
        }
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[test]
    fn a_head_ends_at_the_empty_line_however_it_is_cut() {
        let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for cut in 1..request.len() {
            let head = Head::Idle.read(&request[..cut]);
            assert!(matches!(head, Head::Reading { .. }), "{cut}");
            assert_eq!(head.read(&request[cut..]), Head::Done, "{cut}");
        }
        assert_eq!(Head::Idle.read(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Head::Exempt);
        assert!(matches!(Head::Idle.read(b"PRI * HTTP/2.0\r\n"), Head::Reading { .. }));
        // Blank lines in front must not pass for a head that is complete.
        assert_eq!(Head::Idle.read(b"\r\n\r\n"), Head::Blank);
        assert_eq!(Head::Blank.read(b"\n\r"), Head::Blank);
        assert!(matches!(Head::Blank.read(b"\r\n\r\nGET /"), Head::Reading { matched: 0 }));
        assert_eq!(Head::Blank.read(b"\r\nGET / HTTP/1.1\r\n\r\n"), Head::Done);
        assert_eq!(Head::Done.written(b"HTTP/1.1 100 Continue\r\n\r\n"), Head::Done);
        assert_eq!(Head::Done.written(b"HTTP/1.1 200 OK\r\n"), Head::Idle);
        assert!(matches!(Head::Idle.read(b"a\r\n\r\r"), Head::Reading { matched: 1 }));
    }

    #[tokio::test]
    async fn a_trickled_head_is_cut_and_a_slow_body_is_not() {
        let deadline = Duration::from_millis(150);
        let mut listener = GuardedListener::bind("127.0.0.1:0".parse().unwrap(), 10, deadline).await.unwrap();
        let address = listener.address();

        let trickle = tokio::spawn(async move {
            let mut client = TcpStream::connect(address).await.unwrap();
            for byte in b"GET / HTTP/1.1\r\n".iter().cycle().take(40) {
                if client.write_all(&[*byte]).await.is_err() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        let (mut stream, ..) = listener.accept().await.unwrap();
        let mut seen = Vec::new();
        let error = stream.read_to_end(&mut seen).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        trickle.abort();

        let slow_body = tokio::spawn(async move {
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n").await.unwrap();
            tokio::time::sleep(Duration::from_millis(400)).await;
            client.write_all(b"ok").await.unwrap();
        });
        let (mut stream, ..) = listener.accept().await.unwrap();
        let mut seen = Vec::new();
        stream.read_to_end(&mut seen).await.unwrap();
        assert!(seen.ends_with(b"ok"));
        slow_body.await.unwrap();
    }

    #[tokio::test]
    async fn a_handler_learns_that_its_client_has_hung_up() {
        let deadline = Duration::from_secs(5);
        let listener = GuardedListener::bind("127.0.0.1:0".parse().unwrap(), 10, deadline).await.unwrap();
        let address = listener.address();
        let (tell, mut told) = tokio::sync::mpsc::channel(2);
        let handler = poem::endpoint::make(move |request| {
            let (hung_up, tell) = (hung_up(&request), tell.clone());
            async move {
                for _ in 0..100 {
                    if hung_up.load(Ordering::Relaxed) {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                let _ = tell.send(hung_up.load(Ordering::Relaxed)).await;
                Ok::<_, poem::Error>("")
            }
        });
        let server = tokio::spawn(poem::Server::new_with_acceptor(listener).run(handler));
        for hangs_up in [true, false] {
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
            let listening = (!hangs_up).then_some(client);
            assert_eq!(told.recv().await, Some(hangs_up));
            drop(listening);
        }
        server.abort();
    }
}
