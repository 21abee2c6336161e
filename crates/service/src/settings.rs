//! Settings: embedded defaults, then a file, then the environment; what is not known stops the start.

mod environment;
mod nearest;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use config::{Config, File, FileFormat, Source, Value, ValueKind};
use serde::de::DeserializeOwned;

const DEFAULTS: &str = include_str!("settings/defaults.toml");

/// Names the settings file.
const FILE_VARIABLE: &str = "EYE_SETTINGS_FILE";

/// Why the settings can't be used; each names the setting and where it stands.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// No such setting.
    #[error("{origin}: there is no setting {key}{}", hint(nearest.as_deref()))]
    Unknown {
        /// The variable or file that gave it.
        origin: String,
        /// What was given, as `section.key`.
        key: String,
        /// The known setting that looks most like it.
        nearest: Option<String>,
    },
    /// A value that is not of the setting's type.
    #[error("{origin}: {key} must be {expected}")]
    WrongType {
        /// The variable or file that gave it.
        origin: String,
        /// The setting, as `section.key`.
        key: String,
        /// What it must be.
        expected: &'static str,
    },
    /// A variable and its `_FILE` form are both set.
    #[error("{variable} and {variable}_FILE are both set: leave one out")]
    GivenTwice {
        /// The variable, without `_FILE`.
        variable: String,
    },
    /// A file that a variable names can't be read.
    #[error("{origin}: cannot read {}", path.display())]
    Unreadable {
        /// The variable that names it.
        origin: String,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A variable of ours is not UTF-8.
    #[error("{variable} is not UTF-8")]
    NotUtf8 {
        /// The variable.
        variable: String,
    },
    /// The file is no TOML.
    #[error("{0}")]
    Unparsable(#[from] config::ConfigError),
    /// A value that its section's owner refuses.
    #[error("section [{section}]: {source}")]
    Refused {
        /// The section.
        section: String,
        /// Which value, and why.
        source: Box<config::ConfigError>,
    },
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |known| format!("; did you mean {known}?"))
}

/// The settings of all services, by section.
#[derive(Clone)]
pub struct Settings {
    values: Config,
}

impl Settings {
    /// Reads the defaults, the file that `EYE_SETTINGS_FILE` names, and the environment.
    ///
    /// # Errors
    /// The first setting that is unknown, unreadable or of the wrong type.
    pub fn load() -> Result<Self, SettingsError> {
        let file = std::env::var_os(FILE_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
        let ours = std::env::vars_os().filter(|(name, _)| is_ours(name));
        let environment = ours.map(utf8).collect::<Result<Vec<_>, _>>()?;
        Self::from(file.as_deref(), environment.into_iter())
    }

    /// The same from a given file and a given environment; variables that do not begin with `EYE__` are not ours.
    ///
    /// # Errors
    /// The first setting that is unknown, unreadable or of the wrong type.
    pub fn from(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        let defaults = File::from_str(DEFAULTS, FileFormat::Toml);
        let known = Known(flatten(&defaults)?);
        let mut builder = Config::builder().add_source(defaults);
        if let Some(path) = file {
            let source = File::from_str(&read(FILE_VARIABLE, path)?, FileFormat::Toml);
            for (key, value) in flatten(&source)? {
                known.check(&path.display().to_string(), &key, &value)?;
            }
            builder = builder.add_source(source);
        }
        for (key, value) in environment::overrides(environment, &known)? {
            builder = builder.set_override(key, value)?;
        }
        Ok(Self { values: builder.build()? })
    }

    /// One section, in the type of whoever owns it.
    ///
    /// # Errors
    /// A value is out of its range.
    pub fn section<T: DeserializeOwned>(&self, name: &str) -> Result<T, SettingsError> {
        // In two steps: asked for the whole at once, the crate names the section where it should name the value.
        let section: Value = self.values.get(name)?;
        T::deserialize(section)
            .map_err(|source| SettingsError::Refused { section: name.to_owned(), source: source.into() })
    }
}

/// Every setting with its default: what may be given at all, and of which type.
struct Known(BTreeMap<String, Value>);

impl Known {
    fn contains(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    fn unknown(&self, origin: &str, key: &str) -> SettingsError {
        let nearest = nearest::nearest(key, self.0.keys().map(String::as_str)).map(str::to_owned);
        SettingsError::Unknown { origin: origin.to_owned(), key: key.to_owned(), nearest }
    }

    fn check(&self, origin: &str, key: &str, value: &Value) -> Result<(), SettingsError> {
        let default = self.0.get(key).ok_or_else(|| self.unknown(origin, key))?;
        if std::mem::discriminant(&default.kind) == std::mem::discriminant(&value.kind) {
            return Ok(());
        }
        Err(wrong_type(origin, key, default))
    }

    /// The environment knows only text: a text becomes what the setting is, and a secret like `007` stays a text.
    fn convert(&self, origin: &str, key: &str, text: String) -> Result<ValueKind, SettingsError> {
        let default = self.0.get(key).ok_or_else(|| self.unknown(origin, key))?;
        let wrong = || wrong_type(origin, key, default);
        Ok(match default.kind {
            ValueKind::I64(_) => ValueKind::I64(text.trim().parse().map_err(|_| wrong())?),
            ValueKind::Float(_) => ValueKind::Float(text.trim().parse().map_err(|_| wrong())?),
            ValueKind::Boolean(_) => ValueKind::Boolean(text.trim().parse().map_err(|_| wrong())?),
            _ => ValueKind::String(text),
        })
    }
}

fn wrong_type(origin: &str, key: &str, default: &Value) -> SettingsError {
    let expected = match default.kind {
        ValueKind::I64(_) => "a whole number",
        ValueKind::Float(_) => "a number",
        ValueKind::Boolean(_) => "true or false",
        _ => "a text",
    };
    SettingsError::WrongType { origin: origin.to_owned(), key: key.to_owned(), expected }
}

/// The values of a source by `section.key`.
fn flatten(source: &dyn Source) -> Result<BTreeMap<String, Value>, SettingsError> {
    let mut flat = BTreeMap::new();
    for (section, value) in source.collect()? {
        match value.kind {
            ValueKind::Table(members) => {
                flat.extend(members.into_iter().map(|(key, value)| (format!("{section}.{key}"), value)));
            }
            _ => {
                flat.insert(section, value);
            }
        }
    }
    Ok(flat)
}

fn read(origin: &str, path: &Path) -> Result<String, SettingsError> {
    std::fs::read_to_string(path).map_err(|source| SettingsError::Unreadable {
        origin: origin.to_owned(),
        path: path.to_owned(),
        source,
    })
}

fn is_ours(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(environment::PREFIX.as_bytes())
}

fn utf8((name, value): (OsString, OsString)) -> Result<(String, String), SettingsError> {
    let not_utf8 = |name: &OsStr| SettingsError::NotUtf8 { variable: name.to_string_lossy().into_owned() };
    let name = name.into_string().map_err(|name| not_utf8(&name))?;
    let value = value.into_string().map_err(|_| not_utf8(OsStr::new(&name)))?;
    Ok((name, value))
}
