//! `/api/applications`.

use serde_json::{Value, json};

use crate::ground::{BLOG, Ground, SHOP, sent};
use crate::service::{Service, members};

const APPLICATIONS: &str = "/api/applications";

#[actix_web::test]
async fn applications_come_with_their_exact_counts() {
    let ground = Ground::new();
    ground.store.create_application("another").expect("register");
    ground.write(&[
        sent(),
        sent(),
        sent().by(BLOG),
        sent().with("name", Value::Null).with("category", Value::Null),
    ]);
    let service = Service::start(&ground).await;
    let items = service.items(APPLICATIONS, &[("limit", "1000")]).await;
    assert_eq!(members(&items, "name"), ["another", BLOG, SHOP]);
    let counts: Vec<_> = items.iter().map(|item| json!([item["event_count"], item["error_count"]])).collect();
    assert_eq!(counts, [json!([0, 0]), json!([1, 0]), json!([2, 2])]);
}

#[actix_web::test]
async fn applications_are_paged_by_name() {
    let ground = Ground::new();
    for name in ["é", "a b", "Z", "'; --"] {
        ground.store.create_application(name).expect("register");
    }
    let service = Service::start(&ground).await;
    let all = members(&service.items(APPLICATIONS, &[]).await, "name");
    assert_eq!(all.len(), 6);
    let (mut paged, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut parameters = vec![("limit", "1")];
        parameters.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page = service.get(APPLICATIONS, &parameters).await.ok();
        paged.extend(members(page["items"].as_array().expect("items"), "name"));
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(paged, all);
}
