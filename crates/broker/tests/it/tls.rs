//! TLS between us and the broker.

use broker::{LinkState, Publisher, Settings};
use serde_json::json;
use stack::testing::Certificates;
use stack::{RabbitMq, ports};

use crate::node::{policies, publish_at_last, settings_json, soon, take_all};

fn settings(url: &str, authority: &str) -> Settings {
    let mut settings = settings_json(url, "eye.test-tls");
    settings["tls_ca_file"] = json!(authority);
    serde_json::from_value(settings).unwrap()
}

#[tokio::test]
async fn a_broker_is_spoken_to_by_tls_if_its_certificate_is_trusted() {
    let directory = stack::testing::directory().unwrap();
    let certificates = Certificates::make(directory.path()).unwrap();
    let port = ports::free().unwrap();
    let options = stack::rabbitmq::Options {
        policies: policies(),
        settings: vec![
            format!("listeners.ssl.1 = 127.0.0.1:{port}"),
            format!("ssl_options.cacertfile = {}", certificates.authority.display()),
            format!("ssl_options.certfile = {}", certificates.certificate.display()),
            format!("ssl_options.keyfile = {}", certificates.key.display()),
        ],
        ..Default::default()
    };
    let node = RabbitMq::start(&directory.path().join("node"), &options).unwrap();
    let plain = node.amqp_url();
    let url = plain
        .replace("amqp://", "amqps://")
        .replace(&format!("127.0.0.1:{}", node.port()), &format!("localhost:{port}"));

    let trusting = settings(&url, certificates.authority.to_str().unwrap());
    let publisher = Publisher::start(&trusting);
    let id = publish_at_last(&publisher).await;
    assert_eq!(take_all(&trusting).await, [id]);

    let distrusting = Publisher::start(&settings(&url, ""));
    let mut state = distrusting.watch();
    let refused = |state: &LinkState| match state {
        LinkState::Away { reason, .. } => reason.contains("certificate"),
        _ => false,
    };
    soon("a refusal of the certificate", state.wait_for(refused)).await.unwrap();
}
