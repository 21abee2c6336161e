//! `broker.replicas`: the gateway is ready only while the queue has so many members.

use std::sync::Arc;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::gateway::{Gateway, PATIENCE, Surroundings};
use crate::waiting::until;

/// A management interface that says how many members the queue has; with 0 it says that there is no queue. Gives its address.
async fn management(members: watch::Receiver<usize>, asked: Arc<watch::Sender<String>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://eye:secret@{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4_096];
            let length = stream.read(&mut request).await.unwrap();
            asked.send_replace(String::from_utf8_lossy(&request[..length]).into_owned());
            let names: Vec<_> =
                (0..*members.borrow()).map(|number| format!("eye-{number}@localhost")).collect();
            let status = if names.is_empty() { "404 Not Found" } else { "200 OK" };
            let body = json!({ "name": "eye.events", "members": names }).to_string();
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    address
}

impl Gateway {
    /// Waits until it is not ready, and its readiness says so.
    async fn until_it_says(&self, words: &str) {
        until(words, PATIENCE, async || {
            let (status, ready) = self.ready().await;
            status == 503 && ready.to_string().contains(words)
        })
        .await;
    }
}

#[tokio::test]
async fn a_gateway_is_ready_while_the_queue_has_enough_members() {
    let (members, told) = watch::channel(0);
    let asked = Arc::new(watch::channel(String::new()).0);
    let address = management(told, Arc::clone(&asked)).await;
    let mut around = Surroundings::new();
    around.set("BROKER__REPLICAS", "3");
    // The first address is nobody's: the next one is asked.
    around.set("BROKER__MANAGEMENT_URL", &format!("http://eye:secret@127.0.0.1:1,{address}/"));
    let gateway = Gateway::start_in(around);
    gateway.until_it_says("not known: HTTP status client error (404 Not Found)").await;
    assert!(!gateway.ready().await.1.to_string().contains("secret"));
    let request = asked.borrow().clone();
    assert!(request.starts_with("GET /api/queues/%2F/eye."), "{request}");
    assert!(request.to_lowercase().contains("authorization: basic "), "{request}");

    members.send_replace(3);
    gateway.until_ready().await;
    members.send_replace(2);
    gateway.until_it_says("the queue has 2 members, broker.replicas asks for 3").await;
    members.send_replace(3);
    gateway.until_ready().await;
}
