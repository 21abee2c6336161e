//! What is read, what overrides what, and which mistakes stop a start.

use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use service::settings::{Settings, SettingsError};
use tempfile::TempDir;

#[derive(Deserialize)]
struct Broker {
    url: String,
    heartbeat_s: u16,
}

#[derive(Deserialize)]
struct Keys {
    snapshot_file: String,
}

fn from_environment(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    load(None, variables)
}

fn load(file: Option<&str>, variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let directory = TempDir::new().unwrap();
    let path = file.map(|contents| write(&directory, "settings.toml", contents));
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::from(path.as_deref(), variables)
}

fn write(directory: &TempDir, name: &str, contents: &str) -> PathBuf {
    let path = directory.path().join(name);
    fs::write(&path, contents).unwrap();
    path
}

fn broker(settings: &Settings) -> Broker {
    settings.section("broker").unwrap()
}

fn message(loaded: Result<Settings, SettingsError>) -> String {
    loaded.err().expect("the settings should be refused").to_string()
}

#[test]
fn without_file_and_environment_the_defaults_hold() {
    let settings = from_environment(&[]).unwrap();
    assert_eq!(broker(&settings).heartbeat_s, 5);
}

#[test]
fn the_environment_overrides_the_file_which_overrides_the_defaults() {
    let file = "[broker]\nheartbeat_s = 7\nurl = \"amqp://file\"\n";
    let settings = load(Some(file), &[("EYE__BROKER__URL", "amqp://environment")]).unwrap();
    let Broker { url, heartbeat_s } = broker(&settings);
    assert_eq!((url.as_str(), heartbeat_s), ("amqp://environment", 7));
}

#[test]
fn numbers_of_the_environment_become_numbers_and_secrets_stay_as_they_are() {
    let settings =
        from_environment(&[("EYE__BROKER__HEARTBEAT_S", "9"), ("EYE__BROKER__URL", "007")]).unwrap();
    let Broker { url, heartbeat_s } = broker(&settings);
    assert_eq!((url.as_str(), heartbeat_s), ("007", 9));
}

#[test]
fn a_secret_can_stand_in_a_file_and_loses_its_line_end_only() {
    let directory = TempDir::new().unwrap();
    let path = write(&directory, "secret", " with blanks \r\n");
    let settings = from_environment(&[("EYE__BROKER__URL_FILE", path.to_str().unwrap())]).unwrap();
    assert_eq!(broker(&settings).url, " with blanks ");
}

#[test]
fn a_setting_that_ends_in_file_is_itself() {
    let settings = from_environment(&[("EYE__KEYS__SNAPSHOT_FILE", "/nowhere/keys.json")]).unwrap();
    assert_eq!(settings.section::<Keys>("keys").unwrap().snapshot_file, "/nowhere/keys.json");
}

#[test]
fn variables_of_others_are_left_alone() {
    assert!(from_environment(&[("EYE_GATEWAY_URL", "x"), ("PATH", "/bin")]).is_ok());
}

#[test]
fn a_bad_variable_stops_the_start_with_its_name() {
    let cases = [
        ("EYE__GATEWAY__LISTNE", "x", "there is no setting gateway.listne; did you mean gateway.listen?"),
        ("EYE__BROKER__HEARTBEATS", "5", "did you mean broker.heartbeat_s?"),
        ("EYE__NOTHING_LIKE_IT", "x", "there is no setting nothing_like_it"),
        ("EYE__GATEWAY__LISTEN__PORT", "x", "there is no setting gateway.listen.port"),
        ("EYE__", "x", "there is no setting"),
        ("EYE__BROKER__HEARTBEAT_S", "five", "broker.heartbeat_s must be a whole number"),
        ("EYE__BROKER__HEARTBEAT_S", "", "broker.heartbeat_s must be a whole number"),
        ("EYE__BROKER__HEARTBEAT_S", "true", "broker.heartbeat_s must be a whole number"),
        ("EYE__BROKER__URL_FILE", "/nowhere/at/all", "cannot read /nowhere/at/all"),
    ];
    for (variable, value, expected) in cases {
        let message = message(from_environment(&[(variable, value)]));
        assert!(message.starts_with(variable), "{variable}={value}: {message}");
        assert!(message.contains(expected), "{variable}={value}: {message}");
    }
}

#[test]
fn a_bad_file_stops_the_start_with_its_mistake() {
    let cases = [
        ("[gateway]\nlistne = \"x\"\n", "there is no setting gateway.listne; did you mean gateway.listen?"),
        ("surplus = 1\n", "there is no setting surplus"),
        ("[broker]\nheartbeat_s = \"5\"\n", "broker.heartbeat_s must be a whole number"),
        ("[broker]\nurl = 7\n", "broker.url must be a text"),
        ("[broker\n", "TOML parse error"),
    ];
    for (file, expected) in cases {
        let message = message(load(Some(file), &[]));
        assert!(message.contains(expected), "{file:?}: {message}");
    }
}

#[test]
fn a_variable_and_its_file_form_exclude_each_other() {
    let directory = TempDir::new().unwrap();
    let path = write(&directory, "secret", "x");
    let both = [("EYE__BROKER__URL", "x"), ("EYE__BROKER__URL_FILE", path.to_str().unwrap())];
    assert!(message(from_environment(&both)).starts_with("EYE__BROKER__URL and EYE__BROKER__URL_FILE"));
}

#[test]
fn a_number_that_its_owner_can_not_hold_is_refused_by_name() {
    let settings = from_environment(&[("EYE__BROKER__HEARTBEAT_S", "70000")]).unwrap();
    let error = settings.section::<Broker>("broker").err().expect("70,000 is no u16");
    assert!(error.to_string().contains("heartbeat_s"), "{error}");
}

#[test]
fn no_mistake_shows_a_value() {
    let directory = TempDir::new().unwrap();
    let path = write(&directory, "secret", "hunter2");
    let cases = [
        from_environment(&[("EYE__BROKER__PASSWORD", "hunter2")]),
        from_environment(&[("EYE__BROKER__HEARTBEAT_S", "hunter2")]),
        from_environment(&[("EYE__BROKER__HEARTBEAT_S_FILE", path.to_str().unwrap())]),
        load(Some("[broker]\nheartbeat_s = \"hunter2\"\n"), &[]),
    ];
    for loaded in cases {
        let message = message(loaded);
        assert!(!message.contains("hunter2"), "{message}");
    }
}
