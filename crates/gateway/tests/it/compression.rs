//! Packed bodies, honest and other.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};

use crate::gateway::{Answer, Gateway, event};

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 19).unwrap()
}

/// A frame that wants a window of 2^`log` bytes.
fn zstd_with_window(bytes: &[u8], log: u32) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    encoder.window_log(log).unwrap();
    encoder.include_contentsize(false).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

impl Gateway {
    async fn post_packed(&self, coding: &str, body: Vec<u8>) -> Answer {
        let request =
            self.request().header(CONTENT_TYPE, "application/json").header(CONTENT_ENCODING, coding);
        Answer::of(request.body(body)).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn packed_bodies_are_the_events_that_were_packed() {
    let gateway = Gateway::start().await;
    let plain = event().to_string().into_bytes();
    let (first, second) = plain.split_at(plain.len() / 2);
    let cases = [
        ("gzip", "gzip", gzip(&plain)),
        ("zstd", "zstd", zstd(&plain)),
        ("upper case", "GZIP", gzip(&plain)),
        ("gzip of two members", "gzip", [gzip(first), gzip(second)].concat()),
        ("zstd of two frames", "zstd", [zstd(first), zstd(second)].concat()),
        ("zstd that streams", "zstd", zstd_with_window(&plain, 23)),
        ("zstd that asks for a window of 128 MiB", "zstd", zstd_with_window(&plain, 27)),
    ];
    for (why, coding, body) in cases {
        let answer = gateway.post_packed(coding, body).await;
        assert_eq!(answer.status, 202, "{why}: {}", answer.body);
        assert_eq!(gateway.around.queue.events(1).await[0].bytes, plain, "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_packed_bodies_are_read_too() {
    let gateway = Gateway::start().await;
    let many = format!("[{}{{}}]", "{\"name\": \"some name\"}, ".repeat(4_999));
    for (coding, body) in [("gzip", gzip(many.as_bytes())), ("zstd", zstd(many.as_bytes()))] {
        let answer = gateway.post_packed(coding, body).await;
        assert_eq!((answer.status, answer.ids().len()), (202, 5_000), "{coding}");
        gateway.around.queue.events(5_000).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_unpacked_is_a_400() {
    let gateway = Gateway::start().await;
    let plain = event().to_string().into_bytes();
    let (zipped, packed) = (gzip(&plain), zstd(&plain));
    let flipped = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        let last = bytes.len() - 6;
        bytes[last] ^= 0xff;
        bytes
    };
    let cases: Vec<(&str, &str, Vec<u8>)> = vec![
        ("empty", "gzip", vec![]),
        ("empty", "zstd", vec![]),
        ("plain", "gzip", plain.clone()),
        ("plain", "zstd", plain.clone()),
        ("cut off", "gzip", zipped[..zipped.len() - 1].to_vec()),
        ("cut off", "zstd", packed[..packed.len() - 1].to_vec()),
        ("cut in the middle", "gzip", zipped[..zipped.len() / 2].to_vec()),
        ("cut in the middle", "zstd", packed[..packed.len() / 2].to_vec()),
        ("followed by something else", "gzip", [&zipped[..], b"x"].concat()),
        ("followed by something else", "zstd", [&packed[..], b"x"].concat()),
        ("followed by half a member", "gzip", [&zipped[..], &zipped[..15]].concat()),
        ("a broken check sum", "gzip", flipped(&zipped)),
        ("the other packing", "gzip", packed.clone()),
        ("the other packing", "zstd", zipped.clone()),
        ("packed twice", "gzip", gzip(&zipped)),
        ("no JSON in it", "gzip", gzip(b"{,}")),
    ];
    for (why, coding, body) in cases {
        gateway.post_packed(coding, body).await.assert_problem(400, &format!("{coding}: {why}"));
    }
    let messages = gateway.around.queue.take(0).await;
    assert!(messages.iter().all(|message| message.parse_error.is_some()), "{messages:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_size_limit_is_that_of_the_unpacked_body() {
    let gateway = Gateway::start().await;
    let event_of = |bytes: usize| format!("{{{}}}", " ".repeat(bytes - 2)).into_bytes();
    let limit = 5 * 1024 * 1024;
    for (coding, pack) in [("gzip", gzip as fn(&[u8]) -> Vec<u8>), ("zstd", zstd)] {
        assert_eq!(gateway.post_packed(coding, pack(&event_of(limit))).await.status, 202, "{coding}");
        gateway.post_packed(coding, pack(&event_of(limit + 1))).await.assert_problem(413, coding);
    }
}
