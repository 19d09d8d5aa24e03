//! A PostgreSQL server of the testbed's own.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::Write as _,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::Duration,
};

use rustix::process::Signal;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tempfile::TempDir;
use tokio::{sync::Mutex, time::timeout};

use crate::{
    Error, binaries,
    ports::Port,
    process::{Program, Service, run},
    secret,
    watchdog::Ending,
};

/// The role that owns everything on our servers.
const ROLE: &str = "ferrox";

/// A running server. Its data goes when this value is dropped.
pub struct Postgres {
    service: Service,
    port: Port,
    password: String,
    home: Home,
}

/// A folder that the server's user owns. PostgreSQL refuses to run as root; then it runs as user `postgres`.
struct Home {
    path: PathBuf,
    user: Option<(u32, u32)>,
    _temporary: Option<TempDir>,
}

impl Postgres {
    /// Makes a server and starts it on a free port, in a temporary folder.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not start.
    pub async fn start_new() -> Result<Self, Error> {
        Self::start_in(None, Port::free()?).await
    }

    /// Makes a server and starts it, in this folder if the server's user can get there, else in a temporary one.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not start.
    pub async fn start_in(folder: Option<&Path>, port: Port) -> Result<Self, Error> {
        let programs = binaries::postgres()?;
        let home = Home::make(folder)?;
        let password = secret::password()?;
        init(&programs, &home, &password).await?;
        let mut this = Self { service: Service::new(server(&programs, &home, &port)), port, password, home };
        this.start().await?;
        Ok(this)
    }

    /// The server that all tests of this process share. It ends with its last user.
    ///
    /// # Errors
    /// As [`Postgres::start_new`].
    pub async fn shared() -> Result<Arc<Self>, Error> {
        static SHARED: Mutex<Weak<Postgres>> = Mutex::const_new(Weak::new());
        let mut shared = SHARED.lock().await;
        if let Some(server) = shared.upgrade() {
            return Ok(server);
        }
        let server = Arc::new(Self::start_new().await?);
        *shared = Arc::downgrade(&server);
        Ok(server)
    }

    /// Starts the server again, on its port and data, and waits until it answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn start(&mut self) -> Result<(), Error> {
        let url = self.url("postgres");
        let answers = async || match timeout(Duration::from_secs(1), PgConnection::connect(&url)).await {
            Ok(Ok(connection)) => connection.close().await.is_ok(),
            Ok(Err(_)) | Err(_) => false,
        };
        self.service.start(answers).await
    }

    /// Creates an empty database and returns its URL.
    ///
    /// # Errors
    /// When PostgreSQL refuses, for example as there is one of that name.
    pub async fn create_database(&self, name: &str) -> Result<String, Error> {
        let mut connection = PgConnection::connect(&self.url("postgres")).await?;
        let create = format!("CREATE DATABASE \"{}\"", name.replace('"', "\"\""));
        sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut connection).await?;
        connection.close().await?;
        Ok(self.url(name))
    }

    /// URL of a database, with the password.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{ROLE}:{}@{}/{database}", self.password, self.port.address())
    }

    /// Where the data is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.home.path
    }

    /// The process.
    pub fn service(&mut self) -> &mut Service {
        &mut self.service
    }

    /// The end of the log, for a person.
    #[must_use]
    pub fn log_tail(&self, lines: usize) -> String {
        self.service.log_tail(lines)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // In this order: the data can only go when nobody writes it.
        for result in [self.service.kill(), self.home.remove_data()] {
            if let Err(error) = result {
                eprintln!("testbed: {error}");
            }
        }
    }
}

impl Home {
    fn make(folder: Option<&Path>) -> Result<Self, Error> {
        let user = server_user()?;
        let kept = folder.filter(|folder| user.is_none_or(|user| can_reach(user, folder)));
        let (path, temporary) = match kept {
            Some(folder) => {
                fs::create_dir_all(folder).map_err(Error::io(format!("creating {}", folder.display())))?;
                (folder.to_path_buf(), None)
            }
            None => {
                let temporary = tempfile::Builder::new().prefix("ferrox-postgres-").tempdir();
                let temporary = temporary.map_err(Error::io("creating a temporary folder"))?;
                (temporary.path().to_path_buf(), Some(temporary))
            }
        };
        let denied = || format!("giving {} to PostgreSQL's user", path.display());
        fs::set_permissions(&path, Permissions::from_mode(0o700)).map_err(Error::io(denied()))?;
        if let Some((uid, gid)) = user {
            chown(&path, Some(uid), Some(gid)).map_err(Error::io(denied()))?;
        }
        Ok(Self { path, user, _temporary: temporary })
    }

    fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    fn log(&self) -> PathBuf {
        self.path.join("postgres.log")
    }

    fn remove_data(&self) -> Result<(), Error> {
        let data = self.data();
        if !data.exists() {
            return Ok(());
        }
        fs::remove_dir_all(&data).map_err(Error::io(format!("removing {}", data.display())))
    }
}

/// User and group for the server when we are root: `postgres` where there is one, else `nobody`.
fn server_user() -> Result<Option<(u32, u32)>, Error> {
    let ours = fs::metadata("/proc/self").map_err(Error::io("reading /proc/self"))?.uid();
    if ours != 0 {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").map_err(Error::io("reading /etc/passwd"))?;
    // name:password:uid:gid:...
    let find = |name: &str| {
        let fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
        fields
            .filter(|fields| fields.first() == Some(&name))
            .find_map(|fields| Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?)))
    };
    find("postgres").or_else(|| find("nobody")).map(Some).ok_or_else(|| Error::Missing {
        what: "a user for PostgreSQL".to_owned(),
        hint: "PostgreSQL does not run as root: create a user 'postgres', or do not run this as root",
    })
}

/// Whether a user may pass every folder on the way.
fn can_reach((uid, gid): (u32, u32), folder: &Path) -> bool {
    folder.ancestors().skip(1).all(|ancestor| {
        let Ok(metadata) = fs::metadata(ancestor) else {
            return false;
        };
        let bit = match () {
            () if metadata.uid() == uid => 0o100,
            () if metadata.gid() == gid => 0o010,
            () => 0o001,
        };
        metadata.mode() & bit != 0
    })
}

/// Makes the data of a new server. The password goes by a file, as everybody can see arguments.
async fn init(programs: &Path, home: &Home, password: &str) -> Result<(), Error> {
    let file = home.path.join("password");
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&file)
        .and_then(|mut file| file.write_all(password.as_bytes()))
        .and_then(|()| home.user.map_or(Ok(()), |(uid, gid)| chown(&file, Some(uid), Some(gid))));
    written.map_err(Error::io(format!("writing {}", file.display())))?;
    let args = [
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--no-sync",
        "--username",
        ROLE,
        "--pwfile=password",
        "--pgdata=data",
    ];
    run(program("initdb", programs, home, args.map(str::to_owned).to_vec())).await?;
    fs::remove_file(&file).map_err(Error::io(format!("removing {}", file.display())))
}

/// The data are worth nothing after a crash of the machine, so the disk is not waited for. A kill of the server must lose
/// nothing, so commits are synchronous as ever.
fn server(programs: &Path, home: &Home, port: &Port) -> Program {
    let mut args = vec!["-D".to_owned(), "data".to_owned()];
    let settings = [
        "listen_addresses=127.0.0.1",
        &format!("port={}", port.number()),
        "unix_socket_directories=",
        "max_connections=300",
        "fsync=off",
        "full_page_writes=off",
    ];
    args.extend(settings.iter().flat_map(|setting| ["-c".to_owned(), (*setting).to_owned()]));
    program("postgres", programs, home, args)
}

fn program(name: &str, programs: &Path, home: &Home, args: Vec<String>) -> Program {
    Program {
        name: name.to_owned(),
        path: programs.join(name),
        args: args.into_iter().map(Into::into).collect(),
        // Messages in the language of this project.
        env: vec![("LC_ALL", "C".to_owned())],
        directory: home.path.clone(),
        log: home.log(),
        user: home.user,
        // "Fast shutdown": without waiting for the clients.
        stop: Signal::INT,
        ending: Ending::Quit,
    }
}
