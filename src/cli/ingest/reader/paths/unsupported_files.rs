//! Detects files with documents in an unsupported format by their names, and suggests a command that converts them.

use std::path::Path;

use anyhow::anyhow;

use super::path_display::display_path;
use crate::cli::ingest::reader::InputFormat;

/// Unsupported file format, with a remedy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnsupportedFile {
    /// Name of the format, as used after "is" in messages.
    description: &'static str,
    /// Suggested command; `@` is replaced by the file.
    remedy: &'static str,
    /// Format of the decompressed file, if the file is compressed.
    pub inner_format: Option<InputFormat>,
    pub role: FileRole,
}

/// Role of an unsupported file in a directory, which decides whether the directory is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileRole {
    /// Documents, next to any other files.
    Data,
    /// Documents next to data files; an attachment next to texts.
    Table,
    /// Document next to texts; a description next to data files.
    Text,
}

/// Unsupported compressions and archives, by extension.
const COMPRESSIONS: &[(&[&str], &str, &str)] = &[
    (&["bz2", "bz"], "compressed by bzip2", "decompress it: bzip2 -dk @"),
    (&["xz"], "compressed by xz", "decompress it: xz -dk @"),
    (&["lzma"], "compressed by lzma", "decompress it: xz -dk --format=lzma @"),
    (&["lz"], "compressed by lzip", "decompress it: lzip -dk @"),
    (&["lz4"], "compressed by lz4", "decompress it: lz4 -dm @"),
    (&["br"], "compressed by brotli", "decompress it: brotli -dk @"),
    (&["zip"], "a zip archive", "extract it: unzip @"),
    (&["7z"], "a 7-Zip archive", "extract it: 7z x @"),
    (&["rar"], "a RAR archive", "extract it: unrar x @"),
    (&["z"], "compressed by compress", "decompress it: gzip -dk @"),
    (&["snappy", "sz"], "compressed by snappy", "decompress it: snzip -dk @"),
    (&["lzo"], "compressed by lzop", "decompress it: lzop -d @"),
    (&["zlib", "zz"], "compressed by zlib", "decompress it: pigz -dk @"),
];

/// Unsupported formats with rows, by extension.
const FORMATS: &[(&[&str], &str, &str, FileRole)] = &[
    (&["avro"], "Avro", "convert it: duckdb -c \"COPY (FROM read_avro('@')) TO 'docs.parquet'\"", FileRole::Data),
    (
        &["orc"],
        "ORC",
        "convert it: python3 -c \"import pandas; pandas.read_orc('@').to_parquet('docs.parquet')\"",
        FileRole::Data,
    ),
    (
        &["arrow", "feather", "ipc"],
        "Arrow",
        "convert it: python3 -c \"import pandas; pandas.read_feather('@').to_parquet('docs.parquet')\" (a directory of \
         datasets.save_to_disk: datasets.load_from_disk(…).to_parquet)",
        FileRole::Data,
    ),
    (
        &["xlsx", "xlsm", "xls", "ods"],
        "a spreadsheet",
        "save it as CSV, such as with: libreoffice --headless --convert-to csv @",
        FileRole::Table,
    ),
    (
        &["xml"],
        "XML",
        "convert it, such as with: python3 -c \"import pandas; pandas.read_xml('@').to_json('docs.jsonl', orient='records', \
         lines=True)\"",
        FileRole::Table,
    ),
    (
        &["db", "sqlite", "sqlite3"],
        "a SQLite database",
        "export the table: sqlite3 -csv -header @ 'SELECT * FROM …' > docs.csv",
        FileRole::Table,
    ),
    (&["duckdb"], "a DuckDB database", "export the table: duckdb @ -c \"COPY … TO 'docs.parquet'\"", FileRole::Table),
    (&["npy", "npz"], "NumPy arrays", "write its rows as JSON Lines", FileRole::Table),
    (
        &["pkl", "pickle"],
        "a Python pickle",
        "convert it where it was written: python3 -c \"import pandas; pandas.read_pickle('@').to_parquet('docs.parquet')\"",
        FileRole::Table,
    ),
    (
        &["tar", "tgz", "tbz", "tbz2", "txz", "tzst"],
        "a tar archive",
        "extract it and pass the directory: mkdir docs && tar -xf @ -C docs",
        FileRole::Table,
    ),
];

/// Detects an unsupported format by the file name.
pub fn detect(path: &Path) -> Option<UnsupportedFile> {
    let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
    // Thumbnail databases that Windows leaves in directories; not SQLite databases.
    if ["thumbs.db", "ehthumbs.db"].contains(&name.as_str()) {
        return None;
    }
    detect_compressed(&name).or_else(|| detect_format(&name))
}

fn detect_compressed(name: &str) -> Option<UnsupportedFile> {
    let (inner, extension) = name.rsplit_once('.')?;
    let (_, description, remedy) = COMPRESSIONS.iter().find(|(extensions, ..)| extensions.contains(&extension))?;
    let format = InputFormat::from_path(Path::new(inner))?;
    Some(UnsupportedFile {
        description,
        remedy,
        inner_format: Some(format),
        role: if format.is_plain_text() { FileRole::Text } else { FileRole::Data },
    })
}

fn detect_format(name: &str) -> Option<UnsupportedFile> {
    let unpacked = || name.rsplit_once('.').filter(|(_, extension)| is_compression(extension)).map(|(inner, _)| inner);
    [Some(name), unpacked()].into_iter().flatten().find_map(|name| {
        let (stem, extension) = name.rsplit_once('.')?;
        let (_, description, remedy, role) = FORMATS.iter().find(|(extensions, ..)| extensions.contains(&extension))?;
        (!stem.is_empty()).then_some(UnsupportedFile { description, remedy, inner_format: None, role: *role })
    })
}

fn is_compression(extension: &str) -> bool {
    ["gz", "zst", "zstd"].contains(&extension)
        || COMPRESSIONS.iter().any(|(extensions, ..)| extensions.contains(&extension))
}

impl UnsupportedFile {
    /// Creates the error of an unsupported file, with the remedy.
    pub fn to_error(self, path: &Path) -> anyhow::Error {
        let file = display_path(path);
        let remedy = self.remedy.replace('@', &file);
        anyhow!("{file} is {}, which is not supported; {remedy}", self.description)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsupported_formats_are_detected_by_name() {
        for (name, words) in [
            (
                "a/docs.jsonl.bz2",
                "is compressed by bzip2, which is not supported; decompress it: bzip2 -dk a/docs.jsonl.bz2",
            ),
            ("docs.CSV.XZ", "xz -dk docs.CSV.XZ"),
            ("notes.txt.lz4", "lz4"),
            ("x.parquet.Z", "gzip -dk"),
            ("x.json.br", "brotli"),
            ("x.tsv.zip", "unzip"),
            ("x.csv.snappy", "snappy"),
            ("x.avro", "read_avro('x.avro')"),
            ("x.orc", "read_orc"),
            ("data-00000-of-00001.arrow", "load_from_disk"),
            ("x.xlsx", "libreoffice"),
            ("x.xml.gz", "XML"),
            ("x.sqlite", "SQLite"),
            ("x.tar", "tar -xf"),
            ("x.tar.gz", "tar -xf x.tar.gz"),
            ("x.tar.bz2", "tar -xf x.tar.bz2"),
            ("x.tgz", "tar"),
            ("x.pkl", "pickle"),
        ] {
            let error = detect(Path::new(name)).unwrap().to_error(Path::new(name)).to_string();
            assert!(error.contains(words), "{error}");
        }
        for name in
            ["a.jsonl", "a.csv.gz", "a.zip", "a.bz2", "a.bin.xz", ".avro", "avro", "a.txt", "Thumbs.db", "a.tar/b"]
        {
            assert_eq!(detect(Path::new(name)), None, "{name}");
        }
    }

    #[test]
    fn supported_formats_are_not_rejected() {
        for extension in COMPRESSIONS.iter().flat_map(|row| row.0).chain(FORMATS.iter().flat_map(|row| row.0)) {
            assert_eq!(InputFormat::from_path(Path::new(&format!("x.{extension}"))), None);
        }
    }
}
