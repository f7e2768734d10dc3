//! Finds the base model named by an exported model or an adapter.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

use super::modules::try_read_json;
use super::source::is_repo_id;

/// Maximum number of bytes read from a model card; the front matter is at its start.
const MAX_FRONT_MATTER_BYTES: u64 = 64 << 10;

/// Base model that a repository names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseModel {
    /// Hub id, `org/name`.
    pub id: String,
    /// Key and file that name the base model, for messages.
    pub named_by: &'static str,
}

/// Returns the model that the one in `directory` was exported or converted from: `base_model` of the model card, or
/// `_name_or_path` of `config.json` if it looks like a Hub id. References to `repo`, the model's own id, are ignored.
pub fn find_exported_base(directory: &Path, repo: Option<&str>) -> Option<BaseModel> {
    let card_id = read_front_matter(&directory.join("README.md")).as_deref().and_then(parse_base_model);
    let from_card = card_id.map(|id| BaseModel { id, named_by: "`base_model` of README.md" });
    let from_config = read_base_from_json(directory, "config.json", "_name_or_path", "`_name_or_path` of config.json");
    [from_card, from_config].into_iter().flatten().find(|base| repo != Some(base.id.as_str()))
}

/// Returns the base model of the adapter in `directory`.
pub fn find_adapter_base(directory: &Path) -> Option<BaseModel> {
    let named_by = "`base_model_name_or_path` of adapter_config.json";
    read_base_from_json(directory, "adapter_config.json", "base_model_name_or_path", named_by)
}

fn read_base_from_json(directory: &Path, file: &str, key: &str, named_by: &'static str) -> Option<BaseModel> {
    let config = try_read_json(&directory.join(file))?;
    let id = config.get(key).and_then(Value::as_str).filter(|id| is_repo_id(id))?;
    Some(BaseModel { id: id.to_owned(), named_by })
}

/// Reads the first bytes of a model card; invalid UTF-8 is replaced.
fn read_front_matter(path: &Path) -> Option<String> {
    if !path.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MAX_FRONT_MATTER_BYTES).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Returns `base_model` of a model card's front matter, or the first item of a list. Reads only this key instead of
/// parsing YAML.
fn parse_base_model(card: &str) -> Option<String> {
    let mut lines = card.trim_start_matches('\u{feff}').lines();
    if lines.next()?.trim_end() != "---" {
        return None;
    }
    let mut lines = lines.take_while(|line| line.trim_end() != "---");
    let value = lines.find_map(|line| line.strip_prefix("base_model:"))?;
    let value = strip_comment(value);
    let id = if value.is_empty() {
        let mut items = lines.map(strip_comment).skip_while(|line| line.is_empty());
        items.next()?.strip_prefix('-')?.trim()
    } else {
        value.trim_start_matches('[').split([',', ']']).next()?.trim()
    };
    let id = id.trim_matches(['"', '\'']);
    is_repo_id(id).then(|| id.to_owned())
}

fn strip_comment(text: &str) -> &str {
    text.split(" #").next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_model_of_a_card_is_parsed() {
        for written in [
            "base_model: org/name",
            "base_model: \"org/name\"  # the original",
            "license: mit\nbase_model:\n- org/name\n- org/other\ntags:",
            "base_model:\n\n  - 'org/name'",
            "base_model: [org/name, org/other]",
        ] {
            for card in [format!("---\n{written}\n---\n# A model"), format!("---\r\n{written}\r\n---\r\n")] {
                assert_eq!(parse_base_model(&card).as_deref(), Some("org/name"), "{card:?}");
            }
        }
    }

    #[test]
    fn values_other_than_hub_ids_are_ignored() {
        for card in [
            "",
            "base_model: org/name",
            "---\nlicense: mit\n---\nbase_model: org/name",
            "---\nbase_model:\n---\n- org/name",
            "---\nbase_model: /home/user/model\n---",
            "---\nbase_model: org/na me\n---",
            "---\nbase_model:\n  nested: org/name\n---",
            "---\n  base_model: org/name\n---",
        ] {
            assert_eq!(parse_base_model(card), None, "{card:?}");
        }
    }
}
