//! A connection between two programs that a test can cut.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// The state of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// Nothing arrives, as if the network dropped every packet.
    Stalled,
    /// Connections are reset, and new ones end at once.
    Cut,
}

/// A port of the loopback interface that forwards connections to a server.
pub(super) struct Link {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    inner: Mutex<Inner>,
    changed: Condvar,
}

struct Inner {
    state: State,
    /// The servers, of which each connection gets the next one.
    targets: Vec<SocketAddr>,
    next: usize,
    /// Both ends of each connection.
    connections: Vec<[TcpStream; 2]>,
}

impl Link {
    /// Creates a link to a server.
    pub(super) fn new(target: SocketAddr) -> Self {
        Self::balanced(vec![target])
    }

    /// Creates a link to several servers in turn.
    pub(super) fn balanced(targets: Vec<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            inner: Mutex::new(Inner {
                state: State::Open,
                targets,
                next: 0,
                connections: Vec::new(),
            }),
            changed: Condvar::new(),
        });
        let accepting = Arc::clone(&shared);
        // The thread ends with the process.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = Arc::clone(&accepting);
                thread::spawn(move || shared.forward(client));
            }
        });
        Self { address, shared }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Drops everything. What was sent arrives after [`Self::heal`].
    pub(super) fn stall(&self) {
        self.shared.set(State::Stalled);
    }

    /// Resets all connections, and accepts no new ones.
    pub(super) fn cut(&self) {
        self.shared.set(State::Cut);
    }

    pub(super) fn heal(&self) {
        self.shared.set(State::Open);
    }

    /// Connects to another server from now on, and resets all connections.
    pub(super) fn redirect(&self, target: SocketAddr) {
        self.cut();
        self.lead_to(target);
        self.heal();
    }

    /// Forwards new connections to another server. Existing connections stay, as when a load
    /// balancer forgets a server.
    pub(super) fn lead_to(&self, target: SocketAddr) {
        self.shared.inner.lock().unwrap().targets = vec![target];
    }
}

impl Inner {
    fn next_target(&mut self) -> SocketAddr {
        self.next = (self.next + 1) % self.targets.len();
        self.targets[self.next]
    }
}

impl Shared {
    fn set(&self, state: State) {
        let mut inner = self.inner.lock().unwrap();
        inner.state = state;
        if state == State::Cut {
            for end in inner.connections.drain(..).flatten() {
                let _ = end.shutdown(Shutdown::Both);
            }
        }
        self.changed.notify_all();
    }

    /// Waits while the link is stalled. Returns whether it is open.
    fn is_open(&self) -> bool {
        let inner = self.inner.lock().unwrap();
        let is_stalled = |inner: &mut Inner| inner.state == State::Stalled;
        let inner = self.changed.wait_while(inner, is_stalled).unwrap();
        inner.state == State::Open
    }

    fn forward(self: &Arc<Self>, client: TcpStream) {
        if !self.is_open() {
            return;
        }
        let target = self.inner.lock().unwrap().next_target();
        let Ok(server) = TcpStream::connect(target) else {
            return;
        };
        let (Ok(client_end), Ok(server_end)) = (client.try_clone(), server.try_clone()) else {
            return;
        };
        {
            let mut inner = self.inner.lock().unwrap();
            if inner.state == State::Cut || !inner.targets.contains(&target) {
                return;
            }
            inner.connections.push([client_end, server_end]);
        }
        let shared = Arc::clone(self);
        let (Ok(from_server), Ok(to_client)) = (server.try_clone(), client.try_clone()) else {
            return;
        };
        thread::spawn(move || shared.pump(from_server, to_client));
        self.pump(client, server);
    }

    /// Forwards one direction of a connection.
    fn pump(&self, mut from: TcpStream, mut to: TcpStream) {
        let _ = to.set_nodelay(true);
        let mut buffer = vec![0; 64 << 10];
        loop {
            let read = from.read(&mut buffer).unwrap_or(0);
            let is_sent = self.is_open() && read > 0 && to.write_all(&buffer[..read]).is_ok();
            if !is_sent {
                break;
            }
        }
        // The other direction may still have something to send.
        let _ = to.shutdown(Shutdown::Write);
    }
}
