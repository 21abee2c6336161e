//! Whatever arrives: how it is answered, what becomes of it, and that the next good event passes.
//!
//! The tables are sent through one stack of the real binaries: each row over a connection that others use too, with a good
//! event as its neighbour where it is an event, and always with a good event after it. In the end the books are made: what
//! is stored and what is rejected is what the tables say, each once, and nothing else.

mod books;
mod fields;
mod http;
mod json;
mod keys;
mod numbers;
mod packing;
mod reads;
mod row;
mod scene;
mod schema;
mod slow;
mod text;
mod times;

use tokio::time::Instant;

use row::{Outcome, Row, good};
use scene::{Accepted, Scene};

use crate::pipeline::{PATIENCE, Pipeline};
use crate::wire::{Answer, Wire};

/// Over how many connections the rows are sent.
const LANES: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_arrives_is_answered_and_the_next_good_event_passes() {
    let mut pipeline = Pipeline::start().await;
    let scene = Scene::set(&pipeline).await;
    let mut faults = tokio::task::block_in_place(|| schema::refusal_faults(&pipeline));
    let sending = async {
        // First: what others send would raise the gateway's memory too.
        let faults =
            packing::bombs_cost_no_memory(&scene, pipeline.gateway_pid(), pipeline.query_pid()).await;
        (faults, send_all(&scene, rows(&scene).await).await)
    };
    let (sent, slow, read) = tokio::join!(sending, slow::faults(&scene), reads::faults(&scene));
    let (of_bombs, (accepted, unexpected)) = sent;
    faults.extend(of_bombs);
    println!("{} requests with {} events were accepted", accepted.len(), books::events(&accepted));
    faults.extend(unexpected.into_iter().chain(slow).chain(read));
    faults.extend(books::surplus(&scene, &accepted).await);
    pipeline.stop_services();
    faults.extend(books::log_faults(&pipeline, &scene));
    assert!(faults.is_empty(), "{} faults:\n{}\n{}", faults.len(), faults.join("\n"), pipeline.logs());
}

/// The tables of what is sent to the gateway.
async fn rows(scene: &Scene) -> Vec<Row> {
    let groups: [(&str, Vec<Row>); 9] = [
        ("keys", keys::rows(scene)),
        ("HTTP", http::rows(scene)),
        ("packing", packing::rows(scene)),
        ("JSON", json::rows(scene)),
        ("numbers", numbers::rows(scene)),
        ("text", text::rows(scene)),
        ("fields", fields::rows(scene)),
        ("times", times::rows(scene)),
        ("schema", schema::rows(scene).await),
    ];
    let named = |(group, rows): (&str, Vec<Row>)| {
        println!("{group}: {} rows", rows.len());
        let group = group.to_owned();
        rows.into_iter().map(move |row| Row { why: format!("{group}: {}", row.why), ..row })
    };
    groups.into_iter().flat_map(named).collect()
}

/// Sends every row and sees what becomes of it; gives what was accepted, and what was not as it should be.
async fn send_all(scene: &Scene, rows: Vec<Row>) -> (Vec<Accepted>, Vec<String>) {
    let mut lanes: Vec<Vec<Row>> = (0..LANES).map(|_| Vec::new()).collect();
    for (at, row) in rows.into_iter().enumerate() {
        lanes[at % LANES].push(row);
    }
    let lanes: Vec<_> = lanes
        .into_iter()
        .map(|rows| {
            let scene = scene.clone();
            tokio::spawn(async move {
                let (accepted, mut faults) = send(&scene, rows).await;
                faults.extend(books::wrong_outcomes(&scene, &accepted).await);
                (accepted, faults)
            })
        })
        .collect();
    let (mut accepted, mut faults) = (Vec::new(), Vec::new());
    for lane in lanes {
        let (by_lane, of_lane) = lane.await.expect("the lane ends");
        accepted.extend(by_lane);
        faults.extend(of_lane);
    }
    (accepted, faults)
}

/// Sends rows over one connection, and a good event after each.
async fn send(scene: &Scene, rows: Vec<Row>) -> (Vec<Accepted>, Vec<String>) {
    let mut wire = Wire::to(&scene.api.gateway);
    let (mut accepted, mut faults) = (Vec::new(), Vec::new());
    for row in rows {
        let good = good();
        let next = Row::accepted(
            format!("the good event after {}", row.why),
            scene.post().body(good.clone()),
            vec![Outcome::stored(&good)],
        );
        for row in [row, next] {
            let answer = answered(&mut wire, &row).await;
            let events = match row.answer.fault(&answer) {
                Some(fault) => Err(fault),
                None if answer.status == 202 => Accepted::read(&row, &answer).map(Some),
                None => Ok(None),
            };
            match events {
                Ok(events) => accepted.extend(events),
                Err(fault) => faults.push(format!("{}: {fault}", row.why)),
            }
        }
    }
    (accepted, faults)
}

/// The answer to a row; one that promises nothing is no answer, as when a busy machine takes large bodies apart too slowly.
async fn answered(wire: &mut Wire, row: &Row) -> Answer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = match row.ends {
            true => wire.exchange_and_end(&row.request).await,
            false => wire.exchange(&row.request).await,
        };
        if answer.status != 503 || answer.header("retry-after").is_empty() || Instant::now() > deadline {
            return answer;
        }
        println!("sent again, since the answer was 503: {}: {}", row.why, answer.body);
    }
}
