//! smbd, as Debian brings it: real files, real checks, real clients.

mod world;

use std::{fs, process::Stdio, time::Duration};

use moxnas_core::{chain::chain, clock::Stopwatch};
use moxnas_shares::{
    backend::ShareBackend,
    model::{Intent, PreviousVersions, Recycle, Smb},
    render::Service,
    transaction::{At, serve},
};

use self::world::{PASSWORD, World, start};
fn two(world: &World) -> Intent {
    let snapshots = world.folder.path().join("data/.snapshots/photos");
    let photos = Smb {
        recycle: Some(Recycle::default()),
        audit: true,
        previous_versions: Some(PreviousVersions {
            snapshots: snapshots.to_str().unwrap().parse().unwrap(),
            of: world
                .folder
                .path()
                .join("data/photos")
                .to_str()
                .unwrap()
                .parse()
                .unwrap(),
        }),
        valid_users: vec!["root".parse().unwrap()],
        ..Smb::default()
    };
    let at = snapshots.join("daily-2026-11-20T02-00-00Z");
    fs::create_dir_all(&at).unwrap();
    fs::write(at.join("then.txt"), "then").unwrap();
    Intent {
        shares: vec![
            world.share("photos", photos),
            world.share("R&D (2)", Smb::default()),
        ],
        ..Intent::default()
    }
}

/// From nothing to a share that is written to and read, by what we write alone.
#[test]
fn what_is_offered_is_served_by_smbd() {
    let Some(world) = World::new() else {
        return;
    };
    let intent = two(&world);
    world.offer(&intent).map_err(|it| chain(&it)).unwrap();
    assert_eq!(world.steps(&intent), []);
    assert!(world.checked() > Duration::ZERO, "testparm was asked");
    world.account();

    let file = world.folder.path().join("file");
    fs::write(&file, "what is put").unwrap();
    for share in ["photos", "R&D (2)"] {
        world.by_root(share, &format!("put {} there.txt", file.display()));
        let back = world.folder.path().join("back");
        world.by_root(share, &format!("get there.txt {}", back.display()));
        assert_eq!(fs::read_to_string(back).unwrap(), "what is put");
    }
    let (is_in, said) = world.client("photos", "%", "ls");
    assert!(!is_in && said.contains("ACCESS_DENIED"), "{said}");

    // What is deleted is kept, and what was can be seen.
    world.by_root("photos", "rm there.txt");
    let kept = world
        .folder
        .path()
        .join("data/photos/.recycle/root/there.txt");
    assert!(kept.is_file());
    let versions = world.by_root("photos", "ls @GMT-2026.11.20-02.00.00\\*");
    assert!(versions.contains("then.txt"), "{versions}");
}

/// What an administrator has beside ours stays, and what is wrong changes nothing.
#[test]
fn what_testparm_refuses_leaves_everything_as_it_was() {
    let Some(world) = World::new() else {
        return;
    };
    let mut intent = two(&world);
    world.offer(&intent).map_err(|it| chain(&it)).unwrap();
    let before = world.shares.observe(&world.places).unwrap();
    intent.shares.push(world.share("more", Smb::default()));
    let mut steps = world.steps(&intent);
    let text = steps[0].changes[0].after.as_mut().unwrap();
    text.push_str("\tno such option = yes\n");
    let err = serve(&world.shares, &world.places, &steps[0]).unwrap_err();
    assert_eq!(err.at, At::Checking);
    let said = chain(&err);
    assert!(
        said.contains("Unknown parameter encountered: \"no such option\""),
        "{said}"
    );
    assert_eq!(world.shares.observe(&world.places).unwrap(), before);
    let (is_in, said) = world.client("old", "%", "exit");
    assert!(!is_in || said.is_empty(), "{said}");
    let left: Vec<_> = fs::read_dir(&world.places.scratch).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Of a share that asks for a module that is not there smbd would tell nobody why nobody gets in.
#[test]
fn what_smbd_could_not_load_is_refused() {
    let Some(world) = World::new() else {
        return;
    };
    fs::remove_file(world.folder.path().join("usr")).unwrap();
    let err = world.offer(&two(&world)).unwrap_err();
    assert_eq!(
        chain(&err),
        "nothing was changed: smbd has no module full_audit"
    );
    let hint = err.cause.hint().unwrap();
    assert_eq!(hint, "install it: apt-get install samba-vfs-modules");
}

/// A client that has a share open goes on when another share comes.
#[test]
fn who_is_connected_stays_connected() {
    let Some(world) = World::new() else {
        return;
    };
    let mut intent = two(&world);
    world.offer(&intent).map_err(|it| chain(&it)).unwrap();
    world.account();
    let mut client = start("/usr/bin/smbclient")
        .args(["--configfile=/dev/null", "--max-protocol=SMB3"])
        .arg(format!("--port={}", world.port))
        .arg(format!("--user=root%{PASSWORD}"))
        .arg("//127.0.0.1/photos")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = client.stdin.take().unwrap();
    let mut say = |line: &str| std::io::Write::write_all(&mut stdin, line.as_bytes()).unwrap();
    say("mkdir before\n");
    let made = world.folder.path().join("data/photos/before");
    let since = Stopwatch::start();
    while !made.exists() {
        assert!(
            since.elapsed() < Duration::from_secs(60),
            "it does not connect"
        );
        std::thread::yield_now();
    }
    intent.shares.push(world.share("more", Smb::default()));
    world.offer(&intent).map_err(|it| chain(&it)).unwrap();
    say("mkdir after\n");
    drop(stdin);
    let output = client.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        world.folder.path().join("data/photos/after").is_dir(),
        "{said}"
    );

    // And one that goes is gone.
    intent.shares.pop();
    world.offer(&intent).map_err(|it| chain(&it)).unwrap();
    let (_, said) = world.client("more", "%", "exit");
    assert!(said.contains("BAD_NETWORK_NAME"), "{said}");
    assert_eq!(Service::Samba.daemon(), "smbd");
}
