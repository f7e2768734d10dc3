//! `GetModel` and `ListModels`.

use splade_sidecar::proto::{GetModelRequest, ListModelsRequest, Model};

use crate::support::models::{folder, random};
use crate::support::sidecar::{MODEL, Sidecar};

async fn get(sidecar: &Sidecar, name: &str) -> Model {
    let request = GetModelRequest { model: name.to_owned() };
    sidecar.encoder().await.get_model(request).await.unwrap().into_inner().model.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_is_described() {
    let sidecar = Sidecar::start(&[]).await;
    let expected = Model {
        name: MODEL.to_owned(),
        architecture: "BertForMaskedLM".to_owned(),
        vocabulary_size: 701,
        max_length: 128,
        dtype: "float32".to_owned(),
        fingerprint: random(MODEL).fingerprint.to_string(),
        pooling: "max".to_owned(),
        activation: "relu".to_owned(),
    };
    assert_eq!(expected.fingerprint.len(), 64);
    assert_eq!(get(&sidecar, "").await, expected);
    assert_eq!(get(&sidecar, MODEL).await, expected);
    let list = sidecar.encoder().await.list_models(ListModelsRequest {}).await.unwrap().into_inner();
    assert_eq!(list.models, [expected]);
    assert_eq!(list.default_model, MODEL);
    sidecar.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pooling_activation_and_name_are_as_configured() {
    for (model, pooling, activation) in [("bert-random-sum", "sum", "relu"), ("bert-random-log1p", "max", "log1p_relu")]
    {
        let flags = ["--model", folder(model).to_str().unwrap(), "--model-name", "mine"].map(str::to_owned);
        let sidecar = Sidecar::start(&flags.each_ref().map(String::as_str)).await;
        let described = get(&sidecar, "").await;
        assert_eq!((described.pooling.as_str(), described.activation.as_str()), (pooling, activation));
        assert_eq!(described.name, "mine");
        assert_eq!(get(&sidecar, "mine").await, described);
        sidecar.end().await;
    }
}
