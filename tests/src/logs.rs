//! Log files of the parts.

use std::{fs, path::Path};

/// The last `lines` lines of a log, or why there are none.
#[must_use]
pub fn tail(log: &Path, lines: usize) -> String {
    match fs::read(log) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let all: Vec<_> = text.lines().collect();
            all.iter().skip(all.len().saturating_sub(lines)).map(|line| format!("    {line}\n")).collect()
        }
        Err(error) => format!("    (cannot be read: {error})\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_is_the_last_lines_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        fs::write(&log, "1\n2\n3\n").unwrap();
        assert_eq!(tail(&log, 2), "    2\n    3\n");
        assert_eq!(tail(&log, 9), "    1\n    2\n    3\n");
        assert!(tail(&directory.path().join("none"), 2).contains("cannot be read"));
    }
}
