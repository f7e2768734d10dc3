//! Files that hold documents in a form that is not read: told by their names, refused with the command that helps.

use std::path::Path;

use anyhow::anyhow;

use super::shown::shown;
use crate::cli::ingest::reader::Format;

/// Why a file is not read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unread {
    /// What it is.
    what: &'static str,
    /// What to do; `@` stands for the file.
    remedy: &'static str,
    /// Of a compressed file, the format of what is in it.
    pub inner: Option<Format>,
    pub role: Role,
}

/// What such a file is in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
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
const FORMATS: &[(&[&str], &str, &str, Role)] = &[
    (&["avro"], "Avro", "convert it: duckdb -c \"COPY (FROM read_avro('@')) TO 'docs.parquet'\"", Role::Data),
    (
        &["orc"],
        "ORC",
        "convert it: python3 -c \"import pandas; pandas.read_orc('@').to_parquet('docs.parquet')\"",
        Role::Data,
    ),
    (
        &["arrow", "feather", "ipc"],
        "Arrow",
        "convert it: python3 -c \"import pandas; pandas.read_feather('@').to_parquet('docs.parquet')\" (a folder of \
         datasets.save_to_disk: datasets.load_from_disk(…).to_parquet)",
        Role::Data,
    ),
    (
        &["xlsx", "xlsm", "xls", "ods"],
        "a spreadsheet",
        "save it as CSV, such as with: libreoffice --headless --convert-to csv @",
        Role::Table,
    ),
    (
        &["xml"],
        "XML",
        "convert it, such as with: python3 -c \"import pandas; pandas.read_xml('@').to_json('docs.jsonl', orient='records', \
         lines=True)\"",
        Role::Table,
    ),
    (
        &["db", "sqlite", "sqlite3"],
        "a SQLite database",
        "export the table: sqlite3 -csv -header @ 'SELECT * FROM …' > docs.csv",
        Role::Table,
    ),
    (&["duckdb"], "a DuckDB database", "export the table: duckdb @ -c \"COPY … TO 'docs.parquet'\"", Role::Table),
    (&["npy", "npz"], "NumPy arrays", "write its rows as JSON lines", Role::Table),
    (
        &["pkl", "pickle"],
        "a Python pickle",
        "convert it where it was written: python3 -c \"import pandas; pandas.read_pickle('@').to_parquet('docs.parquet')\"",
        Role::Table,
    ),
    (
        &["tar", "tgz", "tbz", "tbz2", "txz", "tzst"],
        "a tar archive",
        "unpack it and give the folder: mkdir docs && tar -xf @ -C docs",
        Role::Table,
    ),
];

/// Tells what a file is by its name, if it is of a form that is not read.
pub fn of(path: &Path) -> Option<Unread> {
    let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
    // The databases of thumbnails that a system leaves in every folder.
    if ["thumbs.db", "ehthumbs.db"].contains(&name.as_str()) {
        return None;
    }
    compressed(&name).or_else(|| of_format(&name))
}

fn compressed(name: &str) -> Option<Unread> {
    let (inner, ending) = name.rsplit_once('.')?;
    let (_, what, remedy) = COMPRESSIONS.iter().find(|(endings, ..)| endings.contains(&ending))?;
    let format = Format::of(Path::new(inner))?;
    Some(Unread { what, remedy, inner: Some(format), role: if format.is_plain() { Role::Text } else { Role::Data } })
}

fn of_format(name: &str) -> Option<Unread> {
    let unpacked = || name.rsplit_once('.').filter(|(_, ending)| is_compression(ending)).map(|(inner, _)| inner);
    [Some(name), unpacked()].into_iter().flatten().find_map(|name| {
        let (stem, ending) = name.rsplit_once('.')?;
        let (_, what, remedy, role) = FORMATS.iter().find(|(endings, ..)| endings.contains(&ending))?;
        (!stem.is_empty()).then_some(Unread { what, remedy, inner: None, role: *role })
    })
}

fn is_compression(ending: &str) -> bool {
    ["gz", "zst", "zstd"].contains(&ending) || COMPRESSIONS.iter().any(|(endings, ..)| endings.contains(&ending))
}

impl Unread {
    /// The refusal of a file.
    pub fn refusal(&self, path: &Path) -> anyhow::Error {
        let file = shown(path);
        let remedy = self.remedy.replace('@', &file);
        anyhow!("{file} is {}, which is not read; {remedy}", self.what)
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
            let error = of(Path::new(name)).unwrap().refusal(Path::new(name)).to_string();
            assert!(error.contains(words), "{error}");
        }
        for name in
            ["a.jsonl", "a.csv.gz", "a.zip", "a.bz2", "a.bin.xz", ".avro", "avro", "a.txt", "Thumbs.db", "a.tar/b"]
        {
            assert_eq!(of(Path::new(name)), None, "{name}");
        }
    }

    #[test]
    fn no_format_that_is_read_is_refused() {
        for ending in COMPRESSIONS.iter().flat_map(|row| row.0).chain(FORMATS.iter().flat_map(|row| row.0)) {
            assert_eq!(Format::of(Path::new(&format!("x.{ending}"))), None);
        }
    }
}
