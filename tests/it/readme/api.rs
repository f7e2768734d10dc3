//! `docs/api.md` is generated from the proto files and their comments.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use prost::Message;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    ServiceDescriptorProto,
};
use splade_sidecar::proto::FILE_DESCRIPTOR_SET;

use super::check;

/// Reference of the well-known protobuf packages.
const WELL_KNOWN: &str = "https://protobuf.dev/reference/protobuf/google.protobuf/";

/// Proto file with its comments by path.
struct File {
    file: FileDescriptorProto,
    comments: BTreeMap<Vec<i32>, String>,
}

// Field numbers in the descriptors, as source locations use them.
const MESSAGES: i32 = 4;
const ENUMS: i32 = 5;
const SERVICES: i32 = 6;
const SYNTAX: i32 = 12;
/// Field number of a message's fields, an enum's values and a service's methods.
const MEMBERS: i32 = 2;

impl File {
    fn new(file: FileDescriptorProto) -> Self {
        let locations = file.source_code_info.iter().flat_map(|info| &info.location);
        let comments = locations.filter(|location| location.leading_comments.is_some());
        let comments = comments.map(|location| (location.path.clone(), one_line(location.leading_comments())));
        Self { comments: comments.collect(), file }
    }

    /// Returns the comment at a path; panics if there is none.
    fn comment(&self, path: &[i32]) -> &str {
        let comment = self.comments.get(path);
        comment.unwrap_or_else(|| panic!("{} has no comment at {path:?}", self.file.name()))
    }

    fn heading(&self, name: &str, path: &[i32]) -> String {
        format!("\n### <a id=\"{}.{name}\"></a>{name}\n\n{}\n", self.file.package(), self.comment(path))
    }

    fn render(&self) -> String {
        let mut text = format!("\n## `{}`\n\n{}\n", self.file.name(), self.comment(&[SYNTAX]));
        for (index, service) in (0..).zip(&self.file.service) {
            text += &self.service(service, &[SERVICES, index]);
        }
        for (index, message) in (0..).zip(&self.file.message_type) {
            text += &self.message(message, &[MESSAGES, index]);
        }
        for (index, enumeration) in (0..).zip(&self.file.enum_type) {
            text += &self.enumeration(enumeration, &[ENUMS, index]);
        }
        text
    }

    fn service(&self, service: &ServiceDescriptorProto, path: &[i32]) -> String {
        let mut text = self.heading(service.name(), path) + "\n| call | takes | gives | |\n|---|---|---|---|\n";
        for (index, method) in (0..).zip(&service.method) {
            let side = |streams, name| format!("{}{}", if streams { "stream of " } else { "" }, self.link(name));
            let takes = side(method.client_streaming(), method.input_type());
            let gives = side(method.server_streaming(), method.output_type());
            let comment = self.comment(&[path, &[MEMBERS, index]].concat());
            writeln!(text, "| `{}` | {takes} | {gives} | {comment} |", method.name()).unwrap();
        }
        text
    }

    fn message(&self, message: &DescriptorProto, path: &[i32]) -> String {
        let mut text = self.heading(message.name(), path);
        if !message.field.is_empty() {
            text += "\n| field | type | number | |\n|---|---|---|---|\n";
        }
        for (index, field) in (0..).zip(&message.field) {
            let comment = self.comment(&[path, &[MEMBERS, index]].concat());
            let kind = self.kind(message, field);
            writeln!(text, "| `{}` | {kind} | {} | {comment} |", field.name(), field.number()).unwrap();
        }
        text
    }

    fn enumeration(&self, enumeration: &EnumDescriptorProto, path: &[i32]) -> String {
        let mut text = self.heading(enumeration.name(), path) + "\n| value | number | |\n|---|---|---|\n";
        for (index, value) in (0..).zip(&enumeration.value) {
            let comment = self.comment(&[path, &[MEMBERS, index]].concat());
            writeln!(text, "| `{}` | {} | {comment} |", value.name(), value.number()).unwrap();
        }
        text
    }

    /// Describes a field's type and cardinality.
    fn kind(&self, message: &DescriptorProto, field: &FieldDescriptorProto) -> String {
        let entry =
            message.nested_type.iter().find(|nested| field.type_name().ends_with(&format!(".{}", nested.name())));
        let oneof = field.oneof_index.filter(|_| !field.proto3_optional());
        if let Some([key, value]) = entry.map(|entry| entry.field.as_slice()) {
            format!("map of {} to {}", self.single(key), self.single(value))
        } else if field.label() == Label::Repeated {
            format!("repeated {}", self.single(field))
        } else if let Some(index) = oneof {
            let name = message.oneof_decl[usize::try_from(index).unwrap()].name();
            format!("{}, one of `{name}`", self.single(field))
        } else if field.proto3_optional() {
            format!("optional {}", self.single(field))
        } else {
            self.single(field)
        }
    }

    fn single(&self, field: &FieldDescriptorProto) -> String {
        match field.r#type() {
            Type::Message | Type::Enum => self.link(field.type_name()),
            scalar => scalar.as_str_name().trim_start_matches("TYPE_").to_lowercase(),
        }
    }

    /// Returns a link to a message or an enum, given as `.package.Name`.
    fn link(&self, name: &str) -> String {
        let name = name.trim_start_matches('.');
        match (name.strip_prefix("google.protobuf."), name.strip_prefix(&format!("{}.", self.file.package()))) {
            (Some(known), _) => format!("[{name}]({WELL_KNOWN}#{})", known.to_lowercase()),
            (None, local) => format!("[{}](#{name})", local.unwrap_or(name)),
        }
    }
}

/// Formats a comment as a table cell.
fn one_line(comment: &str) -> String {
    comment.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

#[test]
fn the_reference_is_the_contract() {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let files = set.file.into_iter().filter(|file| !file.package().starts_with("google."));
    let mut files: Vec<File> = files.map(File::new).collect();
    files.sort_by_key(|file| (file.file.package().to_owned(), file.file.service.is_empty()));
    let mut text = "\n| service | calls |\n|---|---|\n".to_owned();
    for File { file, .. } in &files {
        for service in &file.service {
            let calls: Vec<_> = service.method.iter().map(|method| format!("`{}`", method.name())).collect();
            let name = format!("{}.{}", file.package(), service.name());
            writeln!(text, "| [{name}](#{name}) | {} |", calls.join(", ")).unwrap();
        }
    }
    files.iter().for_each(|file| text += &file.render());
    assert_links_lead_somewhere(&text);
    check("docs/api.md", "api", &(text + "\n"));
}

fn assert_links_lead_somewhere(text: &str) {
    fn between<'a>(text: &'a str, before: &'static str, after: char) -> BTreeSet<&'a str> {
        text.split(before).skip(1).map(|rest| rest.split(after).next().unwrap()).collect()
    }
    let (links, anchors) = (between(text, "](#", ')'), between(text, "<a id=\"", '"'));
    assert!(links.len() > 50, "{links:?}");
    assert_eq!(links.difference(&anchors).collect::<Vec<_>>(), Vec::<&&str>::new());
}
