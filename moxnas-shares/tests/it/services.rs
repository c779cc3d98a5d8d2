//! Services: what facts come to, what is planned, and the simulation; and systemd itself where it
//! runs.

mod captured;
mod plans;
mod systemd;
