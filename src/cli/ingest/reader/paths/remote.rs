//! Rejects remote URLs with a command that downloads them.

use std::path::Path;

use anyhow::bail;

use super::path_display::display_path;
use crate::cli::ingest::reader::InputFormat;

/// Rejects URLs (`scheme://…`).
///
/// # Errors
/// If the path is a URL; the message contains a command that downloads or pipes it.
pub fn reject_address(path: &Path) -> anyhow::Result<()> {
    let text = path.to_string_lossy();
    let Some((scheme, location)) = text.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) else {
        return Ok(());
    };
    let (address, scheme) = (display_path(path), scheme.to_ascii_lowercase());
    let remedy = suggest_command(&scheme, &address, location);
    match scheme.as_str() {
        "file" => bail!("{address} is a URL; pass the path: {}", display_path(Path::new(location))),
        _ => bail!("{address} is a remote URL, but only local files are supported; {remedy}"),
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

fn suggest_command(scheme: &str, address: &str, location: &str) -> String {
    if let Some(dataset) = parse_hub_dataset(scheme, location) {
        return format!("download it with: hf download --repo-type dataset {dataset} --local-dir data");
    }
    let name = location.split(['?', '#']).next().unwrap_or_default();
    let format = InputFormat::from_path(Path::new(name)).filter(|format| format.is_line_based());
    // Directories, and formats that can't be read from a pipe, have to be downloaded.
    let (copy, pipe) = find_commands(scheme, name.ends_with('/'));
    match (format.and_then(InputFormat::flag_value), pipe) {
        (Some(format), Some(pipe)) => {
            let pipe = pipe.replace('@', &format!("'{address}'"));
            format!("pipe it: {pipe} | splade-sidecar ingest - --format {format} …")
        }
        _ => match copy {
            Some(copy) => format!("download it first: {}", copy.replace('@', &format!("'{address}'"))),
            None => "write it to a file, or pipe it into splade-sidecar ingest -".to_owned(),
        },
    }
}

/// Returns the commands that copy a URL (`@`) to the current directory and that write it to standard output.
fn find_commands(scheme: &str, is_directory: bool) -> (Option<&'static str>, Option<&'static str>) {
    match scheme {
        "s3" | "s3a" | "s3n" if is_directory => (Some("aws s3 sync @ data"), None),
        "s3" | "s3a" | "s3n" => (Some("aws s3 cp @ ."), Some("aws s3 cp @ -")),
        "gs" | "gcs" if is_directory => (Some("gcloud storage rsync --recursive @ data"), None),
        "gs" | "gcs" => (Some("gcloud storage cp @ ."), Some("gcloud storage cat @")),
        "http" | "https" if is_directory => (Some("wget --recursive --no-parent @"), None),
        "http" | "https" => (Some("curl -L -O @"), Some("curl -L @")),
        "ftp" | "ftps" | "sftp" | "scp" => (Some("curl -O @"), Some("curl @")),
        "az" | "abfs" | "abfss" | "wasb" | "wasbs" => (Some("azcopy copy @ data --recursive"), None),
        "hdfs" | "webhdfs" | "viewfs" => (Some("hdfs dfs -get @ ."), Some("hdfs dfs -cat @")),
        _ => (None, None),
    }
}

/// Returns the id of a dataset on the Hugging Face Hub.
fn parse_hub_dataset(scheme: &str, location: &str) -> Option<String> {
    let path = match scheme {
        "hf" => location,
        "http" | "https" => location.strip_prefix("huggingface.co/").filter(|path| !path.contains("/resolve/"))?,
        _ => return None,
    };
    let mut parts = path.strip_prefix("datasets/").unwrap_or(path).split('/');
    let (owner, name) = (parts.next()?, parts.next().unwrap_or_default());
    let name = name.split(['@', '?', '#']).next().unwrap_or_default();
    Some(if name.is_empty() { owner.to_owned() } else { format!("{owner}/{name}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_rejected_with_a_download_command() {
        for (address, command) in [
            ("s3://bucket/a.jsonl.gz", "aws s3 cp 's3://bucket/a.jsonl.gz' - | splade-sidecar ingest - --format jsonl"),
            ("S3://bucket/a.parquet", "aws s3 cp 'S3://bucket/a.parquet' ."),
            ("s3://bucket/data/", "aws s3 sync 's3://bucket/data/' data"),
            ("gs://bucket/a.csv", "gcloud storage cat 'gs://bucket/a.csv' | splade-sidecar ingest - --format csv"),
            (
                "https://example.com/a.tsv?b=c&d",
                "curl -L 'https://example.com/a.tsv?b=c&d' | splade-sidecar ingest - --format tsv",
            ),
            ("https://example.com/a", "curl -L -O 'https://example.com/a'"),
            ("hf://datasets/org/name/x.parquet", "hf download --repo-type dataset org/name --local-dir data"),
            ("https://huggingface.co/datasets/org/name", "hf download --repo-type dataset org/name --local-dir data"),
            ("hdfs://host/a.jsonl", "hdfs dfs -cat"),
            ("abfss://a@b/c", "azcopy copy"),
            ("file:///home/a.jsonl", "pass the path: /home/a.jsonl"),
            ("postgres://host/db", "pipe it into splade-sidecar ingest -"),
        ] {
            let error = reject_address(Path::new(address)).unwrap_err().to_string();
            assert!(error.contains(command), "{error}");
        }
        for path in ["a.jsonl", "a:b/c", "://a", "a b://c", "/s3://a", "-"] {
            assert!(reject_address(Path::new(path)).is_ok(), "{path}");
        }
    }
}
