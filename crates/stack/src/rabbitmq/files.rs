//! What a node reads when it starts.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine;
use serde_json::{Value, json};
use sha2::Digest;

use super::{Options, Ports, USER, host_of};
use crate::StackError;
use crate::process::secret;

/// Names and passwords; the first may do everything.
pub(super) type Logins = Vec<(String, String)>;

pub(super) fn make_directories(directory: &Path) -> Result<(), StackError> {
    for name in ["log", "conf.d"] {
        let made = directory.join(name);
        fs::create_dir_all(&made).map_err(StackError::io(format!("make {}", made.display())))?;
    }
    Ok(())
}

/// Writes what the node reads when it starts; gives the logins, of which the first outlives restarts.
pub(super) fn write_files(directory: &Path, ports: Ports, options: &Options) -> Result<Logins, StackError> {
    let mut logins = vec![(USER.to_owned(), lasting_secret(&directory.join("password"), 0o600)?)];
    for user in &options.users {
        logins.push((user.name.clone(), secret()?));
    }
    lasting_secret(&directory.join(".erlang.cookie"), 0o400)?;
    let definitions = directory.join("definitions.json");
    let host = host_of(options.machine.as_ref());
    let mut conf = vec![
        format!("listeners.tcp.1 = {host}:{}", ports.amqp),
        "loopback_users = none".to_owned(),
        format!("load_definitions = {}", definitions.display()),
        // On a developer's machine with little room the default of 50 MB would do, and a full disk is worse.
        "disk_free_limit.absolute = 200MB".to_owned(),
    ];
    if let Some(port) = ports.management {
        conf.push(format!("management.tcp.ip = {host}"));
        conf.push(format!("management.tcp.port = {port}"));
    }
    let plugins = if ports.management.is_some() { "[rabbitmq_management].\n" } else { "[].\n" };
    conf.extend(options.settings.iter().cloned());
    write(&directory.join("rabbitmq.conf"), &(conf.join("\n") + "\n"), 0o600)?;
    write(&directory.join("rabbitmq-env.conf"), "", 0o600)?;
    write(&directory.join("advanced.config"), "[].\n", 0o600)?;
    write(&directory.join("enabled_plugins"), plugins, 0o600)?;
    write(&definitions, &definitions_json(&logins, options)?.to_string(), 0o600)?;
    Ok(logins)
}

fn definitions_json(logins: &Logins, options: &Options) -> Result<Value, StackError> {
    let mut users = Vec::with_capacity(logins.len());
    for (name, password) in logins {
        users.push(json!({
            "name": name,
            "password_hash": password_hash(password)?,
            "hashing_algorithm": "rabbit_password_hashing_sha256",
            "tags": if name == USER { json!(["administrator"]) } else { json!([]) },
        }));
    }
    let mut permissions =
        vec![json!({"user": USER, "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"})];
    permissions.extend(options.users.iter().map(|user| {
        json!({
            "user": user.name, "vhost": "/",
            "configure": user.configure, "write": user.write, "read": user.read,
        })
    }));
    let policies = if options.policies.is_array() { options.policies.clone() } else { json!([]) };
    Ok(json!({
        "vhosts": [{"name": "/"}], "users": users, "permissions": permissions, "policies": policies,
    }))
}

/// RabbitMQ's form: four bytes of salt, then SHA-256 of salt and password.
fn password_hash(password: &str) -> Result<String, StackError> {
    let mut hash = [0; 4].to_vec();
    getrandom::fill(&mut hash)
        .map_err(|error| StackError::io("make a salt")(std::io::Error::other(error)))?;
    let digest = sha2::Sha256::digest([hash.as_slice(), password.as_bytes()].concat());
    hash.extend_from_slice(&digest);
    Ok(base64::engine::general_purpose::STANDARD.encode(hash))
}

fn lasting_secret(file: &Path, mode: u32) -> Result<String, StackError> {
    if let Ok(kept) = fs::read_to_string(file) {
        return Ok(kept);
    }
    let fresh = secret()?;
    write(file, &fresh, mode)?;
    Ok(fresh)
}

pub(crate) fn write(file: &Path, text: &str, mode: u32) -> Result<(), StackError> {
    let what = format!("write {}", file.display());
    fs::write(file, text).map_err(StackError::io(&what))?;
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).map_err(StackError::io(&what))
}
