//! The tables, as a backup knows them.
//!
//! A backup is of no engine: it goes table by table, in an order in which none refers to a later
//! one, and knows of each column what kind of value it holds. A test holds this against the schemas
//! of both engines.

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number.
    Integer,
    /// True or false.
    Flag,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
}

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// The schema that brought it.
    pub since: i64,
}

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// The schema that brought it.
    pub since: i64,
    /// Its columns.
    pub columns: &'static [Column],
    /// What its rows are told apart and ordered by.
    pub key: &'static [&'static str],
    /// Whether the database numbers its rows, and never uses a number again.
    pub numbered: bool,
    /// A column that refers to the table itself, and is filled in when all rows are there.
    pub refers_to_itself: Option<&'static str>,
}

impl Table {
    /// The columns that a schema has.
    pub fn columns_of(&self, schema: i64) -> impl Iterator<Item = &'static Column> {
        self.columns.iter().filter(move |it| it.since <= schema)
    }
}

/// The tables that a schema has, those first that others refer to.
pub fn tables_of(schema: i64) -> impl Iterator<Item = &'static Table> {
    TABLES.iter().filter(move |it| it.since <= schema)
}

const fn column(name: &'static str, kind: Kind, since: i64) -> Column {
    Column { name, kind, since }
}

macro_rules! columns {
    ($($since:literal { $($kind:ident: $($name:ident)+;)+ })+) => {
        &[$($($(column(stringify!($name), Kind::$kind, $since),)+)+)+]
    };
}

/// The tables that are not part of a backup: what is in them is about this database.
pub const NOT_KEPT: &[&str] = &["mark"];

/// All others.
pub const TABLES: &[Table] = &[
    Table {
        name: "login",
        since: 1,
        columns: columns! {
            1 {
                Integer: id created_at updated_at;
                Text: username role password_hash;
                Flag: disabled;
            }
            2 {
                Text: account;
                Integer: last_login_at;
            }
        },
        key: &["id"],
        numbered: true,
        refers_to_itself: None,
    },
    Table {
        name: "session",
        since: 1,
        columns: columns! {
            1 {
                Text: id address revoked_for;
                Integer: login_id created_at expires_at revoked_at;
            }
            2 {
                Text: user_agent;
                Integer: last_seen_at;
                Bytes: cookie_hash;
            }
        },
        key: &["id"],
        numbered: false,
        refers_to_itself: None,
    },
    Table {
        name: "refresh_token",
        since: 1,
        columns: columns! {
            1 {
                Integer: id issued_at expires_at used_at;
                Text: session_id;
                Bytes: secret_hash;
            }
        },
        key: &["id"],
        numbered: true,
        refers_to_itself: None,
    },
    Table {
        name: "node",
        since: 2,
        columns: columns! {
            2 {
                Text: id name;
                Integer: created_at last_seen_at;
            }
        },
        key: &["id"],
        numbered: false,
        refers_to_itself: None,
    },
    Table {
        name: "totp",
        since: 2,
        columns: columns! {
            2 {
                Integer: login_id created_at confirmed_at last_step;
            }
        },
        key: &["login_id"],
        numbered: false,
        refers_to_itself: None,
    },
    Table {
        name: "recovery_code",
        since: 2,
        columns: columns! {
            2 {
                Integer: login_id used_at;
                Bytes: code_hash;
            }
        },
        key: &["login_id", "code_hash"],
        numbered: false,
        refers_to_itself: None,
    },
    Table {
        name: "api_key",
        since: 2,
        columns: columns! {
            2 {
                Integer: id login_id created_at expires_at last_used_at revoked_at;
                Text: name prefix role scopes networks last_used_from;
                Bytes: secret_hash;
            }
        },
        key: &["id"],
        numbered: true,
        refers_to_itself: None,
    },
    Table {
        name: "secret",
        since: 2,
        columns: columns! {
            2 {
                Text: name key_id;
                Bytes: sealed;
                Integer: updated_at;
            }
        },
        key: &["name"],
        numbered: false,
        refers_to_itself: None,
    },
    Table {
        name: "job",
        since: 2,
        columns: columns! {
            2 {
                Text: id node kind object args state message parent retry_of schedule actor via
                    request_id checkpoint result error_code error;
                Integer: progress attempt created_at started_at finished_at cancel_requested_at;
            }
        },
        key: &["id"],
        numbered: false,
        refers_to_itself: Some("parent"),
    },
    Table {
        name: "job_log",
        since: 2,
        columns: columns! {
            2 {
                Text: job_id level line;
                Integer: seq at;
            }
        },
        key: &["job_id", "seq"],
        numbered: false,
        refers_to_itself: None,
    },
    Table {
        name: "schedule",
        since: 2,
        columns: columns! {
            2 {
                Text: node name expression timezone pause_at;
                Integer: jitter_s next_at last_at updated_at;
                Flag: enabled;
            }
        },
        key: &["node", "name"],
        numbered: false,
        refers_to_itself: None,
    },
    Table {
        name: "made_schedule",
        since: 5,
        columns: columns! {
            5 {
                Text: node name expression kind args made_by;
                Integer: made_at;
            }
        },
        key: &["node", "name"],
        numbered: false,
        refers_to_itself: None,
    },
    Table {
        name: "pool_sample",
        since: 6,
        columns: columns! {
            6 {
                Text: node pool;
                Integer: at used;
            }
        },
        key: &["node", "pool", "at"],
        numbered: false,
        refers_to_itself: None,
    },
    Table {
        name: "share",
        since: 7,
        columns: columns! {
            7 {
                Text: node name body;
                Integer: created_at updated_at;
            }
        },
        key: &["node", "name"],
        numbered: false,
        refers_to_itself: None,
    },
    Table {
        name: "share_settings",
        since: 7,
        columns: columns! {
            7 {
                Text: node body;
                Integer: updated_at;
            }
        },
        key: &["node"],
        numbered: false,
        refers_to_itself: None,
    },
    Table {
        name: "share_generation",
        since: 7,
        columns: columns! {
            7 {
                Text: node made_by operation before;
                Integer: number at;
            }
        },
        key: &["node", "number"],
        numbered: false,
        refers_to_itself: None,
    },
    Table {
        name: "expected_since",
        since: 4,
        columns: columns! {
            4 {
                Text: node;
                Integer: at;
            }
        },
        key: &["node"],
        numbered: false,
        refers_to_itself: None,
    },
    Table {
        name: "expected_array",
        since: 4,
        columns: columns! {
            4 {
                Text: node uuid name level members spares journal mounts accepted_by boot;
                Integer: slots since;
                Flag: degraded_at_boot;
            }
        },
        key: &["node", "uuid"],
        numbered: false,
        refers_to_itself: None,
    },
    Table {
        name: "audit_anchor",
        since: 2,
        columns: columns! {
            2 {
                Text: node;
                Integer: seq dropped at;
                Bytes: hash mac;
            }
        },
        key: &["node"],
        numbered: false,
        refers_to_itself: None,
    },
    Table {
        name: "audit",
        since: 1,
        columns: columns! {
            1 {
                Integer: id at;
                Text: actor via address operation object phase result fingerprint request_id
                    detail;
            }
            2 {
                Text: node;
                Integer: seq;
                Bytes: hash;
            }
        },
        key: &["id"],
        numbered: true,
        refers_to_itself: None,
    },
];
