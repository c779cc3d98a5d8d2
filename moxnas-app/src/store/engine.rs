//! The two engines behind one set of statements.
//!
//! Each statement is written once, with `$1` placeholders, and compiled for both drivers by
//! [`on_pool`] and [`on_tx`]. Where the engines differ, the text says which one it is for.

use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};

/// Connections to one of the engines.
#[derive(Clone, Debug)]
pub(super) enum Pool {
    /// A file or memory of this process.
    Sqlite(SqlitePool),
    /// A server.
    Postgres(PgPool),
}

/// A transaction on one of the engines.
#[derive(Debug)]
pub(super) enum Tx {
    /// Holds the only write lock of the file.
    Sqlite(Transaction<'static, Sqlite>),
    /// Holds the advisory lock that all writers of MoxNAS take.
    Postgres(Transaction<'static, Postgres>),
}

/// Compile `$body` for both engines, with `$db` a pool.
macro_rules! on_pool {
    ($store:expr, $db:ident => $body:expr) => {{
        let _alone = $store.turn().await;
        match &$store.pool {
            $crate::store::engine::Pool::Sqlite($db) => $body,
            $crate::store::engine::Pool::Postgres($db) => $body,
        }
    }};
}

/// Compile `$body` for both engines, with `$db` the connection of a transaction.
macro_rules! on_tx {
    ($write:expr, $db:ident => $body:expr) => {
        $crate::store::engine::on_begun!(&mut $write.tx, $db => $body)
    };
}

/// The same, for a [`Tx`] that is borrowed.
macro_rules! on_begun {
    ($tx:expr, $db:ident => $body:expr) => {
        match $tx {
            $crate::store::engine::Tx::Sqlite(tx) => {
                let $db = &mut **tx;
                $body
            }
            $crate::store::engine::Tx::Postgres(tx) => {
                let $db = &mut **tx;
                $body
            }
        }
    };
}

pub(super) use on_begun;
pub(super) use on_pool;
pub(super) use on_tx;
