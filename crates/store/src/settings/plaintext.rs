//! Which hosts an address would have libpq speak to in plain text over a network.

use std::net::IpAddr;

/// What libpq speaks TLS or nothing by.
const TLS_MODES: [&str; 3] = ["require", "verify-ca", "verify-full"];

/// The hosts of an address that are on other machines, if it does not demand TLS.
pub(super) fn hosts(url: &str) -> Vec<String> {
    let (_, address) = url.split_once("://").unwrap_or(("", url));
    let (address, query) = address.split_once('?').unwrap_or((address, ""));
    let parameter = |name: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(key, _)| *key == name).map(|(_, value)| value).next_back()
    };
    if parameter("sslmode").is_some_and(|mode| TLS_MODES.contains(&mode)) {
        return Vec::new();
    }
    // A password may hold an @ that was not escaped.
    let (_, place) = address.rsplit_once('@').unwrap_or(("", address));
    let (named, _) = place.split_once('/').unwrap_or((place, ""));
    let named = named.split(',').map(without_port);
    let parameters =
        ["host", "hostaddr"].into_iter().filter_map(parameter).flat_map(|hosts| hosts.split(','));
    named.chain(parameters).filter(|host| !is_local(host)).map(str::to_owned).collect()
}

fn without_port(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((literal, _)) => literal,
        None => host.rsplit_once(':').map_or(host, |(host, _)| host),
    }
}

/// This machine: by name, by address, or by the directory of a socket.
fn is_local(host: &str) -> bool {
    let by_socket = host.is_empty() || host.starts_with('/') || host.to_ascii_lowercase().starts_with("%2f");
    by_socket || host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}
