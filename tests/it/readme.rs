//! What documents repeat of the code is made from it. `UPDATE_DOCS=1` writes it anew.

mod api;

use std::fmt::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use clap::{Args, Command, CommandFactory};
use splade_sidecar::cli::Cli;
use splade_sidecar::config::ServeArgs;
use splade_sidecar::metrics::{self, Label, Metric, MetricKind};
use splade_sidecar::model::keys::{KeyRule, TABLES};

/// Holds the part of a document that is between the marks of this name against what the code says.
fn check(document: &str, name: &str, expected: &str) {
    /// Tests run at once, and may write the same document.
    static WRITING: Mutex<()> = Mutex::new(());
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(&begin).unwrap();
    let (found, after) = rest.split_once(&end).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{begin}{expected}{end}{after}")).unwrap();
        return;
    }
    assert_eq!(found, expected, "run this test with UPDATE_DOCS=1");
}

fn flags(command: &Command) -> String {
    let mut table = "\n| flag | variable | default | |\n|---|---|---|---|\n".to_owned();
    let mut flags = command.get_arguments().filter(|it| it.get_long().is_some() && it.get_env().is_some()).peekable();
    if flags.peek().is_none() {
        return String::new();
    }
    for flag in flags {
        let (name, variable) = (flag.get_long().unwrap(), flag.get_env().unwrap().to_string_lossy());
        let shown = flag.get_default_values().iter().filter(|_| !flag.is_hide_default_value_set());
        let default: Vec<_> = shown.map(|value| value.to_string_lossy()).collect();
        let default = if default.is_empty() { String::new() } else { format!("`{}`", default.join(" ")) };
        let help = flag.get_help().unwrap().to_string();
        writeln!(table, "| `--{name}` | `{variable}` | {default} | {help} |").unwrap();
    }
    table + "\n"
}

#[test]
fn the_flags_are_those_of_the_code() {
    check("README.md", "flags", &flags(&ServeArgs::augment_args(Command::new("serve"))));
}

// The help of a command that the build is without is another one.
#[cfg(feature = "verify")]
#[test]
fn the_commands_are_those_of_the_code() {
    let mut root = Cli::command();
    root.build();
    let mut text = String::new();
    let mut commands: Vec<(String, &Command)> = root.get_subcommands().map(|it| (it.get_name().into(), it)).collect();
    commands.retain(|(name, _)| !["help", "serve"].contains(&name.as_str()));
    while !commands.is_empty() {
        let (name, command) = commands.remove(0);
        let below = command.get_subcommands().filter(|it| it.get_name() != "help");
        let below: Vec<_> = below.map(|it| (format!("{name} {}", it.get_name()), it)).collect();
        if below.is_empty() {
            let about = command.get_about().unwrap().to_string();
            let section = format!("\n### `{name}`\n\n{about}.\n{}", flags(command));
            writeln!(text, "{}", section.trim_end()).unwrap();
        }
        commands.splice(0..0, below);
    }
    check("docs/operations.md", "commands", &(text + "\n"));
}

#[test]
fn the_keys_of_model_files_are_those_of_the_code() {
    let mut text = String::new();
    for table in TABLES {
        writeln!(text, "\n### `{}`: {}\n\n| key | | |\n|---|---|---|", table.file, table.scope).unwrap();
        for key in table.iter() {
            let rule = match key.rule {
                KeyRule::Honoured => "honoured".to_owned(),
                KeyRule::Ignored => "irrelevant".to_owned(),
                KeyRule::Restricted([]) => "refused unless null".to_owned(),
                KeyRule::Restricted(values) => {
                    let values: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
                    format!("refused unless null or {}", values.join(", "))
                }
            };
            writeln!(text, "| `{}` | {rule} | {} |", key.path, key.note).unwrap();
        }
    }
    check("docs/model-files.md", "keys", &(text + "\n"));
}

#[test]
fn the_metrics_are_those_of_the_code() {
    let kind = |kind| match kind {
        MetricKind::Counter => "counter",
        MetricKind::Gauge => "gauge",
        MetricKind::Histogram => "histogram",
    };
    let label = |&(name, values): &Label| match values {
        [] => format!("`{name}`"),
        values => format!("`{name}`: {}", values.join(", ")),
    };
    let mut table = "\n| metric | kind | labels | |\n|---|---|---|---|\n".to_owned();
    for metric @ Metric { name, help, .. } in metrics::ALL {
        let labels: Vec<_> = metric.labels.iter().map(label).collect();
        writeln!(table, "| `{name}` | {} | {} | {help} |", kind(metric.kind), labels.join("; ")).unwrap();
    }
    check("docs/operations.md", "metrics", &(table + "\n"));
}
