//! The guarded listener: what hyper's timers and poem's accept loop leave open.
//!
//! * A request head must be complete within a deadline of its first byte, or the connection is
//!   cut: trickling headers (slow loris) would otherwise hold it for ever, since every byte counts
//!   as activity. Bodies have their own deadline in `limits`.
//! * Connections are counted; past the limit new ones wait in the kernel's queue.
//! * A failing `accept` (no file descriptors) pauses instead of spinning.

use std::{
    io::{Error, ErrorKind, IoSlice, Result},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use poem::{
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
                    let stream = GuardedStream::new(stream, self.head_deadline, place);
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
    _place: OwnedSemaphorePermit,
}

impl GuardedStream {
    fn new(stream: TcpStream, head_deadline: Duration, place: OwnedSemaphorePermit) -> Self {
        let timer = Box::pin(tokio::time::sleep(head_deadline));
        Self { stream, head: Head::Idle, head_deadline, timer, _place: place }
    }

    fn reading(&self) -> bool {
        matches!(self.head, Head::Blank | Head::Reading { .. })
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
}
