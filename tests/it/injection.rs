//! Texts that would do harm in a file or a command line, in every field that takes a text.

use moxnas_api::routes::plans::planned;
use poem::http::Method;
use serde_json::{Value, json};

use crate::{
    access::example,
    contract::{all_documents, operations},
    nas::{ARRAYS, Ask, Nas, bare, blank, post, wish},
};

/// A new line in a configuration file, an option, a second command, another folder, the end of a
/// text in C, and a sequence that a terminal obeys.
const EVIL: [&str; 12] = [
    "a\nARRAY /dev/md/evil UUID=0",
    "a\r\nb",
    "-rf",
    "--force",
    "a; reboot",
    "$(reboot)",
    "`reboot`",
    "a | reboot",
    "../../../etc/passwd",
    "a\0b",
    "\u{1b}[31mred",
    "a b",
];

/// Fields where such a text may be taken, and why it does no harm there.
const FREE: [(&str, &str, &str); 2] = [
    (
        "sim_fault",
        "/step",
        "compared with the steps of a machine that is not there",
    ),
    (
        "api_key_create",
        "/name",
        "for people; what a terminal would obey is refused, and it goes into no command",
    ),
];

/// Each text of a JSON value, by its pointer.
fn texts(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(at.to_owned()),
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                texts(item, &format!("{at}/{number}"), found);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                texts(field, &format!("{at}/{name}"), found);
            }
        }
        _ => (),
    }
}

fn percent(text: &str) -> String {
    text.bytes().map(|it| format!("%{it:02X}")).collect()
}

fn mdadm_conf(nas: &Nas) -> Option<String> {
    let host = &nas.app.machine.host;
    host.config_file("/etc/mdadm/mdadm.conf")
}

/// What must come of an evil text: a refusal that is not our failure.
fn is_refused(status: u16) -> bool {
    (400..500).contains(&status)
}

#[tokio::test]
async fn no_text_of_a_body_becomes_a_line_or_an_argument() {
    let nas = Nas::start("blank").await;
    let before = mdadm_conf(&nas);
    let mut tried = 0;
    for document in all_documents() {
        for (path, method, operation) in operations(&document) {
            let id = operation["operationId"].as_str().unwrap();
            let ask = example(id, &method, &path);
            let Some(body) = ask.body() else { continue };
            let mut pointers = Vec::new();
            texts(&body, "", &mut pointers);
            for pointer in pointers {
                let is_free = FREE.iter().any(|(op, at, _)| *op == id && *at == pointer);
                for evil in EVIL {
                    let mut body = body.clone();
                    *body.pointer_mut(&pointer).unwrap() = json!(evil);
                    let reply = nas.ask(ask.clone().json(&body)).await;
                    let status = reply.status.as_u16();
                    assert!(
                        is_refused(status) || (is_free && status < 300),
                        "{id} {pointer} {evil:?}: {status} {}",
                        reply.text
                    );
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 200, "{tried}");
    assert_eq!(mdadm_conf(&nas), before);
    assert!(nas.app.seen().raid.arrays.is_empty());
}

#[tokio::test]
async fn no_part_of_a_path_becomes_an_argument() {
    let nas = Nas::start("blank").await;
    let before = mdadm_conf(&nas);
    let mut tried = 0;
    for document in all_documents() {
        for (path, method, operation) in operations(&document) {
            let id = operation["operationId"].as_str().unwrap();
            let holes = path.matches('{').count();
            for hole in 0..holes {
                for evil in EVIL {
                    let path = fill(&path, hole, &percent(evil));
                    let method = Method::from_bytes(method.as_bytes()).unwrap();
                    let ask = match example(id, method.as_str(), &path).body() {
                        Some(body) => bare(method, path).json(&body),
                        None => bare(method, path),
                    };
                    let reply = nas.ask(ask).await;
                    let status = reply.status.as_u16();
                    assert!(is_refused(status), "{id} {evil:?}: {status} {}", reply.text);
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 200, "{tried}");
    assert_eq!(mdadm_conf(&nas), before);
}

/// The path with the evil text in one hole and `none` in the others.
fn fill(path: &str, hole: usize, evil: &str) -> String {
    let mut number = 0;
    let mut filled = String::new();
    for part in path.split('{') {
        match part.split_once('}') {
            None => filled.push_str(part),
            Some((_, rest)) => {
                filled.push_str(if number == hole { evil } else { "none" });
                filled.push_str(rest);
                number += 1;
            }
        }
    }
    filled
}

#[tokio::test]
async fn a_name_with_a_leading_dash_is_no_option() {
    let nas = Nas::start("blank").await;
    for name in ["-x", "--assume-clean", "-"] {
        let reply = nas.ask(post(ARRAYS, wish(name, "raid1", &[1, 2]))).await;
        reply.problem(400, "invalid_request");
    }
    for device in ["-x", "--force"] {
        let mut body = wish("data", "raid1", &[1, 2]);
        body["members"] = json!([blank(1), device]);
        let reply = nas.ask(post(ARRAYS, body)).await;
        assert_eq!(reply.status, 400, "{}", reply.text);
    }
}

/// No plan for evil texts either: its commands are shown to people, who may copy them.
#[tokio::test]
async fn no_plan_has_an_argument_that_was_not_checked() {
    let nas = Nas::start("blank").await;
    for operation in planned() {
        for evil in EVIL {
            let request = json!({
                "operation": operation,
                "path": { "array": evil, "device": evil },
                "body": { "name": evil, "level": "raid1", "members": [evil, evil], "array": evil,
                          "device": evil, "with": evil, "action": "check" },
            });
            let ask: Ask = post("/api/plans", request);
            let status = nas.ask(ask).await.status.as_u16();
            assert!(is_refused(status), "{operation} {evil:?}: {status}");
        }
    }
}
