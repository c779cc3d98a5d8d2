//! The way to a path, link by link: the same for the machine and for the simulated one.

use moxnas_core::folder::{FolderPath, is_in};

use super::{End, Kind, Last, Node, SharePath, Space, Trail, TrailError};

/// Files, as they are found one in the other.
pub(super) trait Tree {
    /// Something that was found, and that stays what it is whatever is renamed meanwhile.
    type Place;

    /// `/`
    fn top(&self) -> Result<Found<Self::Place>, TrailError>;

    /// What has this name in a folder; its path is for people.
    fn below(
        &self,
        folder: &Self::Place,
        name: &str,
        path: String,
    ) -> Result<Option<Found<Self::Place>>, TrailError>;

    /// What room there is.
    fn space(&self, place: &Self::Place) -> Option<Space>;
}

/// Something that was found, and what it is.
pub(super) struct Found<P> {
    pub(super) place: P,
    pub(super) node: Node,
}

/// How many symbolic links are followed on one way; the kernel follows as many, see
/// path_resolution(7).
const LINKS: usize = 40;

/// A name that is to be looked up.
struct Name {
    text: String,
    /// It was asked for, and is not what a link says.
    is_own: bool,
}

fn names<'a>(of: impl DoubleEndedIterator<Item = &'a str>, is_own: bool) -> Vec<Name> {
    let clean = of.filter(|it| !it.is_empty() && *it != ".");
    let name = |text: &str| Name {
        text: text.to_owned(),
        is_own,
    };
    clean.rev().map(name).collect()
}

/// Folders that are open, `/` first, each with where its node is.
struct Walk<'a, T: Tree> {
    tree: &'a T,
    nodes: Vec<Node>,
    open: Vec<(T::Place, usize)>,
    links: usize,
    /// It ended at something that is no folder, or is a link that is meant itself.
    is_behind: bool,
}

pub(super) fn walk<T: Tree>(
    tree: &T,
    share: &FolderPath,
    path: &SharePath,
    last: Last,
) -> Result<Trail, TrailError> {
    let top = tree.top()?;
    let mut walk = Walk {
        tree,
        nodes: vec![top.node],
        open: vec![(top.place, 0)],
        links: 0,
        is_behind: false,
    };
    let above = Bounds {
        depth: 1,
        share: None,
    };
    let to_share = names(share.as_str().split('/'), false);
    match walk.go(to_share, &above, Last::Follow)? {
        End::Reached => (),
        End::Circle => return Ok(walk.end(0, End::Circle)),
        _ => return Ok(walk.end(0, End::NoShare)),
    }
    walk.stand_last();
    let at = walk.nodes.len() - 1;
    if !walk.nodes[at].is_folder() {
        return Ok(walk.end(0, End::NoShare));
    }
    let within = Bounds {
        depth: walk.open.len(),
        share: Some(share.as_str()),
    };
    let end = walk.go(names(path.names(), true), &within, last)?;
    walk.stand_last();
    Ok(walk.end(at, end))
}

/// Where links may lead.
struct Bounds<'a> {
    /// How many folders stay open.
    depth: usize,
    /// The share, by the path that it is known by; `None`: anywhere.
    share: Option<&'a str>,
}

impl<T: Tree> Walk<'_, T> {
    fn go(
        &mut self,
        mut todo: Vec<Name>,
        within: &Bounds<'_>,
        last: Last,
    ) -> Result<End, TrailError> {
        while let Some(name) = todo.pop() {
            if name.text == ".." {
                match self.open.len() > within.depth {
                    true => _ = self.open.pop(),
                    false if within.share.is_some() => {
                        self.is_behind = true;
                        return Ok(End::LeavesShare);
                    }
                    false => (),
                }
                continue;
            }
            let Some((place, at)) = self.open.last() else {
                return Ok(End::NotAFolder);
            };
            let before = self.nodes[*at].path.trim_end_matches('/');
            let path = format!("{before}/{}", name.text);
            let Some(found) = self.tree.below(place, &name.text, path)? else {
                let is_last = todo.is_empty() && name.is_own;
                return Ok(End::Missing {
                    name: name.text,
                    is_last,
                });
            };
            let kind = found.node.kind.clone();
            self.nodes.push(found.node);
            match kind {
                Kind::Folder => self.open.push((found.place, self.nodes.len() - 1)),
                Kind::Link(_) if todo.is_empty() && name.is_own && last == Last::Keep => {
                    self.is_behind = true;
                    return Ok(End::Reached);
                }
                Kind::Link(target) => {
                    self.links += 1;
                    if self.links > LINKS {
                        self.is_behind = true;
                        return Ok(End::Circle);
                    }
                    match self.turn(&target, within) {
                        Some(more) => todo.extend(more),
                        None => {
                            self.is_behind = true;
                            return Ok(End::LeavesShare);
                        }
                    }
                }
                Kind::File | Kind::Other => {
                    self.is_behind = true;
                    return Ok(match todo.is_empty() {
                        true => End::Reached,
                        false => End::NotAFolder,
                    });
                }
            }
        }
        Ok(End::Reached)
    }

    /// The names that a link stands for; `None`: they lead out of where it may lead.
    fn turn(&mut self, target: &str, within: &Bounds<'_>) -> Option<Vec<Name>> {
        if !target.starts_with('/') {
            return Some(names(target.split('/'), false));
        }
        let rest = match within.share {
            None => target,
            Some(share) if is_in(target, share) => &target[share.len()..],
            Some(_) => return None,
        };
        self.open.truncate(within.depth);
        Some(names(rest.split('/'), false))
    }

    /// Where `..` led to was come to before; whoever reads the trail finds what was asked for at
    /// its end.
    fn stand_last(&mut self) {
        let open = self.open.last().filter(|_| !self.is_behind);
        if let Some((_, at)) = open
            && *at != self.nodes.len() - 1
        {
            let node = self.nodes[*at].clone();
            self.nodes.push(node);
        }
    }

    fn end(self, share: usize, end: End) -> Trail {
        let space = self.open.last().and_then(|(it, _)| self.tree.space(it));
        Trail {
            nodes: self.nodes,
            share,
            end,
            space,
        }
    }
}
