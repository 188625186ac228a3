//! The demo on a terminal: what happens, as it happens.
use super::board::{Board, Moment};
use super::player::Played;
use crossterm::event::{self, Event, KeyCode, KeyModifiers};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize as _};
use ratatui::text::Line;
use ratatui::widgets::{Bar, BarChart, BarGroup, Block, Gauge, List, Paragraph, Sparkline};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Pictures a second; each looks at every profile once.
const BEAT: Duration = Duration::from_millis(200);
/// Seconds of event rates that are drawn, a bar for each beat.
const RATES: usize = 300;

/// What the head of the view says.
pub(crate) struct Head {
    title: String,
    label: String,
    /// How much of it is done, 0 to 1.
    share: f64,
    /// How many events there have been.
    events: u64,
}

impl Head {
    /// While the retailer's days are played; `shop` is the web shop's address.
    pub(crate) fn playing(played: &Played, total: u64, shop: Option<&str>) -> Self {
        let events = played.events.load(Ordering::Relaxed);
        let ms = i64::try_from(played.shop_time.load(Ordering::Relaxed)).unwrap_or(0);
        let mut time = String::new();
        sillage_wire::format_time_ms(ms, &mut time);
        let time = time.get(..16).unwrap_or_default();
        let shop = shop.map(|address| format!(", a web shop to click in: {address}"));
        Self {
            title: format!(
                " sillage demo, the retailer's time is {time} (q ends){} ",
                shop.unwrap_or_default()
            ),
            label: format!("{events} of {total} live events"),
            share: events as f64 / total.max(1) as f64,
            events,
        }
    }

    /// While the web shop at this address is open; `found` is what came of the self-check.
    pub(crate) fn open(shop: &str, found: &str, events: u64) -> Self {
        Self {
            title: format!(" {found} "),
            label: format!("the web shop is open: {shop} (q ends)"),
            share: 0.0,
            events,
        }
    }
}

/// Draws until `done` or until somebody presses q or Ctrl-C; whether it was interrupted.
pub(crate) fn show(
    board: &Board,
    head: &dyn Fn() -> Head,
    done: &dyn Fn() -> bool,
) -> anyhow::Result<bool> {
    let mut terminal = ratatui::try_init()?;
    let result = draw_until(&mut terminal, board, head, done);
    ratatui::try_restore()?;
    result
}

fn draw_until(
    terminal: &mut ratatui::DefaultTerminal,
    board: &Board,
    head: &dyn Fn() -> Head,
    done: &dyn Fn() -> bool,
) -> anyhow::Result<bool> {
    let (mut rates, mut before) = (Vec::new(), head().events);
    while !done() {
        let started = Instant::now();
        let head = head();
        rates.push(head.events.saturating_sub(before) * 1_000 / BEAT.as_millis() as u64);
        if rates.len() > RATES {
            rates.remove(0);
        }
        before = head.events;
        let scene = Scene { moment: board.moment(), rates: &rates, head };
        terminal.draw(|frame| scene.draw(frame))?;
        if event::poll(BEAT.saturating_sub(started.elapsed()))?
            && let Event::Key(key) = event::read()?
        {
            let control_c =
                key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
            if control_c || key.code == KeyCode::Char('q') {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// One picture.
struct Scene<'a> {
    moment: Moment,
    rates: &'a [u64],
    head: Head,
}

impl Scene<'_> {
    fn draw(&self, frame: &mut Frame<'_>) {
        let rows = [Constraint::Length(3), Constraint::Length(6), Constraint::Min(8)];
        let [head, rates, rest] = Layout::vertical(rows).areas(frame.area());
        let [left, right] =
            Layout::horizontal([Constraint::Percentage(58), Constraint::Min(30)]).areas(rest);
        let below = [Constraint::Min(8), Constraint::Length(9)];
        let [segments, scores] = Layout::vertical(below).areas(left);
        self.draw_head(frame, head);
        self.draw_rates(frame, rates);
        self.draw_segments(frame, segments);
        self.draw_scores(frame, scores);
        let lines = self.moment.transitions.iter().map(|line| {
            let colour = if line.starts_with('+') { Color::Green } else { Color::Red };
            Line::from(line.as_str()).style(Style::new().fg(colour))
        });
        let title = format!(" transitions ({}) ", self.moment.transition_count);
        frame.render_widget(List::new(lines).block(Block::bordered().title(title)), right);
    }

    fn draw_head(&self, frame: &mut Frame<'_>, area: Rect) {
        let gauge = Gauge::default()
            .block(Block::bordered().title(self.head.title.as_str()))
            .gauge_style(Style::new().fg(Color::Cyan))
            .ratio(self.head.share.clamp(0.0, 1.0))
            .label(self.head.label.as_str());
        frame.render_widget(gauge, area);
    }

    fn draw_rates(&self, frame: &mut Frame<'_>, area: Rect) {
        let title = format!(
            " {} events/s, {} persons, {} sessions, lag {} ms ",
            self.rates.last().copied().unwrap_or_default(),
            self.moment.persons,
            self.moment.sessions,
            self.moment.lag_ms
        );
        let width = usize::from(area.width.saturating_sub(2));
        let shown = &self.rates[self.rates.len().saturating_sub(width)..];
        let line = Sparkline::default().block(Block::bordered().title(title)).data(shown).cyan();
        frame.render_widget(line, area);
    }

    fn draw_segments(&self, frame: &mut Frame<'_>, area: Rect) {
        let widest = self.moment.segments.iter().map(|s| s.members).max().unwrap_or(1).max(1);
        let lines: Vec<Line<'_>> = self
            .moment
            .segments
            .iter()
            .map(|segment| {
                let length = usize::try_from(segment.members * 20 / widest).unwrap_or(0);
                let moved = i128::from(segment.members) - i128::from(segment.before);
                Line::from(vec![
                    format!("{:>6} ", segment.members).bold(),
                    format!("{moved:>+5} ").fg(if moved < 0 { Color::Red } else { Color::Green }),
                    format!("{:<20} ", "█".repeat(length)).cyan(),
                    segment.name.as_str().into(),
                ])
            })
            .collect();
        let block = Block::bordered().title(" segments: members, change since this view began ");
        frame.render_widget(Paragraph::new(lines).block(block), area);
    }

    fn draw_scores(&self, frame: &mut Frame<'_>, area: Rect) {
        let bars = self.moment.bands.iter().enumerate().map(|(band, &count)| {
            Bar::default().value(count).label(Line::from(format!("{}", band * 10)))
        });
        let bars: Vec<Bar<'_>> = bars.collect();
        let chart = BarChart::default()
            .block(Block::bordered().title(" engagement scores "))
            .data(BarGroup::default().bars(&bars))
            .bar_width(5)
            .bar_gap(1);
        frame.render_widget(chart, area);
    }
}
