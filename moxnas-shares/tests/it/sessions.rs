//! Sessions: what was captured of real daemons, and the same life of a session on the simulation,
//! with a real smbd and with a real sshd.

mod captured;
mod lives;
