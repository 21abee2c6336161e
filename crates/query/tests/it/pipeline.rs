//! `/api/pipeline`, and the metrics that say the same.

use serde_json::json;
use service::keys::Scope;

use crate::ground::{Ground, SHOP};
use crate::service::Service;

const PIPELINE: &str = "/api/pipeline";

#[actix_web::test]
async fn it_tells_what_the_consumers_told() {
    let ground = Ground::new();
    let service = Service::start(&ground).await;
    let nothing = service.get(PIPELINE, &[]).await.ok();
    assert_eq!((&nothing["queues"], &nothing["consumers"]), (&json!([]), &json!([])));
    assert_eq!((&nothing["oldest_received_at"], &nothing["oldest_age_seconds"]), (&json!(null), &json!(0.0)));

    ground.report(7, Some(2_000_000));
    ground.report(5, Some(1_000_000));
    ground.report(3, None);
    let told = service.get(PIPELINE, &[]).await.ok();
    assert_eq!(told["queues"][0]["ready_messages"], 3);
    assert_eq!(told["consumers"].as_array().map(Vec::len), Some(3));
    assert_eq!(told["oldest_received_at"], "2026-11-01T00:00:01.000000Z");
    assert!(told["oldest_age_seconds"].as_f64().is_some_and(|age| age > 0.0), "{told}");
}

#[actix_web::test]
async fn consumers_that_are_silent_are_not_shown_and_their_look_is_old() {
    let ground = Ground::new();
    ground.report(3, Some(0));
    ground.execute("UPDATE consumer_reports SET reported_at = now() - interval '11 seconds'");
    ground.execute("UPDATE queue_measurements SET measured_at = '2026-11-01T00:00:00Z'");
    let told = Service::start(&ground).await.get(PIPELINE, &[]).await.ok();
    assert_eq!(told["consumers"], json!([]));
    assert_eq!(told["queues"][0]["measured_at"], "2026-11-01T00:00:00.000000Z");
}

#[actix_web::test]
async fn a_key_of_one_application_does_not_see_it() {
    let ground = Ground::new();
    let own = ground.key(SHOP, &[Scope::Read], true);
    let service = Service::start(&ground).await;
    let refused = service.get_as(&own, PIPELINE, &[]).await.problem(403);
    assert!(refused.contains("own application"), "{refused}");
}

#[actix_web::test]
async fn the_metrics_tell_it_too() {
    let ground = Ground::new();
    ground.report(4_000_123, Some(0));
    let service = Service::start(&ground).await;
    for line in [
        r#"eye_pipeline_ready_messages{queue="eye.events"} 4000123"#,
        r#"eye_pipeline_measurement_age_seconds{queue="eye.events"}"#,
        "eye_pipeline_consumers 1",
        "eye_pipeline_oldest_event_age_seconds",
    ] {
        service.measures(line).await;
    }
}
