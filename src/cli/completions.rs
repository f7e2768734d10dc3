//! `completions`: prints completion scripts for shells.

use std::process::ExitCode;

use clap_complete::{Shell, generate};

use super::output::print;

/// Print a completion script for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct CompletionsCommand {
    /// Shell for which the script is generated.
    shell: Shell,
}

const EXAMPLE: &str = "\
Examples:
  source <(splade-sidecar completions bash)
  splade-sidecar completions zsh > ~/.zfunc/_splade-sidecar
  splade-sidecar completions fish > ~/.config/fish/completions/splade-sidecar.fish";

impl CompletionsCommand {
    /// Prints the completion script of `command`, the root command.
    pub fn run(self, command: clap::Command) -> anyhow::Result<ExitCode> {
        print(&create_script(self.shell, command)?)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn create_script(shell: Shell, mut command: clap::Command) -> anyhow::Result<String> {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    generate(shell, &mut command, name, &mut script);
    Ok(String::from_utf8(script)?)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use clap::{CommandFactory, ValueEnum};

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn scripts_name_every_command() {
        for shell in Shell::value_variants() {
            let script = create_script(*shell, Cli::command()).unwrap();
            for command in Cli::command().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell}: {}", command.get_name());
            }
            assert!(script.contains("splade-sidecar") && script.contains("float16"), "{shell}");
        }
    }

    #[test]
    fn the_bash_script_can_be_parsed() {
        let bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let Ok(mut bash) = bash else { return };
        let script = create_script(Shell::Bash, Cli::command()).unwrap();
        bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        let output = bash.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
