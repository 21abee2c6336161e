//! Settings that the environment gives: `EYE__SECTION__KEY`, or `EYE__SECTION__KEY_FILE` for secrets.

use std::collections::BTreeMap;
use std::path::Path;

use config::ValueKind;

use super::{Known, SettingsError, read};

pub(super) const PREFIX: &str = "EYE__";

const FILE_SUFFIX: &str = "_file";

/// The settings that the variables give, by `section.key`, each in the type of its default.
pub(super) fn overrides(
    environment: impl Iterator<Item = (String, String)>,
    known: &Known,
) -> Result<BTreeMap<String, ValueKind>, SettingsError> {
    let mut given = BTreeMap::new();
    // In order, so that of several mistakes the same one is named each time.
    let ours: BTreeMap<String, String> =
        environment.filter(|(variable, _)| variable.starts_with(PREFIX)).collect();
    for (variable, text) in ours {
        let (key, text) = resolve(&variable, text, known)?;
        let value = known.convert(&variable, &key, text)?;
        if given.insert(key, value).is_some() {
            let variable = variable.strip_suffix("_FILE").unwrap_or(&variable).to_owned();
            return Err(SettingsError::GivenTwice { variable });
        }
    }
    Ok(given)
}

/// The setting that a variable means, and its text: for the `_FILE` form of a setting, what stands in that file.
fn resolve(variable: &str, text: String, known: &Known) -> Result<(String, String), SettingsError> {
    let key = variable.strip_prefix(PREFIX).unwrap_or(variable).replace("__", ".").to_lowercase();
    let target = key.strip_suffix(FILE_SUFFIX).filter(|target| known.contains(target));
    match target {
        // A setting may itself end in _file; then the variable means that one.
        Some(target) if !known.contains(&key) => {
            let secret = read(variable, Path::new(&text))?;
            let line = secret.strip_suffix('\n').unwrap_or(&secret);
            Ok((target.to_owned(), line.strip_suffix('\r').unwrap_or(line).to_owned()))
        }
        _ => Ok((key, text)),
    }
}
