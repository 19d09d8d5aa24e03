//! The way from the filters to Redis.

mod socket;
