//! MoxNAS.

pub mod actor;
pub mod auth;
pub mod store;
