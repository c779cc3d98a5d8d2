//! Whether a database is sound in itself.

use std::fmt;

use super::{
    Store, StoreError,
    audit::{Chains, verify_chains},
    catalogue::tables_of,
    engine::{Tx, on_begun},
    failed,
    schema::newest_schema,
};

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding(pub String);

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// References that a database could lose sight of: table, column, table, column.
const REFERENCES: [[&str; 4]; 7] = [
    ["session", "login_id", "login", "id"],
    ["refresh_token", "session_id", "session", "id"],
    ["totp", "login_id", "login", "id"],
    ["recovery_code", "login_id", "login", "id"],
    ["api_key", "login_id", "login", "id"],
    ["job", "parent", "job", "id"],
    ["job_log", "job_id", "job", "id"],
];

impl Store {
    /// Check the database, at one moment of it: the engine's own check, the tables, references, and
    /// the chains of the audit log as far as they are proven without a key.
    pub async fn check(&self) -> Result<Vec<Finding>, StoreError> {
        self.needs_newest_schema().await?;
        self.snapshot().await?.tx.check().await
    }
}

impl Tx {
    pub(super) async fn check(&mut self) -> Result<Vec<Finding>, StoreError> {
        let mut findings = Vec::new();
        if let Tx::Sqlite(tx) = self {
            let said: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(20)")
                .fetch_all(&mut **tx)
                .await
                .map_err(failed("check itself"))?;
            let wrong = said.into_iter().filter(|it| it != "ok");
            findings.extend(wrong.map(Finding));
        }
        for table in tables_of(newest_schema()) {
            let names: Vec<&str> = table.columns.iter().map(|it| it.name).collect();
            let sql = format!("SELECT {} FROM {} LIMIT 0", names.join(", "), table.name);
            let read = on_begun!(&mut *self, db => sqlx::query(sqlx::AssertSqlSafe(sql))
                .execute(db)
                .await
                .map(|it| it.rows_affected()));
            if let Err(err) = read {
                let name = table.name;
                findings.push(Finding(format!(
                    "the table {name} is not as it should be: {err}"
                )));
                // PostgreSQL answers nothing more in a transaction that had a failure.
                return Ok(findings);
            }
        }
        for [table, column, other, key] in REFERENCES {
            let sql = format!(
                "SELECT count(*) FROM {table} AS it WHERE {column} IS NOT NULL
                 AND NOT EXISTS (SELECT 1 FROM {other} WHERE {other}.{key} = it.{column})"
            );
            let orphans: i64 = on_begun!(&mut *self, db => sqlx::query_scalar(
                sqlx::AssertSqlSafe(sql),
            )
            .fetch_one(db)
            .await)
            .map_err(failed("look for rows that belong to nothing"))?;
            if orphans > 0 {
                findings.push(Finding(format!(
                    "{orphans} rows of {table} refer to a {other} that is not there"
                )));
            }
        }
        let verdict = verify_chains(self, Chains::All, "", None, None).await?;
        let broken = verdict.chains.iter().filter_map(|it| it.broken.as_ref());
        let broken = broken.chain(&verdict.broken);
        findings.extend(broken.map(|it| Finding(format!("the audit log: {it}"))));
        Ok(findings)
    }

    /// What people call the engine.
    pub(super) fn engine(&self) -> &'static str {
        match self {
            Tx::Sqlite(_) => "sqlite",
            Tx::Postgres(_) => "postgresql",
        }
    }
}
