"""All golden cases of settings, by base model."""

import settings_config
import settings_families
import settings_modernbert
import settings_modules
import settings_router
import settings_transformer
import settings_vocabulary
import settings_weights
import settings_wordpiece
from settings_case import Case

BASES: dict[str, list[Case]] = {
    "bert-random-tied": [
        *settings_config.BERT,
        *settings_wordpiece.BERT,
        *settings_vocabulary.BERT,
        *settings_transformer.PLAIN,
    ],
    "bert-random-sum": [*settings_modules.BERT, *settings_transformer.BERT],
    "bert-random-untied": settings_families.BERT_UNTIED,
    "distilbert-random-tied": settings_families.DISTILBERT,
    "distilbert-random-untied": settings_families.DISTILBERT_UNTIED,
    "roberta-random-tied": settings_families.ROBERTA,
    "roberta-random-untied": settings_families.ROBERTA_UNTIED,
    "xlm-roberta-random-tied": settings_families.XLM_ROBERTA,
    "camembert-random-tied": settings_families.CAMEMBERT,
    "modernbert-random-tied": settings_modernbert.OLD,
    "modernbert-random-untied": settings_modernbert.NEW,
    "router-random-static": [*settings_router.SAVED_ROUTER, *settings_router.STATIC],
    "router-random-idf-json": settings_router.IDF,
    "router-random-opensearch": settings_router.OPENSEARCH,
    "bert-random-bin": settings_weights.BIN_CASES,
    "bert-random-half": settings_weights.HALF,
    "distilbert-random-sharded": settings_weights.SHARDED,
}
