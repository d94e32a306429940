//! How numbers are written for people; programs get them as they are.

/// A number with three significant digits, or all of them above the point: `12,346`, `98.8`,
/// `1.23`, `0.00457`.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let size = value.abs();
    let digits = match size {
        0.0 => 0,
        _ if size >= 99.95 => 0,
        _ if size >= 9.995 => 1,
        _ if size >= 0.9995 => 2,
        _ if size >= 0.0995 => 3,
        _ if size >= 0.00995 => 4,
        _ => 5,
    };
    let text = format!("{value:.digits$}");
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", &*text),
    };
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, format!(".{fraction}")),
        None => (text, String::new()),
    };
    format!("{sign}{}{fraction}", in_thousands(whole))
}

/// A count: `5,000`.
pub fn count(value: u64) -> String {
    in_thousands(&value.to_string())
}

/// Octets in the largest unit that leaves one before the point: `12.3 MiB`.
pub fn octets(value: u64) -> String {
    octets_of(value as f64)
}

/// The same for a number that need not be whole, and may be below zero where memory shrank.
pub fn octets_of(value: f64) -> String {
    for (unit, name) in [
        (1_u64 << 40, "TiB"),
        (1 << 30, "GiB"),
        (1 << 20, "MiB"),
        (1 << 10, "KiB"),
    ] {
        let unit = unit as f64;
        if value.abs() >= unit {
            return format!("{} {name}", number(value / unit));
        }
    }
    format!("{value:.0} B")
}

/// A share in percent: `0.034` is `3.4 %`.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A change in percent with its sign: `+3.4 %`.
pub fn change(share: f64) -> String {
    format!("{:+.1} %", share * 100.0)
}

/// Digits with their thousands apart.
pub(crate) fn in_thousands(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_the_digits_that_mean_something() {
        for (value, text) in [
            (0.0, "0"),
            (12_345.6, "12,346"),
            (1_234_567.0, "1,234,567"),
            (100.0, "100"),
            (98.765, "98.8"),
            (1.2345, "1.23"),
            (0.999_9, "1.00"),
            (0.4567, "0.457"),
            (0.045_67, "0.0457"),
            (0.004_567, "0.00457"),
            (-1234.5, "-1,234"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(number(value), text, "{value}");
        }
    }

    #[test]
    fn octets_have_the_unit_that_reads_best() {
        assert_eq!(octets(0), "0 B");
        assert_eq!(octets(1023), "1023 B");
        assert_eq!(octets(10 << 10), "10.0 KiB");
        assert_eq!(octets(12_900_000), "12.3 MiB");
        assert_eq!(octets_of(-2048.0), "-2.00 KiB");
        assert_eq!(octets(3 << 40), "3.00 TiB");
    }

    #[test]
    fn shares_are_percents() {
        assert_eq!(percent(0.034), "3.4 %");
        assert_eq!(change(0.034), "+3.4 %");
        assert_eq!(change(-0.5), "-50.0 %");
    }
}
