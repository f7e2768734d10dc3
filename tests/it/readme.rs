//! Parts of the documentation that are generated from the code. `UPDATE_DOCS=1` updates them.

mod api;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use clap::{Arg, Args, Command, CommandFactory};
use splade_sidecar::cli::Cli;
use splade_sidecar::config::ServeArgs;
use splade_sidecar::metrics::{self, Label, Metric, MetricKind};
use splade_sidecar::model::keys::{KeyRule, TABLES};

/// Compares the part of a document between the markers of this name with the expected text.
fn check(document: &str, name: &str, expected: &str) {
    /// Tests run in parallel, and may update the same document.
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

/// Returns a table of a command's flags, except for the excluded ones.
fn format_flags(command: &Command, excluded: &BTreeSet<&str>) -> String {
    let mut table = "\n| flag | variable | default | |\n|---|---|---|---|\n".to_owned();
    let is_listed = |flag: &&Arg| flag.get_env().is_some() && flag.get_long().is_some_and(|it| !excluded.contains(it));
    let mut flags = command.get_arguments().filter(is_listed).peekable();
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

fn serve_command() -> Command {
    ServeArgs::augment_args(Command::new("serve"))
}

#[test]
fn the_flags_are_those_of_the_code() {
    check("docs/configuration.md", "flags", &format_flags(&serve_command(), &BTreeSet::new()));
}

// A build without the feature has a different help text.
#[cfg(feature = "verify")]
#[test]
fn the_commands_are_those_of_the_code() {
    let (mut root, serve) = (Cli::command(), serve_command());
    root.build();
    let flags_of_serve: BTreeSet<&str> = serve.get_arguments().filter_map(Arg::get_long).collect();
    let mut text = String::new();
    let mut commands: Vec<(String, &Command)> = root.get_subcommands().map(|it| (it.get_name().into(), it)).collect();
    commands.retain(|(name, _)| !["help", "serve"].contains(&name.as_str()));
    while !commands.is_empty() {
        let (name, command) = commands.remove(0);
        let below = command.get_subcommands().filter(|it| it.get_name() != "help");
        let below: Vec<_> = below.map(|it| (format!("{name} {}", it.get_name()), it)).collect();
        if below.is_empty() {
            let about = command.get_about().unwrap().to_string();
            // `check` has the flags of `serve`, which have a table of their own.
            let table = if name == "check" {
                let table = format_flags(command, &flags_of_serve);
                format!("\nThe [flags of `serve`](#flags-of-serve), and:\n{table}")
            } else {
                format_flags(command, &BTreeSet::new())
            };
            let section = format!("\n### `{name}`\n\n{about}.\n{table}");
            writeln!(text, "{}", section.trim_end()).unwrap();
        }
        commands.splice(0..0, below);
    }
    check("docs/configuration.md", "commands", &(text + "\n"));
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
