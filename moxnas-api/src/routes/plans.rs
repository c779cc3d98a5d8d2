//! Plans: any change, without making it.

mod accounts;
mod services;
mod shares;

use std::{collections::BTreeMap, sync::Arc};

use moxnas_app::{
    Actor, App, Change, Operation,
    ops::arrays::{
        ArrayAssemble, ArrayCreate, ArrayDelete, ArrayGrow, ArrayScrub, ArraySet, ArrayStop,
        MemberAdd, MemberFail, MemberReAdd, MemberRemove, MemberReplace, PlanCreate, SpareMove,
    },
    ops::datasets::{
        DatasetCreate, DatasetDelete, DatasetQuota, DatasetRename, DatasetReplicate, DatasetSet,
        SnapshotClone, SnapshotCreate, SnapshotDelete, SnapshotHold, SnapshotMount, SnapshotPrune,
        SnapshotRelease, SnapshotRollback, SnapshotUnmount,
    },
    ops::disks::{DiskBurnIn, DiskLocate, DiskWipe},
    ops::initramfs::InitramfsUpdate,
    ops::pools::{
        PoolBalance, PoolCheck, PoolCreate, PoolDelete, PoolDeviceAdd, PoolDeviceRemove,
        PoolDeviceReplace, PoolExport, PoolGrow, PoolImport, PoolMount, PoolUnmount,
    },
};
use poem::web::Data;
use poem_openapi::{OpenApi, payload::Json, types::ParseFromJSON};
use serde_json::Value;

use super::Tag;
use crate::{
    Shared,
    caller::Caller,
    input::{Input, parse},
    problem::{Answer, Problem},
    wire::{
        arrays::{
            AddMember, AssembleArray, CreateArray, GrowArray, ReplaceMember, ScrubArray, SetArray,
        },
        attributes::DatasetAttributes,
        datasets::{
            CloneSnapshot, CreateDataset, CreateSnapshot, LimitDataset, PruneSnapshots,
            RenameDataset,
        },
        disks::{BurnInDisk, LocateDisk, WipeDisk},
        plans as wire,
        pools::{
            AddPoolDevice, BalancePool, CheckPool, CreatePool, ImportPool, RemovePoolDevice,
            ReplacePoolDevice,
        },
        replicas::{HoldSnapshot, ReplicateDataset},
    },
};

/// Plans.
pub(crate) struct Plans;

#[OpenApi(tag = "Tag::Plans")]
impl Plans {
    /// Plan a change without making it
    ///
    /// Takes the path parameters and the body of the operation itself, and answers what would be
    /// done. Needs the role that the operation needs.
    #[oai(path = "/plans", method = "post", operation_id = "plan_create")]
    async fn create(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        body: Input<wire::PlanRequest>,
    ) -> Answer<Json<wire::Plan>> {
        app.call(&caller.actor, PlanCreate).await?;
        let wish = Wish {
            path: body.0.path,
            body: body.0.body,
        };
        plan(&app, &caller.actor, &body.0.operation, wish)
            .await
            .map(Json)
    }
}

/// What the operation itself would be given.
struct Wish {
    path: BTreeMap<String, String>,
    body: Option<Value>,
}

impl Wish {
    fn path(&mut self, name: &str) -> Answer<String> {
        let required = || Problem::invalid(format!("`path.{name}` is required"));
        self.path
            .remove(name)
            .ok_or_else(|| required().field(format!("path.{name}"), "required"))
    }

    fn body<T: ParseFromJSON>(&mut self) -> Answer<T> {
        parse(self.body.take().unwrap_or(Value::Null))
    }

    /// The pool and the dataset in the path.
    fn dataset(&mut self) -> Answer<(String, String)> {
        Ok((self.path("pool")?, self.path("dataset")?))
    }

    /// What was given and not asked for is a mistake that would go unnoticed.
    fn is_used_up(&self) -> Answer<()> {
        if let Some(name) = self.path.keys().next() {
            let problem = Problem::invalid(format!("the operation has no parameter `{name}`"));
            return Err(problem.field(format!("path.{name}"), "unknown"));
        }
        match &self.body {
            None | Some(Value::Null) => Ok(()),
            Some(_) => Err(Problem::invalid("the operation has no body").field("body", "unknown")),
        }
    }
}

async fn plan(app: &Arc<App>, actor: &Actor, operation: &str, wish: Wish) -> Answer<wire::Plan> {
    let mut it = wish;
    match operation {
        ArrayCreate::NAME => {
            let change = ArrayCreate::try_from(it.body::<CreateArray>()?)?;
            done(app, actor, it, change).await
        }
        ArrayDelete::NAME => {
            let change = ArrayDelete {
                array: it.path("array")?,
            };
            done(app, actor, it, change).await
        }
        ArrayStop::NAME => {
            let change = ArrayStop {
                array: it.path("array")?,
            };
            done(app, actor, it, change).await
        }
        ArrayAssemble::NAME => {
            let change = ArrayAssemble {
                array: it.body::<AssembleArray>()?.array,
            };
            done(app, actor, it, change).await
        }
        ArrayScrub::NAME => {
            let array = it.path("array")?;
            let change = it.body::<ScrubArray>()?.of(array);
            done(app, actor, it, change).await
        }
        DiskBurnIn::NAME => {
            let disk = it.path("disk")?;
            let change = it.body::<BurnInDisk>()?.of(disk);
            done(app, actor, it, change).await
        }
        DiskLocate::NAME => {
            let disk = it.path("disk")?;
            let change = it.body::<LocateDisk>()?.of(disk);
            done(app, actor, it, change).await
        }
        DiskWipe::NAME => {
            let disk = it.path("disk")?;
            let change = it.body::<WipeDisk>()?.of(disk);
            done(app, actor, it, change).await
        }
        InitramfsUpdate::NAME => done(app, actor, it, InitramfsUpdate).await,
        MemberAdd::NAME => {
            let array = it.path("array")?;
            let change = it.body::<AddMember>()?.of(array);
            done(app, actor, it, change).await
        }
        MemberReAdd::NAME => {
            let change = MemberReAdd {
                array: it.path("array")?,
                device: it.path("device")?,
            };
            done(app, actor, it, change).await
        }
        ArrayGrow::NAME => {
            let array = it.path("array")?;
            let change = it.body::<GrowArray>()?.of(array)?;
            done(app, actor, it, change).await
        }
        ArraySet::NAME => {
            let array = it.path("array")?;
            let change = it.body::<SetArray>()?.of(array)?;
            done(app, actor, it, change).await
        }
        PoolCreate::NAME => {
            let change = it.body::<CreatePool>()?.wish()?;
            done(app, actor, it, change).await
        }
        PoolImport::NAME => {
            let change = PoolImport::try_from(it.body::<ImportPool>()?)?;
            done(app, actor, it, change).await
        }
        PoolMount::NAME => {
            let pool = it.path("pool")?;
            done(app, actor, it, PoolMount { pool }).await
        }
        PoolUnmount::NAME => {
            let pool = it.path("pool")?;
            done(app, actor, it, PoolUnmount { pool }).await
        }
        PoolExport::NAME => {
            let pool = it.path("pool")?;
            done(app, actor, it, PoolExport { pool }).await
        }
        PoolDelete::NAME => {
            let pool = it.path("pool")?;
            done(app, actor, it, PoolDelete { pool }).await
        }
        PoolCheck::NAME => {
            let pool = it.path("pool")?;
            let change = it.body::<CheckPool>()?.of(pool);
            done(app, actor, it, change).await
        }
        PoolDeviceAdd::NAME => {
            let pool = it.path("pool")?;
            let change = it.body::<AddPoolDevice>()?.of(pool);
            done(app, actor, it, change).await
        }
        PoolDeviceRemove::NAME => {
            let pool = it.path("pool")?;
            let change = it.body::<RemovePoolDevice>()?.of(pool);
            done(app, actor, it, change).await
        }
        PoolDeviceReplace::NAME => {
            let pool = it.path("pool")?;
            let change = it.body::<ReplacePoolDevice>()?.of(pool);
            done(app, actor, it, change).await
        }
        PoolBalance::NAME => {
            let pool = it.path("pool")?;
            let change = it.body::<BalancePool>()?.of(pool);
            done(app, actor, it, change).await
        }
        PoolGrow::NAME => {
            let pool = it.path("pool")?;
            done(app, actor, it, PoolGrow { pool }).await
        }
        DatasetCreate::NAME => {
            let change = DatasetCreate::try_from(it.body::<CreateDataset>()?)?;
            done(app, actor, it, change).await
        }
        DatasetSet::NAME => {
            let (pool, dataset) = it.dataset()?;
            let change = it.body::<DatasetAttributes>()?.of(pool, dataset);
            done(app, actor, it, change?).await
        }
        DatasetQuota::NAME => {
            let (pool, dataset) = it.dataset()?;
            let change = it.body::<LimitDataset>()?.of(pool, dataset);
            done(app, actor, it, change).await
        }
        DatasetRename::NAME => {
            let (pool, dataset) = it.dataset()?;
            let change = it.body::<RenameDataset>()?.of(pool, dataset);
            done(app, actor, it, change?).await
        }
        DatasetReplicate::NAME => {
            let (pool, dataset) = it.dataset()?;
            let change = it.body::<ReplicateDataset>()?.of(pool, dataset);
            done(app, actor, it, change?).await
        }
        DatasetDelete::NAME => {
            let (pool, dataset) = it.dataset()?;
            done(app, actor, it, DatasetDelete { pool, dataset }).await
        }
        SnapshotCreate::NAME => {
            let change = SnapshotCreate::try_from(it.body::<CreateSnapshot>()?)?;
            done(app, actor, it, change).await
        }
        SnapshotDelete::NAME => {
            let (pool, dataset) = it.dataset()?;
            let change = SnapshotDelete {
                pool,
                dataset,
                snapshot: it.path("snapshot")?,
            };
            done(app, actor, it, change).await
        }
        SnapshotHold::NAME => {
            let (pool, dataset) = it.dataset()?;
            let snapshot = it.path("snapshot")?;
            let change = it.body::<HoldSnapshot>()?.hold(pool, dataset, snapshot);
            done(app, actor, it, change?).await
        }
        SnapshotRelease::NAME => {
            let (pool, dataset) = it.dataset()?;
            let snapshot = it.path("snapshot")?;
            let change = it.body::<HoldSnapshot>()?.release(pool, dataset, snapshot);
            done(app, actor, it, change?).await
        }
        SnapshotPrune::NAME => {
            let change = SnapshotPrune::try_from(it.body::<PruneSnapshots>()?)?;
            done(app, actor, it, change).await
        }
        SnapshotClone::NAME => {
            let (pool, dataset) = it.dataset()?;
            let snapshot = it.path("snapshot")?;
            let change = it.body::<CloneSnapshot>()?.of(pool, dataset, snapshot);
            done(app, actor, it, change?).await
        }
        SnapshotMount::NAME => {
            let (pool, dataset) = it.dataset()?;
            let change = SnapshotMount {
                pool,
                dataset,
                snapshot: it.path("snapshot")?,
            };
            done(app, actor, it, change).await
        }
        SnapshotUnmount::NAME => {
            let (pool, dataset) = it.dataset()?;
            let change = SnapshotUnmount {
                pool,
                dataset,
                snapshot: it.path("snapshot")?,
            };
            done(app, actor, it, change).await
        }
        SnapshotRollback::NAME => {
            let (pool, dataset) = it.dataset()?;
            let change = SnapshotRollback {
                pool,
                dataset,
                snapshot: it.path("snapshot")?,
            };
            done(app, actor, it, change).await
        }
        SpareMove::NAME => done(app, actor, it, SpareMove).await,
        MemberFail::NAME => {
            let change = MemberFail {
                array: it.path("array")?,
                device: it.path("device")?,
            };
            done(app, actor, it, change).await
        }
        MemberRemove::NAME => {
            let change = MemberRemove {
                array: it.path("array")?,
                device: it.path("device")?,
            };
            done(app, actor, it, change).await
        }
        MemberReplace::NAME => {
            let (array, device) = (it.path("array")?, it.path("device")?);
            let with = it.body::<ReplaceMember>()?.with;
            done(
                app,
                actor,
                it,
                MemberReplace {
                    array,
                    device,
                    with,
                },
            )
            .await
        }
        it_is if accounts::OPERATIONS.contains(&it_is) => {
            accounts::plan(app, actor, it_is, it).await
        }
        it_is if services::OPERATIONS.contains(&it_is) => {
            services::plan(app, actor, it_is, it).await
        }
        it_is if shares::OPERATIONS.contains(&it_is) => shares::plan(app, actor, it_is, it).await,
        other => Err(
            Problem::invalid(format!("there is no change {other:?} to plan"))
                .field("operation", "unknown")
                .hint(format!("one of {}", planned().join(", "))),
        ),
    }
}

/// The operations that can be planned.
#[must_use]
pub fn planned() -> Vec<&'static str> {
    let mut all: Vec<&str> = PLANNED
        .into_iter()
        .chain(accounts::OPERATIONS)
        .chain(services::OPERATIONS)
        .chain(shares::OPERATIONS)
        .collect();
    all.sort_unstable();
    all
}

const PLANNED: [&str; 44] = [
    ArrayAssemble::NAME,
    ArrayCreate::NAME,
    ArrayDelete::NAME,
    ArrayGrow::NAME,
    ArrayScrub::NAME,
    ArraySet::NAME,
    ArrayStop::NAME,
    DatasetCreate::NAME,
    DatasetDelete::NAME,
    DatasetQuota::NAME,
    DatasetRename::NAME,
    DatasetReplicate::NAME,
    DatasetSet::NAME,
    DiskBurnIn::NAME,
    DiskLocate::NAME,
    DiskWipe::NAME,
    InitramfsUpdate::NAME,
    MemberAdd::NAME,
    MemberFail::NAME,
    MemberReAdd::NAME,
    MemberRemove::NAME,
    MemberReplace::NAME,
    PoolBalance::NAME,
    PoolCheck::NAME,
    PoolCreate::NAME,
    PoolDelete::NAME,
    PoolDeviceAdd::NAME,
    PoolDeviceRemove::NAME,
    PoolDeviceReplace::NAME,
    PoolExport::NAME,
    PoolGrow::NAME,
    PoolImport::NAME,
    PoolMount::NAME,
    PoolUnmount::NAME,
    SnapshotClone::NAME,
    SnapshotCreate::NAME,
    SnapshotDelete::NAME,
    SnapshotHold::NAME,
    SnapshotMount::NAME,
    SnapshotPrune::NAME,
    SnapshotRelease::NAME,
    SnapshotRollback::NAME,
    SnapshotUnmount::NAME,
    SpareMove::NAME,
];

async fn done<C: Change>(
    app: &Arc<App>,
    actor: &Actor,
    wish: Wish,
    change: C,
) -> Answer<wire::Plan> {
    wish.is_used_up()?;
    Ok(app.plan(actor, &change).await?.into())
}
