//! A private Postgres server.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::{Uid, User, chown};

use crate::process::{Badge, Process, bound_command, hide_variables, wait_until};
use crate::{StackError, ports};

const INSTALLATIONS: &str = "/usr/lib/postgresql";
const SUPERUSER: &str = "eye";
/// Postgres refuses root: then it runs as the user that its package makes.
const USER_FOR_ROOT: &str = "postgres";
const START_PATIENCE: Duration = Duration::from_secs(60);
const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// How a server is started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The port on loopback; none: any free one.
    pub port: Option<u16>,
    /// Does not wait for the disk. For tests only: a crash of the machine loses data.
    pub unsafe_but_fast: bool,
    /// Further settings, as in `postgresql.conf`.
    pub settings: Vec<(String, String)>,
}

/// One server with its data in a directory of its own. Dropping it stops it; the data stay.
#[derive(Debug)]
pub struct Postgres {
    directory: PathBuf,
    programs: PathBuf,
    port: u16,
    password: String,
    options: Options,
    badge: Badge,
    process: Option<Process>,
}

impl Postgres {
    /// Starts a server on the data in `directory`, which is made where it does not exist, and waits until it answers.
    ///
    /// As root the server runs as the user `postgres`, so the directory must lie where that user can reach it.
    ///
    /// # Errors
    /// What is missing, or why it does not start.
    pub fn start(directory: &Path, options: Options) -> Result<Self, StackError> {
        let programs = newest_installation()?;
        let port = options.port.map_or_else(ports::free, Ok)?;
        prepare_directory(directory)?;
        let badge = Badge::of(directory)?;
        badge.await_free("Postgres")?;
        let password = initialise(directory, &programs)?;
        let directory = directory.to_owned();
        let mut server = Self { directory, programs, port, password, options, badge, process: None };
        server.launch()?;
        Ok(server)
    }

    /// Starts a second server on a copy of this one's data, in `directory`, that follows it until it is told to [`Self::promote`].
    /// Where this server's setting `synchronous_standby_names` is `*`, nothing is committed from then on that the copy has not.
    ///
    /// # Errors
    /// Why the copy could not be made, or does not start.
    pub fn start_standby(&self, directory: &Path, options: Options) -> Result<Self, StackError> {
        let port = options.port.map_or_else(ports::free, Ok)?;
        prepare_directory(directory)?;
        let badge = Badge::of(directory)?;
        write_password(directory, &directory.join("password"), &self.password)?;
        let mut command = bound_command(self.programs.join("pg_basebackup"), "TERM", user());
        command.arg("-D").arg(data(directory)).args([
            "-h",
            "127.0.0.1",
            "-U",
            SUPERUSER,
            "-R",
            "-X",
            "stream",
            "-c",
            "fast",
        ]);
        command.args(["-p", &self.port.to_string()]);
        hide_variables(&mut command, &["PG"]);
        command.env("PGPASSWORD", &self.password);
        run(command, &format!("copy a server to {}", directory.display()))?;
        let (directory, programs, password) =
            (directory.to_owned(), self.programs.clone(), self.password.clone());
        let mut server = Self { directory, programs, port, password, options, badge, process: None };
        server.launch()?;
        Ok(server)
    }

    /// Makes a server that follows another one take writes of its own, and waits until it does.
    ///
    /// # Errors
    /// It follows nobody, or does not get ready.
    pub fn promote(&self) -> Result<(), StackError> {
        let mut command = bound_command(self.programs.join("pg_ctl"), "TERM", user());
        command
            .args(["promote", "-w", "-t", &START_PATIENCE.as_secs().to_string(), "-D"])
            .arg(data(&self.directory));
        run(command, "promote a server")
    }

    /// The address of a database on this server or another one of the same data, whichever takes writes; for the superuser.
    pub fn url_with(&self, other: &Self, database: &str) -> String {
        let (password, port, other) = (&self.password, self.port, other.port);
        format!(
            "postgres://{SUPERUSER}:{password}@127.0.0.1:{port},127.0.0.1:{other}/{database}?target_session_attrs=read-write"
        )
    }

    /// The address of a database on this server, for its superuser.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{SUPERUSER}:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id of the server's first process; 0 while it does not run.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().map_or(0, Process::pid)
    }

    /// Where it writes its log.
    pub fn log(&self) -> PathBuf {
        self.directory.join("log")
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.ended().is_none())
    }

    /// Kills it with its backends, as a crash would (`kill -9`).
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Stops it without waiting for its clients.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.thaw();
            process.stop(Signal::SIGINT, STOP_PATIENCE);
        }
    }

    /// Starts it again after [`Self::kill`] or [`Self::stop`], on the same port and data.
    ///
    /// # Errors
    /// Why it does not start.
    pub fn restart(&mut self) -> Result<(), StackError> {
        self.stop();
        // When somebody else killed its first process, a backend at work has not noticed yet.
        self.badge.kill_wearers("Postgres")?;
        self.launch()
    }

    /// Stops every process of the server in its tracks.
    pub fn freeze(&self) {
        self.process.iter().for_each(Process::freeze);
    }

    /// Lets a frozen server go on.
    pub fn thaw(&self) {
        self.process.iter().for_each(Process::thaw);
    }

    /// Runs SQL with `psql`, for the superuser in the database `postgres`; gives what it printed, without headings.
    ///
    /// # Errors
    /// It could not be run, or the server refused something.
    pub fn sql(&self, sql: &str) -> Result<String, StackError> {
        let mut command = Command::new(self.programs.join("psql"));
        hide_variables(&mut command, &["PG"]);
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql, &self.url("postgres")]);
        let output = command.stdin(Stdio::null()).output().map_err(StackError::io("run psql"))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        let output = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(StackError::Failed { what: format!("psql -c {sql:?}"), output })
    }

    fn launch(&mut self) -> Result<(), StackError> {
        let process = Process::spawn("Postgres", self.command()?)?;
        let process = self.process.insert(process);
        let (programs, port) = (&self.programs, self.port);
        let mut ended = false;
        let answers = wait_until(START_PATIENCE, || {
            ended = process.ended().is_some();
            ended || is_ready(programs, port)
        });
        match (answers, ended) {
            (true, false) => Ok(()),
            (_, true) => Err(StackError::not_ready("Postgres", "ended while starting", &self.log())),
            _ => Err(StackError::not_ready("Postgres", "did not answer in time", &self.log())),
        }
    }

    fn command(&self) -> Result<Command, StackError> {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.log());
        let log = log.map_err(StackError::io(format!("open {}", self.log().display())))?;
        let error_log = log.try_clone().map_err(StackError::io("share a log"))?;
        let mut command = bound_command(self.programs.join("postgres"), "INT", user());
        command.arg("-D").arg(data(&self.directory)).args(["-p", &self.port.to_string()]);
        for (name, value) in self.settings() {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        hide_variables(&mut command, &["PG"]);
        command.current_dir("/").stdin(self.badge.input()?).stdout(log).stderr(error_log);
        Ok(command)
    }

    fn settings(&self) -> Vec<(String, String)> {
        let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut settings = vec![
            own("listen_addresses", "127.0.0.1"),
            own("unix_socket_directories", ""),
            own("max_connections", "200"),
            own("shared_buffers", "256MB"),
            own("max_wal_size", "2GB"),
            own("timezone", "UTC"),
        ];
        if self.options.unsafe_but_fast {
            let off = ["fsync", "full_page_writes", "synchronous_commit"].map(|name| own(name, "off"));
            settings.extend(off);
        }
        settings.extend(self.options.settings.iter().cloned());
        settings
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A directory in which [`Postgres::start`] may put the data that belong to `clone`: inside of it, but for root, whose
/// clone the user `postgres` may not be able to reach.
pub fn directory_for(clone: &Path) -> PathBuf {
    if !Uid::effective().is_root() {
        return clone.join(".local/postgres");
    }
    use sha2::Digest;
    let digest = sha2::Sha256::digest(clone.as_os_str().as_encoded_bytes());
    let name: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    Path::new("/var/lib/the-eye").join(name)
}

fn user() -> Option<&'static str> {
    Uid::effective().is_root().then_some(USER_FOR_ROOT)
}

fn data(directory: &Path) -> PathBuf {
    directory.join("data")
}

fn newest_installation() -> Result<PathBuf, StackError> {
    let missing = StackError::Missing { program: "Postgres", package: "postgresql" };
    let entries = fs::read_dir(INSTALLATIONS).into_iter().flatten().flatten();
    let versions = entries.filter_map(|entry| {
        let version: u32 = entry.file_name().to_str()?.parse().ok()?;
        let programs = entry.path().join("bin");
        programs.join("postgres").exists().then_some((version, programs))
    });
    versions.max_by_key(|(version, _)| *version).map(|(_, programs)| programs).ok_or(missing)
}

fn prepare_directory(directory: &Path) -> Result<(), StackError> {
    let what = format!("prepare {}", directory.display());
    make_passable(directory).map_err(StackError::io(&what))?;
    let Some(name) = user() else { return Ok(()) };
    let user = User::from_name(name).map_err(|error| StackError::io(&what)(error.into()))?;
    let user = user.ok_or(StackError::Missing { program: "the user postgres", package: "postgresql" })?;
    chown(directory, Some(user.uid), Some(user.gid)).map_err(|error| StackError::io(&what)(error.into()))
}

/// Makes a directory and those above it; the user that runs the server for root passes through them, whatever the umask.
fn make_passable(directory: &Path) -> io::Result<()> {
    if directory.exists() {
        return Ok(());
    }
    if let Some(parent) = directory.parent() {
        make_passable(parent)?;
    }
    match fs::create_dir(directory) {
        // Another process needs it too.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        made => made?,
    }
    let mode = if user().is_some() { 0o755 } else { 0o700 };
    fs::set_permissions(directory, fs::Permissions::from_mode(mode))
}

/// Makes the data directory where there is none; gives the superuser's password.
fn initialise(directory: &Path, programs: &Path) -> Result<String, StackError> {
    let file = directory.join("password");
    if data(directory).exists() {
        let password =
            fs::read_to_string(&file).map_err(StackError::io(format!("read {}", file.display())))?;
        return Ok(password.trim().to_owned());
    }
    let password = crate::process::secret()?;
    write_password(directory, &file, &password)?;
    // Renamed when it is whole: what an interrupted start left is no data directory, and is made again.
    let new = directory.join("data.new");
    if new.exists() {
        fs::remove_dir_all(&new).map_err(StackError::io(format!("remove {}", new.display())))?;
    }
    let mut command = bound_command(programs.join("initdb"), "TERM", user());
    command.arg("-D").arg(&new).args(["-U", SUPERUSER, "-A", "scram-sha-256", "-E", "UTF8"]);
    command.args(["--locale=C.UTF-8", "--no-instructions"]).arg("--pwfile").arg(&file);
    hide_variables(&mut command, &["PG"]);
    run(command, &format!("initdb in {}", directory.display()))?;
    fs::rename(&new, data(directory)).map_err(StackError::io(format!("rename {}", new.display())))?;
    Ok(password)
}

/// Runs a command to its end.
fn run(mut command: Command, what: &str) -> Result<(), StackError> {
    let output = command.current_dir("/").stdin(Stdio::null()).output().map_err(StackError::io(what))?;
    if output.status.success() {
        return Ok(());
    }
    let output = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(StackError::Failed { what: what.to_owned(), output })
}

fn write_password(directory: &Path, file: &Path, password: &str) -> Result<(), StackError> {
    use std::os::unix::fs::MetadataExt;
    let what = format!("write {}", file.display());
    fs::write(file, password).map_err(StackError::io(&what))?;
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).map_err(StackError::io(&what))?;
    let owner = fs::metadata(directory).map_err(StackError::io(&what))?;
    std::os::unix::fs::chown(file, Some(owner.uid()), Some(owner.gid())).map_err(StackError::io(&what))
}

fn is_ready(programs: &Path, port: u16) -> bool {
    let mut command = Command::new(programs.join("pg_isready"));
    command.args(["-q", "-h", "127.0.0.1", "-t", "1", "-d", "postgres", "-p", &port.to_string()]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
