use crate::cli::ConfigFile;
use std::io::Write as _;

/// Reads the configuration and compiles every rule; says what would run.
pub(crate) fn run(file: &ConfigFile) -> anyhow::Result<()> {
    let config = super::configuration(file)?;
    let mut out = std::io::stdout().lock();
    for project in &config.projects {
        let plan = crate::project::compile(project)?;
        writeln!(
            out,
            "project {}: {} write keys, {} segments, sessions end after {}, scores halve in {}",
            project.name,
            project.write_keys.len(),
            plan.segments().len(),
            project.session.idle,
            project.engagement.half_life,
        )?;
    }
    writeln!(out, "configuration: good ({} projects)", config.projects.len())?;
    Ok(())
}
