//! `.local`: what the stack on this machine leaves for commands, shells and the next start.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use service::settings::Settings;

/// The folder `.local` of a clone.
#[derive(Clone, Debug)]
pub(crate) struct Local {
    root: PathBuf,
}

impl Local {
    /// The nearest one at or above the working directory; else the one of the clone, or directory, we stand in.
    pub(crate) fn find() -> Result<Self> {
        let here = std::env::current_dir().context("the working directory is gone")?;
        let has = |name: &str| here.ancestors().find(|directory| directory.join(name).exists());
        let root = has(".local/env").or_else(|| has("Cargo.lock")).unwrap_or(&here);
        Ok(Self { root: root.to_owned() })
    }

    /// Makes the folder, with one for logs in it, for its owner only.
    pub(crate) fn make(&self) -> Result<()> {
        let logs = self.path("log");
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&logs);
        made.with_context(|| format!("make {}", logs.display()))
    }

    /// The directory that holds `.local`.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A file or folder in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(".local").join(name)
    }

    /// Where the addresses, keys and settings stand, as shell assignments.
    pub(crate) fn env_file(&self) -> PathBuf {
        self.path("env")
    }

    /// The assignments of [`Self::env_file`]; none where there is no such file.
    pub(crate) fn env(&self) -> BTreeMap<String, String> {
        let text = fs::read_to_string(self.env_file()).unwrap_or_default();
        text.lines().filter_map(assignment).collect()
    }

    /// Writes the assignments, for its owner only: keys and passwords are among them.
    pub(crate) fn write_env(&self, assignments: &[(&str, String)]) -> Result<()> {
        let mut text = String::from(
            "# The stack on this machine, written by `eye up`. In a shell: set -a; . .local/env; set +a\n",
        );
        for (name, value) in assignments {
            text.push_str(&format!("{name}={}\n", quoted(value)));
        }
        write_private(&self.env_file(), &text)
    }
}

/// Writes a file that only its owner may read, replacing it as a whole.
pub(crate) fn write_private(file: &Path, text: &str) -> Result<()> {
    let what = || format!("write {}", file.display());
    let directory = file.parent().with_context(what)?;
    fs::create_dir_all(directory).with_context(what)?;
    let new = file.with_extension("new");
    let opened = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new);
    opened.and_then(|mut opened| opened.write_all(text.as_bytes())).with_context(what)?;
    fs::rename(&new, file).with_context(what)
}

/// A text as the shell reads it back, whatever it holds.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', QUOTE_IN_QUOTES))
}

/// Between single quotes the shell knows no escapes: they are closed, a quote is escaped, and they are opened again.
const QUOTE_IN_QUOTES: &str = r"'\''";

fn assignment(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once('=')?;
    let value = match value.strip_prefix('\'').and_then(|value| value.strip_suffix('\'')) {
        Some(inner) => inner.replace(QUOTE_IN_QUOTES, "'"),
        None => value.to_owned(),
    };
    (!name.starts_with('#')).then(|| (name.to_owned(), value))
}

/// A variable of the environment, else of the stack on this machine.
pub(crate) fn variable(name: &str) -> Option<String> {
    let given = std::env::var(name).ok().filter(|value| !value.is_empty());
    given.or_else(|| Local::find().ok()?.env().remove(name))
}

/// The variable of the database's address.
pub(crate) const STORE_URL: &str = "EYE__STORE__URL";

/// Whether a variable, or its `_FILE` form, is given in the environment.
fn is_given(name: &str) -> bool {
    [name.to_owned(), format!("{name}_FILE")].iter().any(|name| std::env::var_os(name).is_some())
}

/// Whether it is the stack on this machine that says what a variable is.
pub(crate) fn is_of_stack(name: &str) -> bool {
    !is_given(name) && Local::find().is_ok_and(|local| local.env().contains_key(name))
}

/// Whether anything says where the database is: else only the default is left, and waiting for it helps nobody.
///
/// # Errors
/// Nothing does.
pub(crate) fn expect_store() -> Result<()> {
    let is_of_store = |name: &std::ffi::OsStr| name.as_encoded_bytes().starts_with(b"EYE__STORE__");
    let told = std::env::vars_os()
        .any(|(name, value)| is_of_store(&name) || (name == "EYE_SETTINGS_FILE" && !value.is_empty()));
    if told || Local::find()?.env_file().exists() {
        return Ok(());
    }
    bail!(
        "no stack is known here (no .local/env, and {STORE_URL} is not set): change to the directory in which `eye up` ran, \
         or set it"
    )
}

/// The settings, in which the stack on this machine comes after the file and before the environment.
pub(crate) fn settings() -> Result<Settings> {
    let local = Local::find()?;
    let mut variables: BTreeMap<_, _> =
        local.env().into_iter().filter(|(name, _)| name.starts_with("EYE__")).collect();
    for (name, value) in std::env::vars().filter(|(name, _)| name.starts_with("EYE__")) {
        // A variable and its `_FILE` form exclude each other: what is given replaces what the stack wrote.
        variables.remove(name.strip_suffix("_FILE").unwrap_or(&name));
        variables.insert(name, value);
    }
    let file = std::env::var_os("EYE_SETTINGS_FILE").filter(|path| !path.is_empty()).map(PathBuf::from);
    Ok(Settings::from(file.as_deref(), variables.into_iter())?)
}
