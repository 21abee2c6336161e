//! One of our services as a process: the program that stands beside this one.

use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use nix::unistd::{SysconfVar, sysconf};
use stack::ports;
use stack::process::{Process, bound_command};

/// How long a service may take to be ready.
const START_PATIENCE: Duration = Duration::from_secs(60);

const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// A running service. It is killed when this is dropped.
pub struct Service {
    process: Process,
    health: String,
    client: reqwest::Client,
}

impl Service {
    /// Starts `eye-NAME` with some settings, none of the environment's own, and waits until it is ready. What it logs goes
    /// into a file.
    ///
    /// # Errors
    /// It is not there, or does not get ready.
    pub async fn start(name: &str, settings: &[(&str, &str)], log: &Path) -> anyhow::Result<Self> {
        let program = format!("eye-{name}");
        let file = std::env::current_exe()?.with_file_name(&program);
        ensure!(file.exists(), "{} is missing: build it with this one", file.display());
        let health = format!("127.0.0.1:{}", ports::free()?);
        let mut command = bound_command(file, "TERM", None);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"EYE_"))
        {
            command.env_remove(name);
        }
        command.envs(settings.iter().copied());
        command.env(format!("EYE__{}__HEALTH_LISTEN", name.to_uppercase()), &health);
        let folder = log.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let log = File::create(log).with_context(|| format!("making {}", log.display()))?;
        command.stdin(Stdio::null()).stderr(log.try_clone()?).stdout(log);
        let process = Process::spawn(&program, command)?;
        let client = reqwest::Client::builder().no_proxy().build()?;
        let service = Self { process, health: format!("http://{health}"), client };
        service.wait_until_ready(&program).await?;
        Ok(service)
    }

    async fn wait_until_ready(&self, program: &str) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            match self.client.get(format!("{}/ready", self.health)).send().await {
                Ok(answer) if answer.status() == 200 => return Ok(()),
                _ if begun.elapsed() > START_PATIENCE => {
                    bail!("{program} is not ready in {START_PATIENCE:?}")
                }
                _ => tokio::time::sleep(LOOK_INTERVAL).await,
            }
        }
    }

    /// A figure of its memory, in bytes, as the kernel tells it: `VmRSS`, `VmHWM`.
    ///
    /// # Errors
    /// It is gone.
    pub fn memory(&self, figure: &str) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.pid()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(figure)?.strip_prefix(':'));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()).context("a figure")?;
        Ok(kilobytes.parse::<f64>()? * 1_024.0)
    }

    /// For how many seconds it has had a core since it began.
    ///
    /// # Errors
    /// It is gone.
    pub fn core_seconds(&self) -> anyhow::Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.pid()))?;
        // After the name, which may hold anything but ends with the last bracket: user and system time are the 12th and 13th.
        let (_, fields) = stat.rsplit_once(')').context("the name of a process")?;
        let ticks: f64 = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(str::parse::<f64>)
            .sum::<Result<f64, _>>()
            .context("the times of a process")?;
        let ticks_a_second = sysconf(SysconfVar::CLK_TCK)?.context("the length of a tick")?;
        Ok(ticks / f64::from(u32::try_from(ticks_a_second)?))
    }

    /// The sum of a metric over those of its lines that have all of some labels, such as `outcome="stored"`.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn metric(&self, name: &str, labels: &[&str]) -> anyhow::Result<f64> {
        let answer = self.client.get(format!("{}/metrics", self.health)).send().await?;
        let text = answer.error_for_status()?.text().await?;
        let lines =
            text.lines().filter(|line| line.starts_with(name) && labels.iter().all(|l| line.contains(l)));
        let values = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
        Ok(values.sum())
    }

    /// Ends it as an operator would.
    ///
    /// # Errors
    /// It does not end.
    pub fn stop(mut self) -> anyhow::Result<()> {
        let ended = self.process.stop(nix::sys::signal::Signal::SIGTERM, START_PATIENCE);
        ensure!(ended, "{} did not end when asked", self.process.name());
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.process.kill();
    }
}
