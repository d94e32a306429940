//! Results that were kept: found in their folder, and put into tables.

mod description;
pub(crate) mod figure;
mod folder;
pub mod notation;
mod overview;
mod sheet;
mod sparkline;
mod trend;

pub use description::{describe, figures, outcomes_of};
pub use figure::{Figure, NoFigure};
pub use folder::{FindError, KeptResult, Listing, ResultFolder};
pub use overview::{newest_of_each, overview};
pub use sheet::{Cell, Column, Sheet};
pub use trend::{Trend, trend};
