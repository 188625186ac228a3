//! Draws what is wrong with a rule: the place underlined, what was expected, what may help.
use crate::config::{ProjectConfig, SegmentConfig};
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use sillage_engine::{Diagnostic, RulePart};

/// All diagnostics as plain text, ready for a terminal or a log.
pub(crate) fn render(project: &ProjectConfig, diagnostics: &[Diagnostic]) -> String {
    render_segments(&project.segments, diagnostics)
}

/// As [`render`], of segments that may be in no project yet.
pub(crate) fn render_segments(segments: &[SegmentConfig], diagnostics: &[Diagnostic]) -> String {
    let mut drawn = Vec::new();
    for diagnostic in diagnostics {
        let segment = segments.iter().find(|s| s.key == diagnostic.segment);
        let text = match diagnostic.part {
            RulePart::When => segment.map(|s| s.when.as_str()),
            RulePart::Exit => segment.and_then(|s| s.exit.as_deref()),
        };
        drawn.push(render_one(text.unwrap_or_default(), diagnostic));
    }
    drawn.join("\n")
}

fn render_one(rule: &str, diagnostic: &Diagnostic) -> String {
    let end = diagnostic.span.end.min(rule.len());
    let start = diagnostic.span.start.min(end);
    let place = match diagnostic.part {
        RulePart::When => format!("segment {}", diagnostic.segment),
        RulePart::Exit => format!("segment {} exit", diagnostic.segment),
    };
    let snippet = Snippet::source(rule)
        .path(place.as_str())
        .annotation(AnnotationKind::Primary.span(start..end).label(diagnostic.label.as_str()));
    let mut group = Level::ERROR.primary_title(diagnostic.message.as_str()).element(snippet);
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    Renderer::plain().render(&[group])
}
