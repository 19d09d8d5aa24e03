//! The result.

use std::{fmt, time::Duration};

/// Times of the same thing, done several times.
#[derive(Debug, Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn add(&mut self, time: Duration) {
        let place = self.0.partition_point(|other| *other <= time);
        self.0.insert(place, time);
    }

    /// The time which this share (in percent) of all did not exceed: nearest rank.
    fn percentile(&self, percent: usize) -> String {
        let rank = (self.0.len() * percent).div_ceil(100);
        match self.0.get(rank.saturating_sub(1)) {
            Some(time) => format!("{:.1}", time.as_secs_f64() * 1000.0),
            None => "-".to_owned(),
        }
    }
}

/// One measurement.
#[derive(Debug, Default)]
pub(crate) struct Measurement {
    pub(crate) what: String,
    /// How often it was done.
    pub(crate) count: usize,
    /// Until the first proxy had it.
    pub(crate) first: Times,
    /// Until the last proxy had it.
    pub(crate) last: Times,
    /// Bytes sent to one proxy each time.
    pub(crate) bytes: Option<usize>,
    /// The server's processor time, all of it.
    pub(crate) cpu: Duration,
    /// The server's peak of memory, in bytes.
    pub(crate) peak: u64,
}

/// What was measured, as a table in Markdown.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<Measurement>);

const HEADINGS: [&str; 10] = [
    "what",
    "times",
    "first p50 ms",
    "first p99 ms",
    "last p50 ms",
    "last p99 ms",
    "bytes to one",
    "CPU s each",
    "CPU s all",
    "peak MiB",
];

impl Table {
    pub(crate) fn add(&mut self, measurement: Measurement) {
        eprintln!("{}", line(&cells(&measurement), &[0; HEADINGS.len()]));
        self.0.push(measurement);
    }
}

fn cells(measurement: &Measurement) -> [String; HEADINGS.len()] {
    let Measurement { what, count, first, last, bytes, cpu, peak } = measurement;
    let cpu = cpu.as_secs_f64();
    let each = u32::try_from(*count).map_or(cpu, |count| cpu / f64::from(count.max(1)));
    [
        what.clone(),
        count.to_string(),
        first.percentile(50),
        first.percentile(99),
        last.percentile(50),
        last.percentile(99),
        bytes.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string()),
        format!("{each:.3}"),
        format!("{cpu:.2}"),
        (peak >> 20).to_string(),
    ]
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let cells = cells.iter().zip(widths).enumerate().map(|(column, (cell, width))| match column {
        0 => format!("{cell:<width$}"),
        _ => format!("{cell:>width$}"),
    });
    format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<_> =
            std::iter::once(HEADINGS.map(str::to_owned)).chain(self.0.iter().map(cells)).collect();
        let width = |column| rows.iter().filter_map(|row| row.get(column).map(String::len)).max();
        let widths: Vec<usize> = (0..HEADINGS.len()).map(|column| width(column).unwrap_or(0)).collect();
        for (index, row) in rows.iter().enumerate() {
            writeln!(formatter, "{}", line(row, &widths))?;
            if index == 0 {
                let rules = widths.iter().enumerate().map(|(column, width)| match column {
                    0 => "-".repeat(*width),
                    _ => "-".repeat(width.saturating_sub(1)) + ":",
                });
                writeln!(formatter, "{}", line(&rules.collect::<Vec<_>>(), &widths))?;
            }
        }
        Ok(())
    }
}
