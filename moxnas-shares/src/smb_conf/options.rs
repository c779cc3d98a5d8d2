//! Which options there are: those that are met often, with what holds where nothing is said.

/// What a value is, which says when two are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// yes or no, also by other words.
    Bool,
    /// A number in octal.
    Octal,
    /// A number, maybe with `K`, `M`, `G` behind it.
    Size,
    /// Words, in an order that matters.
    List,
    /// A text; case matters.
    Text,
    /// The path of a folder.
    Path,
    /// A word, and whatever else means the same.
    Word(&'static [&'static [&'static str]]),
    /// A word, whatever its case.
    Caseless,
}

/// Where an option belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// To `[global]` alone.
    Global,
    /// To shares; in `[global]` it is what holds for those below that say nothing.
    Share,
}

/// An option.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) scope: Scope,
    pub(crate) kind: Kind,
    /// What holds where nothing is said; `None`: it is made up from the machine.
    pub(crate) default: Option<&'static str>,
}

const fn global(name: &'static str, kind: Kind, default: &'static str) -> Known {
    Known {
        name,
        scope: Scope::Global,
        kind,
        default: Some(default),
    }
}

const fn share(name: &'static str, kind: Kind, default: &'static str) -> Known {
    Known {
        name,
        scope: Scope::Share,
        kind,
        default: Some(default),
    }
}

use Kind::{Bool, Caseless, List, Octal, Path, Size, Text, Word};

/// `enum_smb_signing_vals`. From 2.0 on signing cannot be left out, so that `disabled` and
/// `desired` are what `auto` is.
const SIGNING: Kind = Word(&[
    &[
        "default",
        "auto",
        "if_required",
        "yes",
        "true",
        "1",
        "on",
        "enabled",
        "no",
        "false",
        "0",
        "off",
        "disabled",
        "desired",
    ],
    &["mandatory", "required", "force", "forced", "enforced"],
]);

/// `enum_smb_encryption_vals`. A server makes no difference between `default` and `if_required`.
const ENCRYPTION: Kind = Word(&[
    &[
        "default",
        "if_required",
        "auto",
        "yes",
        "true",
        "1",
        "on",
        "enabled",
    ],
    &["off", "no", "false", "0", "disabled"],
    &["desired"],
    &["required", "mandatory", "force", "forced", "enforced"],
]);

/// `enum_protocol`: a name without a number behind the underscore is the newest of its kind, but
/// for 2, which is 2.1.
const PROTOCOL: Kind = Word(&[
    &["SMB3", "SMB3_11"],
    &["SMB3_02"],
    &["SMB3_00"],
    &["SMB2", "SMB2_10"],
    &["SMB2_02"],
    &["NT1", "SMB1"],
    &["LANMAN2"],
    &["LANMAN1"],
    &["CORE"],
]);

const AUTO: Kind = Word(&[
    &["auto"],
    &["yes", "true", "1", "on"],
    &["no", "false", "0", "off"],
]);

/// What is met often, and all that is rendered. `params.c` and the pages of the modules have the
/// defaults.
pub(crate) const KNOWN: &[Known] = &[
    // What belongs to the server.
    global("workgroup", Caseless, "WORKGROUP"),
    global("server string", Text, "Samba %v"),
    Known {
        name: "netbios name",
        scope: Scope::Global,
        kind: Caseless,
        default: None,
    },
    global(
        "server role",
        // With `security = user`, which is the only one rendered, `auto` comes to the same.
        Word(&[&["auto", "standalone server", "standalone"]]),
        "auto",
    ),
    global("security", Word(&[&["auto", "user"]]), "auto"),
    global("map to guest", Caseless, "never"),
    global("guest account", Text, "nobody"),
    global("server min protocol", PROTOCOL, "SMB2_02"),
    global("server max protocol", PROTOCOL, "SMB3"),
    global("client min protocol", PROTOCOL, "SMB2_02"),
    global("client max protocol", Caseless, "default"),
    global("server signing", SIGNING, "default"),
    global("load printers", Bool, "yes"),
    global("disable spoolss", Bool, "no"),
    global("passdb backend", Text, "tdbsam"),
    global("encrypt passwords", Bool, "yes"),
    global("null passwords", Bool, "no"),
    global("ntlm auth", Caseless, "ntlmv2-only"),
    global("unix password sync", Bool, "no"),
    global("pam password change", Bool, "no"),
    global("obey pam restrictions", Bool, "no"),
    global("usershare allow guests", Bool, "no"),
    global("disable netbios", Bool, "no"),
    global("dns proxy", Bool, "yes"),
    global("wins support", Bool, "no"),
    global("wins proxy", Bool, "no"),
    global("local master", Bool, "yes"),
    global("preferred master", AUTO, "auto"),
    global("domain master", AUTO, "auto"),
    global("domain logons", Bool, "no"),
    global("os level", Size, "20"),
    global("time server", Bool, "no"),
    global("deadtime", Size, "10080"),
    global("max log size", Size, "5000"),
    global("max open files", Size, "16384"),
    global("socket options", Text, "TCP_NODELAY"),
    global("bind interfaces only", Bool, "no"),
    global("host msdfs", Bool, "yes"),
    global("multicast dns register", Bool, "yes"),
    global("server multi channel support", Bool, "yes"),
    global("smb ports", List, "445 139"),
    global("unix charset", Text, "UTF-8"),
    global("getwd cache", Bool, "yes"),
    global("registry shares", Bool, "no"),
    global("printcap name", Text, "/etc/printcap"),
    global("name resolve order", List, "lmhosts wins host bcast"),
    global("log file", Text, ""),
    global("log level", Text, "0"),
    global("panic action", Text, ""),
    // What belongs to a share and is rendered.
    share("path", Path, ""),
    share("comment", Text, ""),
    share("read only", Bool, "yes"),
    share("guest ok", Bool, "no"),
    share("browseable", Bool, "yes"),
    share("available", Bool, "yes"),
    share("valid users", List, ""),
    share("invalid users", List, ""),
    share("read list", List, ""),
    share("write list", List, ""),
    share("hosts allow", List, ""),
    share("hosts deny", List, ""),
    share("create mask", Octal, "0744"),
    share("directory mask", Octal, "0755"),
    share("force user", Text, ""),
    share("force group", Text, ""),
    share("smb encrypt", ENCRYPTION, "default"),
    share("max connections", Size, "0"),
    share("vfs objects", List, ""),
    // What belongs to a share and is not.
    share("-valid", Bool, "yes"),
    share("access based share enum", Bool, "no"),
    share("acl allow execute always", Bool, "no"),
    share("administrative share", Bool, "no"),
    share("admin users", List, ""),
    share("allocation roundup size", Size, "0"),
    share("block size", Size, "1024"),
    share("blocking locks", Bool, "yes"),
    share("case sensitive", AUTO, "auto"),
    share("copy", Text, ""),
    share("csc policy", Caseless, "manual"),
    share("default case", Caseless, "lower"),
    share("delete readonly", Bool, "no"),
    share("delete veto files", Bool, "no"),
    share("dont descend", Text, ""),
    share("dos filemode", Bool, "no"),
    share("dos filetimes", Bool, "yes"),
    share("dos filetime resolution", Bool, "no"),
    share("durable handles", Bool, "yes"),
    share("ea support", Bool, "yes"),
    share("follow symlinks", Bool, "yes"),
    share("force create mode", Octal, "0000"),
    share("force directory mode", Octal, "0000"),
    share("force unknown acl user", Bool, "no"),
    share("fstype", Text, "NTFS"),
    share("guest only", Bool, "no"),
    share("hide dot files", Bool, "yes"),
    share("hide files", Text, ""),
    share("hide special files", Bool, "no"),
    share("hide unreadable", Bool, "no"),
    share("hide unwriteable files", Bool, "no"),
    share("inherit acls", Bool, "no"),
    share("inherit owner", Caseless, "no"),
    share("inherit permissions", Bool, "no"),
    share("include", Text, ""),
    share("kernel oplocks", Bool, "no"),
    share("kernel share modes", Bool, "no"),
    share("level2 oplocks", Bool, "yes"),
    share("locking", Bool, "yes"),
    share("magic script", Text, ""),
    share("mangling char", Text, "~"),
    share("map acl inherit", Bool, "no"),
    share("map archive", Bool, "yes"),
    share("map hidden", Bool, "no"),
    share("map readonly", Caseless, "no"),
    share("map system", Bool, "no"),
    share("msdfs root", Bool, "no"),
    share("nt acl support", Bool, "yes"),
    share("oplocks", Bool, "yes"),
    share("posix locking", Bool, "yes"),
    share("postexec", Text, ""),
    share("preexec", Text, ""),
    share("preexec close", Bool, "no"),
    share("preserve case", Bool, "yes"),
    share("printable", Bool, "no"),
    share("printer name", Text, ""),
    share("root postexec", Text, ""),
    share("root preexec", Text, ""),
    share("root preexec close", Bool, "no"),
    share("short preserve case", Bool, "yes"),
    share("spotlight", Bool, "no"),
    share("store dos attributes", Bool, "yes"),
    share("strict allocate", Bool, "no"),
    share("strict locking", AUTO, "auto"),
    share("strict rename", Bool, "no"),
    share("strict sync", Bool, "yes"),
    share("sync always", Bool, "no"),
    share("use client driver", Bool, "no"),
    share("use sendfile", Bool, "no"),
    share("veto files", Text, ""),
    share("veto oplock files", Text, ""),
    share("wide links", Bool, "no"),
    // vfs_full_audit(8)
    share("full_audit:prefix", Text, "%u|%I"),
    share("full_audit:success", List, "none"),
    share("full_audit:failure", List, "none"),
    share("full_audit:facility", Caseless, "user"),
    share("full_audit:priority", Caseless, "notice"),
    // vfs_shadow_copy2(8)
    share("shadow:snapdir", Path, ".snapshots"),
    share("shadow:basedir", Path, ""),
    share("shadow:sort", Caseless, ""),
    share("shadow:format", Text, "@GMT-%Y.%m.%d-%H.%M.%S"),
    share("shadow:snapprefix", Text, ""),
    share("shadow:delimiter", Text, "_GMT"),
    // vfs_recycle(8)
    share("recycle:repository", Text, ".recycle"),
    share("recycle:directory_mode", Octal, "0700"),
    share("recycle:subdir_mode", Octal, "0700"),
    share("recycle:keeptree", Bool, "no"),
    share("recycle:versions", Bool, "no"),
    share("recycle:touch", Bool, "no"),
    share("recycle:maxsize", Size, "0"),
    // vfs_fruit(8)
    global("fruit:aapl", Bool, "yes"),
    share("fruit:metadata", Caseless, "netatalk"),
    share("fruit:nfs_aces", Bool, "yes"),
    share("fruit:posix_rename", Bool, "yes"),
    share("fruit:veto_appledouble", Bool, "yes"),
    share("fruit:delete_empty_adfiles", Bool, "no"),
    share("fruit:time machine", Bool, "no"),
    share("fruit:time machine max size", Size, "0"),
];

/// Second names, the name that they are of, and whether they say the opposite.
pub(crate) const SYNONYMS: &[(&str, &str, Opposite)] = &[
    ("writeable", "read only", Opposite::Yes),
    ("writable", "read only", Opposite::Yes),
    ("write ok", "read only", Opposite::Yes),
    ("browsable", "browseable", Opposite::No),
    ("public", "guest ok", Opposite::No),
    ("only guest", "guest only", Opposite::No),
    ("directory", "path", Opposite::No),
    ("create mode", "create mask", Opposite::No),
    ("directory mode", "directory mask", Opposite::No),
    ("group", "force group", Opposite::No),
    ("allow hosts", "hosts allow", Opposite::No),
    ("deny hosts", "hosts deny", Opposite::No),
    ("exec", "preexec", Opposite::No),
    ("vfs object", "vfs objects", Opposite::No),
    // The newer name of the same, so named in the file that we render as older versions know no
    // other.
    ("server smb encrypt", "smb encrypt", Opposite::No),
    ("casesignames", "case sensitive", Opposite::No),
    ("print ok", "printable", Opposite::No),
    ("printer", "printer name", Opposite::No),
    ("printcap", "printcap name", Opposite::No),
    ("preload", "auto services", Opposite::No),
    ("default", "default service", Opposite::No),
    ("bind dns directory", "binddns dir", Opposite::No),
    ("winbind gid", "idmap gid", Opposite::No),
    ("winbind uid", "idmap uid", Opposite::No),
    ("ldap password sync", "ldap passwd sync", Opposite::No),
    ("lock dir", "lock directory", Opposite::No),
    ("debuglevel", "log level", Opposite::No),
    ("socket address", "nbt client socket address", Opposite::No),
    ("prefered master", "preferred master", Opposite::No),
    ("private directory", "private dir", Opposite::No),
    ("root", "root directory", Opposite::No),
    ("root dir", "root directory", Opposite::No),
    ("max protocol", "server max protocol", Opposite::No),
    ("protocol", "server max protocol", Opposite::No),
    ("min protocol", "server min protocol", Opposite::No),
    ("unix extensions", "smb1 unix extensions", Opposite::No),
    ("debug timestamp", "timestamp logs", Opposite::No),
];

/// Whether a second name says the opposite of the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opposite {
    Yes,
    No,
}

/// By what names are compared: without regard to case and blanks.
pub(crate) fn key(name: &str) -> String {
    let letters = name.chars().filter(|it| !it.is_ascii_whitespace());
    letters.flat_map(char::to_lowercase).collect()
}

/// The name of an option, and whether what is written says its opposite.
pub(crate) fn resolve(written: &str) -> (String, bool) {
    let key = key(written);
    let is_it = |it: &str| self::key(it) == key;
    if let Some((_, name, opposite)) = SYNONYMS.iter().find(|(it, ..)| is_it(it)) {
        return ((*name).to_owned(), *opposite == Opposite::Yes);
    }
    let name = match KNOWN.iter().find(|it| is_it(it.name)) {
        Some(known) => known.name.to_owned(),
        // Of a module's options the blanks around the colon are none of the name.
        None => match written.split_once(':') {
            Some((module, option)) => format!("{}:{}", module.trim_ascii(), option.trim_ascii()),
            None => written.to_owned(),
        }
        .to_lowercase(),
    };
    (name, false)
}

/// The name of an option as smb.conf(5) has it, if it is one that is known here, whatever its case,
/// its blanks, and which of its names was taken. Others are in lower case.
#[must_use]
pub fn canonical_name(written: &str) -> String {
    resolve(written).0
}

/// What is known of an option, by its canonical name.
pub(crate) fn known(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|it| it.name == name)
}
