//! Draws what is wrong with a rule: the place underlined, what was expected, what may help.
use crate::config::ProjectConfig;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use sillage_engine::{Diagnostic, RulePart, SegmentSource};
use sillage_lookup::Diagnosis;

/// All diagnostics as plain text, ready for a terminal or a log.
pub(crate) fn render(project: &ProjectConfig, diagnostics: &[Diagnostic]) -> String {
    let rules = project.rule_set();
    let drawn: Vec<String> = diagnostics.iter().map(|d| render_one(&rules.segments, d)).collect();
    drawn.join("\n")
}

/// All diagnostics about these segments, for machines and for people.
pub(crate) fn diagnoses(segments: &[SegmentSource], found: &[Diagnostic]) -> Vec<Diagnosis> {
    let told = found.iter().map(|diagnostic| Diagnosis {
        segment: diagnostic.segment.clone(),
        part: diagnostic.part.name(),
        message: diagnostic.message.clone(),
        start: diagnostic.span.start,
        end: diagnostic.span.end,
        label: diagnostic.label.clone(),
        help: diagnostic.help.clone(),
        rendered: render_one(segments, diagnostic),
    });
    told.collect()
}

fn render_one(segments: &[SegmentSource], diagnostic: &Diagnostic) -> String {
    let source = segments.iter().find(|s| s.key == diagnostic.segment);
    let rule = source.and_then(|source| match diagnostic.part {
        RulePart::When => Some(source.when.as_str()),
        RulePart::Exit => source.exit.as_deref(),
    });
    draw(rule.unwrap_or_default(), diagnostic)
}

fn draw(rule: &str, diagnostic: &Diagnostic) -> String {
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
