//! A database whose disk fills up.
//!
//! Its data lie on a small file system in memory, which only root may mount, so that the machine's own disk stays out of it.

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::laboratory::Laboratory;
use crate::matrix::{Also, Row};
use crate::pipeline::Part;
use crate::trial::{self, Outcome};

/// Enough for the database and its log of changes, and filled in no time.
const DISK_BYTES: &str = "500m";
const FILLER: &str = "filler";
const FULL_FOR: Duration = Duration::from_secs(6);

/// What it is called beside the rows of the matrix.
pub const NAME: &str = "database_disk_full";

const ROW: Row = Row { name: NAME, promises: "2", fault: fill_up, also: Also::Nowhere };

/// A mounted file system. Dropped, it is unmounted.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> anyhow::Result<Self> {
        let directory = stack::testing::directory()?;
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={DISK_BYTES},mode=0755"), "tmpfs"])
            .arg(directory.path())
            .output()
            .context("run mount")?;
        if !mount.status.success() {
            bail!("mount: {}", String::from_utf8_lossy(&mount.stderr).trim());
        }
        Ok(Self(directory))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that is ending may still have a file open.
        let unmounted = Command::new("umount").arg("--lazy").arg(self.path()).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("{} stays mounted", self.path().display());
        }
    }
}

/// Tries it on a pipeline of its own; none where this user may not mount.
///
/// # Errors
/// The pipeline does not start.
pub fn run(seed: u64) -> anyhow::Result<Option<Outcome>> {
    let disk = match SmallDisk::mount() {
        Ok(disk) => disk,
        Err(error) => {
            eprintln!("{}: left out, for want of a small disk: {error:#}", ROW.name);
            return Ok(None);
        }
    };
    let data = disk.path().join("postgres");
    let mut laboratory = Laboratory::start_in(seed, &data)?;
    let outcome = trial::run(&mut laboratory, &ROW);
    drop(laboratory);
    Ok(Some(outcome))
}

fn fill_up(laboratory: &mut Laboratory) -> anyhow::Result<()> {
    let directory = laboratory.postgres().log().parent().map(Path::to_owned).context("no directory")?;
    let filler = directory.join(FILLER);
    fill(&filler)?;
    sleep(FULL_FOR);
    fs::remove_file(&filler)?;
    // Without room for its log of changes, Postgres ends by itself: whoever supervises it starts it again.
    if laboratory.pipeline().has_ended(Part::Postgres) {
        laboratory.pipeline().start_again(Part::Postgres);
    }
    Ok(())
}

/// Writes until there is no room left.
fn fill(path: &PathBuf) -> anyhow::Result<()> {
    let mut file = File::create(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    let chunk = vec![0; 1 << 20];
    while file.write_all(&chunk).is_ok() {}
    // The last bytes too.
    while file.write_all(&chunk[..512]).is_ok() {}
    Ok(())
}
