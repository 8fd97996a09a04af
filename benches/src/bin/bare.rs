//! The smallest web server: an axum handler that answers 204 to everything. It is the lower bound
//! of requests, start and memory of `license-server`.
//!
//! Prints its URL, and runs until it is killed.
#![allow(clippy::print_stdout, reason = "the program prints its URL")]

use std::io;

use axum::Router;
use axum::http::StatusCode;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

fn main() -> io::Result<()> {
    Runtime::new()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("http://{}", listener.local_addr()?);
        let router = Router::new().fallback(|| async { StatusCode::NO_CONTENT });
        axum::serve(listener, router).await
    })
}
