//! Proxies do what they are told, and nothing else.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use stack::faults::{Proxy, Trap, Way};
use stack::testing;

use crate::PATIENCE;

/// How long nothing must come for it to be called silence.
const SILENCE: Duration = Duration::from_millis(300);

/// A server that sends back what it gets.
fn echo() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let (mut from, mut to) = (&stream, &stream);
                // Whoever is reset has gone.
                drop(std::io::copy(&mut from, &mut to));
            });
        }
    });
    port
}

fn connect(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).expect("the proxy listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

/// Sends a word and awaits it back.
fn says(stream: &mut TcpStream, word: &str) -> bool {
    let mut back = vec![0; word.len()];
    stream.write_all(word.as_bytes()).and_then(|()| stream.read_exact(&mut back)).is_ok()
        && back == word.as_bytes()
}

/// How a connection ended.
fn end(stream: &mut TcpStream) -> Result<usize, ErrorKind> {
    stream.read(&mut [0; 16]).map_err(|error| error.kind())
}

#[test]
fn an_address_is_led_through_it() {
    let proxy = Proxy::before("amqp://eye:secret:5672@127.0.0.1:5673/%2f").expect("a proxy");
    let through = proxy.through("amqp://eye:secret:5672@127.0.0.1:5673/%2f");
    assert_eq!(through, format!("amqp://eye:secret:5672@127.0.0.1:{}/%2f", proxy.port()));
    assert!(Proxy::before("amqp://127.0.0.1").is_err());
}

#[test]
fn what_is_open_passes_both_ways_and_what_is_cut_does_not() {
    let proxy = Proxy::to(echo()).expect("a proxy");
    let mut stream = connect(&proxy);
    assert!(says(&mut stream, "hello"));
    proxy.cut();
    assert_eq!(end(&mut stream), Ok(0));
    assert!(!says(&mut connect(&proxy), "hello"));
    proxy.mend();
    assert!(says(&mut connect(&proxy), "hello"));
    assert_eq!(proxy.connections(), 3);
}

#[test]
fn a_reset_ends_the_present_connections_and_no_later_ones() {
    let proxy = Proxy::to(echo()).expect("a proxy");
    let mut stream = connect(&proxy);
    assert!(says(&mut stream, "hello"));
    proxy.reset();
    assert_eq!(end(&mut stream), Err(ErrorKind::ConnectionReset));
    assert!(says(&mut connect(&proxy), "hello"));
}

#[test]
fn what_is_stalled_passes_when_it_is_mended() {
    for way in Way::BOTH {
        let proxy = Proxy::to(echo()).expect("a proxy");
        let mut stream = connect(&proxy);
        assert!(says(&mut stream, "hello"));
        proxy.stall(way);
        stream.write_all(b"late").expect("it is taken");
        stream.set_read_timeout(Some(SILENCE)).expect("a timeout");
        assert!(matches!(end(&mut stream), Err(ErrorKind::WouldBlock | ErrorKind::TimedOut)), "{way:?}");
        proxy.mend();
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let mut back = [0; 4];
        stream.read_exact(&mut back).expect("it comes back");
        assert_eq!(&back, b"late");
    }
}

#[test]
fn what_is_stranded_stays_silent_and_new_connections_are_served() {
    let proxy = Proxy::to(echo()).expect("a proxy");
    let mut stream = connect(&proxy);
    assert!(says(&mut stream, "hello"));
    proxy.strand();
    proxy.mend();
    stream.write_all(b"lost").expect("it is taken");
    stream.set_read_timeout(Some(SILENCE)).expect("a timeout");
    assert!(matches!(end(&mut stream), Err(ErrorKind::WouldBlock | ErrorKind::TimedOut)));
    assert!(says(&mut connect(&proxy), "hello"));
}

#[test]
fn what_is_delayed_comes_late_and_whole() {
    let proxy = Proxy::to(echo()).expect("a proxy");
    let mut stream = connect(&proxy);
    let delay = Duration::from_millis(100);
    Way::BOTH.into_iter().for_each(|way| proxy.delay(way, delay));
    let begun = Instant::now();
    assert!(says(&mut stream, "hello"));
    assert!(begun.elapsed() >= delay * 2);
}

#[test]
fn a_connection_is_cut_after_the_bytes_that_were_told() {
    let proxy = Proxy::to(echo()).expect("a proxy");
    proxy.set(Trap::CutAfterBytes { way: Way::Down, bytes: 7 }, 0);
    let mut stream = connect(&proxy);
    assert!(says(&mut stream, "hello"));
    stream.write_all(b"world").expect("it is taken");
    let mut back = Vec::new();
    // The reset may overtake what came before it.
    drop(stream.read_to_end(&mut back));
    assert!(b"wo".starts_with(&back), "{back:?}");
    assert!(proxy.await_sprung(1, PATIENCE));
    assert!(says(&mut connect(&proxy), "hello"), "it springs once");
}

#[test]
fn a_reply_to_commit_is_lost_and_the_commit_is_not() {
    let server = testing::postgres();
    let proxy = Proxy::before(&server.url("postgres")).expect("a proxy");
    let run = |sql: &str| {
        let mut command = std::process::Command::new("psql");
        command.args([
            "-X",
            "-q",
            "-c",
            "BEGIN",
            "-c",
            sql,
            "-c",
            "COMMIT",
            &proxy.through(&server.url("postgres")),
        ]);
        command.output().expect("psql runs").status.success()
    };
    assert!(run("CREATE TABLE first_one ()"));
    proxy.set(Trap::LoseCommitReply, 0);
    assert!(!run("CREATE TABLE second_one ()"));
    assert_eq!(proxy.sprung(), 1);
    proxy.set(Trap::HoldCommit, 0);
    let holding = thread::scope(|scope| {
        let held = scope.spawn(|| run("CREATE TABLE third_one ()"));
        let is_held = proxy.await_sprung(2, PATIENCE);
        proxy.reset();
        is_held && !held.join().expect("no panic")
    });
    assert!(holding);
    let tables = "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relname LIKE '%_one'";
    assert_eq!(server.sql(tables).expect("psql"), "first_one second_one");
}
