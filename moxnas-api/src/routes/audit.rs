//! The audit log.

use futures_util::stream;
use moxnas_app::{
    audit::export::Export,
    ops::audit::{AuditExport, AuditList, AuditVerify},
    store::{AuditFilter, Chains},
};
use poem::{
    Body, IntoResponse, Response,
    http::{HeaderValue, header::CONTENT_DISPOSITION},
    web::Data,
};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::Query,
    payload::Json,
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::Type,
};
use time::OffsetDateTime;

use super::{Page, Tag};
use crate::{
    Shared,
    caller::Caller,
    problem::{Answer, Problem},
    wire::audit as wire,
};

const JSON_LINES: &str = "application/x-ndjson";
const CSV: &str = "text/csv";

/// The audit log.
pub(crate) struct Audit;

/// The log as text, made while it is sent.
pub(crate) struct Exported {
    export: Export,
    format: wire::ExportFormat,
}

impl IntoResponse for Exported {
    fn into_response(self) -> Response {
        let (content_type, name) = match self.format {
            wire::ExportFormat::Json => (JSON_LINES, "attachment; filename=\"audit.jsonl\""),
            wire::ExportFormat::Csv => (CSV, "attachment; filename=\"audit.csv\""),
        };
        // What breaks off is seen to: the last line is missing, and so is the end of the answer.
        let pieces = stream::try_unfold(self.export, async |mut export| {
            let piece = export.next().await.map_err(std::io::Error::other)?;
            Ok::<_, std::io::Error>(piece.map(|it| (it, export)))
        });
        Response::builder()
            .content_type(content_type)
            .header(CONTENT_DISPOSITION, HeaderValue::from_static(name))
            .body(Body::from_bytes_stream(pieces))
    }
}

impl ApiResponse for Exported {
    fn meta() -> MetaResponses {
        let content = [JSON_LINES, CSV].map(|content_type| MetaMediaType {
            content_type,
            schema: String::schema_ref(),
        });
        MetaResponses {
            responses: vec![MetaResponse {
                description: "The records, a line each",
                status: Some(200),
                status_range: None,
                content: content.into(),
                headers: Vec::new(),
            }],
        }
    }

    fn register(registry: &mut Registry) {
        String::register(registry);
    }
}

fn filter(
    [actor, operation, object, phase, result, request_id]: [Query<Option<String>>; 6],
    [from, to]: [Query<Option<OffsetDateTime>>; 2],
) -> AuditFilter {
    AuditFilter {
        actor: actor.0,
        operation: operation.0,
        object: object.0,
        phase: phase.0,
        result: result.0,
        request_id: request_id.0,
        from: from.0.map(Into::into),
        to: to.0.map(Into::into),
    }
}

#[OpenApi(prefix_path = "/logging/audit", tag = "Tag::Audit")]
#[expect(
    clippy::too_many_arguments,
    reason = "each is a parameter of the query"
)]
impl Audit {
    /// List who did what
    ///
    /// A change has two records, before and after; they share `request_id`.
    #[oai(path = "/", method = "get", operation_id = "audit_list")]
    async fn list(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// By this caller
        actor: Query<Option<String>>,
        /// By this operation
        operation: Query<Option<String>>,
        /// About this object
        object: Query<Option<String>>,
        /// `intent`, `outcome`, `refused` or `login`
        phase: Query<Option<String>>,
        /// `ok`, `failed` or `unknown`
        result: Query<Option<String>>,
        /// Of this request
        request_id: Query<Option<String>>,
        /// Not before
        from: Query<Option<OffsetDateTime>>,
        /// Before
        to: Query<Option<OffsetDateTime>>,
        /// Which come first; the newest if left out
        order: Query<Option<wire::Order>>,
        /// How many at most, 1 to 1000; 100 if left out
        limit: Query<Option<usize>>,
        /// `next` of the page before
        cursor: Query<Option<String>>,
    ) -> Answer<Json<wire::AuditPage>> {
        let Page { limit, cursor } = Page::new(limit.0, cursor.0)?;
        let bad = |_| {
            Problem::invalid("`cursor` is the `next` of the page before")
                .field("cursor", "the `next` of the page before")
        };
        let list = AuditList {
            filter: filter(
                [actor, operation, object, phase, result, request_id],
                [from, to],
            ),
            order: order.0.unwrap_or(wire::Order::NewestFirst).into(),
            after: cursor.map(|it| it.parse().map_err(bad)).transpose()?,
            // One more than the page has, to know whether there is another.
            limit: u32::try_from(limit).unwrap_or(u32::MAX).saturating_add(1),
        };
        let mut lines = app.call(&caller.actor, list).await?;
        let is_cut = lines.len() > limit;
        lines.truncate(limit);
        let next = lines.last().filter(|_| is_cut).map(|it| it.id.to_string());
        let items = lines.into_iter().map(Into::into).collect();
        Ok(Json(wire::AuditPage { items, next }))
    }

    /// Prove that the audit log is as it was written
    ///
    /// Names the first record that was changed, removed, put in or put elsewhere behind the back of
    /// the service, and says so if the end was cut off.
    #[oai(path = "/verify", method = "post", operation_id = "audit_verify")]
    async fn verify(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Which chains; that of this machine if left out
        chains: Query<Option<wire::WhichChains>>,
    ) -> Answer<Json<wire::AuditVerdict>> {
        let chains = chains.0.map_or(Chains::Own, Into::into);
        let verdict = app.call(&caller.actor, AuditVerify { chains }).await?;
        Ok(Json(verdict.into()))
    }

    /// Take the audit log elsewhere
    ///
    /// As JSON it holds everything that the chain covers, a record a line between a first line that
    /// says where it begins and a last one that counts: `moxnas audit verify --file` proves it
    /// without this machine. A selection cannot be proven.
    #[oai(path = "/export", method = "get", operation_id = "audit_export")]
    async fn export(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// JSON if left out
        format: Query<Option<wire::ExportFormat>>,
        /// By this caller
        actor: Query<Option<String>>,
        /// By this operation
        operation: Query<Option<String>>,
        /// About this object
        object: Query<Option<String>>,
        /// `intent`, `outcome`, `refused` or `login`
        phase: Query<Option<String>>,
        /// `ok`, `failed` or `unknown`
        result: Query<Option<String>>,
        /// Of this request
        request_id: Query<Option<String>>,
        /// Not before
        from: Query<Option<OffsetDateTime>>,
        /// Before
        to: Query<Option<OffsetDateTime>>,
    ) -> Answer<Exported> {
        let format = format.0.unwrap_or(wire::ExportFormat::Json);
        let filter = filter(
            [actor, operation, object, phase, result, request_id],
            [from, to],
        );
        let export = AuditExport {
            filter,
            format: format.into(),
        };
        let export = app.call(&caller.actor, export).await?;
        Ok(Exported { export, format })
    }
}
