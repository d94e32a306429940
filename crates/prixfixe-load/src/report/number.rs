//! Figures with their units, as the page writes them.

use crate::results::notation;

/// What stands where there is no figure.
pub(super) const NONE: &str = "–";

/// A figure with three digits that count: `0.0123`, `1.23`, `12.3`, `1,234`.
pub(super) fn plain(value: f64) -> String {
    if value.is_finite() && value.abs() >= MOST_WRITTEN_OUT {
        return format!("{value:.2e}");
    }
    notation::number(value)
}

/// Above it a figure is written with an exponent: nobody reads the zeros.
const MOST_WRITTEN_OUT: f64 = 1e15;

/// A figure of at least 0 with so many decimals, for the ticks of an axis.
pub(super) fn with_decimals(value: f64, decimals: usize) -> String {
    if !(0.0..MOST_WRITTEN_OUT).contains(&value) {
        return plain(value);
    }
    let text = format!("{value:.decimals$}");
    match text.split_once('.') {
        Some((whole, fraction)) => format!("{}.{fraction}", notation::in_thousands(whole)),
        None => notation::in_thousands(&text),
    }
}

/// `12,345`.
pub(super) fn count(value: u64) -> String {
    notation::count(value)
}

/// A count that went through arithmetic: `12,345`.
pub(super) fn plain_count(value: f64) -> String {
    with_decimals(value, 0)
}

/// `12.3 ms`.
pub(super) fn milliseconds(value: f64) -> String {
    with_unit(value, "ms")
}

/// `12.3 s`.
pub(super) fn seconds(value: f64) -> String {
    with_unit(value, "s")
}

/// `1,234/s`.
pub(super) fn per_second(value: f64) -> String {
    if value.is_finite() {
        plain(value) + "/s"
    } else {
        NONE.to_owned()
    }
}

/// `12.3 MiB`.
pub(super) fn octets(value: f64) -> String {
    let (unit, name) = octet_unit(value);
    with_unit(value / unit, name)
}

/// The unit in which so many octets are written, and its name.
pub(super) fn octet_unit(value: f64) -> (f64, &'static str) {
    const UNITS: [(f64, &str); 4] = [
        (1_099_511_627_776.0, "TiB"),
        (1_073_741_824.0, "GiB"),
        (1_048_576.0, "MiB"),
        (1024.0, "KiB"),
    ];
    UNITS
        .into_iter()
        .find(|(unit, _)| value >= *unit)
        .unwrap_or((1.0, "B"))
}

/// A share of 1 as `12.3 %`.
pub(super) fn share(value: f64) -> String {
    with_unit(value * 100.0, "%")
}

/// How far a figure is from another: `+12.3 %`. Nothing where that means nothing.
pub(super) fn difference(value: f64, from: f64) -> Option<String> {
    let ratio = value / from - 1.0;
    if !ratio.is_finite() {
        return None;
    }
    if ratio.abs() >= 10.0 {
        return Some(format!("× {}", plain(value / from)));
    }
    Some(format!("{:+.1} %", ratio * 100.0).replace('-', "−"))
}

fn with_unit(value: f64, unit: &str) -> String {
    if value.is_finite() {
        format!("{} {unit}", plain(value))
    } else {
        NONE.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_figure_is_longer_than_anybody_reads() {
        for (value, text) in [
            (12.34, "12.3"),
            (1_234_567.0, "1,234,567"),
            (-1234.0, "-1,234"),
            (f64::NAN, NONE),
            (f64::INFINITY, NONE),
            (1e300, "1.00e300"),
        ] {
            assert_eq!(plain(value), text);
        }
    }

    #[test]
    fn octets_have_the_unit_that_fits() {
        assert_eq!(octets(0.0), "0 B");
        assert_eq!(octets(1536.0), "1.50 KiB");
        assert_eq!(octets(34.5 * 1_048_576.0), "34.5 MiB");
    }

    #[test]
    fn a_difference_to_nothing_is_none() {
        assert_eq!(difference(110.0, 100.0).as_deref(), Some("+10.0 %"));
        assert_eq!(difference(50.0, 100.0).as_deref(), Some("−50.0 %"));
        assert_eq!(difference(2000.0, 100.0).as_deref(), Some("× 20.0"));
        assert_eq!(difference(1.0, 0.0), None);
    }
}
