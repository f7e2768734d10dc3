//! Lists the columns of a Parquet file, to check the field names of flags.

use parquet::basic::ConvertedType;
use parquet::schema::types::Type;

use super::schema::{MAX_DEPTH, is_list_element};
use crate::cli::ingest::mapping::{FieldMapping, InputColumn};

/// Maximum number of columns and nested fields that are listed for suggestions.
const MAX_SUGGESTED_COLUMNS: usize = 1_000;
/// Maximum length of a listed name, in bytes.
const MAX_SUGGESTED_NAME_BYTES: usize = 256;

/// Lists the columns of a file and their nested fields: all fields that the mapping names, and others up to a limit, for
/// suggestions.
pub fn list_columns(root: &Type, mapping: &FieldMapping) -> Vec<InputColumn> {
    let mut columns = Vec::new();
    for field in root.get_fields() {
        list_column(field, field.name().to_owned(), mapping, 0, &mut columns);
    }
    columns
}

fn list_column(ty: &Type, name: String, mapping: &FieldMapping, depth: usize, columns: &mut Vec<InputColumn>) {
    let converted = ty.get_basic_info().converted_type();
    let is_map = matches!(converted, ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE);
    columns.push(InputColumn { name: name.clone(), has_undeclared_fields: is_map, is_nested: depth > 0 });
    let is_listed =
        mapping.names_column(&name) || (columns.len() < MAX_SUGGESTED_COLUMNS && name.len() < MAX_SUGGESTED_NAME_BYTES);
    let fields = find_nested_group(ty, MAX_DEPTH).filter(|_| is_listed && !is_map && depth < MAX_DEPTH);
    for field in fields.into_iter().flat_map(Type::get_fields) {
        list_column(field, format!("{name}.{}", field.name()), mapping, depth + 1, columns);
    }
}

/// Returns the group inside any levels of lists; `None` for primitive values.
fn find_nested_group(ty: &Type, depth: usize) -> Option<&Type> {
    if ty.is_primitive() || depth == 0 {
        return None;
    }
    match ty.get_fields() {
        [repeated] if ty.get_basic_info().converted_type() == ConvertedType::LIST => {
            match repeated.is_group().then(|| repeated.get_fields()) {
                Some([only]) if !is_list_element(repeated) => find_nested_group(only, depth - 1),
                _ => find_nested_group(repeated, depth - 1),
            }
        }
        _ => Some(ty),
    }
}
