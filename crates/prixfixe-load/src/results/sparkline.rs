//! A course of numbers as a line of little bars.

/// The most bars: what fits beside words in a terminal of 80 columns.
const MOST_BARS: usize = 60;

/// A bar for each number, from an eighth for the lowest to full height for the highest; a dot where
/// there is none. Longer courses are drawn together, each bar the mean of its stretch.
pub(super) fn draw(numbers: &[Option<f64>]) -> String {
    let stretch = numbers.len().div_ceil(MOST_BARS).max(1);
    let bars: Vec<Option<f64>> = numbers.chunks(stretch).map(mean).collect();
    let known = || bars.iter().flatten().copied();
    let lowest = known().fold(f64::INFINITY, f64::min);
    let highest = known().fold(f64::NEG_INFINITY, f64::max);
    bars.iter()
        .map(|bar| match bar {
            Some(_) if highest <= lowest => BARS[BARS.len() / 2],
            Some(number) => {
                let share = (number - lowest) / (highest - lowest);
                let index = share * (BARS.len() - 1) as f64;
                // A share lies between 0 and 1.
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let index = index.round() as usize;
                BARS[index.min(BARS.len() - 1)]
            }
            None => '·',
        })
        .collect()
}

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

fn mean(numbers: &[Option<f64>]) -> Option<f64> {
    let known: Vec<f64> = numbers
        .iter()
        .flatten()
        .copied()
        .filter(|number| number.is_finite())
        .collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_is_full_and_the_lowest_an_eighth() {
        let line = draw(&[Some(0.0), Some(3.5), Some(7.0), None, Some(f64::NAN)]);
        assert_eq!(line, "▁▅█··");
        assert_eq!(draw(&[Some(5.0), Some(5.0)]), "▅▅");
        assert_eq!(draw(&[]), "");
    }

    #[test]
    fn a_long_course_is_drawn_together() {
        let numbers: Vec<_> = (0..601).map(|number| Some(f64::from(number))).collect();
        let line = draw(&numbers);
        assert!(line.chars().count() <= MOST_BARS);
        assert!(line.starts_with('▁') && line.ends_with('█'));
    }
}
