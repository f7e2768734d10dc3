//! Finds the model that another one was made from.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

use super::modules::try_read_json;
use super::source::is_repo_id;

/// Maximum number of bytes of a model card that are searched: its front matter comes first.
const MAX_FRONT_MATTER_BYTES: u64 = 64 << 10;

/// The model that another one was made from, by its own account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseModel {
    /// A hub id.
    pub id: String,
    /// The key and the file that name it.
    pub named_by: &'static str,
}

/// Returns the model that the one in `directory` was exported or converted from: `base_model` of the model card, else
/// `_name_or_path` of `config.json` if it looks like a hub id. A model that names `repo`, its own id, names none.
pub fn find_exported_base(directory: &Path, repo: Option<&str>) -> Option<BaseModel> {
    let card_id = read_front_matter(&directory.join("README.md")).as_deref().and_then(parse_base_model);
    let from_card = card_id.map(|id| BaseModel { id, named_by: "`base_model` of README.md" });
    let from_config = read_base_from_json(directory, "config.json", "_name_or_path", "`_name_or_path` of config.json");
    [from_card, from_config].into_iter().flatten().find(|base| repo != Some(base.id.as_str()))
}

/// Returns the model that an adapter in `directory` was trained on.
pub fn find_adapter_base(directory: &Path) -> Option<BaseModel> {
    let named_by = "`base_model_name_or_path` of adapter_config.json";
    read_base_from_json(directory, "adapter_config.json", "base_model_name_or_path", named_by)
}

fn read_base_from_json(directory: &Path, file: &str, key: &str, named_by: &'static str) -> Option<BaseModel> {
    let config = try_read_json(&directory.join(file))?;
    let id = config.get(key).and_then(Value::as_str).filter(|id| is_repo_id(id))?;
    Some(BaseModel { id: id.to_owned(), named_by })
}

/// Reads the beginning of a model card.
fn read_front_matter(path: &Path) -> Option<String> {
    if !path.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MAX_FRONT_MATTER_BYTES).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Returns `base_model` of a model card, or the first of a list. Of YAML this reads one key, as model cards write it.
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
    fn the_base_model_of_a_card() {
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
    fn what_is_no_hub_id_is_not_suggested() {
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
