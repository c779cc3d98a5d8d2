//! A generated client at work: `moxnas-sdk PRODUCT` starts the product as a simulated service, logs
//! in, and makes an array of blank disks.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};

#[expect(dead_code, unused_imports, reason = "generated code")]
mod client {
    include!(concat!(env!("OUT_DIR"), "/client.rs"));
}

use client::{
    Client, Error,
    types::{CreateArray, Level, PlanRequest},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let product = std::env::args()
        .nth(1)
        .context("name the product's program")?;
    let service = Service::start(&product)?;
    let mut passed = 0;
    let mut holds = |what: &str| {
        passed += 1;
        println!("client: {what}");
    };

    let anybody = Client::new(&format!("{}/api", service.url));
    refused(anybody.disk_list().send().await, 401, "unauthenticated")?;
    holds("without a login nothing is shown");

    let tokens = anybody
        .auth_login()
        .body_map(|it| it.username("admin").password(service.password.as_str()))
        .send()
        .await?
        .into_inner();
    let admin = logged_in(&service.url, &tokens.token)?;
    let me = admin.auth_me().send().await?.into_inner();
    ensure!(me.username == "admin", "{me:?}");
    holds("admin logs in");

    let disks = admin.disk_list().limit(4).send().await?.into_inner();
    ensure!(disks.items.len() == 4 && disks.next.is_some(), "{disks:?}");
    ensure!(disks.items.iter().all(|it| it.usable), "{disks:?}");
    holds("four of the disks are listed, and there are more");

    let wish = CreateArray {
        name: "tank".parse()?,
        level: Level::Raid6,
        members: disks.items.iter().map(|it| it.id.clone()).collect(),
        spares: Vec::new(),
        chunk_bytes: None,
        layout: None,
        metadata: None,
        consistency: None,
        journal: None,
        write_mostly: Vec::new(),
        assume_clean: None,
    };
    let request = PlanRequest {
        operation: "array_create".to_owned(),
        path: Default::default(),
        body: Some(serde_json::to_value(&wish)?),
    };
    let plan = admin.plan_create().body(request).send().await?.into_inner();
    ensure!(
        !plan.steps.is_empty() && !plan.dangers.is_empty(),
        "{plan:?}"
    );
    holds("an array is planned");

    refused(
        admin.array_create().body(wish.clone()).send().await,
        428,
        "confirmation_required",
    )?;
    holds("it is not created without the fingerprint of the plan");

    let create = admin.array_create().x_confirm_plan(plan.fingerprint);
    let created = create.body(wish).send().await?;
    ensure!(
        created.status() == 201 && created.name == "tank",
        "{created:?}"
    );
    holds("it is created with the fingerprint");

    let arrays = admin.array_list().send().await?.into_inner();
    let names: Vec<&str> = arrays.items.iter().map(|it| it.name.as_str()).collect();
    ensure!(names == ["tank"], "{names:?}");
    holds("it is listed");

    refused(
        admin.array_get().array("none").send().await,
        404,
        "array_not_found",
    )?;
    holds("an array that is not there is a typed problem");

    println!("client: {passed} passed, 0 failed");
    Ok(())
}

fn logged_in(url: &str, token: &str) -> Result<Client> {
    let mut headers = reqwest::header::HeaderMap::new();
    headers.insert("authorization", format!("Bearer {token}").parse()?);
    let http = reqwest::Client::builder()
        .default_headers(headers)
        .build()?;
    Ok(Client::new_with_client(&format!("{url}/api"), http))
}

/// A call must have failed with this problem.
fn refused<T: std::fmt::Debug>(
    result: Result<T, Error<client::types::Problem>>,
    status: u16,
    code: &str,
) -> Result<()> {
    match result {
        Err(Error::ErrorResponse(it)) if it.status() == status && it.code == code => Ok(()),
        other => bail!("wanted {status} {code}, not {other:?}"),
    }
}

/// A simulated service, ended with this process.
struct Service {
    child: Child,
    url: String,
    password: String,
}

impl Service {
    fn start(product: &str) -> Result<Service> {
        let mut child = Command::new(product)
            .args(["serve", "--sim", "blank", "--listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {product}"))?;
        let stdout = child.stdout.take().context("it has no output")?;
        let mut service = Service {
            child,
            url: String::new(),
            password: String::new(),
        };
        // It prints the login before where it listens.
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            if let Some(password) = after(&line, "password: ") {
                service.password = password;
            }
            if let Some(url) = after(&line, "listening on ") {
                service.url = url;
                ensure!(!service.password.is_empty(), "it says no password");
                return Ok(service);
            }
        }
        bail!("the service ended before it listened");
    }
}

/// The word after `mark`.
fn after(line: &str, mark: &str) -> Option<String> {
    let rest = &line[line.find(mark)? + mark.len()..];
    let word = rest.split([' ', ',']).next()?;
    Some(word.to_owned())
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
