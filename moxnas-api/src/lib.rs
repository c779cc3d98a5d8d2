//! MoxNAS.

pub mod cached;
pub mod input;
pub mod limit;
pub mod problem;
pub mod server;
pub mod shape;
pub mod stack;
