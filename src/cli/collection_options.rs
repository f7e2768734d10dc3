//! Distribution of a new collection in a Qdrant cluster: flags of the commands that create collections.

use clap::Args;

use super::flags::Flag;
use crate::proto::CollectionOptions;

/// Flags for a collection that is created. The embedded store supports none of them: it has one shard without replicas.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "A new collection in a Qdrant cluster")]
pub struct CollectionOptionsArgs {
    /// Number of shards of a new collection, or with --shard-keys of each key: 1 to 1024 [default: Qdrant's, one per node].
    #[arg(long, env = "SPLADE_SHARD_COUNT", value_name = "N")]
    shard_count: Option<u32>,
    /// Number of replicas of each shard: 1 to 64 [default: Qdrant's, 1].
    #[arg(long, env = "SPLADE_REPLICATION_FACTOR", value_name = "N")]
    replication_factor: Option<u32>,
    /// Number of replicas that must apply a write before it is confirmed [default: Qdrant's, 1].
    #[arg(long, env = "SPLADE_WRITE_CONSISTENCY_FACTOR", value_name = "N")]
    write_consistency_factor: Option<u32>,
    /// Shard keys of a new collection with custom sharding, separated by commas. The server's --qdrant-shard-key must be one of
    /// them.
    #[arg(long, env = "SPLADE_SHARD_KEYS", value_name = "KEY,…", value_delimiter = ',')]
    shard_keys: Option<Vec<String>>,
}

impl CollectionOptionsArgs {
    /// Returns the first of these flags that is set.
    pub fn first_given_flag(&self) -> Option<Flag> {
        let flags = [
            ("--shard-count", "SPLADE_SHARD_COUNT", self.shard_count.is_some()),
            ("--replication-factor", "SPLADE_REPLICATION_FACTOR", self.replication_factor.is_some()),
            ("--write-consistency-factor", "SPLADE_WRITE_CONSISTENCY_FACTOR", self.write_consistency_factor.is_some()),
            ("--shard-keys", "SPLADE_SHARD_KEYS", self.shard_keys.is_some()),
        ];
        flags.into_iter().find(|(.., is_given)| *is_given).map(|(name, env_var, _)| Flag { name, env_var })
    }

    /// Returns `options` with the flags that are set applied.
    pub fn apply(&self, options: CollectionOptions) -> CollectionOptions {
        CollectionOptions {
            shard_count: self.shard_count.unwrap_or(options.shard_count),
            replication_factor: self.replication_factor.unwrap_or(options.replication_factor),
            write_consistency_factor: self.write_consistency_factor.unwrap_or(options.write_consistency_factor),
            shard_keys: self.shard_keys.clone().unwrap_or(options.shard_keys),
            ..options
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::proto::SparseVectorOptions;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: CollectionOptionsArgs,
    }

    #[test]
    fn flags_override_the_options() {
        let applied = |line: &[&str], options: CollectionOptions| {
            Line::parse_from([&["ingest"], line].concat()).args.apply(options)
        };
        let sparse_vectors = [("terms".to_owned(), SparseVectorOptions::default())].into();
        let options = CollectionOptions { sparse_vectors, shard_count: 6, ..Default::default() };
        assert_eq!(applied(&[], options.clone()), options);
        let line = ["--replication-factor", "3", "--write-consistency-factor", "2", "--shard-keys", "a,b"];
        let expected = CollectionOptions {
            replication_factor: 3,
            write_consistency_factor: 2,
            shard_keys: vec!["a".to_owned(), "b".to_owned()],
            ..options.clone()
        };
        assert_eq!(applied(&line, options.clone()), expected);
        assert_eq!(applied(&["--shard-count", "8"], options).shard_count, 8);
        let given = |line: &[&str]| {
            Line::parse_from([&["ingest"], line].concat()).args.first_given_flag().map(|flag| flag.name)
        };
        assert_eq!(given(&[]), None);
        for name in ["--shard-count", "--replication-factor", "--write-consistency-factor", "--shard-keys"] {
            assert_eq!(given(&[name, "1"]), Some(name));
        }
    }
}
