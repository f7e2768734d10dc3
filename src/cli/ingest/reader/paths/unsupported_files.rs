//! Files that hold documents in a form that is not read: told by their names, refused with the command that helps.

use std::path::Path;

use anyhow::anyhow;

use super::path_display::display_path;
use crate::cli::ingest::reader::InputFormat;

/// Why a file is not read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnsupportedFile {
    /// What it is.
    description: &'static str,
    /// What to do; `@` stands for the file.
    remedy: &'static str,
    /// Of a compressed file, the format of what is in it.
    pub inner_format: Option<InputFormat>,
    pub role: FileRole,
}

/// What such a file is in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileRole {
    /// Documents, wherever it lies.
    Data,
    /// Documents beside data, but an attachment beside texts.
    Table,
    /// A document beside texts, but a description beside data.
    Text,
}

/// Compressions that are not read, by their endings.
const COMPRESSIONS: &[(&[&str], &str, &str)] = &[
    (&["bz2", "bz"], "compressed by bzip2", "unpack it: bzip2 -dk @"),
    (&["xz"], "compressed by xz", "unpack it: xz -dk @"),
    (&["lzma"], "compressed by lzma", "unpack it: xz -dk --format=lzma @"),
    (&["lz"], "compressed by lzip", "unpack it: lzip -dk @"),
    (&["lz4"], "compressed by lz4", "unpack it: lz4 -dm @"),
    (&["br"], "compressed by brotli", "unpack it: brotli -dk @"),
    (&["zip"], "a zip archive", "unpack it: unzip @"),
    (&["7z"], "a 7-Zip archive", "unpack it: 7z x @"),
    (&["rar"], "a RAR archive", "unpack it: unrar x @"),
    (&["z"], "compressed by compress", "unpack it: gzip -dk @"),
    (&["snappy", "sz"], "compressed by snappy", "unpack it: snzip -dk @"),
    (&["lzo"], "compressed by lzop", "unpack it: lzop -d @"),
    (&["zlib", "zz"], "compressed by zlib", "unpack it: pigz -dk @"),
];

/// Formats that hold rows but are not read, by their endings.
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
        "convert it: python3 -c \"import pandas; pandas.read_feather('@').to_parquet('docs.parquet')\" (a folder of \
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
    (&["npy", "npz"], "NumPy arrays", "write its rows as JSON lines", FileRole::Table),
    (
        &["pkl", "pickle"],
        "a Python pickle",
        "convert it where it was written: python3 -c \"import pandas; pandas.read_pickle('@').to_parquet('docs.parquet')\"",
        FileRole::Table,
    ),
    (
        &["tar", "tgz", "tbz", "tbz2", "txz", "tzst"],
        "a tar archive",
        "unpack it and give the folder: mkdir docs && tar -xf @ -C docs",
        FileRole::Table,
    ),
];

/// Tells what a file is by its name, if it is of a form that is not read.
pub fn detect(path: &Path) -> Option<UnsupportedFile> {
    let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
    // The databases of thumbnails that a system leaves in every folder.
    if ["thumbs.db", "ehthumbs.db"].contains(&name.as_str()) {
        return None;
    }
    detect_compressed(&name).or_else(|| detect_format(&name))
}

fn detect_compressed(name: &str) -> Option<UnsupportedFile> {
    let (inner, ending) = name.rsplit_once('.')?;
    let (_, description, remedy) = COMPRESSIONS.iter().find(|(endings, ..)| endings.contains(&ending))?;
    let format = InputFormat::from_path(Path::new(inner))?;
    Some(UnsupportedFile {
        description,
        remedy,
        inner_format: Some(format),
        role: if format.is_plain_text() { FileRole::Text } else { FileRole::Data },
    })
}

fn detect_format(name: &str) -> Option<UnsupportedFile> {
    let unpacked = || name.rsplit_once('.').filter(|(_, ending)| is_compression(ending)).map(|(inner, _)| inner);
    [Some(name), unpacked()].into_iter().flatten().find_map(|name| {
        let (stem, ending) = name.rsplit_once('.')?;
        let (_, description, remedy, role) = FORMATS.iter().find(|(endings, ..)| endings.contains(&ending))?;
        (!stem.is_empty()).then_some(UnsupportedFile { description, remedy, inner_format: None, role: *role })
    })
}

fn is_compression(ending: &str) -> bool {
    ["gz", "zst", "zstd"].contains(&ending) || COMPRESSIONS.iter().any(|(endings, ..)| endings.contains(&ending))
}

impl UnsupportedFile {
    /// The refusal of a file.
    pub fn to_error(&self, path: &Path) -> anyhow::Error {
        let file = display_path(path);
        let remedy = self.remedy.replace('@', &file);
        anyhow!("{file} is {}, which is not read; {remedy}", self.description)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_is_not_read() {
        for (name, words) in [
            ("a/docs.jsonl.bz2", "is compressed by bzip2, which is not read; unpack it: bzip2 -dk a/docs.jsonl.bz2"),
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
    fn no_format_that_is_read_is_refused() {
        for ending in COMPRESSIONS.iter().flat_map(|row| row.0).chain(FORMATS.iter().flat_map(|row| row.0)) {
            assert_eq!(InputFormat::from_path(Path::new(&format!("x.{ending}"))), None);
        }
    }
}
