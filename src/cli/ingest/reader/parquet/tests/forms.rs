use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, Type as PhysicalType};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int32Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::Type;
use tempfile::NamedTempFile;

use super::*;

type Levels<'a> = Option<&'a [i16]>;

/// File written one column at a time, by values and levels.
struct Written {
    writer: SerializedFileWriter<std::fs::File>,
    file: NamedTempFile,
}

impl Written {
    fn new(schema: Type) -> Self {
        let file = NamedTempFile::new().unwrap();
        let properties = WriterProperties::builder().set_data_page_row_count_limit(7).set_write_batch_size(5).build();
        let writer = SerializedFileWriter::new(file.reopen().unwrap(), Arc::new(schema), Arc::new(properties)).unwrap();
        Self { writer, file }
    }

    fn of(schema: &str) -> Self {
        Self::new(parse_message_type(schema).unwrap())
    }

    fn one_group<const N: usize>(
        mut self,
        columns: [&dyn Fn(&mut parquet::file::writer::SerializedColumnWriter<'_>); N],
    ) -> Self {
        let mut group = self.writer.next_row_group().unwrap();
        for write in columns {
            let mut column = group.next_column().unwrap().unwrap();
            write(&mut column);
            column.close().unwrap();
        }
        group.close().unwrap();
        self
    }

    fn rows(self, mapping: FieldMapping) -> anyhow::Result<Vec<Value>> {
        self.writer.close().unwrap();
        rows(self.file.path(), mapping)
    }
}

fn write<T: DataType>(
    values: &[T::T],
    definitions: Levels<'_>,
    repetitions: Levels<'_>,
) -> impl Fn(&mut parquet::file::writer::SerializedColumnWriter<'_>) {
    move |column| {
        column.typed::<T>().write_batch(values, definitions, repetitions).unwrap();
    }
}

fn texts(rows: usize) -> Vec<ByteArray> {
    vec![ByteArray::from("a"); rows]
}

#[test]
fn lists_of_two_and_three_levels_are_lists() {
    let repeated = [
        // Each schema has the values 1 and 2 in its first row and none in its second.
        ("optional group list (LIST) { repeated int32 element; }", json!([1, 2]), 2),
        ("optional group list (LIST) { repeated group list { required int32 element; } }", json!([1, 2]), 2),
        ("optional group list (LIST) { repeated group bag { optional int32 array_element; } }", json!([1, 2]), 3),
        ("optional group list (LIST) { repeated group array { required int32 n; } }", json!([{"n": 1}, {"n": 2}]), 2),
        (
            "optional group list (LIST) { repeated group list_tuple { required int32 n; } }",
            json!([{"n": 1}, {"n": 2}]),
            2,
        ),
        ("repeated int32 list;", json!([1, 2]), 1),
        ("repeated group list { required int32 n; }", json!([{"n": 1}, {"n": 2}]), 1),
        ("optional group list (MAP) { repeated group key_value { required int32 key; } }", json!([1, 2]), 2),
    ];
    for (column, expected, max) in repeated {
        let file = Written::of(&format!("message m {{ required binary text (UTF8); {column} }}")).one_group([
            &write::<ByteArrayType>(&texts(2), None, None),
            &write::<Int32Type>(&[1, 2], Some(&[max, max, max - 1 - i16::from(max == 3)]), Some(&[0, 1, 0])),
        ]);
        let found = file.rows(mapping()).unwrap();
        assert_eq!(found, [json!({"text": "a", "list": expected}), json!({"text": "a", "list": []})], "{column}");
    }
}

#[test]
fn lists_of_lists_of_old_writers_are_lists_of_lists() {
    let schema = "message m { required binary text (UTF8); optional group list (LIST) { repeated group array (LIST) { repeated int32 array; } } }";
    let file = Written::of(schema).one_group([
        &write::<ByteArrayType>(&texts(3), None, None),
        &write::<Int32Type>(&[1, 2, 3], Some(&[3, 3, 3, 2, 1, 0]), Some(&[0, 2, 1, 1, 0, 0])),
    ]);
    let found: Vec<_> = file.rows(mapping()).unwrap().into_iter().map(|row| row["list"].clone()).collect();
    assert_eq!(found, [json!([[1, 2], [3], []]), json!([]), json!(null)]);
}

#[test]
fn strings_that_are_no_utf_8_reject_their_row_alone() {
    let schema = "message m { required binary text (UTF8); optional group list (LIST) { repeated group list { optional binary element (UTF8); } } }";
    let file = Written::of(schema).one_group([
        &write::<ByteArrayType>(&[ByteArray::from("a"), ByteArray::from(vec![0xe9]), ByteArray::from("c")], None, None),
        &write::<ByteArrayType>(
            &[ByteArray::from("x"), ByteArray::from(vec![0xff])],
            Some(&[3, 0, 2, 3]),
            Some(&[0, 0, 0, 1]),
        ),
    ]);
    file.writer.close().unwrap();
    let mut reader = ParquetRows::open(file.file.path(), mapping(), 0).unwrap();
    let mut next = || match reader.next_record().unwrap() {
        NextRecord::Record(record) => {
            record.document.map(|document| document.payload_json).map_err(|rejection| rejection.field)
        }
        NextRecord::Blank | NextRecord::UnterminatedBlank | NextRecord::End => panic!("it has three rows"),
    };
    let found = [next(), next(), next()];
    assert_eq!(found, [Ok(r#"{"list":["x"]}"#.to_owned()), Err("text".to_owned()), Err("list[1]".to_owned())]);
}

fn with_column(column: Type) -> Type {
    let text =
        Type::primitive_type_builder("text", PhysicalType::BYTE_ARRAY).with_logical_type(Some(LogicalType::String));
    let fields = vec![Arc::new(text.build().unwrap()), Arc::new(column)];
    Type::group_type_builder("m").with_fields(fields).build().unwrap()
}

#[test]
fn unsupported_types_are_rejected_by_name() {
    let binary = |name: &str| Arc::new(Type::primitive_type_builder(name, PhysicalType::BYTE_ARRAY).build().unwrap());
    let variant = Type::group_type_builder("odd")
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(Some(LogicalType::variant(None)))
        .with_fields(vec![binary("metadata"), binary("value")])
        .build()
        .unwrap();
    let bson = Type::primitive_type_builder("odd", PhysicalType::BYTE_ARRAY).with_logical_type(Some(LogicalType::Bson));
    let geometry = Type::primitive_type_builder("odd", PhysicalType::BYTE_ARRAY)
        .with_logical_type(Some(LogicalType::geometry(None)));
    for (column, name) in
        [(variant, "VARIANT"), (bson.build().unwrap(), "BSON"), (geometry.build().unwrap(), "GEOMETRY")]
    {
        let problem = format!("{:#}", Written::new(with_column(column.clone())).rows(mapping()).unwrap_err());
        assert!(problem.contains(&format!("column odd has the unsupported type {name}")), "{problem}");
        assert!(problem.contains("--payload-fields"), "{problem}");
        let none = FieldMapping { payload_fields: Some(Vec::new()), ..mapping() };
        assert!(Written::new(with_column(column)).rows(none).unwrap().is_empty());
    }
}

#[test]
fn enums_and_json_are_strings_and_hostile_decimals_are_refused() {
    let schema = "message m { required binary text (UTF8); required binary kind (ENUM); required binary more (JSON); }";
    let [kind, more] = ["RED", "{\"a\": 1}"].map(|text| [ByteArray::from(text)]);
    let found = Written::of(schema)
        .one_group([
            &write::<ByteArrayType>(&texts(1), None, None),
            &write::<ByteArrayType>(&kind, None, None),
            &write::<ByteArrayType>(&more, None, None),
        ])
        .rows(mapping());
    assert_eq!(found.unwrap(), [json!({"text": "a", "kind": "RED", "more": "{\"a\": 1}"})]);
    let huge = "message m { required binary text (UTF8); required binary odd (DECIMAL(2000000000, 2000000000)); }";
    let problem = format!("{:#}", Written::of(huge).rows(mapping()).unwrap_err());
    assert!(problem.contains("column odd has the unsupported type DECIMAL(2000000000, 2000000000)"), "{problem}");
}

type Lists = Vec<Option<Vec<Option<i32>>>>;

/// Shreds lists of lists into values, definition levels and repetition levels.
fn shred(rows: &[Option<Lists>]) -> (Vec<i32>, Vec<i16>, Vec<i16>) {
    let (mut values, mut definitions, mut repetitions) = (Vec::new(), Vec::new(), Vec::new());
    let mut push = |definition, repetition| {
        definitions.push(definition);
        repetitions.push(repetition);
    };
    for row in rows {
        match row.as_deref() {
            None => push(0, 0),
            Some([]) => push(1, 0),
            Some(lists) => {
                for (i, list) in lists.iter().enumerate() {
                    let repetition = i16::from(i > 0);
                    match list.as_deref() {
                        None => push(2, repetition),
                        Some([]) => push(3, repetition),
                        Some(elements) => {
                            for (j, element) in elements.iter().enumerate() {
                                push(4 + i16::from(element.is_some()), if j > 0 { 2 } else { repetition });
                                values.extend(element);
                            }
                        }
                    }
                }
            }
        }
    }
    (values, definitions, repetitions)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Property: assembly reverses shredding, across pages, batches and row groups.
    #[test]
    fn assembly_reverses_shredding(
        groups in prop::collection::vec(
            prop::collection::vec(
                prop::option::of(prop::collection::vec(
                    prop::option::of(prop::collection::vec(prop::option::of(any::<i32>()), 0..4)), 0..4)),
                0..150),
            0..3),
    ) {
        let mut file = Written::of(
            "message m { required binary text (UTF8);
               optional group a (LIST) { repeated group list { optional group element (LIST) {
                 repeated group list { optional int32 element; } } } } }",
        );
        for rows in &groups {
            let (values, definitions, repetitions) = shred(rows);
            file = file.one_group([
                &write::<ByteArrayType>(&texts(rows.len()), None, None),
                &write::<Int32Type>(&values, Some(&definitions), Some(&repetitions)),
            ]);
        }
        let expected: Vec<_> = groups.concat().into_iter().map(|a| json!({"text": "a", "a": a})).collect();
        prop_assert_eq!(file.rows(mapping()).unwrap(), expected);
    }
}
