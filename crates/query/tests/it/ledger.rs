//! `/api/ledger`.

use serde_json::{Value, json};
use service::keys::Scope;

use crate::ground::{BLOG, Ground, SHOP, sent};
use crate::service::{Parameters, Service};

const LEDGER: &str = "/api/ledger";

/// Two hours of the shop, of which the second is this one; events of the blog, and of a sender who is not registered.
fn ground() -> Ground {
    let ground = Ground::new();
    let twice = sent();
    ground.write(&[twice.clone(), twice, sent().with("name", Value::Null), sent().by(BLOG)]);
    ground.execute(
        "INSERT INTO book_changes (hour, application_id, run_id, confirmed, taken, stored, duplicate, rejected) VALUES \
         ('2020-01-01T10:00:00Z', 1, gen_random_uuid(), 9, 8, 5, 2, 1), \
         ('2020-01-01T10:00:00Z', NULL, NULL, NULL, 4, 0, 0, 4); \
         INSERT INTO expired_counts (hour, application_id, events, rejections) VALUES ('2020-01-01T10:00:00Z', 1, 5, 1)",
    );
    ground
}

fn old() -> [Value; 2] {
    let hour = "2020-01-01T10:00:00.000000Z";
    [
        json!({
            "application": null, "hour": hour, "confirmed": 0, "taken": 4, "stored": 0, "duplicate": 0, "rejected": 4,
            "expired": 0,
        }),
        json!({
            "application": SHOP, "hour": hour, "confirmed": 9, "taken": 8, "stored": 0, "duplicate": 2, "rejected": 0,
            "expired": 6,
        }),
    ]
}

#[actix_web::test]
async fn the_books_are_listed_by_hour_and_application() {
    let service = Service::start(&ground()).await;
    let items = service.items(LEDGER, &[]).await;
    assert_eq!(items.len(), 4);
    let numbers = |item: &Value| {
        ["taken", "stored", "duplicate", "rejected", "expired"]
            .map(|number| item[number].as_i64().expect("a number"))
    };
    let sum = |[taken, rest @ ..]: [i64; 5]| (taken, rest.iter().sum::<i64>());
    assert!(items.iter().map(numbers).map(sum).all(|(taken, sum)| taken == sum), "{items:?}");
    assert_eq!((&items[0]["application"], numbers(&items[0])), (&json!(BLOG), [1, 1, 0, 0, 0]));
    assert_eq!((&items[1]["application"], numbers(&items[1])), (&json!(SHOP), [3, 1, 1, 1, 0]));
    assert_eq!(items[0]["hour"], items[1]["hour"]);
    assert_eq!(items[2..], old());
}

#[actix_web::test]
async fn the_books_are_narrowed_and_paged() {
    let service = Service::start(&ground()).await;
    let table: [(&Parameters<'_>, usize); 8] = [
        (&[("application", SHOP)], 2),
        (&[("application", SHOP), ("application", BLOG)], 3),
        (&[("application", "nobody")], 0),
        (&[("to", "2020-01-01T10:00:00Z")], 0),
        (&[("to", "2020-01-01T10:00:00.000001Z")], 2),
        (&[("from", "2020-01-01T10:00:00Z")], 4),
        (&[("from", "2020-01-01T10:00:00.000001Z")], 2),
        (&[("from", "2020-01-01T10:00:00Z"), ("to", "2020-01-01T11:00:00Z"), ("application", SHOP)], 1),
    ];
    for (parameters, count) in table {
        let all = service.items(LEDGER, parameters).await;
        assert_eq!(all.len(), count, "{parameters:?}");
        let (mut paged, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let mut parameters = [parameters, &[("limit", "1")]].concat();
            parameters.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let page = service.get(LEDGER, &parameters).await.ok();
            paged.extend(page["items"].as_array().expect("items").clone());
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(paged, all, "{parameters:?}");
    }
}

#[actix_web::test]
async fn a_key_of_its_own_application_sees_the_books_of_that_alone() {
    let ground = ground();
    let service = Service::start(&ground).await;
    let own = ground.key(SHOP, &[Scope::Read], true);
    for parameters in [&[][..], &[("application", SHOP)], &[("application", BLOG), ("application", SHOP)]] {
        let items = service.get_as(&own, LEDGER, parameters).await.items();
        assert_eq!(items.len(), 2, "{parameters:?}");
        assert!(items.iter().all(|item| item["application"] == SHOP), "{items:?}");
    }
    for name in [BLOG, "nobody"] {
        assert!(service.get_as(&own, LEDGER, &[("application", name)]).await.items().is_empty(), "{name}");
    }
    let page = service.get(LEDGER, &[("limit", "1")]).await.ok();
    let cursor = page["next_cursor"].as_str().expect("a cursor");
    service.get_as(&own, LEDGER, &[("limit", "1"), ("cursor", cursor)]).await.problem(400);
}
