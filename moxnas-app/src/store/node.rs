//! The machine that rows belong to.

use std::{
    fs::{DirBuilder, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::{Store, StoreError, engine::on_tx, failed, to_millis};

/// In the data folder; random text that stays with it.
const FILE: &str = "node";
/// Hexadecimal digits of an id.
const DIGITS: usize = 32;

/// A machine that runs MoxNAS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Unique, and the same for as long as the data folder lives.
    pub id: String,
    /// What people call the machine.
    pub name: String,
}

/// There is no id for this machine.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The file could not be read or made.
    #[error("the id of this machine cannot be kept in {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file does not hold an id. It is left alone.
    #[error("{} is damaged: it does not hold {DIGITS} hexadecimal digits", .0.display())]
    Damaged(PathBuf),
    /// The system gave no random bytes.
    #[error("the system gives no random bytes")]
    Random(#[source] getrandom::Error),
}

impl Node {
    /// A machine whose rows nobody will look for after this process.
    #[must_use]
    pub fn unnamed() -> Node {
        Node {
            id: "0".repeat(DIGITS),
            name: "unnamed".to_owned(),
        }
    }

    /// The machine that this data folder belongs to. Nothing is made.
    pub fn known(folder: &Path) -> Result<Node, NodeError> {
        let path = folder.join(FILE);
        let text = std::fs::read_to_string(&path).map_err(|source| NodeError::File {
            path: path.clone(),
            source,
        })?;
        Node::new(text.trim_end().to_owned(), "unnamed").ok_or(NodeError::Damaged(path))
    }

    fn new(id: String, name: &str) -> Option<Node> {
        let is_id = id.len() == DIGITS && id.bytes().all(|it| it.is_ascii_hexdigit());
        let name = name.to_owned();
        is_id.then_some(Node { id, name })
    }

    /// The machine that this data folder belongs to; its id is made at the first call.
    pub fn of_folder(folder: &Path, name: &str) -> Result<Node, NodeError> {
        let path = folder.join(FILE);
        let failed = |source| NodeError::File {
            path: path.clone(),
            source,
        };
        let mut made = DirBuilder::new();
        made.recursive(true).mode(0o700);
        made.create(folder).map_err(failed)?;
        let id = match std::fs::read_to_string(&path) {
            Ok(text) => text.trim_end().to_owned(),
            Err(err) if err.kind() == io::ErrorKind::NotFound => make(&path)?,
            Err(err) => return Err(failed(err)),
        };
        Node::new(id, name).ok_or(NodeError::Damaged(path))
    }
}

fn make(path: &Path) -> Result<String, NodeError> {
    let failed = |source| NodeError::File {
        path: path.to_owned(),
        source,
    };
    let mut bytes = [0; DIGITS / 2];
    getrandom::fill(&mut bytes).map_err(NodeError::Random)?;
    let id: String = bytes.iter().map(|it| format!("{it:02x}")).collect();
    let beside = path.with_extension(&id);
    let written = (|| {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)?;
        writeln!(file, "{id}")?;
        file.sync_all()?;
        match std::fs::hard_link(&beside, path) {
            // Another process was first: its id counts.
            Err(err) if err.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            done => done,
        }
    })();
    let _ = std::fs::remove_file(&beside);
    written.map_err(failed)?;
    let text = std::fs::read_to_string(path).map_err(failed)?;
    Ok(text.trim_end().to_owned())
}

impl Store {
    /// Write down that this machine is here.
    pub async fn register_node(&self, at: SystemTime) -> Result<(), StoreError> {
        let mut write = self.begin_write().await?;
        let node = write.node.clone();
        on_tx!(write, db => sqlx::query(
            "INSERT INTO node (id, name, created_at, last_seen_at) VALUES ($1, $2, $3, $3)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name,
                                            last_seen_at = excluded.last_seen_at",
        )
        .bind(&node.id)
        .bind(&node.name)
        .bind(to_millis(at))
        .execute(db)
            .await
            .map(|it| it.rows_affected()))
        .map_err(failed("register this machine"))?;
        write.commit().await
    }
}
