//! The program on a terminal.

use std::{fs::File, io::Read, thread};

use rustix::{
    fs::{Mode, OFlags},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{OptionalActions, OutputModes, Winsize, tcgetattr, tcsetattr, tcsetwinsize},
};

use crate::program::command;

/// What the program prints on a terminal of so many columns.
pub(crate) fn run(arguments: &[&str], columns: u16) -> String {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let slave = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    let size = Winsize {
        ws_row: 24,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&slave, size).unwrap();
    // What is read is then what was written, without a CR in front of each LF.
    let mut modes = tcgetattr(&slave).unwrap();
    modes.output_modes.remove(OutputModes::OPOST);
    tcsetattr(&slave, OptionalActions::Now, &modes).unwrap();

    let reader = thread::spawn(move || {
        let mut shown = Vec::new();
        // The end of a terminal is an error, EIO, after all that was written.
        let _ = File::from(master).read_to_end(&mut shown);
        String::from_utf8(shown).unwrap()
    });
    let status = command(arguments).stdout(slave).status().unwrap();
    let shown = reader.join().unwrap();
    assert!(status.success(), "{shown}");
    shown
}
