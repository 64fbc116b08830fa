//! A listener between a server and its Meilisearch that writes down what is searched for.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// What is searched for while it is asked to write that down.
#[derive(Clone, Default)]
pub(crate) struct Recorder(Arc<Inner>);

#[derive(Default)]
struct Inner {
    records: AtomicBool,
    ended: AtomicBool,
    searched: Mutex<Vec<String>>,
}

impl Recorder {
    /// Passes on what comes at `at` to `onward`, until [`Self::end`].
    pub(crate) fn listen(at: u16, onward: u16) -> io::Result<Self> {
        let recorder = Self::default();
        let listener = TcpListener::bind(("127.0.0.1", at))?;
        let inner = recorder.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if inner.0.ended.load(Ordering::SeqCst) {
                    return;
                }
                let inner = inner.clone();
                // A connection that breaks is the business of its two ends.
                thread::spawn(move || inner.pass(&client, onward));
            }
        });
        Ok(recorder)
    }

    /// Writes down what is searched for from now on.
    pub(crate) fn record(&self) {
        self.0.records.store(true, Ordering::SeqCst);
    }

    /// What was searched for, each body once and in order.
    pub(crate) fn searched(&self) -> Vec<String> {
        std::mem::take(&mut self.0.searched.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Frees the port.
    pub(crate) fn end(&self, at: u16) {
        self.0.ended.store(true, Ordering::SeqCst);
        // Whoever waits for a connection gets one, and goes.
        drop(TcpStream::connect(("127.0.0.1", at)));
    }

    fn pass(&self, client: &TcpStream, onward: u16) -> io::Result<()> {
        let server = TcpStream::connect(("127.0.0.1", onward))?;
        let (mut answers, mut back) = (server.try_clone()?, client.try_clone()?);
        let answering = thread::spawn(move || {
            let copied = io::copy(&mut answers, &mut back);
            let _ = back.shutdown(Shutdown::Both);
            copied
        });
        let asked = self.pass_requests(BufReader::new(client), &server);
        let _ = server.shutdown(Shutdown::Write);
        let _ = answering.join();
        asked
    }

    fn pass_requests(&self, mut from: impl BufRead, mut to: &TcpStream) -> io::Result<()> {
        loop {
            let (mut head, mut length) = (Vec::new(), 0_usize);
            loop {
                let begin = head.len();
                if from.read_until(b'\n', &mut head)? == 0 {
                    return Ok(());
                }
                let line = String::from_utf8_lossy(&head[begin..]).to_ascii_lowercase();
                if let Some(value) = line.strip_prefix("content-length:") {
                    length = value.trim().parse().map_err(io::Error::other)?;
                }
                if line == "\r\n" {
                    break;
                }
            }
            let mut body = vec![0; length];
            from.read_exact(&mut body)?;
            to.write_all(&head)?;
            to.write_all(&body)?;
            if self.0.records.load(Ordering::SeqCst) && head.starts_with(b"POST /multi-search ") {
                let body = String::from_utf8(body).map_err(io::Error::other)?;
                let mut searched = self.0.searched.lock().unwrap_or_else(PoisonError::into_inner);
                if !searched.contains(&body) {
                    searched.push(body);
                }
            }
        }
    }
}
