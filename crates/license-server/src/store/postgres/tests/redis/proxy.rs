//! A connection to Redis that a test can cut or move to another server.

use std::sync::{Arc, Mutex};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// Forwards connections to a server.
pub(super) struct Proxy {
    url: String,
    state: Arc<Mutex<ProxyState>>,
    accepting: JoinHandle<()>,
}

struct ProxyState {
    /// The address of the server. `None`: connections are closed at once.
    target: Option<String>,
    connections: JoinSet<()>,
}

impl Proxy {
    /// Starts to forward connections to the server of a URL.
    pub(super) async fn start(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().to_string();
        let target = address(url);
        let state = Arc::new(Mutex::new(ProxyState {
            target: Some(target.clone()),
            connections: JoinSet::new(),
        }));
        let accepting = tokio::spawn(accept(listener, Arc::clone(&state)));
        Self {
            url: url.replace(&target, &own),
            state,
            accepting,
        }
    }

    /// Returns the URL of the proxy.
    pub(super) fn url(&self) -> String {
        self.url.clone()
    }

    /// Closes all connections, and forwards new ones to the server of another URL.
    pub(super) fn switch(&mut self, url: Option<&str>) {
        let mut state = self.state.lock().unwrap();
        state.target = url.map(address);
        state.connections.abort_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, state: Arc<Mutex<ProxyState>>) {
    loop {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut state = state.lock().unwrap();
        if let Some(target) = state.target.clone() {
            state.connections.spawn(async move {
                let mut server = TcpStream::connect(target).await.unwrap();
                // The end of a connection is no error.
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    }
}

/// Returns the address in a URL.
fn address(url: &str) -> String {
    url.rsplit('@').next().unwrap().to_owned()
}
