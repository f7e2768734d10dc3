//! Paged lists: the pages together are the complete list, and a page token is only valid for the list it was returned
//! by.

use splade_sidecar::proto::{ListAliasesRequest, ListCollectionsRequest, ListDocumentsRequest, ListModelsRequest};
use tonic::{Code, Response, Status};

use super::aliases::set as set_alias;
use super::assert_indexed;
use super::collections::create;
use crate::support::documents::{document, key, num, options, sample_texts, uuid};
use crate::support::failure::Failure;
use crate::support::models::model_dir;
use crate::support::qdrant_server::QdrantServer;
use crate::support::sidecar::Sidecar;

/// Collections that contain documents.
const COLLECTIONS: [&str; 2] = ["docs", "other"];
/// The served models.
const MODELS: [&str; 3] = ["bert-random-tied", "bert-random-sum", "distilbert-random-tied"];
const DOCUMENTS: usize = 12;
const ALIASES: usize = 11;
/// Total number of collections.
const ALL_COLLECTIONS: usize = 7;

/// A list with pages.
#[derive(Debug, Clone, Copy, PartialEq)]
enum List {
    Documents(&'static str),
    Aliases,
    Collections,
    Models,
}

const LISTS: [List; 5] =
    [List::Documents("docs"), List::Documents("other"), List::Aliases, List::Collections, List::Models];

impl List {
    fn len(self) -> usize {
        match self {
            Self::Documents(_) => DOCUMENTS,
            Self::Aliases => ALIASES,
            Self::Collections => ALL_COLLECTIONS,
            Self::Models => MODELS.len(),
        }
    }

    /// Returns one page: its items and the token of the next page.
    async fn page(self, sidecar: &Sidecar, page_size: u32, token: &str) -> Result<(Vec<String>, String), Status> {
        let page_token = token.to_owned();
        let (mut index, mut encoder) = (sidecar.index_client().await, sidecar.encoder_client().await);
        match self {
            Self::Documents(collection) => {
                let collection = collection.to_owned();
                let request = ListDocumentsRequest { collection, page_size, page_token, ..Default::default() };
                let page = index.list_documents(request).await.map(Response::into_inner)?;
                let ids = page.documents.into_iter().map(|document| format!("{:?}", document.id.unwrap()));
                Ok((ids.collect(), page.next_page_token))
            }
            Self::Aliases => {
                let page = index.list_aliases(ListAliasesRequest { page_size, page_token }).await?.into_inner();
                Ok((page.aliases.into_iter().map(|alias| alias.name).collect(), page.next_page_token))
            }
            Self::Collections => {
                let request = ListCollectionsRequest { page_size, page_token };
                let page = index.list_collections(request).await?.into_inner();
                Ok((page.collections.into_iter().map(|it| it.name).collect(), page.next_page_token))
            }
            Self::Models => {
                let page = encoder.list_models(ListModelsRequest { page_size, page_token }).await?.into_inner();
                assert_eq!((page.default_model.as_str(), page.server.is_some()), (MODELS[0], true), "on every page");
                Ok((page.models.into_iter().map(|model| model.name).collect(), page.next_page_token))
            }
        }
    }

    /// Returns all items, read in pages of `page_size`, and the tokens between the pages.
    async fn pages(self, sidecar: &Sidecar, page_size: u32) -> (Vec<String>, Vec<String>) {
        let (mut items, mut tokens) = (Vec::new(), Vec::new());
        let mut token = String::new();
        loop {
            let (page, next) = self.page(sidecar, page_size, &token).await.unwrap();
            assert!(page.len() <= page_size as usize || page_size == 0, "{self:?}: {page:?}");
            // The last page is empty only if the list is empty.
            assert!(!page.is_empty() || items.is_empty(), "{self:?}: a page without items");
            items.extend(page);
            if next.is_empty() {
                return (items, tokens);
            }
            tokens.push(next.clone());
            token = next;
        }
    }
}

/// Runs a test on both stores, with items in every list.
async fn with_full_lists(test: impl AsyncFn(&Sidecar)) {
    let qdrant = QdrantServer::start();
    let models = MODELS.map(|name| format!("{name}={}", model_dir(name).display()));
    let flags: Vec<&str> = models.iter().flat_map(|model| ["--model", model.as_str()]).collect();
    let url = qdrant.url();
    for store in [&[] as &[&str], &["--qdrant-url", &url]] {
        let sidecar = Sidecar::start(&[&flags[..], store].concat()).await;
        for collection in COLLECTIONS {
            let ids = (0..).flat_map(|n: u64| {
                [num(n * 1_000), key(&format!("page/{n}")), uuid(&format!("00000000-0000-0000-0000-{n:012}"))]
            });
            let documents = ids.zip(sample_texts(DOCUMENTS)).map(|(id, text)| document(id, &text));
            assert_indexed(&sidecar.ingest(options(collection), documents.collect()).await);
        }
        for number in COLLECTIONS.len()..ALL_COLLECTIONS {
            create(&sidecar, &format!("collection-{number}"), None).await.unwrap();
        }
        for number in 0..ALIASES {
            set_alias(&sidecar, &format!("alias-{number}"), COLLECTIONS[number % 2]).await.unwrap();
        }
        test(&sidecar).await;
        sidecar.stop_drained().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_any_size_make_up_the_list() {
    with_full_lists(async |sidecar| {
        for list in LISTS {
            let (whole, tokens) = list.pages(sidecar, 0).await;
            assert_eq!((whole.len(), tokens.len()), (list.len(), 0), "{list:?}");
            if !matches!(list, List::Documents(_)) {
                assert!(whole.is_sorted(), "{list:?}: {whole:?}");
            }
            for page_size in (1..=u32::try_from(list.len()).unwrap() + 1).chain([1_000]) {
                let (items, tokens) = list.pages(sidecar, page_size).await;
                assert_eq!(items, whole, "{list:?} by pages of {page_size}");
                assert_eq!(tokens.len(), (whole.len() - 1) / page_size as usize, "{list:?} by pages of {page_size}");
            }
        }
    })
    .await;
}

/// A token is also valid with another page size.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_continues_after_its_page() {
    with_full_lists(async |sidecar| {
        for list in LISTS {
            let (whole, tokens) = list.pages(sidecar, 1).await;
            for (at, token) in (1..).zip(&tokens) {
                for page_size in [0, 2, 5] {
                    let (page, _) = list.page(sidecar, page_size, token).await.unwrap();
                    let until = if page_size == 0 { whole.len() } else { whole.len().min(at + page_size as usize) };
                    assert_eq!(page, whole[at..until], "{list:?}");
                }
            }
        }
    })
    .await;
}

#[track_caller]
fn assert_refused(outcome: Result<(Vec<String>, String), Status>, field: &str, what: &str) {
    let failure = Failure::from(outcome.expect_err(what));
    assert_eq!((failure.code, failure.reason.as_str()), (Code::InvalidArgument, "INVALID_ARGUMENT"), "{what}");
    assert_eq!(failure.fields, [field], "{what}: {failure:?}");
    let (problem, remedy) = failure.message.split_once("; ").unwrap_or_default();
    assert!(problem.starts_with(field) && !remedy.is_empty(), "{what}: {failure:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_and_malformed_tokens_are_refused() {
    with_full_lists(async |sidecar| {
        let mut tokens = Vec::new();
        for list in LISTS {
            tokens.push(list.pages(sidecar, 2).await.1.remove(0));
        }
        for (list, own) in LISTS.into_iter().zip(&tokens) {
            for (other, token) in LISTS.into_iter().zip(&tokens).filter(|(other, _)| *other != list) {
                let what = format!("{list:?} by a token of {other:?}");
                assert_refused(list.page(sidecar, 2, token).await, "page_token", &what);
            }
            let half = &own[..own.len() / 2];
            for nonsense in ["x", "docs", "docs/7", " ", "AAAA", "é", half, &format!("{own}="), &format!("{own}A")] {
                // Tokens of version 0.1.0 have the collection before the first slash: see the test below.
                if nonsense == "docs/7" && list == List::Documents("docs") {
                    continue;
                }
                let what = format!("{list:?} by {nonsense:?}");
                assert_refused(list.page(sidecar, 2, nonsense).await, "page_token", &what);
            }
            assert_refused(list.page(sidecar, 1_001, "").await, "page_size", &format!("{list:?}"));
            assert_refused(list.page(sidecar, u32::MAX, own).await, "page_size", &format!("{list:?}"));
        }
    })
    .await;
}

/// Checkpoints of `reindex` keep page tokens of version 0.1.0 across an upgrade.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn page_tokens_of_version_0_1_0_are_accepted() {
    with_full_lists(async |sidecar| {
        let list = List::Documents("docs");
        let (whole, _) = list.pages(sidecar, 0).await;
        // Such a token is the id of the first document of the page.
        let (page, _) = list.page(sidecar, 0, "docs/1").await.unwrap();
        assert_eq!(page, whole[1..]);
        assert_refused(list.page(sidecar, 0, "other/1").await, "page_token", "a token of another collection");
    })
    .await;
}
