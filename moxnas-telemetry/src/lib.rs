//! MoxNAS.
