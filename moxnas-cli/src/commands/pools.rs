//! Pools.

use moxnas_api::wire::pools::{Pool, PoolPage};
use poem::http::Method;
use poem_openapi::types::ToJSON;

use super::{all_pages, jobs, parse};
use crate::{
    cli::{Global, PoolDeviceVerb, PoolVerb},
    confirm::{Outcome, Wish, carry_out},
    failure::Failure,
    print::Printer,
    transport::{Ask, Transport, segment},
};

const POOLS: &str = "/api/storage/pools";

pub(super) async fn pool(
    transport: &Transport,
    global: &Global,
    verb: PoolVerb,
    printer: &Printer,
) -> Result<(), Failure> {
    let of = |operation: &str, pool: &str, rest: &str| {
        let method = match rest {
            "" => Method::DELETE,
            _ => Method::POST,
        };
        Wish::new(operation, method, path(pool, rest), &[("pool", pool)], None)
    };
    let wish = match verb {
        PoolVerb::List => {
            let text = all_pages(transport, POOLS).await?;
            match printer.is_json() {
                true => printer.json(&text),
                false => printer.pools(&parse::<PoolPage>(&text)?),
            }
            return Ok(());
        }
        PoolVerb::Show { pool } => {
            let text = transport.raw(&Ask::get(path(&pool, ""))).await?;
            return shown(&text, printer);
        }
        PoolVerb::Create(body) => {
            let at = POOLS.to_owned();
            Wish::new("pool_create", Method::POST, at, &[], body.to_json())
        }
        PoolVerb::Import(body) => {
            let at = format!("{POOLS}/import");
            Wish::new("pool_import", Method::POST, at, &[], body.to_json())
        }
        PoolVerb::Mount { pool } => of("pool_mount", &pool, "/mount"),
        PoolVerb::Unmount { pool } => of("pool_unmount", &pool, "/unmount"),
        PoolVerb::Grow { pool } => of("pool_grow", &pool, "/grow"),
        PoolVerb::Check {
            pool,
            body,
            patience,
        } => {
            let at = path(&pool, "/check");
            let named = [("pool", pool.as_str())];
            let wish = Wish::new("pool_check", Method::POST, at, &named, body.to_json());
            return jobs::begin(transport, global, printer, wish, patience).await;
        }
        PoolVerb::Device { verb } => match verb {
            PoolDeviceVerb::Add { pool, body } => {
                let at = path(&pool, "/devices");
                let named = [("pool", pool.as_str())];
                Wish::new("pool_device_add", Method::POST, at, &named, body.to_json())
            }
            PoolDeviceVerb::Remove {
                pool,
                body,
                patience,
            } => {
                let at = path(&pool, "/devices/remove");
                let (name, body) = ("pool_device_remove", body.to_json());
                let wish = Wish::new(name, Method::POST, at, &[("pool", &pool)], body);
                return jobs::begin(transport, global, printer, wish, patience).await;
            }
            PoolDeviceVerb::Replace {
                pool,
                body,
                patience,
            } => {
                let at = path(&pool, "/devices/replace");
                let (name, body) = ("pool_device_replace", body.to_json());
                let wish = Wish::new(name, Method::POST, at, &[("pool", &pool)], body);
                return jobs::begin(transport, global, printer, wish, patience).await;
            }
        },
        PoolVerb::Balance {
            pool,
            body,
            patience,
        } => {
            let at = path(&pool, "/balance");
            let (name, body) = ("pool_balance", body.to_json());
            let wish = Wish::new(name, Method::POST, at, &[("pool", &pool)], body);
            return jobs::begin(transport, global, printer, wish, patience).await;
        }
        PoolVerb::Export { pool } => of("pool_export", &pool, "/export"),
        PoolVerb::Delete { pool } => of("pool_delete", &pool, ""),
    };
    match carry_out(transport, global, printer, wish).await? {
        Outcome::Planned => Ok(()),
        Outcome::Done(text) if text.is_empty() => Ok(()),
        Outcome::Done(text) => shown(&text, printer),
    }
}

fn shown(text: &str, printer: &Printer) -> Result<(), Failure> {
    match printer.is_json() {
        true => printer.json(text),
        false => printer.pool(&parse::<Pool>(text)?),
    }
    Ok(())
}

fn path(pool: &str, rest: &str) -> String {
    format!("{POOLS}/{}{rest}", segment(pool))
}
