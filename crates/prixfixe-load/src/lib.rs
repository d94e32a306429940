//! Load for SMTP servers of any make, measured so that it tells the truth.
//!
//! - Messages start when the [schedule] says, and latency counts from there: a server
//!   that stalls cannot hide it by holding the generator up.
//! - Every message carries a [label] with its number and the hash of what follows, and a
//!   [ledger] says how each was answered: what was lost, doubled or altered can be named.
//! - The generator watches itself, and a run in which it was too slow is marked as invalid.
//! - A [result] file keeps the figures with all that is needed to judge them.
//!
//! The crate speaks SMTP as a client of its own and shares no code with any server.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use prixfixe_load::generator::{self, Live};
//! use prixfixe_load::plan::Plan;
//! use prixfixe_load::schedule::{Phase, Schedule, Timetable};
//!
//! // 50 messages a second for a minute, over at most 20 connections.
//! let schedule = Schedule::Open(Timetable {
//!     phases: vec![Phase::even(50.0, Duration::from_secs(60))],
//!     ..Timetable::default()
//! });
//! let plan = Plan::new(vec!["mail.example:25".to_owned()], schedule, 20);
//! let measured = generator::run(&plan, &Live::new())?.measurement(&plan);
//! println!("{} of {} accepted", measured.accepted, measured.sent);
//! println!("p99 {:.1} ms, valid: {}", measured.latency_ms.p99, measured.valid);
//! # Ok::<(), generator::PlanError>(())
//! ```
#![forbid(unsafe_code)]
#![allow(
    clippy::cast_precision_loss,
    reason = "counts and microseconds are far below 2^53"
)]

pub mod capacity;
pub mod client;
pub mod compare;
pub mod contents;
pub mod export;
pub mod failure;
pub mod fault_proxy;
pub mod gates;
pub mod generator;
pub mod label;
pub mod ledger;
mod live;
#[cfg(test)]
mod made_up;
pub mod plan;
mod process;
mod recording;
pub mod report;
pub mod resources;
pub mod result;
#[cfg(test)]
mod result_schema;
pub mod results;
mod run_id;
pub mod schedule;
mod self_check;
mod size;
mod stage;
pub mod verify;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
