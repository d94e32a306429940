//! Subcommands that are described to the parser only when they are meant.
//!
//! A description of all flags of all subcommands takes about a megabyte, most of which the allocator keeps
//! when the command line has been read: of a server that runs for months.

use clap::{ArgMatches, Args, Command, Error, FromArgMatches, Id};

/// The arguments of a subcommand. Its variant says in a line what it is for, since the list of subcommands
/// is written without a look at `T`.
#[derive(Debug)]
pub(super) struct OnDemand<T>(pub(super) Box<T>);

impl<T: Args> Args for OnDemand<T> {
    fn group_id() -> Option<Id> {
        T::group_id()
    }

    fn augment_args(command: Command) -> Command {
        command.defer(T::augment_args)
    }

    fn augment_args_for_update(command: Command) -> Command {
        command.defer(T::augment_args_for_update)
    }
}

impl<T: FromArgMatches> FromArgMatches for OnDemand<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        T::from_arg_matches(matches).map(|arguments| Self(Box::new(arguments)))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        self.0.update_from_arg_matches(matches)
    }
}
