//! Requests that no client library would send.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::gateway::{Gateway, PATIENCE};

/// A connection that says what the test wants.
pub(crate) struct Raw(TcpStream);

impl Raw {
    pub(crate) async fn connect(gateway: &Gateway) -> Self {
        Self(TcpStream::connect(("127.0.0.1", gateway.port())).await.unwrap())
    }

    /// Sends what the peer takes; one that has closed takes nothing more.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).await.is_ok()
    }

    /// Sends a byte now and then until the peer closes, and gives what it said.
    pub(crate) async fn trickle(mut self, byte: u8) -> String {
        let mut said = Vec::new();
        let trickling = async {
            loop {
                let mut chunk = [0; 4096];
                match timeout(Duration::from_millis(50), self.0.read(&mut chunk)).await {
                    Ok(Ok(0) | Err(_)) => break,
                    Ok(Ok(read)) => said.extend_from_slice(&chunk[..read]),
                    Err(_) => {
                        if self.0.write_all(&[byte]).await.is_err() {
                            break;
                        }
                    }
                }
            }
        };
        timeout(PATIENCE, trickling).await.expect("the gateway closes the connection");
        String::from_utf8_lossy(&said).into_owned()
    }

    /// Reads one answer with a body of known length; what there is where the connection ends before.
    pub(crate) async fn answer(&mut self) -> String {
        let mut said = Vec::new();
        let reading = async {
            while !is_whole(&said) {
                let mut chunk = [0; 4096];
                match self.0.read(&mut chunk).await {
                    Ok(0) | Err(_) => break,
                    Ok(read) => said.extend_from_slice(&chunk[..read]),
                }
            }
        };
        timeout(PATIENCE, reading).await.expect("the gateway answers");
        String::from_utf8_lossy(&said).into_owned()
    }
}

fn is_whole(said: &[u8]) -> bool {
    let text = String::from_utf8_lossy(said).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    if head.starts_with("http/1.1 100") {
        return is_whole(body.as_bytes());
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.and_then(|length| length.parse().ok()).is_some_and(|length: usize| body.len() >= length)
}

/// The status of an answer; 0 for none.
pub(crate) fn status(answer: &str) -> u16 {
    let mut words = answer.split(' ');
    match words.next() {
        Some("HTTP/1.1") => words.next().and_then(|status| status.parse().ok()).unwrap_or(0),
        _ => 0,
    }
}

/// The head of a request to send events, with further lines.
pub(crate) fn head(gateway: &Gateway, lines: &str) -> String {
    let key = gateway.key.expose();
    format!(
        "POST /api/events HTTP/1.1\r\nHost: eye\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\n{lines}\r\n"
    )
}

impl Raw {
    /// Sends nothing more, and reads whatever comes until the peer closes.
    pub(crate) async fn everything(mut self) -> String {
        let mut said = Vec::new();
        let reading = async {
            // One that has closed already hears nothing of it.
            drop(self.0.shutdown().await);
            let mut chunk = [0; 4096];
            while let Ok(read @ 1..) = self.0.read(&mut chunk).await {
                said.extend_from_slice(&chunk[..read]);
            }
        };
        timeout(PATIENCE, reading).await.expect("the gateway closes the connection");
        String::from_utf8_lossy(&said).into_owned()
    }
}
