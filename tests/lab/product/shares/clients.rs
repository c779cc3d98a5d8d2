//! Clients of other makes, on the machine itself, and sessions of theirs that stay open.

use anyhow::{Result, ensure};
use moxnas_tests::lab::{Exec, Job, Output};

use super::super::nas::Nas;

/// Says over FTP with TLS what it reads, a line each, and prints what comes back, a line each.
const FTP_TALK: &str = r"
import ftplib, io, sys
ftp = ftplib.FTP_TLS('127.0.0.1', sys.argv[1], sys.argv[2], timeout=60)
ftp.prot_p()
for line in sys.stdin:
    word, _, rest = line.strip().partition(' ')
    said = []
    try:
        if word == 'get':
            ftp.retrlines('RETR ' + rest, said.append)
        elif word == 'put':
            said = [ftp.storbinary('STOR ' + rest, io.BytesIO(b'by ftp\n'))]
        elif word == 'ls':
            said = sorted(ftp.nlst())
        else:
            said = [ftp.sendcmd(line.strip())]
    except ftplib.Error as why:
        said = [str(why)]
    print(' '.join(said), flush=True)
";
const FTP_TALK_AT: &str = "/root/ftp-talk.py";
/// Tells ssh the password that is in its environment.
const ASKPASS: &str = "#!/bin/sh\necho \"$LAB_PASSWORD\"\n";
const ASKPASS_AT: &str = "/root/askpass";
const NO_KNOWN_HOSTS: [&str; 4] = [
    "-o",
    "StrictHostKeyChecking=no",
    "-o",
    "UserKnownHostsFile=/dev/null",
];

/// Somebody with a password.
#[derive(Clone, Copy)]
pub(super) struct Login<'a> {
    pub(super) user: &'a str,
    pub(super) password: &'a str,
}

/// Puts the clients that need a script onto the machine.
pub(super) fn install(nas: &mut Nas) -> Result<()> {
    nas.machine.write_file(FTP_TALK_AT, FTP_TALK)?;
    nas.machine.write_file(ASKPASS_AT, ASKPASS)?;
    nas.machine.run(["chmod", "755", ASKPASS_AT]).map(drop)
}

fn smbclient(share: &str, login: Option<Login<'_>>) -> Vec<String> {
    let who = match login {
        Some(it) => vec!["-U".to_owned(), format!("{}%{}", it.user, it.password)],
        None => vec!["-N".to_owned()],
    };
    let begin = ["smbclient", "-s", "/dev/null", "-m", "SMB3"].map(str::to_owned);
    let share = format!("//127.0.0.1/{share}");
    begin.into_iter().chain(who).chain([share]).collect()
}

/// Runs commands of smbclient, which are parted by `;`.
pub(super) fn smb(
    nas: &mut Nas,
    share: &str,
    login: Option<Login<'_>>,
    commands: &str,
) -> Result<Output> {
    let mut argv = smbclient(share, login);
    argv.extend(["-c".to_owned(), commands.to_owned()]);
    nas.machine.exec(argv)
}

/// What smbd said to somebody who is not let in.
pub(super) fn smb_refused(nas: &mut Nas, share: &str, login: Option<Login<'_>>) -> Result<String> {
    let said = smb(nas, share, login, "ls")?;
    ensure!(said.status != 0, "{share} is open: {said:?}");
    let text = said.stdout + &said.stderr;
    let word = text.split_whitespace().find(|it| it.contains("NT_STATUS_"));
    Ok(word.unwrap_or(&text).trim_matches(['(', ')']).to_owned())
}

/// curl with a password; `ftp://` is encrypted or not made.
pub(super) fn curl(nas: &mut Nas, login: Login<'_>, arguments: &[&str]) -> Result<Output> {
    let who = format!("{}:{}", login.user, login.password);
    let begin = [
        "curl",
        "-sS",
        "-k",
        "--ssl-reqd",
        "--path-as-is",
        "-u",
        &who,
    ];
    nas.machine.exec(begin.iter().chain(arguments).copied())
}

/// Says lines over FTP. Returns the answers.
pub(super) fn ftp(nas: &mut Nas, login: Login<'_>, lines: &[&str]) -> Result<Vec<String>> {
    let said = nas.machine.exec_with(Exec {
        stdin: lines.join("\n"),
        ..Exec::new(["python3", FTP_TALK_AT, login.user, login.password])
    })?;
    Ok(said.success()?.lines().map(str::to_owned).collect())
}

/// Asks sshd for a shell.
pub(super) fn ssh(nas: &mut Nas, login: Login<'_>, command: &str) -> Result<Output> {
    let to = format!("{}@127.0.0.1", login.user);
    let argv = ["ssh"].iter().chain(&NO_KNOWN_HOSTS).copied();
    let mut exec = Exec::new(argv.chain([to.as_str(), command]));
    exec.env = [
        ("LAB_PASSWORD", login.password),
        ("SSH_ASKPASS", ASKPASS_AT),
        ("SSH_ASKPASS_REQUIRE", "force"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    nas.machine.exec_with(exec)
}

/// A client that goes on asking the daemon it has logged in to.
pub(super) struct Session {
    client: Job,
    input: Input,
}

/// A pipe into something that reads until nobody can write to it any more.
pub(super) struct Input {
    path: String,
    holder: Job,
}

impl Input {
    /// Whatever opens this path next reads from it.
    pub(super) fn new(nas: &mut Nas, name: &str) -> Result<Self> {
        let path = format!("/root/{name}.in");
        nas.machine.run(["mkfifo", &path])?;
        let hold = format!("exec sleep 1000 >{path}");
        let holder = nas.machine.spawn(["bash", "-c", &hold])?;
        Ok(Self { path, holder })
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn end(&self, nas: &mut Nas) -> Result<()> {
        nas.machine.kill(&self.holder, 9)
    }
}

impl Session {
    fn start(nas: &mut Nas, name: &str, command: &str) -> Result<Self> {
        let input = Input::new(nas, name)?;
        let command = format!("exec {command} <{}", input.path());
        let client = nas.machine.spawn(["bash", "-c", &command])?;
        Ok(Self { client, input })
    }

    pub(super) fn smb(nas: &mut Nas, share: &str, login: Login<'_>) -> Result<Self> {
        let command = smbclient(share, Some(login)).join(" ");
        Self::start(nas, &format!("smb-{share}"), &command)
    }

    /// It hears the answers of [`ftp`].
    pub(super) fn ftp(nas: &mut Nas, login: Login<'_>) -> Result<Self> {
        let Login { user, password } = login;
        let command = format!("python3 {FTP_TALK_AT} {user} {password}");
        Self::start(nas, "ftp", &command)
    }

    pub(super) fn sftp(nas: &mut Nas, login: Login<'_>) -> Result<Self> {
        let command = format!(
            "env LAB_PASSWORD={} SSH_ASKPASS={ASKPASS_AT} SSH_ASKPASS_REQUIRE=force sftp {} {}@127.0.0.1",
            login.password,
            NO_KNOWN_HOSTS.join(" "),
            login.user,
        );
        Self::start(nas, "sftp", &command)
    }

    pub(super) fn say(&self, nas: &mut Nas, line: &str) -> Result<()> {
        let script = format!("echo \"$1\" >{}", self.input.path());
        nas.machine
            .run(["bash", "-c", &script, "bash", line])
            .map(drop)
    }

    /// Waits until the client has said this, as it does when it was answered.
    pub(super) fn hears(&self, nas: &mut Nas, part: &str) -> Result<()> {
        let mut heard = String::new();
        let client = &self.client;
        let waited = nas.machine.wait_until(part, |it| {
            heard = it.read_file(&client.output)?;
            Ok(heard.contains(part) || it.status(client)?.is_some())
        });
        waited.map_err(|err| err.context(heard.clone()))?;
        ensure!(heard.contains(part), "it ended without {part}:\n{heard}");
        Ok(())
    }

    /// Lets the client end by itself, which it must not have done yet. Returns what it heard.
    pub(super) fn end(self, nas: &mut Nas) -> Result<String> {
        let heard = nas.machine.read_file(&self.client.output)?;
        let status = nas.machine.status(&self.client)?;
        ensure!(
            status.is_none(),
            "it ended with status {status:?}:\n{heard}"
        );
        self.input.end(nas)?;
        let client = &self.client;
        nas.machine
            .wait_until("the client ends", |it| Ok(it.status(client)?.is_some()))?;
        nas.machine.read_file(&self.client.output)
    }
}
