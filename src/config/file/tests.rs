//! Configuration files and the configurations that they produce.

use std::fs;
use std::path::PathBuf;

use clap::{Arg, Args, Command, FromArgMatches};
use tempfile::TempDir;

use super::value_type::ValueType;
use crate::config::flags::ServeFlags;
use crate::config::{Config, ServeArgs};

/// Configuration file in a temporary directory.
struct ConfigFile {
    directory: TempDir,
}

impl ConfigFile {
    fn new() -> Self {
        Self { directory: TempDir::new().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("sidecar.toml")
    }

    /// Returns the arguments of `serve` with a file of this text and these flags.
    fn args(&self, text: impl AsRef<[u8]>, line: &[&str]) -> ServeArgs {
        self.args_of(ServeArgs::augment_args(Command::new("serve")), text, line)
    }

    fn args_of(&self, command: Command, text: impl AsRef<[u8]>, line: &[&str]) -> ServeArgs {
        fs::write(self.path(), text).unwrap();
        let path = self.path();
        let line = [&["serve", "--config", path.to_str().unwrap()], line].concat();
        ServeArgs::from_arg_matches(&command.get_matches_from(line)).unwrap()
    }

    fn errors(&self, text: impl AsRef<[u8]>) -> Vec<String> {
        Config::validate(self.args(text, &["--model", "org/model", "--qdrant-url", "http://localhost"])).1
    }
}

/// Returns all flags except `--config`.
fn flags() -> Vec<Arg> {
    let command = ServeFlags::augment_args(Command::new("serve"));
    command.get_arguments().filter(|flag| flag.get_id() != "config").cloned().collect()
}

fn name(flag: &Arg) -> &str {
    flag.get_long().unwrap()
}

/// Returns two distinguishable values of a flag, which need not be valid.
fn samples(flag: &Arg) -> [String; 2] {
    match (ValueType::from_arg(flag), name(flag)) {
        (ValueType::Integer, _) => ["3", "7"].map(str::to_owned),
        (ValueType::Number, _) => ["0.25", "0.75"].map(str::to_owned),
        (_, "qdrant-api-key") => ["first-key", "\u{e9}"].map(str::to_owned),
        _ => ["first-value", "second-value"].map(str::to_owned),
    }
}

fn to_toml(flag: &Arg, value: &str) -> String {
    let value = match ValueType::from_arg(flag) {
        ValueType::Integer | ValueType::Number => value.to_owned(),
        ValueType::Boolean => "true".to_owned(),
        ValueType::String => format!("'{value}'"),
        ValueType::StringList => format!("['{value}']"),
    };
    format!("{} = {value}\n", name(flag))
}

fn to_argument(flag: &Arg, value: &str) -> String {
    match ValueType::from_arg(flag) {
        ValueType::Boolean => format!("--{}", name(flag)),
        _ => format!("--{}={value}", name(flag)),
    }
}

/// Property: a file sets each flag to the same value as the command line does.
#[test]
fn a_file_sets_every_flag() {
    let file = ConfigFile::new();
    for flag in flags() {
        let [value, _] = samples(&flag);
        let from_file = file.args(to_toml(&flag, &value), &[]);
        let from_line = file.args("", &[&to_argument(&flag, &value)]);
        assert_eq!(format!("{:?}", from_file.flags), format!("{:?}", from_line.flags), "{flag:?}");
        assert_ne!(format!("{:?}", from_file.flags), format!("{:?}", file.args("", &[]).flags), "{flag:?}");
        assert_eq!(from_file.source.lines, [(name(&flag).to_owned(), 1)].into());
    }
}

/// Property: a file may use an earlier name of a flag, but not together with the current name.
#[test]
fn earlier_names_of_flags_are_accepted() {
    let file = ConfigFile::new();
    let mut renamed_flags = 0;
    for flag in flags() {
        for earlier in flag.get_all_aliases().unwrap_or_default() {
            renamed_flags += 1;
            let text = to_toml(&flag, &samples(&flag)[0]);
            let earlier_text = text.replacen(name(&flag), earlier, 1);
            let from_file = file.args(&earlier_text, &[]);
            assert_eq!(format!("{:?}", from_file.flags), format!("{:?}", file.args(&text, &[]).flags), "{flag:?}");
            assert_eq!(from_file.source.lines, [(name(&flag).to_owned(), 1)].into());
            let errors = file.errors(text + &earlier_text);
            assert!(errors.iter().any(|error| error.contains("twice, once by its earlier name")), "{errors:?}");
        }
    }
    assert!(renamed_flags > 5, "{renamed_flags}");
}

/// Property: the command line takes precedence over the file.
#[test]
fn the_command_line_takes_precedence_for_every_flag() {
    let file = ConfigFile::new();
    for flag in flags() {
        let [value, other] = samples(&flag);
        let argument = to_argument(&flag, &other);
        let text = to_toml(&flag, &value).replace("= true", "= false");
        let with_file = file.args(text, &[&argument]);
        assert_eq!(format!("{:?}", with_file.flags), format!("{:?}", file.args("", &[&argument]).flags), "{flag:?}");
        assert_eq!(with_file.source.lines.len(), 0, "{flag:?}");
    }
}

/// Property: the environment takes precedence over the file. `PATH`, which is always set, stands for each variable.
#[test]
fn the_environment_takes_precedence_for_every_flag() {
    let file = ConfigFile::new();
    let with_variable = |set: &Arg| {
        let command = ServeArgs::augment_args(Command::new("serve"));
        let set = set.get_id().clone();
        command.mut_args(move |flag| if *flag.get_id() == set { flag.env("PATH") } else { flag })
    };
    for flag in flags() {
        let with_file = file.args_of(with_variable(&flag), to_toml(&flag, &samples(&flag)[0]), &[]);
        let without = file.args_of(with_variable(&flag), "", &[]);
        assert_eq!(format!("{:?}", with_file.flags), format!("{:?}", without.flags), "{flag:?}");
        assert_ne!(format!("{:?}", without.flags), format!("{:?}", file.args("", &[]).flags), "{flag:?}");
        assert_eq!(with_file.source.lines.len(), 0, "{flag:?}");
    }
}

#[cfg(feature = "http")]
#[test]
fn values_are_read_from_the_file() {
    let text = "\u{feff}# Comments are allowed.\r\n\
                model = [\"org/first\", \"second=org/a\"]\r\n\
                threads = 0x10\n\
                max-in-flight-documents = 1_000\n\
                max-in-flight-bytes = \"64MiB\"\n\
                query-min-weight = 1\n\
                document-weight-share = 9e-1\n\
                grpc-web = true\n\
                grpc-web-origins = \"*\"\n\
                unix-socket-mode = \"0660\"\n\
                qdrant-url = 'http://localhost'\n\
                qdrant-api-key = \"s3cret\"\n\
                drain-deadline = \"\"\"5s\"\"\"\n";
    let config = Config::try_from(ConfigFile::new().args(text, &[])).unwrap();
    assert_eq!(config.models.iter().map(|model| model.name.as_str()).collect::<Vec<_>>(), ["first", "second"]);
    assert_eq!((config.pipeline.encoders.threads, config.pipeline.max_documents), (16, 1_000));
    assert_eq!((config.pipeline.max_bytes, config.security.unix_socket_mode), (64 << 20, 0o660));
    assert_eq!((config.pruning.query.min_weight, config.pruning.document.weight_share), (1.0, Some(0.9)));
    assert_eq!(config.drain_deadline, std::time::Duration::from_secs(5));
    assert_eq!(config.web.grpc_web, Some(crate::config::AllowedOrigins::All));
    let crate::config::StoreConfig::Qdrant(store) = config.store else { panic!("expected a Qdrant store") };
    assert_eq!(store.api_key, Some("s3cret".parse().unwrap()));
}

#[test]
fn commas_in_a_file_are_part_of_the_value() {
    let args = ConfigFile::new().args("model = 'org/a,org/b'", &[]);
    let error = Config::try_from(args).unwrap_err().to_string();
    assert!(error.contains("sidecar.toml:1)") && error.contains("`org/a,org/b`"), "{error}");
}

#[test]
fn errors_name_the_key_and_the_expected_type() {
    let file = ConfigFile::new();
    for (text, parts) in [
        ("modle = 'x'", &["--config: ", "sidecar.toml:1: unknown key `modle`; did you mean `model`?"] as &[&str]),
        (
            "\n\nmax_text_bytes = '1MiB'",
            &["sidecar.toml:3: unknown key `max_text_bytes`; did you mean `max-text-bytes`?"],
        ),
        ("--threads = 4", &["unknown key `--threads`; did you mean `threads`?"]),
        ("colour = 1", &["unknown key `colour`; a key is the name of a flag of `serve` without `--`"]),
        ("verify = true", &["unknown key `verify`"]),
        ("\"\\u001b[31m\" = 1", &["unknown key `\\u{1b}[31m`"]),
        ("config = 'other.toml'", &["`config` can't be set in the file itself; remove the key"]),
        ("[server]\nlisten = 'x'", &["sidecar.toml:1: unknown table `server`; write each key at the top level"]),
        ("tls.cert = 'x'", &["unknown table `tls`"]),
        ("threads = '4'", &["--threads (", "sidecar.toml:1): the value is a string; expected an integer, or remove"]),
        ("threads = 4.0", &["the value is a float; expected an integer"]),
        (
            "max-in-flight-bytes = 4096",
            &["--max-in-flight-bytes (", "an integer; expected a string, such as \"128MiB\""],
        ),
        ("unix-socket-mode = 0o660", &["an integer; expected a string, such as \"0600\""]),
        ("grpc-web = 'yes'", &["--grpc-web (", "a string; expected true or false"]),
        ("query-min-weight = true", &["a boolean; expected a number"]),
        ("qdrant-url = ['a', 'b']", &["--qdrant-url (", "an array; expected a string, or remove"]),
        ("grpc-web-origins = [1]", &["an integer; expected an array of strings, or one string"]),
        ("log = 1979-05-27", &["a date or time; expected a string, such as \"warn,"]),
        ("log = {}", &["--log (", "a table; expected a string"]),
        ("listen = ''", &["--listen (", "the value is empty; expected a string, such as \"127.0.0.1:50051\""]),
        ("grpc-web-origins = []", &["the array is empty"]),
        ("grpc-web-origins = ['https://a', '']", &["the value is empty"]),
        ("threads = 0", &["--threads (", "sidecar.toml:1) is `0`; expected a whole number from 1 to 1048576"]),
        ("threads = 99999999999999999999", &["is `99999999999999999999`; expected a whole number"]),
        ("max-in-flight-bytes = 'lots'", &["sidecar.toml:1) is `lots`; expected a size"]),
        ("query-min-weight = nan", &["is `nan`; expected 0 or a positive number"]),
        ("tls-key = 'k'", &["--tls-cert is missing; set it to the certificate of the key in --tls-key"]),
        ("device = 'metal'\ndtype = 'int8'", &["--dtype (", "sidecar.toml:2): int8 requires the CPU"]),
    ] {
        let errors = file.errors(text);
        assert_eq!(errors.len(), 1, "{text}: {errors:?}");
        for part in parts {
            assert!(errors[0].contains(part), "{part} is not in: {}", errors[0]);
        }
    }
}

#[test]
fn invalid_files_are_refused() {
    let file = ConfigFile::new();
    let long = format!("#{}", "x".repeat(1 << 20));
    for (text, problem) in [
        (b"threads = 4\nlog = \"\xff\"" as &[u8], "sidecar.toml: line 2 is not UTF-8"),
        (long.as_bytes(), "the file has more than 1048576 bytes"),
        (b"threads = 4\nthreads = 5\n", "sidecar.toml:2: invalid TOML: "),
        (b"threads = 4\nlog = \"info\n", "sidecar.toml:2: invalid TOML: "),
        (b"threads: 4", "sidecar.toml:1: invalid TOML: "),
        (b"threads =", "sidecar.toml:1: invalid TOML: "),
        (b"{\"threads\": 4}", "sidecar.toml:1: invalid TOML: "),
        (b"\0\0\0", "sidecar.toml:1: invalid TOML: "),
        (&[b"model = ", "[".repeat(10_000).as_bytes()].concat(), "sidecar.toml:1: invalid TOML: "),
    ] {
        let errors = file.errors(text);
        assert!(errors.iter().any(|error| error.contains(problem)), "{problem} is not in: {errors:?}");
        assert!(errors.len() <= 3 && errors.iter().all(|error| error.starts_with("--config: ")), "{errors:?}");
    }
    let directory = file.directory.path().to_str().unwrap().to_owned();
    for path in [directory.as_str(), "/no/such/file.toml"] {
        let command = ServeArgs::augment_args(Command::new("serve"));
        let line = ["serve", "--model", "org/model", "--qdrant-url", "http://localhost", "--config", path];
        let matches = command.get_matches_from(line);
        let errors = Config::validate(ServeArgs::from_arg_matches(&matches).unwrap()).1;
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].starts_with(&format!("--config: {path}: the file can't be read: ")), "{errors:?}");
    }
}

#[test]
fn errors_of_file_and_command_line_are_reported_at_once() {
    let text = "modle = 'org/x'\nthreads = '4'\nmax-in-flight-bytes = 'lots'\nqdrant-url = 'http://localhost'\n\
                qdrant-api-key = \"s\u{e9}cret\"\nlisten = 'overridden'\n";
    let args = ConfigFile::new().args(text, &["--max-upsert-delay", "soon", "--listen", "127.0.0.1:1"]);
    let error = Config::try_from(args).unwrap_err();
    let shown = error.to_string();
    assert_eq!(error.0.len(), 6, "{shown}");
    for part in [
        "`modle`",
        "--threads (",
        "--max-in-flight-bytes (",
        "--qdrant-api-key (",
        "--max-upsert-delay is",
        "--model is missing",
    ] {
        assert!(shown.contains(part), "{part} is not in: {shown}");
    }
    assert!(!shown.contains("s\u{e9}cret"), "{shown}");
}

#[test]
fn messages_do_not_contain_secrets() {
    for text in ["qdrant-api-key = 12345", "qdrant-api-key = ['12345']", "qdrant-api-key = \"12345\nlog = 1"] {
        let errors = ConfigFile::new().errors(format!("qdrant-url = 'http://localhost'\n{text}"));
        assert!(!errors.is_empty() && !errors.concat().contains("12345"), "{errors:?}");
    }
}

#[test]
fn value_types_match_the_defaults() {
    for flag in flags() {
        let value_type = ValueType::from_arg(&flag);
        for default in flag.get_default_values() {
            let is_number = default.to_str().unwrap().parse::<f64>().is_ok();
            let number_expected = matches!(value_type, ValueType::Integer | ValueType::Number);
            assert!(is_number == number_expected || name(&flag) == "unix-socket-mode", "{}", name(&flag));
        }
    }
}
