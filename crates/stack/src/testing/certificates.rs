//! An authority of a test's own, and a certificate that it has signed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::StackError;

/// What OpenSSL is to make of both.
const CONFIGURATION: &str = "\
[req]
distinguished_name = name
prompt = no
[name]
CN = localhost
[authority]
basicConstraints = critical, CA:TRUE
[server]
basicConstraints = critical, CA:FALSE
subjectAltName = DNS:localhost, IP:127.0.0.1
";

/// The certificate of a server that is called `localhost`, or 127.0.0.1, and of whoever signed it: files of PEM.
#[derive(Clone, Debug)]
pub struct Certificates {
    /// Whom clients have to trust.
    pub authority: PathBuf,
    /// What the server shows.
    pub certificate: PathBuf,
    /// What the server keeps to itself.
    pub key: PathBuf,
}

impl Certificates {
    /// Makes them in a directory, which must exist. They are good for two days.
    ///
    /// # Errors
    /// OpenSSL is missing, or refuses.
    pub fn make(directory: &Path) -> Result<Self, StackError> {
        let file = |name: &str| directory.join(name);
        let configuration = file("openssl.cnf");
        fs::write(&configuration, CONFIGURATION).map_err(StackError::io("write openssl.cnf"))?;
        let (authority, authority_key) = (file("authority.pem"), file("authority.key"));
        let (certificate, key) = (file("server.pem"), file("server.key"));
        let sign = |extensions: &str, certificate: &Path, key: &Path, authority: Option<(&Path, &Path)>| {
            let mut command = Command::new("openssl");
            command.args([
                "req",
                "-x509",
                "-nodes",
                "-days",
                "2",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
            ]);
            command.arg("-config").arg(&configuration).args(["-extensions", extensions]);
            command.arg("-out").arg(certificate).arg("-keyout").arg(key);
            if let Some((authority, key)) = authority {
                command.arg("-CA").arg(authority).arg("-CAkey").arg(key);
            }
            run(command)
        };
        sign("authority", &authority, &authority_key, None)?;
        sign("server", &certificate, &key, Some((&authority, &authority_key)))?;
        Ok(Self { authority, certificate, key })
    }
}

fn run(mut command: Command) -> Result<(), StackError> {
    let output = command.stdin(Stdio::null()).output().map_err(StackError::io("run openssl"))?;
    if output.status.success() {
        return Ok(());
    }
    let output = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(StackError::Failed { what: "openssl req".to_owned(), output })
}
