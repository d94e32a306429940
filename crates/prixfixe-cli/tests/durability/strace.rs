//! Records a server's system calls with strace, and reads the recording.
//!
//! strace stops a thread before each call and behind it, and the thread goes on only after strace
//! has noted that. So a call whose end stands in the recording above the start of another had
//! really ended before the other began, whatever the threads.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use crate::recording::{Call, Event};

/// The command that runs `binary` and records into `file`. Its process is that of the binary: the
/// tracer stays in the background.
pub(crate) fn command(file: &Path, binary: &Path) -> Command {
    let mut command = Command::new("strace");
    command.args([
        "-D",
        "-f",
        "-y",
        "--seccomp-bpf",
        "--signal=none",
        "--string-limit=1048576",
    ]);
    command
        .arg(format!("--trace={CALLS}"))
        .arg("--output")
        .arg(file)
        .arg(binary);
    command
}

/// Every call that changes files, and those that can send.
const CALLS: &str = "openat,openat2,open,creat,write,pwrite64,writev,pwritev,pwritev2,\
    ftruncate,truncate,fallocate,fsync,fdatasync,sync,syncfs,sync_file_range,msync,\
    rename,renameat,renameat2,link,linkat,symlinkat,unlink,unlinkat,mkdir,mkdirat,\
    copy_file_range,sendfile,splice,sendto,sendmsg,sendmmsg";

/// The successful calls in a recording that concern `folder` or a socket, in the order of their
/// starts.
pub(crate) fn read(file: &Path, folder: &Path) -> Vec<Event> {
    // Strings are escaped, so all of it is ASCII.
    let text = std::fs::read_to_string(file).unwrap();
    let mut reader = Reader {
        folder: folder.canonicalize().unwrap(),
        names: BTreeSet::new(),
    };
    let mut unfinished: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    let mut events = Vec::new();
    for (time, line) in text.lines().enumerate() {
        let (thread, line) = line.split_once(' ').expect("a thread id");
        let line = line.trim_start();
        let event = if line.starts_with("+++") {
            None
        } else if let Some(begun) = line.strip_suffix(" <unfinished ...>") {
            unfinished.insert(thread, (time, begun));
            None
        } else if line.starts_with("<...") {
            let (_, rest) = line.split_once("resumed>").expect("a call that goes on");
            let (start, begun) = unfinished.remove(thread).expect("a call that had begun");
            reader.event(start, time, &format!("{begun}{rest}"))
        } else {
            reader.event(time, time, line)
        };
        events.extend(event);
    }
    events.sort_by_key(|event: &Event| event.start);
    events
}

struct Reader {
    folder: std::path::PathBuf,
    /// The files that there are in the folder.
    names: BTreeSet<String>,
}

impl Reader {
    fn event(&mut self, start: usize, end: usize, text: &str) -> Option<Event> {
        let line = Line::parse(text);
        // A call that failed has done nothing. Not so `?`, of a thread that died in it.
        if line.result.starts_with('-') {
            return None;
        }
        Some(Event {
            start,
            end,
            call: self.call(&line)?,
        })
    }

    fn call(&mut self, line: &Line) -> Option<Call> {
        let Line {
            name,
            arguments,
            strings,
            result,
        } = line;
        let number = |place: usize| arguments[place].parse::<usize>().unwrap();
        let first = path_of(&arguments[0]);
        match name.as_str() {
            "openat" => {
                let file = self.file(path_of(result)?)?;
                assert!(!arguments[2].contains("O_TRUNC"), "{line:?}");
                let made = arguments[2].contains("O_CREAT") && self.names.insert(file.clone());
                made.then_some(Call::Create { file })
            }
            "pwrite64" => {
                let file = self.file(first?)?;
                let (written, offset): (usize, _) = (result.parse().unwrap(), number(3));
                let data = line.strings.concat();
                assert_eq!(written, data.len(), "a short write");
                Some(Call::Write { file, offset, data })
            }
            "ftruncate" => Some(Call::Truncate {
                file: self.file(first?)?,
                length: number(1),
            }),
            "fsync" | "fdatasync" if Path::new(first?) == self.folder => Some(Call::SyncFolder),
            "fsync" | "fdatasync" => Some(Call::Sync {
                file: self.file(first?)?,
            }),
            "unlink" => {
                let file = self.file(std::str::from_utf8(&strings[0]).unwrap())?;
                assert!(
                    self.names.remove(&file),
                    "{file} was made outside the recording"
                );
                Some(Call::Remove { file })
            }
            "sendto" | "sendmsg" | "write" | "writev" if first?.starts_with("socket:") => {
                Some(Call::Send {
                    data: line.strings.concat(),
                })
            }
            // The folder itself is made before anything that is looked at here.
            "mkdir" => None,
            _ => {
                let path = self.folder.to_str().unwrap();
                let concerned = arguments.iter().any(|argument| argument.contains(path))
                    || strings.iter().any(|text| text.starts_with(path.as_bytes()));
                assert!(!concerned, "a call that this test does not know: {line:?}");
                None
            }
        }
    }

    /// The name of a file in the folder that mail depends on. The index of the log is made anew
    /// whenever it is missing, and the lock is empty.
    fn file(&self, path: &str) -> Option<String> {
        let name = Path::new(path)
            .strip_prefix(&self.folder)
            .ok()?
            .to_str()
            .unwrap();
        let counts = !name.is_empty() && name != "lock" && !name.ends_with("-shm");
        counts.then(|| name.to_owned())
    }
}

/// A call as strace writes it: `name(argument, …) = result`.
#[derive(Debug)]
struct Line {
    name: String,
    /// With empty strings in the place of strings.
    arguments: Vec<String>,
    strings: Vec<Vec<u8>>,
    /// `-1` and more where the call failed.
    result: String,
}

impl Line {
    fn parse(text: &str) -> Self {
        let mut plain = String::new();
        let mut strings = Vec::new();
        let mut rest = text;
        while let Some((before, quoted)) = rest.split_once('"') {
            plain.push_str(before);
            plain.push_str("\"\"");
            let (string, behind) = unescape(quoted);
            assert!(!behind.starts_with("..."), "a string was cut short");
            strings.push(string);
            rest = behind;
        }
        plain.push_str(rest);
        let (call, result) = plain.rsplit_once(" = ").expect("a result");
        let (name, arguments) = call.split_once('(').expect("a call");
        let arguments = arguments.trim_end().trim_end_matches(')');
        Self {
            name: name.to_owned(),
            arguments: arguments.split(", ").map(str::to_owned).collect(),
            strings,
            result: result.to_owned(),
        }
    }
}

/// `7</a/path>` without the number.
fn path_of(descriptor: &str) -> Option<&str> {
    descriptor.split_once('<')?.1.strip_suffix('>')
}

/// The bytes up to the closing quotation mark, and what follows it.
fn unescape(text: &str) -> (Vec<u8>, &str) {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    loop {
        let byte = bytes[at];
        at += 1;
        match byte {
            b'"' => return (found, &text[at..]),
            b'\\' => {
                let escaped = bytes[at];
                at += 1;
                found.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'v' => 0x0b,
                    b'f' => 0x0c,
                    b'0'..=b'7' => {
                        let mut value = escaped - b'0';
                        for _ in 0..2 {
                            let digit = bytes[at];
                            if !(b'0'..=b'7').contains(&digit) {
                                break;
                            }
                            // strace writes no more than \377, so this cannot overflow.
                            value = value * 8 + (digit - b'0');
                            at += 1;
                        }
                        value
                    }
                    itself => itself,
                });
            }
            byte => found.push(byte),
        }
    }
}

#[test]
fn calls_are_read_as_strace_writes_them() {
    let line = Line::parse(r#"pwrite64(7</a/b>, "\0\1\37120\28\"\\\r) = x", 14, 24) = 14"#);
    assert_eq!(line.name, "pwrite64");
    assert_eq!(line.strings, [b"\0\x01\xf920\x028\"\\\r) = x"]);
    assert_eq!(line.arguments, ["7</a/b>", "\"\"", "14", "24"]);
    assert_eq!(path_of(&line.arguments[0]), Some("/a/b"));
    assert_eq!(line.result, "14");
}
