//! The names of the columns of a file, to look for those that the user gave.

use parquet::basic::ConvertedType;
use parquet::schema::types::Type;

use super::schema::{MAX_DEPTH, is_element};
use crate::cli::ingest::mapping::{Column, Mapping};

/// How many fields inside columns are listed for suggestions, and how long their names may be.
const MAX_SUGGESTED: usize = 1_000;
const MAX_SUGGESTED_BYTES: usize = 256;

/// Lists the columns of a file with the fields inside them: all that the mapping names, and some to suggest.
pub fn list_columns(root: &Type, mapping: &Mapping) -> Vec<Column> {
    let mut columns = Vec::new();
    for field in root.get_fields() {
        list_column(field, field.name().to_owned(), mapping, 0, &mut columns);
    }
    columns
}

fn list_column(of: &Type, name: String, mapping: &Mapping, depth: usize, columns: &mut Vec<Column>) {
    let converted = of.get_basic_info().converted_type();
    let is_map = matches!(converted, ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE);
    columns.push(Column { name: name.clone(), is_open: is_map, is_nested: depth > 0 });
    let is_listed = mapping.names(&name) || (columns.len() < MAX_SUGGESTED && name.len() < MAX_SUGGESTED_BYTES);
    let fields = element(of, MAX_DEPTH).filter(|_| is_listed && !is_map && depth < MAX_DEPTH);
    for field in fields.into_iter().flat_map(Type::get_fields) {
        list_column(field, format!("{name}.{}", field.name()), mapping, depth + 1, columns);
    }
}

/// Returns the group inside lists; `None` for values.
fn element(of: &Type, depth: usize) -> Option<&Type> {
    if of.is_primitive() || depth == 0 {
        return None;
    }
    match of.get_fields() {
        [repeated] if of.get_basic_info().converted_type() == ConvertedType::LIST => {
            match repeated.is_group().then(|| repeated.get_fields()) {
                Some([only]) if !is_element(repeated) => element(only, depth - 1),
                _ => element(repeated, depth - 1),
            }
        }
        _ => Some(of),
    }
}
