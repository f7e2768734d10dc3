//! The README's table of flags is made from the code. `UPDATE_README=1` writes it anew.

use std::path::Path;

use clap::{Args, Command};
use splade_sidecar::config::ServeArgs;

const BEGIN: &str = "<!-- flags: begin -->\n";
const END: &str = "<!-- flags: end -->";

fn table() -> String {
    let command = ServeArgs::augment_args(Command::new("serve"));
    let mut table = "\n| flag | variable | default | |\n|---|---|---|---|\n".to_owned();
    for flag in command.get_arguments().filter(|flag| flag.get_long().is_some()) {
        let name = flag.get_long().unwrap();
        let variable = flag.get_env().unwrap().to_string_lossy();
        let default: Vec<_> = flag.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        let default = if default.is_empty() { String::new() } else { format!("`{}`", default.join(" ")) };
        let help = flag.get_help().unwrap().to_string();
        table.push_str(&format!("| `--{name}` | `{variable}` | {default} | {help} |\n"));
    }
    table + "\n"
}

#[test]
fn the_flags_are_those_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (found, after) = rest.split_once(END).unwrap();
    if std::env::var_os("UPDATE_README").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{}{END}{after}", table())).unwrap();
        return;
    }
    assert_eq!(found, table(), "run this test with UPDATE_README=1");
}
