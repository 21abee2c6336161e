//! Keys: none, wrong ones, too many, and good ones in unusual clothes.

use super::row::{Outcome, Row, good};
use super::scene::Scene;
use crate::wire::Request;

pub(super) const NO_KEY: &str = "no key: send the header Authorization: Bearer KEY";
pub(super) const UNKNOWN_KEY: &str = "the key is unknown, revoked or expired";
pub(super) const CHALLENGE: &str = "Bearer realm=\"The Eye\"";
pub(super) const SCOPE_CHALLENGE: &str = "Bearer realm=\"The Eye\", error=\"insufficient_scope\"";

pub(super) fn rows(scene: &Scene) -> Vec<Row> {
    let valid = scene.api.write_key.as_str();
    let untyped = || scene.post_untyped().header("Content-Type", "application/json");
    let post = |authorization: &str| scene.post_by(authorization).body(good());
    let refused = |why: &str, request: Request, says: &str| {
        Row::refused(why, request, 401, says).with("www-authenticate", CHALLENGE)
    };
    let mut rows = vec![
        refused("none", untyped().body(good()), NO_KEY),
        refused("empty", post(""), NO_KEY),
        refused("a blank", post(" "), NO_KEY),
        refused("a scheme alone", post("Bearer"), NO_KEY),
        refused("a key without a scheme", post(valid), NO_KEY),
        refused("another scheme", post(&format!("Basic {valid}")), NO_KEY),
        refused("unknown", post(&format!("Bearer eye_{}", "x".repeat(43))), UNKNOWN_KEY),
        refused("a character less", post(&format!("Bearer {}", &valid[..valid.len() - 1])), UNKNOWN_KEY),
        refused("a character more", post(&format!("Bearer {valid}x")), UNKNOWN_KEY),
        refused("in the wrong case", post(&format!("Bearer {}", valid.to_uppercase())), UNKNOWN_KEY),
        refused("revoked", post(&format!("Bearer {}", scene.revoked_key)), UNKNOWN_KEY),
        refused("expired", post(&format!("Bearer {}", scene.expired_key)), UNKNOWN_KEY),
        refused("10 kB long", post(&format!("Bearer eye_{}", "x".repeat(10_000))), UNKNOWN_KEY),
        refused("no ASCII", post("Bearer eye_ключ"), UNKNOWN_KEY),
        refused("an injection", post("Bearer eye_' OR '1'='1"), UNKNOWN_KEY),
        refused(
            "two headers with the same key",
            post(&format!("Bearer {valid}")).header("Authorization", &format!("Bearer {valid}")),
            "more than one Authorization header",
        ),
        refused(
            "two headers, the second with a valid key",
            post("Bearer eye_x").header("authorization", &format!("Bearer {valid}")),
            "more than one Authorization header",
        ),
        refused("two keys in one header", post(&format!("Bearer {valid}, Bearer {valid}")), UNKNOWN_KEY),
        refused("in another header", untyped().header("X-API-Key", valid).body(good()), NO_KEY),
        refused("in a cookie", untyped().header("Cookie", &format!("key={valid}")).body(good()), NO_KEY),
    ];
    rows.extend(in_the_address(valid).map(|(target, request)| {
        refused(&format!("in the address: {target}"), request.body(good()), NO_KEY)
    }));
    rows.extend(without_the_scope(scene));
    rows.extend(with_control_characters(scene));
    for authorization in [
        format!("Token {valid}"),
        format!("bearer {valid}"),
        format!("BEARER   {valid}"),
        format!("Bearer {valid} "),
    ] {
        let good = good();
        let request = scene.post_by(&authorization).body(good.clone());
        let why = format!("valid: {}…", &authorization[..10]);
        rows.push(Row::accepted(why, request, vec![Outcome::stored(&good)]));
    }
    let noisy = scene.post_by(&format!("Bearer {}", scene.noisy_key)).body(good());
    let says = "over the limit of 1 events a second";
    rows.push(
        Row::refused("more events than the application may send", noisy, 429, says).with_some("retry-after"),
    );
    rows
}

fn in_the_address(valid: &str) -> impl Iterator<Item = (String, Request)> {
    let queries = [
        format!("?key={valid}"),
        format!("?access_token={valid}"),
        format!("?Authorization=Bearer%20{valid}"),
    ];
    let shown = |target: &str| target.split('=').next().unwrap_or_default().to_owned();
    let requests = queries.map(|query| {
        let request = Request::new("POST", &format!("/api/events{query}"));
        (shown(&query), request.header("Content-Type", "application/json"))
    });
    let user = Request::new("POST", "/api/events").header("Content-Type", "application/json");
    let user = user.header("Origin", &format!("http://{valid}@eye"));
    requests.into_iter().chain([("as its user".to_owned(), user)])
}

fn without_the_scope(scene: &Scene) -> [Row; 1] {
    let request = scene.post_by(&format!("Bearer {}", scene.api.read_key)).body(good());
    [Row::refused("without the scope", request, 403, "the key lacks the scope write")
        .with("www-authenticate", SCOPE_CHALLENGE)]
}

/// Some are no HTTP, and so no request that could be refused for its key.
fn with_control_characters(scene: &Scene) -> Vec<Row> {
    let valid = scene.api.write_key.as_str();
    let half = valid.len() / 2;
    [
        ("NUL behind", format!("{valid}\0")),
        ("NUL before", format!("\0{valid}")),
        ("NUL within", format!("{}\0{}", &valid[..half], &valid[half..])),
        ("CR behind", format!("{valid}\rX: y")),
        ("CR within", format!("{}\r{}", &valid[..half], &valid[half..])),
        ("LF within", format!("{}\n{}", &valid[..half], &valid[half..])),
        ("CR LF and a folded line", format!("{}\r\n {}", &valid[..half], &valid[half..])),
        ("a bell", format!("{valid}\x07")),
        ("a tab within", format!("{}\t{}", &valid[..half], &valid[half..])),
    ]
    .into_iter()
    .map(|(why, key)| {
        let request = scene.post_by(&format!("Bearer {key}")).body(good());
        // A tab is no control character to HTTP.
        let status = if key.contains('\t') { 401 } else { 400 };
        Row::refused(why, request, status, "").ending()
    })
    .collect()
}
