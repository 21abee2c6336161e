//! The probe with which container engines ask a service how it is.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use service::health::{Health, ProbeError, Readiness, probe, probe_if_asked};
use service::settings::Settings;

/// The probe blocks, and the listener needs the runtime.
async fn probed(listen: String) -> Result<(), ProbeError> {
    tokio::task::spawn_blocking(move || probe(&listen)).await.unwrap()
}

#[tokio::test]
async fn a_probe_holds_while_the_service_is_ready_and_tells_why_it_is_not() {
    let readiness = Readiness::new();
    let broker = readiness.flag("broker");
    let health = Health::start("127.0.0.1:0", readiness).unwrap();
    broker.fail("away for 3 s");
    let refused = probed(format!("127.0.0.1:{}", health.port())).await.unwrap_err().to_string();
    assert!(refused.contains("away for 3 s"), "{refused}");
    broker.pass();
    probed(format!("127.0.0.1:{}", health.port())).await.unwrap();
}

#[tokio::test]
async fn a_listener_on_every_address_is_asked_on_loopback() {
    let health = Health::start("0.0.0.0:0", Readiness::new()).unwrap();
    probed(format!("0.0.0.0:{}", health.port())).await.unwrap();
}

#[tokio::test]
async fn a_service_that_does_not_run_is_not_ready() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let refused = probed(format!("127.0.0.1:{port}")).await.unwrap_err();
    assert!(matches!(refused, ProbeError::Away { .. }), "{refused}");
}

#[tokio::test]
async fn a_service_that_never_ends_its_answer_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = listener.local_addr().unwrap().to_string();
    let drip = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 256];
        let _ = stream.read(&mut request).unwrap();
        while stream.write_all(b"H").is_ok() {
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let asked = Instant::now();
    let refused = probed(listen).await.unwrap_err();
    assert!(matches!(refused, ProbeError::Away { .. }), "{refused}");
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    drip.join().unwrap();
}

#[tokio::test]
async fn something_else_on_the_port_is_not_taken_for_the_service() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 256];
        let _ = stream.read(&mut request).unwrap();
        stream.write_all(b"HTTP/1.0 404 Not Found\r\n\r\n").unwrap();
    });
    let refused = probed(listen).await.unwrap_err();
    assert!(matches!(refused, ProbeError::Away { .. }), "{refused}");
}

#[tokio::test]
async fn the_command_line_asks_for_the_probe_of_the_services_own_section() {
    let health = Health::start("127.0.0.1:0", Readiness::new()).unwrap();
    let listen = format!("127.0.0.1:{}", health.port());
    let variable = ("EYE__QUERY__HEALTH_LISTEN".to_owned(), listen);
    let settings = Settings::from(None, std::iter::once(variable)).unwrap();
    let asked = |words: &[&str]| {
        let arguments: Vec<_> = words.iter().map(OsString::from).collect();
        let settings = settings.clone();
        tokio::task::spawn_blocking(move || probe_if_asked(arguments, &settings, "query"))
    };
    assert!(!asked(&["eye-query"]).await.unwrap().unwrap());
    assert!(asked(&["eye-query", "health"]).await.unwrap().unwrap());
    for wrong in [&["eye-query", "helth"][..], &["eye-query", "health", "now"]] {
        let refused = asked(wrong).await.unwrap().unwrap_err();
        assert!(matches!(refused, ProbeError::Argument(_)), "{wrong:?}: {refused}");
    }
}
