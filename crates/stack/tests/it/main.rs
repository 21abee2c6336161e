//! Private servers: started, killed, frozen, and never left behind.

mod faults;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use stack::process::wait_until;
use stack::{Postgres, RabbitMq, ports, postgres, rabbitmq, testing};

const PATIENCE: Duration = Duration::from_secs(60);

fn psql(server: &Postgres, sql: &str) -> String {
    let output = Command::new("psql")
        .args(["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql, &server.url("postgres")])
        .output()
        .expect("psql runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn is_alive(pid: u32) -> bool {
    // A zombie has no command line: its parent has only not waited for it yet.
    std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
}

/// A client whose backend computes for minutes and looks at nothing meanwhile.
fn busy_client(server: &Postgres) -> Child {
    let client = Command::new("psql")
        .args([
            "-X",
            "-c",
            "SELECT count(*) FROM generate_series(1, 3000000000) AS busy",
            &server.url("postgres"),
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("psql runs");
    let busy =
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%AS busy' AND pid <> pg_backend_pid()";
    assert!(wait_until(PATIENCE, || psql(server, busy) == "1"));
    client
}

#[test]
fn data_survive_a_kill_and_the_port_stays() {
    let directory = testing::directory().expect("a directory");
    let mut server = Postgres::start(directory.path(), postgres::Options::default()).expect("it starts");
    let port = server.port();
    psql(&server, "CREATE TABLE kept AS SELECT 7 AS number");
    server.kill();
    assert!(!server.is_running());
    server.restart().expect("it starts again");
    assert_eq!(psql(&server, "SELECT number FROM kept"), "7");
    server.stop();
    drop(server);
    let options = postgres::Options { port: Some(port), ..Default::default() };
    let again = Postgres::start(directory.path(), options).expect("it starts on the same data");
    assert_eq!(psql(&again, "SELECT number FROM kept"), "7");
}

#[test]
fn a_frozen_server_is_silent_and_goes_on_when_thawed() {
    let server = testing::directory().expect("a directory");
    let server = Postgres::start(server.path(), postgres::Options::default()).expect("it starts");
    server.freeze();
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).expect("the system accepts");
    stream.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
    // An SSLRequest, which a live server answers at once.
    stream.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]).expect("sent");
    assert!(stream.read_exact(&mut [0]).is_err(), "a frozen server answered");
    server.thaw();
    assert_eq!(psql(&server, "SELECT 1"), "1");
}

#[test]
fn a_node_keeps_its_port_user_and_policies_over_a_kill() {
    let directory = testing::directory().expect("a directory");
    let policies = serde_json::json!([{
        "vhost": "/", "name": "limit", "pattern": "^a$", "apply-to": "queues", "priority": 0,
        "definition": {"delivery-limit": 7},
    }]);
    let options = rabbitmq::Options { policies, ..Default::default() };
    let mut node = RabbitMq::start(directory.path(), &options).expect("it starts");
    let url = node.amqp_url();
    assert!(node.control(&["list_policies"]).expect("it answers").contains("delivery-limit"));
    node.kill();
    node.restart().expect("it starts again");
    assert_eq!(node.amqp_url(), url);
    let password = url.split([':', '@']).nth(2).expect("a password").to_owned();
    node.control(&["authenticate_user", "eye", &password]).expect("the user is known");
    assert!(node.control(&["list_policies"]).expect("it answers").contains("delivery-limit"));
}

/// The other half of `nothing_survives_a_parent_that_is_killed`: starts servers, says their ids and waits to be killed.
#[test]
fn parent_that_will_be_killed() {
    let Some(directory) = std::env::var_os("EYE_STACK_TEST_PARENT") else { return };
    let directory = Path::new(&directory);
    let server = Postgres::start(&directory.join("p"), postgres::Options::default()).expect("it starts");
    let node = RabbitMq::start(&directory.join("r"), &rabbitmq::Options::default()).expect("it starts");
    println!("\nids {} {}", server.pid(), node.pid());
    std::thread::park();
}

#[test]
fn nothing_survives_a_parent_that_is_killed() {
    let directory = testing::directory().expect("a directory");
    let mut parent = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "parent_that_will_be_killed", "--nocapture"])
        .env("EYE_STACK_TEST_PARENT", directory.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the parent starts");
    let lines = BufReader::new(parent.stdout.take().expect("its output")).lines();
    let ids = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("ids ").map(str::to_owned));
    let ids: Vec<u32> = ids.expect("ids").split(' ').map(|id| id.parse().expect("a number")).collect();
    assert!(ids.iter().all(|&id| is_alive(id)));
    parent.kill().expect("killed");
    parent.wait().expect("ended");
    assert!(wait_until(PATIENCE, || ids.iter().all(|&id| !is_alive(id))), "servers were left behind");
}

#[test]
fn a_taken_port_is_passed_over() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    assert!(!ports::is_free(port));
    assert_ne!(ports::free_from(port).expect("another"), port);
}

#[test]
fn a_server_that_cannot_start_says_why() {
    let directory = testing::directory().expect("a directory");
    let settings = vec![("shared_buffers".to_owned(), "nonsense".to_owned())];
    let options = postgres::Options { settings, ..Default::default() };
    let error = Postgres::start(directory.path(), options).expect_err("it can't");
    assert!(error.to_string().contains("shared_buffers"), "{error}");
}

#[test]
fn a_server_that_was_killed_amid_work_starts_again_at_once() {
    let directory = testing::directory().expect("a directory");
    let mut server = Postgres::start(directory.path(), postgres::Options::default()).expect("it starts");
    let mut client = busy_client(&server);
    server.kill();
    server.restart().expect("it starts again");
    assert_eq!(psql(&server, "SELECT 1"), "1");
    client.wait().expect("ended");
}

#[test]
fn a_killed_server_leaves_no_backend_that_holds_its_clients() {
    let directory = testing::directory().expect("a directory");
    let mut server = Postgres::start(directory.path(), postgres::Options::default()).expect("it starts");
    for _ in 0..10 {
        let mut client = busy_client(&server);
        server.kill();
        // Its backend was computing: a client whose backend is gone ends, one whose backend is only frozen waits for ever.
        assert!(wait_until(PATIENCE, || client.try_wait().expect("a client").is_some()));
        server.restart().expect("it starts again");
    }
}

#[test]
fn a_frozen_server_can_be_killed_and_started_again() {
    let directory = testing::directory().expect("a directory");
    let mut server = Postgres::start(directory.path(), postgres::Options::default()).expect("it starts");
    server.freeze();
    server.kill();
    server.restart().expect("it starts again");
    assert_eq!(psql(&server, "SELECT 1"), "1");
}

#[test]
fn what_somebody_else_killed_starts_again_at_once() {
    let directory = testing::directory().expect("a directory");
    let mut server = Postgres::start(directory.path(), postgres::Options::default()).expect("it starts");
    let mut client = busy_client(&server);
    let kill = |pid: u32| Command::new("kill").args(["-9", &pid.to_string()]).status().expect("kill runs");
    assert!(kill(server.pid()).success());
    assert!(wait_until(PATIENCE, || !server.is_running()));
    server.restart().expect("it starts again");
    assert_eq!(psql(&server, "SELECT 1"), "1");
    client.wait().expect("ended");
}

#[test]
fn a_start_waits_for_a_server_that_is_still_stopping() {
    let directory = testing::directory().expect("a directory");
    let mut parent = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "parent_that_will_be_killed", "--nocapture"])
        .env("EYE_STACK_TEST_PARENT", directory.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the parent starts");
    let mut lines = BufReader::new(parent.stdout.take().expect("its output")).lines();
    assert!(lines.any(|line| line.is_ok_and(|line| line.starts_with("ids "))));
    parent.kill().expect("killed");
    parent.wait().expect("ended");
    let server = Postgres::start(&directory.path().join("p"), postgres::Options::default());
    let node = RabbitMq::start(&directory.path().join("r"), &rabbitmq::Options::default());
    assert_eq!(psql(&server.expect("it starts"), "SELECT 1"), "1");
    assert!(node.expect("it starts").is_running());
}

#[test]
fn what_an_interrupted_start_left_is_made_again() {
    let directory = testing::directory().expect("a directory");
    std::fs::create_dir(directory.path().join("data.new")).expect("made");
    std::fs::write(directory.path().join("data.new/PG_VERSION"), "15").expect("written");
    let server = Postgres::start(directory.path(), postgres::Options::default()).expect("it starts");
    assert_eq!(psql(&server, "SELECT 1"), "1");
}

#[test]
fn an_epmd_that_died_is_replaced_before_the_node_starts_its_own() {
    let directory = testing::directory().expect("a directory");
    let mut node = RabbitMq::start(directory.path(), &rabbitmq::Options::default()).expect("it starts");
    let variables =
        std::fs::read_to_string(format!("/proc/{}/environ", node.pid())).expect("its environment");
    let port = variables.split('\0').find_map(|one| one.strip_prefix("ERL_EPMD_PORT=")).expect("a port");
    let own_epmd = || {
        let found = Command::new("pgrep").args(["-f", &format!("^epmd .*-port {port}$")]).output();
        let found = String::from_utf8(found.expect("pgrep runs").stdout).expect("UTF-8");
        found.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let before = own_epmd();
    assert_eq!(before.len(), 1);
    for pid in &before {
        assert!(Command::new("kill").args(["-9", pid]).status().expect("kill runs").success());
    }
    let is_replaced = || node.is_running() && own_epmd().iter().any(|pid| !before.contains(pid));
    assert!(wait_until(PATIENCE, is_replaced));
}
