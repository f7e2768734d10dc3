//! What requests ask for, checked and with its defaults.

use std::collections::BTreeMap;

use crate::model::Side;
use crate::pipeline::Accept;
use crate::proto;
use crate::types::{
    CollectionSpec, DEFAULT_TEXT_KEY, Datatype, DenseSpec, Distance, Fault, LongText, Pruning, RESERVED_PREFIX, Reason,
    Role, Sharding,
};

/// The longest name of a vector, a field or a shard key.
pub const MAX_NAME_BYTES: usize = 128;
const DEFAULT_VECTOR_NAME: &str = "splade";
/// In tokens; a quarter of a window where that is less.
const DEFAULT_WINDOW_OVERLAP: usize = 32;
const DEFAULT_BATCH_POINTS: u32 = 1_000;
/// The most points of one upsert.
pub const MAX_BATCH_POINTS: u32 = 10_000;
/// The most dimensions of a dense vector.
pub const MAX_DIMENSIONS: u32 = 65_536;
/// The most shards of a collection, or of a key of it.
pub const MAX_SHARDS: u32 = 1_024;
/// The most nodes that keep a shard.
pub const MAX_REPLICAS: u32 = 64;
/// The most shard keys of a collection.
pub const MAX_SHARD_KEYS: usize = 256;

pub fn invalid(field: &str, message: impl Into<String>) -> Fault {
    Fault::new(Reason::InvalidArgument, field, message)
}

/// Options in a message of a stream that is not its first.
pub fn late_options() -> Fault {
    invalid("options", "options go into the stream's first message; leave them out of the later ones")
}

/// Whether a collection that another encoder wrote is taken.
pub fn accept(ignore_fingerprint: bool) -> Accept {
    if ignore_fingerprint { Accept::AnyEncoder } else { Accept::SameEncoder }
}

/// What to do with long texts, and how much of them overlaps if they are encoded as windows.
pub fn long_text(value: i32, overlap: Option<u32>, side: &Side) -> Result<LongText, Fault> {
    let invalid_value = |_| invalid("long_text", format!("{value} is no value of LongText; use one that is"));
    match (proto::LongText::try_from(value).map_err(invalid_value)?, overlap) {
        (proto::LongText::Window, overlap) => {
            let overlap = window_overlap(overlap, side.tokenizer.room())?;
            Ok(LongText::Window { overlap })
        }
        (_, Some(_)) => {
            let message = "only windows overlap; set long_text to LONG_TEXT_WINDOW, or leave it out";
            Err(invalid("window_overlap", message))
        }
        (proto::LongText::Unspecified | proto::LongText::Truncate, None) => Ok(LongText::Truncate),
        (proto::LongText::Reject, None) => Ok(LongText::Reject),
    }
}

/// In tokens, for windows of `room` tokens; without bounds where texts of any length are encoded whole.
fn window_overlap(overlap: Option<u32>, room: Option<usize>) -> Result<usize, Fault> {
    let room = room.unwrap_or(usize::MAX);
    match overlap.map(|overlap| overlap as usize) {
        None => Ok(DEFAULT_WINDOW_OVERLAP.min(room / 4)),
        // More would make a window for every few tokens.
        Some(overlap) if overlap <= room / 2 => Ok(overlap),
        Some(overlap) => {
            let most = room / 2;
            let message = format!("it is {overlap}; send at most {most}, half of a window's {room} tokens");
            Err(invalid("window_overlap", message))
        }
    }
}

pub fn role(value: i32) -> Result<Role, Fault> {
    match proto::Role::try_from(value) {
        Ok(proto::Role::Unspecified | proto::Role::Document) => Ok(Role::Document),
        Ok(proto::Role::Query) => Ok(Role::Query),
        Err(_) => Err(invalid("role", format!("{value} is no value of Role; use one that is"))),
    }
}

/// What a request asks to keep, in its field of that name; else the default.
pub fn pruning(field: &str, pruning: Option<proto::Pruning>, default: Pruning) -> Result<Pruning, Fault> {
    let Some(proto::Pruning { max_terms, min_weight, weight_share }) = pruning else { return Ok(default) };
    if !min_weight.is_finite() || min_weight < 0.0 {
        return Err(invalid("min_weight", format!("it is {min_weight}; send 0 or a positive number")).within(field));
    }
    if !(0.0..=1.0).contains(&weight_share) {
        let message = format!("it is {weight_share}; send a number above 0 and at most 1, or 0 to keep all");
        return Err(invalid("weight_share", message).within(field));
    }
    let max_terms = (max_terms > 0).then_some(max_terms as usize);
    Ok(Pruning { max_terms, min_weight, weight_share: (weight_share > 0.0).then_some(weight_share) })
}

/// The payload field that keeps the text; empty to keep none.
pub fn text_key(key: Option<String>) -> Result<String, Fault> {
    let key = key.unwrap_or_else(|| DEFAULT_TEXT_KEY.to_owned());
    check_length("text_key", &key)?;
    if key.starts_with(RESERVED_PREFIX) {
        let message = format!("names that begin with `{RESERVED_PREFIX}` are reserved; use another");
        return Err(invalid("text_key", message));
    }
    Ok(key)
}

pub fn batch_points(points: u32) -> Result<usize, Fault> {
    match points {
        0 => Ok(DEFAULT_BATCH_POINTS as usize),
        1..=MAX_BATCH_POINTS => Ok(points as usize),
        _ => {
            Err(invalid("batch_points", format!("it is {points}; send 1 to {MAX_BATCH_POINTS}, or 0 for the default")))
        }
    }
}

fn check_length(field: &str, name: &str) -> Result<(), Fault> {
    if name.len() <= MAX_NAME_BYTES {
        return Ok(());
    }
    Err(invalid(field, format!("it has {} bytes; send at most {MAX_NAME_BYTES}", name.len())))
}

/// How to create a collection; its writer is filled in by whoever creates it.
pub fn collection_spec(options: Option<proto::CollectionOptions>) -> Result<CollectionSpec, Fault> {
    let options = options.unwrap_or_default();
    let sharding = sharding(&options)?;
    let proto::CollectionOptions { vector_name, on_disk_index, datatype, dense_vectors, .. } = options;
    let datatype = self::datatype(datatype)?;
    let vector_name = if vector_name.is_empty() { DEFAULT_VECTOR_NAME.to_owned() } else { vector_name };
    check_vector_name("vector_name", &vector_name)?;
    let dense = dense_vectors.into_iter().map(|(name, options)| {
        if name.is_empty() {
            return Err(invalid("dense_vectors", "one has no name; give it one"));
        }
        let field = format!("dense_vectors.{name}");
        check_vector_name(&field, &name)?;
        if name == vector_name {
            return Err(invalid(&field, "the sparse vector has that name; use another"));
        }
        Ok((name, dense_spec(&options).map_err(|fault| fault.within(&field))?))
    });
    let dense = dense.collect::<Result<BTreeMap<_, _>, _>>()?;
    let (model, fingerprint) = (String::new(), None);
    Ok(CollectionSpec { vector_name, on_disk_index, datatype, dense, model, fingerprint, sharding })
}

fn sharding(options: &proto::CollectionOptions) -> Result<Sharding, Fault> {
    let shards = at_most("shard_count", options.shard_count, MAX_SHARDS)?;
    let replicas = at_most("replication_factor", options.replication_factor, MAX_REPLICAS)?;
    let most = if replicas == 0 { MAX_REPLICAS } else { replicas };
    let write_consistency = at_most("write_consistency_factor", options.write_consistency_factor, most)?;
    let mut keys = options.shard_keys.clone();
    keys.sort_unstable();
    let problem = if keys.len() > MAX_SHARD_KEYS {
        Some(format!("there are {}; send at most {MAX_SHARD_KEYS}", keys.len()))
    } else if keys.iter().any(|key| !(1..=MAX_NAME_BYTES).contains(&key.len())) {
        Some(format!("a key has 1 to {MAX_NAME_BYTES} bytes; send such keys"))
    } else if keys.windows(2).any(|pair| matches!(pair, [one, other] if one == other)) {
        Some("two of them are the same; send each once".to_owned())
    } else {
        None
    };
    match problem {
        Some(message) => Err(invalid("shard_keys", message)),
        None => Ok(Sharding { shards, replicas, write_consistency, keys }),
    }
}

fn at_most(field: &str, value: u32, most: u32) -> Result<u32, Fault> {
    if value <= most {
        return Ok(value);
    }
    Err(invalid(field, format!("it is {value}; send 1 to {most}, or 0 for the store's default")))
}

/// A store makes folders of vector names.
fn check_vector_name(field: &str, name: &str) -> Result<(), Fault> {
    let allowed = name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    if allowed && (1..=MAX_NAME_BYTES).contains(&name.len()) {
        return Ok(());
    }
    Err(invalid(
        field,
        format!("a vector's name has 1 to {MAX_NAME_BYTES} characters of A–Z a–z 0–9 _ and -; use such a name"),
    ))
}

fn datatype(value: i32) -> Result<Datatype, Fault> {
    match proto::VectorDatatype::try_from(value) {
        Ok(proto::VectorDatatype::Unspecified | proto::VectorDatatype::Float32) => Ok(Datatype::Float32),
        Ok(proto::VectorDatatype::Float16) => Ok(Datatype::Float16),
        Ok(proto::VectorDatatype::Uint8) => Ok(Datatype::Uint8),
        Err(_) => Err(invalid("datatype", format!("{value} is no value of VectorDatatype; use one that is"))),
    }
}

fn distance(value: i32) -> Result<Distance, Fault> {
    match proto::Distance::try_from(value) {
        Ok(proto::Distance::Unspecified | proto::Distance::Cosine) => Ok(Distance::Cosine),
        Ok(proto::Distance::Dot) => Ok(Distance::Dot),
        Ok(proto::Distance::Euclid) => Ok(Distance::Euclid),
        Err(_) => Err(invalid("distance", format!("{value} is no value of Distance; use one that is"))),
    }
}

fn dense_spec(options: &proto::DenseVectorOptions) -> Result<DenseSpec, Fault> {
    let distance = distance(options.distance)?;
    match options.size {
        size @ 1..=MAX_DIMENSIONS => Ok(DenseSpec { size, distance }),
        size => Err(invalid("size", format!("it is {size}; send 1 to {MAX_DIMENSIONS}"))),
    }
}

/// A collection's options, for a client.
pub fn to_collection_options(spec: CollectionSpec) -> proto::CollectionOptions {
    let dense_vectors = spec.dense.into_iter().map(|(name, DenseSpec { size, distance })| {
        let distance = match distance {
            Distance::Cosine => proto::Distance::Cosine,
            Distance::Dot => proto::Distance::Dot,
            Distance::Euclid => proto::Distance::Euclid,
        };
        (name, proto::DenseVectorOptions { size, distance: distance.into() })
    });
    let datatype = match spec.datatype {
        Datatype::Float32 => proto::VectorDatatype::Float32,
        Datatype::Float16 => proto::VectorDatatype::Float16,
        Datatype::Uint8 => proto::VectorDatatype::Uint8,
    };
    proto::CollectionOptions {
        vector_name: spec.vector_name,
        on_disk_index: spec.on_disk_index,
        datatype: datatype.into(),
        dense_vectors: dense_vectors.collect(),
        shard_count: spec.sharding.shards,
        replication_factor: spec.sharding.replicas,
        write_consistency_factor: spec.sharding.write_consistency,
        shard_keys: spec.sharding.keys,
    }
}
