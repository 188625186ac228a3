//! Numbers drawn with the block characters of a terminal.

const UP: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const DOWN: [char; 3] = [' ', '▀', '█'];

/// Bars that grow upwards, the top row first; anything above 0 shows.
pub(crate) fn bars_up(values: &[u64], rows: usize) -> Vec<String> {
    let steps = UP.len() - 1;
    let row = |from_top: usize, value: u64| {
        let height = scaled(value, values, rows * steps);
        UP[height.saturating_sub((rows - 1 - from_top) * steps).min(steps)]
    };
    (0..rows).map(|r| values.iter().map(|&value| row(r, value)).collect()).collect()
}

/// Bars that hang down, the top row first.
pub(crate) fn bars_down(values: &[u64], rows: usize) -> Vec<String> {
    let steps = DOWN.len() - 1;
    let row = |from_top: usize, value: u64| {
        let height = scaled(value, values, rows * steps);
        DOWN[height.saturating_sub(from_top * steps).min(steps)]
    };
    (0..rows).map(|r| values.iter().map(|&value| row(r, value)).collect()).collect()
}

/// One row of at most `width` characters; of days that share one, the last shows.
pub(crate) fn line(values: &[u64], width: usize) -> String {
    let width = width.min(values.len()).max(1);
    let shown: Vec<u64> = (1..=width)
        .filter_map(|column| values.get((column * values.len() / width).saturating_sub(1)))
        .copied()
        .collect();
    bars_up(&shown, 1).into_iter().next().unwrap_or_default()
}

/// A whole number with thin groups of three: `245 903`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// A share as a percentage.
#[allow(clippy::cast_precision_loss, reason = "a share of counts far below 2^53")]
pub(crate) fn percent(part: u64, whole: u64) -> String {
    match whole {
        0 => "–".to_owned(),
        whole => format!("{:.1} %", part as f64 * 100.0 / whole as f64),
    }
}

/// `value` on a scale of `steps` where the largest of `values` is all of them; above 0 at least 1.
fn scaled(value: u64, values: &[u64], steps: usize) -> usize {
    let most = values.iter().copied().max().unwrap_or(0).max(1);
    let scaled = u128::from(value) * steps as u128;
    usize::try_from(scaled.div_ceil(u128::from(most))).unwrap_or(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_numbers() {
        assert_eq!(bars_up(&[0, 1, 4, 8, 16], 2), ["    █", " ▁▄██"]);
        assert_eq!(bars_down(&[0, 1, 2, 4], 2), [" ▀██", "   █"]);
        assert_eq!(line(&[0, 0, 4, 4, 8, 8], 3), " ▄█");
        assert_eq!(line(&[5], 30), "█");
        assert_eq!([count(7), count(1_000), count(1_234_567)], ["7", "1 000", "1 234 567"]);
        assert_eq!([percent(1, 3), percent(1, 0)], ["33.3 %", "–"]);
    }
}
