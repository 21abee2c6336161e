//! `eye provision`: a real database, and a broker whose management is a real one once; elsewhere only its address is.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Output;
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use broker::envelope::{Builder, RequestContext};
use broker::{Queue, Subscription};
use event::{ApplicationId, EventId, ReceivedAt, RunId};
use serde_json::{Value, json};
use stack::{RabbitMq, testing};
use store::{Settings, Store};

use crate::administration::empty_database;
use crate::command::{Eye, stderr, stdout};
use crate::ground::rabbitmq;

const QUEUE: &str = "eye.test-provisioned";

/// Answers so many requests with these statuses, and tells what was asked.
struct Management {
    port: u16,
    asked: JoinHandle<Vec<Asked>>,
}

#[derive(Debug)]
struct Asked {
    line: String,
    authorization: String,
    body: Value,
}

impl Management {
    fn answering(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let asked = spawn(move || {
            let answer = |status: &u16| {
                let (stream, _) = listener.accept().expect("a connection");
                take(stream, *status)
            };
            statuses.iter().map(answer).collect()
        });
        Self { port, asked }
    }

    fn address(&self) -> String {
        format!("http://admin:s3cret@127.0.0.1:{}", self.port)
    }
}

fn take(stream: TcpStream, status: u16) -> Asked {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let header = |name: &str| {
        let found = lines.iter().filter_map(|line| line.split_once(": "));
        found.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next()
    };
    let length = header("content-length").expect("a length").parse().expect("a number");
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    let answer = format!("HTTP/1.1 {status} Whatever\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    reader.get_mut().write_all(answer.as_bytes()).expect("written");
    Asked {
        line: lines.first().cloned().unwrap_or_default(),
        authorization: header("authorization").unwrap_or_default(),
        body: serde_json::from_slice(&body).expect("JSON"),
    }
}

fn provision(database: &str, management: &str, more: &[&str]) -> Output {
    provision_on(&rabbitmq().amqp_url(), database, management, more)
}

fn provision_on(broker: &str, database: &str, management: &str, more: &[&str]) -> Output {
    let eye = Eye::new()
        .env("EYE__BROKER__URL", broker)
        .env("EYE__BROKER__QUEUE", QUEUE)
        .env("EYE__STORE__URL", database)
        .env("EYE__STORE__CONNECT_TIMEOUT_MS", "10000")
        .env("EYE_BROKER_MANAGEMENT_URL", management)
        .env("EYE_GATEWAY_PASSWORD", "of-the-gateway")
        .env("EYE_CONSUMER_PASSWORD", "of-the-consumer")
        .env("EYE_QUERY_PASSWORD", "of-the-query-service");
    eye.args(&["provision", "--output", "json"]).args(more).run()
}

#[test]
fn a_server_is_prepared_for_the_services_also_a_second_time() {
    let database = empty_database("provisioned");
    for times in 1..=2 {
        let management = Management::answering(&[201, 204, 201, 204, 201, 204]);
        let output = provision(&database, &management.address(), &[]);
        assert!(output.status.success(), "{}", stderr(&output));
        let told: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
        assert_eq!(told["applied"].as_array().expect("a list").is_empty(), times == 2, "{told}");
        assert_eq!(told["policies"], json!(["eye-events", "eye-dead"]));
        assert_eq!(told["users"], json!(["eye_gateway", "eye_consumer"]));
        let asked = management.asked.join().expect("no panic");
        assert_eq!(asked[0].line, "PUT /api/policies/%2F/eye-events HTTP/1.1");
        assert_eq!(asked[0].authorization, "Basic YWRtaW46czNjcmV0");
        assert_eq!(asked[0].body["definition"]["max-length-bytes"], 10_737_418_240_u64);
        assert_eq!(asked[1].body["pattern"], "^eye\\..*\\.dead$");
        assert_eq!(asked[2].line, "PUT /api/users/eye_gateway HTTP/1.1");
        assert_eq!(asked[2].body, json!({ "password": "of-the-gateway", "tags": "" }));
        assert_eq!(asked[5].line, "PUT /api/permissions/%2F/eye_consumer HTTP/1.1");
        assert_eq!(asked[5].body["configure"], "^$");
    }
    let port = testing::postgres().port();
    for (service, password) in
        [("gateway", "of-the-gateway"), ("consumer", "of-the-consumer"), ("query", "of-the-query-service")]
    {
        let login = format!("postgres://eye_{service}_login:{password}@127.0.0.1:{port}/provisioned");
        let store = Store::new(&Settings::for_url(login)).expect("a store");
        assert!(store::migrate::is_current(&store).expect("it may look"), "{service}");
        assert!(store.create_application("not of a service").is_err(), "{service} is no owner");
    }
}

#[tokio::test]
async fn the_users_of_a_real_broker_may_do_what_their_services_do() {
    let directory = testing::directory().expect("a directory");
    let options =
        stack::rabbitmq::Options { management_port: stack::ports::free().ok(), ..Default::default() };
    let node = RabbitMq::start(directory.path(), &options).expect("it starts");
    let management = node.management_url().expect("it has one");
    let output = provision_on(&node.amqp_url(), &empty_database("provisioned_for_real"), &management, &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(node.control(&["list_policies"]).expect("it answers").contains("eye-events"));

    let place = format!("127.0.0.1:{}/%2f", node.port());
    let [gateway, consumer] = [("eye_gateway", "of-the-gateway"), ("eye_consumer", "of-the-consumer")]
        .map(|(user, password)| settings_of(&format!("amqp://{user}:{password}@{place}")));
    let publisher = broker::Publisher::start(&gateway);
    let message = || {
        let mut builder = Builder::events(RunId::fresh(), ApplicationId::from(1));
        builder.request(&RequestContext { request_id: "request".to_owned(), traceparent: None });
        builder.event(EventId::fresh(), ReceivedAt::from_micros(1_790_000_000_000_000), b"{}");
        builder.finish()
    };
    let deadline = || tokio::time::Instant::now() + Duration::from_secs(60);
    while publisher.publish(message(), deadline()).await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut taken = Subscription::open(&consumer, Queue::Events, 1).await.expect("it may take");
    taken.next().await.expect("a delivery").ack().await.expect("it may settle");
    let refused = Subscription::open(&gateway, Queue::Events, 1).await.err().expect("a refusal");
    assert!(refused.is_permanent(), "{refused}");
}

fn settings_of(url: &str) -> broker::Settings {
    let variables = [("EYE__BROKER__URL", url), ("EYE__BROKER__QUEUE", QUEUE)];
    let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    service::settings::Settings::from(None, variables)
        .and_then(|settings| settings.section("broker"))
        .expect("settings")
}

#[test]
fn servers_that_start_late_are_waited_for() {
    let database = empty_database("provisioned_late");
    let management = Management::answering(&[401, 503, 201, 201, 401, 201, 201, 201, 201]);
    let output = provision(&database, &management.address(), &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(management.asked.join().expect("no panic").len(), 9);
}

#[test]
fn what_never_comes_is_given_up_with_the_reason_and_without_the_password() {
    let database = empty_database("provisioned_never");
    let nowhere = "http://admin:s3cret@127.0.0.1:1";
    let output = provision(&database, nowhere, &["--patience-s", "0"]);
    let text = stderr(&output);
    assert!(!output.status.success() && text.contains("the broker's management is away"), "{text}");
    assert!(!text.contains("s3cret"), "{text}");
}

#[test]
fn what_is_not_given_is_named() {
    let output = Eye::new().args(&["provision", "--broker-management-url", "http://a:s3cret@b"]).run();
    assert!(stderr(&output).contains("EYE_GATEWAY_PASSWORD is not set"), "{}", stderr(&output));
    let output = Eye::new().env("EYE_BROKER_MANAGEMENT_URL", "amqp://a:s3cret@b").args(&["provision"]).run();
    let text = stderr(&output);
    assert!(text.contains("as expected: http://") && !text.contains("s3cret"), "{text}");
}
