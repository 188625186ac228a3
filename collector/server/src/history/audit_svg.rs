//! An audit as one picture: sizes with their growth, and how memberships go together. Self-contained,
//! and made for light and for dark backgrounds.
use super::audit::{Audit, Row};
use super::audit_text::growth;
use super::draw::{count, percent};
use std::fmt::Write as _;

/// Segments with a bar of their own; the largest.
const BARS: usize = 60;
/// Segments in the matrix; more would be too small to read.
const CELLS: usize = 40;
const WIDTH: usize = 960;
const MARGIN: usize = 24;
const LABELS: usize = 220;
const ROW: usize = 24;
const BAR: usize = 380;
const TREND: usize = 120;
/// A character, about, at this size of type.
const CHAR: usize = 7;
/// Characters of a label.
const LABEL_CHARS: usize = 28;

const STYLE: &str = "\
text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-size:12px;fill:#1b1f24}\
.bg{fill:#ffffff}.h{font-size:15px;font-weight:600}.q{fill:#57606a}.e{text-anchor:end}.m{text-anchor:middle}\
.bar{fill:#3572b0}.track{fill:#8b949e;fill-opacity:.18}.was{stroke:#bf5600;stroke-width:2}\
.line{fill:none;stroke:#3572b0;stroke-width:1.5}.cell{stroke:#8b949e;stroke-opacity:.3}\
.pos{fill:#2f6fb3}.neg{fill:#c2452d}.none{fill:none}.on{fill:#ffffff}\
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.bg{fill:#0d1117}.q{fill:#9198a1}\
.bar{fill:#58a6ff}.line{stroke:#58a6ff}.was{stroke:#f0883e}.on{fill:#ffffff}}";

/// Draws it.
pub(crate) fn svg(audit: &Audit) -> String {
    let mut body = String::new();
    let under_bars = bars(&mut body, audit, MARGIN);
    let height = matrix(&mut body, audit, under_bars + 32) + MARGIN;
    let title = escaped(&format!("Segments of {}", audit.project));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\" aria-label=\"{title}\"><title>{title}</title>\
         <style>{STYLE}</style><rect class=\"bg\" width=\"{WIDTH}\" height=\"{height}\"/>{body}</svg>\n"
    )
}

/// One row a segment: name, bar, a mark where it was 30 days ago, growth, the last 90 days.
fn bars(out: &mut String, audit: &Audit, top: usize) -> usize {
    let shown = &audit.segments[..audit.segments.len().min(BARS)];
    let reach = |row: &Row| row.members.max(row.members_30d_ago.unwrap_or(0));
    let most = shown.iter().map(reach).max().unwrap_or(0).max(1);
    let heading = format!(
        "Segments of {}: {} persons as of {}",
        audit.project,
        count(audit.persons),
        audit.as_of
    );
    text(out, (MARGIN, top + 12), "h", &heading);
    let legend = "Members now; the mark is where a segment stood 30 days ago; right, growth of 30 \
                  days and the last 90 days.";
    text(out, (MARGIN, top + 32), "q", legend);
    let (left, right) = (MARGIN + LABELS, MARGIN + LABELS + BAR);
    let mut y = top + 48;
    for row in shown {
        let width = scaled(row.members, most, BAR);
        text(out, (left - 10, y + 15), "e", &cut(&row.key));
        rect(out, "track", (left, y + 4), (BAR, ROW - 8));
        rect(out, "bar", (left, y + 4), (width, ROW - 8));
        if let Some(before) = row.members_30d_ago {
            let x = left + scaled(before, most, BAR);
            let (y1, y2) = (y + 1, y + ROW - 1);
            push(
                out,
                format_args!("<line class=\"was\" x1=\"{x}\" y1=\"{y1}\" x2=\"{x}\" y2=\"{y2}\"/>"),
            );
        }
        let size = format!("{} ({})", count(row.members), percent(row.members, audit.persons));
        text(out, (right + 10, y + 15), "", &size);
        text(out, (right + 180, y + 15), "q e", &growth(row, row.members_30d_ago));
        trend(out, &row.members_by_day, (right + 190, y + 3));
        y += ROW;
    }
    if audit.segments.len() > shown.len() {
        let more = format!("and {} smaller ones", audit.segments.len() - shown.len());
        text(out, (left, y + 15), "q", &more);
        y += ROW;
    }
    y
}

fn trend(out: &mut String, days: &[u64], (x, y): (usize, usize)) {
    let most = days.iter().copied().max().unwrap_or(0).max(1);
    let steps = days.len().saturating_sub(1).max(1);
    let mut points = String::new();
    for (day, &members) in days.iter().enumerate() {
        let height = scaled(members, most, ROW - 8);
        push(&mut points, format_args!("{},{} ", x + day * TREND / steps, y + ROW - 8 - height));
    }
    push(out, format_args!("<polyline class=\"line\" points=\"{}\"/>", points.trim_end()));
}

/// Every two segments: blue where members of one tend to be in the other, red where they tend not to.
fn matrix(out: &mut String, audit: &Audit, top: usize) -> usize {
    let keys = &audit.correlation.segments;
    let shown = keys.len().min(CELLS);
    if shown < 2 {
        return top;
    }
    text(out, (MARGIN, top), "h", "Correlation of memberships (φ)");
    let legend = "Blue: members of one tend to be in the other; red: they tend not to be. \
                  Numbers are hundredths; empty where nobody or everybody is in one.";
    text(out, (MARGIN, top + 20), "q", legend);
    let side = ((WIDTH - 2 * MARGIN - LABELS) / shown).min(36);
    // Names of columns stand upright above them.
    let longest = keys.iter().take(shown).map(|key| cut(key).chars().count()).max().unwrap_or(0);
    let (left, first) = (MARGIN + LABELS, top + 46 + longest * CHAR);
    for (column, key) in keys.iter().take(shown).enumerate() {
        let (x, y) = (left + column * side + side / 2 + 4, first - 8);
        let key = escaped(&cut(key));
        push(out, format_args!("<text transform=\"translate({x} {y}) rotate(-90)\">{key}</text>"));
    }
    for (row, key) in keys.iter().take(shown).enumerate() {
        let y = first + row * side;
        text(out, (left - 10, y + side / 2 + 4), "e", &cut(key));
        let phis = audit.correlation.phi[row].iter().zip(keys).take(shown);
        for (column, (phi, other)) in phis.enumerate() {
            cell(out, (left + column * side, y), side, *phi, (key, other));
        }
    }
    let bottom = first + shown * side;
    if keys.len() > shown {
        text(out, (left, bottom + 18), "q", &format!("the {shown} largest of {}", keys.len()));
        return bottom + 24;
    }
    bottom
}

fn cell(
    out: &mut String,
    (x, y): (usize, usize),
    side: usize,
    phi: Option<f64>,
    (row, column): (&str, &str),
) {
    let (kind, strength) = match phi {
        None => ("none", 0.0),
        Some(phi) if phi < 0.0 => ("neg", -phi),
        Some(phi) => ("pos", phi),
    };
    let said = phi.map_or("nobody or everybody".to_owned(), |phi| format!("{phi:.3}"));
    let title = escaped(&format!("{row} and {column}: {said}"));
    push(
        out,
        format_args!(
            "<rect class=\"cell {kind}\" fill-opacity=\"{strength:.3}\" x=\"{x}\" y=\"{y}\" \
             width=\"{side}\" height=\"{side}\"><title>{title}</title></rect>"
        ),
    );
    if let Some(phi) = phi.filter(|_| side >= 22) {
        let class = if strength > 0.6 { "m on" } else { "m" };
        // Adding zero makes a negative zero a plain one.
        let number = format!("{}", (phi * 100.0).round() + 0.0);
        text(out, (x + side / 2, y + side / 2 + 4), class, &number);
    }
}

fn text(out: &mut String, (x, y): (usize, usize), class: &str, said: &str) {
    let said = escaped(said);
    push(out, format_args!("<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{said}</text>"));
}

fn rect(out: &mut String, class: &str, (x, y): (usize, usize), (width, height): (usize, usize)) {
    push(
        out,
        format_args!(
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"2\"/>"
        ),
    );
}

fn push(out: &mut String, what: std::fmt::Arguments<'_>) {
    out.write_fmt(what).expect("a string takes all");
}

fn scaled(value: u64, most: u64, length: usize) -> usize {
    let scaled = u128::from(value) * length as u128 / u128::from(most);
    usize::try_from(scaled).map_or(length, |scaled| scaled.min(length))
}

fn cut(label: &str) -> String {
    if label.chars().count() <= LABEL_CHARS {
        return label.to_owned();
    }
    let kept: String = label.chars().take(LABEL_CHARS - 1).collect();
    format!("{kept}…")
}

/// Text for XML: markup is escaped, and what XML 1.0 forbids is left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\u{0}'..='\u{8}'
            | '\u{b}'
            | '\u{c}'
            | '\u{e}'..='\u{1f}'
            | '\u{fffe}'
            | '\u{ffff}' => {}
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_the_picture() {
        let hostile = "a<script>\"&'\u{0}b";
        assert_eq!(escaped(hostile), "a&lt;script&gt;&quot;&amp;&#39;b");
        assert_eq!(cut(&"é".repeat(40)).chars().count(), LABEL_CHARS);
    }
}
