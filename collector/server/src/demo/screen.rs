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

/// Draws until `done` or until somebody presses q or Ctrl-C; whether it was interrupted.
pub(crate) fn show(
    board: &Board,
    played: &Played,
    total: u64,
    done: &dyn Fn() -> bool,
) -> anyhow::Result<bool> {
    let mut terminal = ratatui::try_init()?;
    let result = draw_until(&mut terminal, (board, played, total), done);
    ratatui::try_restore()?;
    result
}

fn draw_until(
    terminal: &mut ratatui::DefaultTerminal,
    (board, played, total): (&Board, &Played, u64),
    done: &dyn Fn() -> bool,
) -> anyhow::Result<bool> {
    let (mut rates, mut before) = (Vec::new(), 0);
    while !done() {
        let started = Instant::now();
        let events = played.events.load(Ordering::Relaxed);
        rates.push((events - before) * 1_000 / BEAT.as_millis() as u64);
        if rates.len() > RATES {
            rates.remove(0);
        }
        before = events;
        let scene = Scene {
            moment: board.moment(),
            rates: &rates,
            events,
            total,
            shop_time: played.shop_time.load(Ordering::Relaxed),
        };
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
    events: u64,
    total: u64,
    shop_time: u64,
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
        let mut shop_time = String::new();
        let ms = i64::try_from(self.shop_time).unwrap_or(0);
        sillage_wire::format_time_ms(ms, &mut shop_time);
        let title = format!(
            " sillage demo, the shop's time is {} (q ends) ",
            shop_time.get(..16).unwrap_or_default()
        );
        let share = self.events as f64 / self.total.max(1) as f64;
        let gauge = Gauge::default()
            .block(Block::bordered().title(title))
            .gauge_style(Style::new().fg(Color::Cyan))
            .ratio(share.clamp(0.0, 1.0))
            .label(format!("{} of {} live events", self.events, self.total));
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
        let block =
            Block::bordered().title(" segments: members, change since the live part began ");
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
