//! Packed bodies: bombs, broken ones, packings that are none.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::time::{Duration, Instant, sleep};

use super::row::{Outcome, Row, good};
use super::scene::Scene;
use crate::pipeline::PATIENCE;
use crate::wire::{Answer, Request, Wire};

/// What a bomb may cost beyond a body of the largest legal size.
const BOMB_KIB_MAX: u64 = 16 * 1024;
const BODY_BYTES_MAX: usize = 5 * 1024 * 1024;
/// What the bombs unpack to.
const BOMB_BYTES: usize = 1 << 30;
/// How many packed ones come at once.
const AT_ONCE: usize = 4;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).expect("memory")
}

/// A gigabyte of blanks: each megabyte is a member (gzip) or a frame (zstd) of its own.
fn bomb(pack: fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let megabyte = 1 << 20;
    pack(&vec![b' '; megabyte]).repeat(BOMB_BYTES / megabyte)
}

/// A bomb in one frame, which says how large it is.
fn bomb_in_one() -> Vec<u8> {
    zstd::bulk::compress(&vec![b' '; BOMB_BYTES / 4], 1).expect("memory")
}

fn packed(scene: &Scene, coding: &str) -> Request {
    scene.post_as(&[("Content-Type", "application/json"), ("Content-Encoding", coding)])
}

pub(super) fn rows(scene: &Scene) -> Vec<Row> {
    let good = good();
    let plain = good.as_bytes();
    let (zipped, zstandard) = (gzip(plain), zstd(plain));
    let mut flipped = zipped.clone();
    let last = flipped.len() - 6;
    flipped[last] ^= 0xff;
    let refused = |why: &str, coding: &str, body: Vec<u8>| {
        let says = if coding == "gzip" { "no valid gzip" } else { "no valid zstd" };
        Row::refused(format!("{coding}: {why}"), packed(scene, coding).body(body), 400, says)
    };
    let mut rows = vec![
        refused("nothing", "gzip", Vec::new()),
        refused("plain", "gzip", plain.to_vec()),
        refused("plain", "zstd", plain.to_vec()),
        refused("cut off", "gzip", zipped[..zipped.len() - 1].to_vec()),
        refused("cut off", "zstd", zstandard[..zstandard.len() - 1].to_vec()),
        refused("cut in the middle", "gzip", zipped[..zipped.len() / 2].to_vec()),
        refused("cut in the middle", "zstd", zstandard[..zstandard.len() / 2].to_vec()),
        refused("a broken check sum", "gzip", flipped),
        refused("the other packing", "gzip", zstandard.clone()),
        refused("the other packing", "zstd", zipped.clone()),
        refused("something behind it", "gzip", [&zipped[..], b"x"].concat()),
        refused("something behind it", "zstd", [&zstandard[..], b"x"].concat()),
        Row::refused("gzip: packed twice", packed(scene, "gzip").body(gzip(&zipped)), 400, "no JSON"),
        Row::refused("gzip: no JSON in it", packed(scene, "gzip").body(gzip(b"{,}")), 400, "no JSON"),
        Row::refused("gzip: nothing in it", packed(scene, "gzip").body(gzip(b"")), 400, "the body is empty"),
    ];
    for coding in ["gzip, gzip", "gzip, zstd", "identity", "br", "deflate", "compress", "gzip;q=1", "\u{e9}"]
    {
        let row = Row::refused(
            format!("the packing {coding}"),
            packed(scene, coding).body(zipped.clone()),
            415,
            "",
        );
        rows.push(if coding.is_ascii() { row.with("accept-encoding", "gzip, zstd") } else { row });
    }
    let twice = packed(scene, "gzip").header("Content-Encoding", "gzip").body(zipped.clone());
    rows.push(Row::refused("a packing told twice", twice, 415, "more than once"));
    for (coding, body) in [("gzip", zipped), ("zstd", zstandard), ("GZIP", gzip(plain))] {
        let request = packed(scene, coding).body(body);
        rows.push(Row::accepted(format!("the packing {coding}"), request, vec![Outcome::stored(&good)]));
    }
    rows
}

/// Sends bombs and looks at the most memory that a service ever had, which large legal bodies have raised before.
pub(super) async fn bombs_cost_no_memory(scene: &Scene, gateway_pid: u32, query_pid: u32) -> Vec<String> {
    let legal = vec![b' '; BODY_BYTES_MAX];
    let deep = |opening: &str| opening.repeat(BODY_BYTES_MAX / opening.len());
    let (lists, objects) = (deep("["), deep("{\"a\":"));
    let gateway = Target { name: "the gateway", address: &scene.api.gateway, pid: gateway_pid };
    let of_gateway = |coding: &str, body: Vec<u8>| packed(scene, coding).body(body);
    let mut faults = gateway
        .cost(
            AT_ONCE,
            &[
                of_gateway("gzip", gzip(&legal)),
                of_gateway("zstd", zstd(&legal)),
                of_gateway("gzip", gzip(&legal)),
            ],
            vec![
                ("a gzip bomb", of_gateway("gzip", bomb(gzip)), 413),
                ("a zstd bomb", of_gateway("zstd", bomb(zstd)), 413),
                ("a zstd bomb in one", of_gateway("zstd", bomb_in_one()), 413),
            ],
        )
        .await;
    // One after the other: bodies of the largest size may be too many at once on a busy machine, which is a 503.
    let deep_bodies = vec![
        ("lists in lists", scene.post().body(lists.clone()), 400),
        ("objects in objects", scene.post().body(objects.clone()), 400),
        ("lists in lists, packed", of_gateway("zstd", zstd(lists.as_bytes())), 400),
    ];
    faults.extend(gateway.cost(1, &[scene.post().body(legal.clone())], deep_bodies).await);
    let query = Target { name: "the query service", address: &scene.api.query, pid: query_pid };
    let key = format!("Bearer {}", scene.api.read_key);
    let judged = |body: Vec<u8>| {
        let request = Request::new("POST", "/api/validate").header("Authorization", &key);
        request.header("Content-Type", "application/json").body(body)
    };
    let packed = judged(gzip(&legal)).header("Content-Encoding", "gzip");
    let bombs = vec![
        ("lists in lists", judged(lists.into_bytes()), 400),
        ("objects in objects", judged(objects.into_bytes()), 400),
        ("something packed", packed, 415),
    ];
    faults.extend(query.cost(1, &[judged(legal)], bombs).await);
    faults
}

/// The answer that is not "too many at once", which promises nothing, as on a busy machine.
async fn final_answer(address: &str, request: &Request) -> Answer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = Wire::to(address).exchange(request).await;
        if answer.status != 503 || Instant::now() > deadline {
            return answer;
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// Whom bombs are sent to.
struct Target<'a> {
    name: &'a str,
    address: &'a str,
    pid: u32,
}

impl Target<'_> {
    /// Sends legal bodies, which are refused as no events, and then bombs, each of them so often at once.
    async fn cost(&self, at_once: usize, legal: &[Request], bombs: Vec<(&str, Request, u16)>) -> Vec<String> {
        let mut faults = Vec::new();
        for request in legal {
            faults.extend(self.send_at_once(at_once, request, 400).await);
        }
        let before = peak_kib(self.pid);
        for (what, bomb, status) in bombs {
            faults.extend(self.send_at_once(at_once, &bomb, status).await);
            let more = peak_kib(self.pid).saturating_sub(before);
            println!(
                "{}: {at_once} times {what} at once: {more} KiB more than legal bodies ({before} KiB)",
                self.name
            );
            if more > BOMB_KIB_MAX {
                faults.push(format!(
                    "{}, {what}: expected at most {BOMB_KIB_MAX} KiB more, found {more}",
                    self.name
                ));
            }
        }
        faults
    }

    async fn send_at_once(&self, count: usize, request: &Request, status: u16) -> Vec<String> {
        let send = || {
            let (request, address) = (request.clone(), self.address.to_owned());
            tokio::spawn(async move { final_answer(&address, &request).await })
        };
        let sent: Vec<_> = (0..count).map(|_| send()).collect();
        let mut faults = Vec::new();
        for answer in sent {
            let answer = answer.await.expect("an exchange");
            if answer.status != status {
                faults.push(format!("packing: {}: expected {status}, found {answer:?}", self.name));
            }
        }
        faults
    }
}

/// The most memory that a process has had.
fn peak_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the gateway runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
