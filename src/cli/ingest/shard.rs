//! Assigns the lines of an input to shards, so that several runs can share one input.
//!
//! A document's shard depends only on the id of its point, so it is equal in every file, on every machine and in every run: the
//! first 8 bytes, big-endian, of the SHA-256 of the id as text (a number in decimal digits, a UUID in lower case with hyphens),
//! modulo the number of shards. A string id is hashed as the UUIDv5 of its point, and a document without an id as a UUIDv5 of
//! its collection and text. Documents of the same point therefore belong to the same shard and are written in input order.
//!
//! Documents without an id had that last UUID as their id when sharding was introduced. Servers derive a different id now, but
//! the shards are pinned: otherwise, runs of two releases that share an input would omit documents.
//!
//! An invalid line is hashed as its bytes without trailing white space, so that exactly one shard rejects it.
//!
//! See docs/adr/0057-shards-by-id.md.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::proto::Document;
use crate::proto::document_id::Kind;
use crate::types::{DocumentId, PointId};

/// Maximum number of shards of one input.
const MAX_SHARDS: u32 = 65_536;

/// Shard `index` of `count` equal shards, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputShard {
    index: u32,
    count: u32,
}

impl InputShard {
    /// The only shard of an input that is not sharded.
    pub const ALL: Self = Self { index: 0, count: 1 };

    /// Returns whether the input is not sharded.
    pub fn is_all(self) -> bool {
        self == Self::ALL
    }

    /// Formats the shard for file names, as in `3-of-16`.
    pub fn to_file_name_part(self) -> String {
        format!("{}-of-{}", self.index, self.count)
    }

    fn contains(self, bytes: &[u8]) -> bool {
        // Skips the hash for an input that is not sharded.
        self.is_all() || hash_to_u64(bytes) % u64::from(self.count) == u64::from(self.index)
    }
}

impl fmt::Display for InputShard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for InputShard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts =
            text.trim().split_once('/').and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        match parts {
            Some((index, count)) if index < count && count <= MAX_SHARDS => Ok(Self { index, count }),
            _ => Err(format!("expected I/N, such as 0/16: N shards, up to {MAX_SHARDS}, numbered from 0")),
        }
    }
}

/// Selects the documents of one shard; the collection's name determines the shard of documents without an id.
#[derive(Debug, Clone)]
pub struct ShardFilter {
    pub shard: InputShard,
    pub collection: String,
}

impl ShardFilter {
    /// Returns whether a line belongs to the shard, by its document or, for an invalid line, by its bytes.
    pub fn contains(&self, line: &[u8], document: Option<&Document>) -> bool {
        match document {
            _ if self.shard.is_all() => true,
            Some(document) => self.shard.contains(self.to_point_id_text(document).as_bytes()),
            None => self.shard.contains(line.trim_ascii_end()),
        }
    }

    /// Returns the id of the document's point as text; without an id, the UUID derived from the collection and the text.
    fn to_point_id_text(&self, document: &Document) -> String {
        let id = match document.id.as_ref().and_then(|id| id.kind.as_ref()) {
            None => DocumentId::Uuid(self.derive_uuid(&document.text)),
            Some(Kind::Num(num)) => DocumentId::Num(*num),
            Some(Kind::Uuid(text)) => text.parse().map_or_else(|_| DocumentId::Key(text.clone()), DocumentId::Uuid),
            Some(Kind::Key(key)) => DocumentId::Key(key.clone()),
        };
        match id.to_point_id() {
            PointId::Num(num) => num.to_string(),
            PointId::Uuid(uuid) => uuid.to_string(),
        }
    }

    /// Derives a UUID from the collection and the text. The collection is the namespace, so that different pairs of collection
    /// and text can't be concatenated to the same input.
    fn derive_uuid(&self, text: &str) -> Uuid {
        let namespace = Uuid::new_v5(&Uuid::NAMESPACE_OID, self.collection.as_bytes());
        Uuid::new_v5(&namespace, text.as_bytes())
    }
}

/// Returns the first 8 bytes of the SHA-256, big-endian.
fn hash_to_u64(bytes: &[u8]) -> u64 {
    let digest = Sha256::digest(bytes);
    digest.iter().take(8).fold(0, |number, &byte| number << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::cli::id::from_json;

    fn part(index: u32, count: u32) -> ShardFilter {
        ShardFilter { shard: InputShard { index, count }, collection: "docs".to_owned() }
    }

    fn document(id: serde_json::Value, text: &str) -> Document {
        Document { id: from_json(&id).unwrap(), text: text.to_owned(), ..Document::default() }
    }

    /// Returns the one of `count` shards that contains the line.
    fn shard_of(count: u32, line: &[u8], document: Option<&Document>) -> u32 {
        let having: Vec<u32> = (0..count).filter(|&index| part(index, count).contains(line, document)).collect();
        assert_eq!(having.len(), 1, "{having:?}");
        having[0]
    }

    /// Pins the shards: if they changed, runs of two releases would omit documents. Computed in Python:
    /// `int.from_bytes(hashlib.sha256(b"7").digest()[:8]) % 16`, and for a string id `str(uuid.uuid5(uuid.NAMESPACE_URL, name))`.
    #[test]
    fn documents_have_their_shards_for_ever() {
        const UUID: &str = "f47ac10b-58cc-4372-a567-0e02b2c3d479";
        for (id, [of_2, of_16, of_1000]) in [
            (json!(0), [0, 8, 40]),
            (json!(7), [0, 14, 230]),
            (json!(u64::MAX), [0, 14, 294]),
            (json!(UUID), [1, 13, 461]),
            (json!(UUID.to_uppercase()), [1, 13, 461]),
            (json!("7"), [1, 13, 477]),
            (json!("mail/42"), [0, 0, 328]),
            (json!(UUID.replace('-', "")), [0, 0, 80]),
            (json!(null), [1, 15, 159]),
        ] {
            let document = document(id.clone(), "a text");
            let found = [2, 16, 1000].map(|count| shard_of(count, b"any line", Some(&document)));
            assert_eq!(found, [of_2, of_16, of_1000], "{id}");
        }
        assert_eq!([2, 16, 1000].map(|count| shard_of(count, b"no json", None)), [0, 2, 410]);
    }

    #[test]
    fn what_one_types() {
        assert_eq!(" 3/16".parse(), Ok(InputShard { index: 3, count: 16 }));
        assert_eq!("3/16".parse::<InputShard>().unwrap().to_string(), "3/16");
        assert!("0/1".parse::<InputShard>().unwrap().is_all());
        for text in ["", "3", "16/16", "0/0", "-1/4", "1/2/3", "1 of 2", "0/65537"] {
            assert!(text.parse::<InputShard>().unwrap_err().contains("such as 0/16"), "{text}");
        }
    }

    #[test]
    fn shards_are_even() {
        let mut counts = [0_u32; 16];
        for id in 0..100_000_u64 {
            counts[shard_of_num(id)] += 1;
        }
        // 6,250 each, with a standard deviation of 77.
        assert!(counts.iter().all(|count| (5_940..6_560).contains(count)), "{counts:?}");
    }

    fn shard_of_num(id: u64) -> usize {
        usize::try_from(hash_to_u64(id.to_string().as_bytes()) % 16).unwrap()
    }

    proptest! {
        /// Laws: each line belongs to exactly one shard; a document's shard depends only on its id, without an id on its text.
        #[test]
        fn shards_are_a_partition(
            count in 1_u32..40,
            id in prop_oneof![
                Just(serde_json::Value::Null),
                any::<u64>().prop_map(|num| json!(num)),
                ".{0,12}".prop_map(|key| json!(key)),
                any::<u128>().prop_map(|bits| json!(uuid::Uuid::from_u128(bits).to_string())),
            ],
            text in ".{0,8}",
            other in ".{0,8}",
            line in prop::collection::vec(any::<u8>(), 0..16),
        ) {
            let shard = shard_of(count, &line, Some(&document(id.clone(), &text)));
            let text = if id.is_null() { text } else { other };
            prop_assert_eq!(shard, shard_of(count, b"another line", Some(&document(id, &text))));
            shard_of(count, &line, None);
        }

        /// Law: ids of the same point have the same shard: a string, and its UUIDv5.
        #[test]
        fn a_name_is_where_its_point_is(key in "[a-z/:]{1,12}", count in 1_u32..40) {
            let uuid = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, key.as_bytes()).to_string();
            let of = |id: &str| shard_of(count, b"", Some(&document(json!(id), "a")));
            prop_assert_eq!(of(&key), of(&uuid));
        }
    }
}
