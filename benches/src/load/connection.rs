//! One connection that stays open, for HTTP/1.1 requests one after the other.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use httparse::{EMPTY_HEADER, Status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The maximum number of header fields of a response.
const MAX_HEADERS: usize = 32;

/// The maximum size of a response, in bytes.
const MAX_RESPONSE: usize = 1024 * 1024;

/// A connection to a server.
pub(super) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    /// The body of a response without a length.
    chunks: Vec<u8>,
}

/// A response.
pub(super) struct Answer<'c> {
    pub(super) status: u16,
    pub(super) body: &'c [u8],
}

/// The head of a response.
#[derive(Clone, Copy)]
struct Head {
    status: u16,
    /// The size of the head, in bytes.
    end: usize,
    length: BodyLength,
}

#[derive(Clone, Copy)]
enum BodyLength {
    Known(usize),
    Chunked,
}

impl Connection {
    /// Opens a connection.
    pub(super) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            received: Vec::new(),
            chunks: Vec::new(),
        })
    }

    /// Sends a request, and receives its response.
    ///
    /// # Errors
    ///
    /// Returns an error if the connection ends, or if the response is not HTTP/1.1. The connection
    /// cannot be used any more.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.received.clear();
        self.stream.write_all(request).await?;
        let head = loop {
            if let Some(head) = parse_head(&self.received)? {
                break head;
            }
            self.receive().await?;
        };
        let status = head.status;
        let body = match head.length {
            BodyLength::Known(length) => {
                let end = head.end.saturating_add(length);
                while self.received.len() < end {
                    self.receive().await?;
                }
                self.received.get(head.end..end)
            }
            BodyLength::Chunked => {
                self.receive_chunks(head.end).await?;
                Some(&*self.chunks)
            }
        };
        let body = body.unwrap_or_default();
        Ok(Answer { status, body })
    }

    /// Receives the chunks of a body that begins at `start` (RFC 9112, section 7.1).
    async fn receive_chunks(&mut self, mut start: usize) -> io::Result<()> {
        self.chunks.clear();
        loop {
            let rest = self.received.get(start..).unwrap_or_default();
            let size = httparse::parse_chunk_size(rest).map_err(|_| invalid("a chunk"))?;
            let Status::Complete((line, length)) = size else {
                self.receive().await?;
                continue;
            };
            let length = usize::try_from(length).map_err(|_| invalid("a chunk"))?;
            let (from, line_end) = (start.saturating_add(line), 2);
            let to = from.saturating_add(length);
            let end = to.saturating_add(line_end);
            while self.received.len() < end {
                self.receive().await?;
            }
            let content = self.received.get(from..to).unwrap_or_default();
            self.chunks.extend_from_slice(content);
            start = end;
            if length == 0 {
                return Ok(());
            }
        }
    }

    async fn receive(&mut self) -> io::Result<()> {
        if self.received.len() >= MAX_RESPONSE {
            return Err(invalid("a response of at most 1 MiB"));
        }
        match self.stream.read_buf(&mut self.received).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// Parses the head of a response. Returns `None` if it is incomplete.
fn parse_head(received: &[u8]) -> io::Result<Option<Head>> {
    let mut fields = [EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut fields);
    let parsed = response.parse(received);
    let Status::Complete(end) = parsed.map_err(|_| invalid("an HTTP/1.1 response"))? else {
        return Ok(None);
    };
    let status = response.code.ok_or_else(|| invalid("a status"))?;
    let field = |name: &str| {
        let mut fields = response.headers.iter();
        let field = fields.find(|field| field.name.eq_ignore_ascii_case(name));
        field.and_then(|field| std::str::from_utf8(field.value).ok())
    };
    let has_no_body = status == 204 || status == 304;
    let length = match field("content-length") {
        _ if has_no_body => BodyLength::Known(0),
        Some(length) => {
            let length = length.trim().parse();
            BodyLength::Known(length.map_err(|_| invalid("a length of the body"))?)
        }
        None if field("transfer-encoding").is_some() => BodyLength::Chunked,
        None => return Err(invalid("a response that keeps the connection open")),
    };
    Ok(Some(Head {
        status,
        end,
        length,
    }))
}

fn invalid(expected: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("expected {expected}"))
}
