//! nginx as a plain proxy, to show where the limit is. It is a Debian package; without it there is no such row.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::Result;

const PATIENCE: Duration = Duration::from_secs(5);

/// A running proxy, which ends with its value.
pub(crate) struct Nginx {
    process: Child,
    pub(crate) address: String,
    _folder: tempfile::TempDir,
}

impl Nginx {
    /// One worker for each core, as it comes from its package. None: nginx is not installed.
    pub(crate) fn start(provider: SocketAddr) -> Result<Option<Self>> {
        let folder = tempfile::tempdir()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let place = folder.path().display();
        let configuration = format!(
            "daemon off; worker_processes auto; pid {place}/pid; error_log {place}/error.log;\n\
             events {{ worker_connections 4096; }}\n\
             http {{ access_log off; client_body_temp_path {place}/b; proxy_temp_path {place}/p; fastcgi_temp_path {place}/f;\n\
             uwsgi_temp_path {place}/u; scgi_temp_path {place}/s; keepalive_requests 100000000;\n\
             upstream provider {{ server {provider}; keepalive 512; keepalive_requests 100000000; }}\n\
             server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://provider; proxy_http_version 1.1;\n\
             proxy_set_header Connection ''; proxy_buffering off; }} }} }}"
        );
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, configuration)?;
        let started = Command::new("nginx")
            .arg("-c")
            .arg(&file)
            .stderr(Stdio::null())
            .spawn();
        let process = match started {
            Ok(process) => process,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let nginx = Self {
            process,
            address: format!("127.0.0.1:{port}"),
            _folder: folder,
        };
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if TcpStream::connect(&nginx.address).is_ok() {
                return Ok(Some(nginx));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err("nginx did not listen in time".into())
    }

    /// Its processes: the master and its workers.
    pub(crate) fn processes(&self) -> Result<Vec<u32>> {
        let master = self.process.id();
        let children = std::fs::read_to_string(format!("/proc/{master}/task/{master}/children"))?;
        let workers = children.split_whitespace().map(str::parse);
        Ok(std::iter::once(Ok(master))
            .chain(workers)
            .collect::<std::result::Result<_, _>>()?)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // SIGTERM, so that the master ends its workers.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}
