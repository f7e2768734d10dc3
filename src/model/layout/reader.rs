//! Reader of a model directory's layout.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::super::json_file::read_optional_json;
use super::super::max_length::MaxLength;
use super::super::tokenizer_files::{TokenizerContext, TokenizerFiles};
use super::super::{ModelError, keys};
use super::module::{Module, SUPPORTED_MODULES};
use super::module_arguments::ModuleArguments;
use super::pooling::PoolingConfig;
use super::role_settings::{EncoderSettings, RoleSettings};
use super::router::Router;
use super::sentence_config::{self, SentenceConfig};
use super::settings::TransformerSettings;
use super::static_settings::StaticSettings;
use super::tokenizer_settings::TokenizerSettings;
use super::warnings::LayoutWarnings;
use crate::types::Role;

/// Structure of a model: encoder and tokenizer settings of each role.
#[derive(Debug)]
pub struct Layout {
    pub document: RoleSettings,
    pub query: RoleSettings,
    /// Maximum number of terms per vector; a request or a flag may override it.
    pub max_terms: Option<usize>,
    /// True if a router selects the modules of each role.
    pub has_router: bool,
    pub warnings: LayoutWarnings,
}

#[derive(Deserialize)]
struct ListedModule {
    #[serde(default)]
    name: Value,
    path: String,
    r#type: String,
}

const MODULES_FILE: &str = "modules.json";
/// Default tasks of the two transformer module classes.
const DEFAULT_TASKS: [(&str, &str); 2] = [("Transformer", "feature-extraction"), ("MLMTransformer", "fill-mask")];

impl Layout {
    /// Reads the configuration files of a model directory.
    ///
    /// # Errors
    /// [`ModelError::File`] if a file is missing, is not JSON, or has an unsupported setting.
    pub fn read(directory: &Path) -> Result<Self, ModelError> {
        let modules_file = directory.join(MODULES_FILE);
        let listed = read_optional_json::<Vec<Value>>(&modules_file)?;
        let has_modules_file = listed.is_some();
        let mut reader = LayoutReader {
            root: directory,
            has_modules_file,
            modules_file: modules_file.clone(),
            document_file: modules_file,
            warnings: LayoutWarnings::default(),
        };
        let Some(listed) = listed else { return reader.read_without_modules() };
        let modules = reader.parse_modules(&listed)?;
        let sentence_config = SentenceConfig::read(directory, &mut reader.warnings.unknown_keys)?;
        let has_router = modules.iter().any(|module| module.is_router());
        let document = reader.read_role(Role::Document, &modules, &sentence_config)?;
        let query = reader.read_role(Role::Query, &modules, &sentence_config)?;
        if let EncoderSettings::Static(_) = document.encoder {
            let problem = "no module encodes documents; expected a Transformer (selected by a router's `structure` and \
                           `route_mappings`)";
            return Err(ModelError::file(&reader.document_file, problem));
        }
        let mut warnings = reader.warnings;
        warnings.unknown_keys.sort_unstable();
        warnings.unknown_keys.dedup();
        Ok(Self { document, query, max_terms: sentence_config.max_active_dims, has_router, warnings })
    }
}

struct LayoutReader<'a> {
    root: &'a Path,
    /// True if there is a `modules.json`.
    has_modules_file: bool,
    /// Path of `modules.json`.
    modules_file: PathBuf,
    /// File that lists the document modules: `modules.json` or a router's configuration.
    document_file: PathBuf,
    warnings: LayoutWarnings,
}

impl LayoutReader<'_> {
    /// Reads a masked language model without the files of sentence-transformers.
    fn read_without_modules(mut self) -> Result<Layout, ModelError> {
        let settings =
            TransformerSettings::read(self.root, PoolingConfig::default(), false, &mut self.warnings.unknown_keys)?;
        let unread = [ModuleArguments::find_unread_file(self.root), sentence_config::find_unread_file(self.root)];
        self.warnings.unread_files = unread.into_iter().flatten().collect();
        let arguments = ModuleArguments::default();
        let tokenizer = self.read_tokenizer(Role::Document, &settings, &arguments, String::new())?;
        let document = RoleSettings {
            encoder: EncoderSettings::Transformer { settings, lexical_weights: None },
            tokenizer: tokenizer.0,
            max_length: tokenizer.1,
        };
        Ok(Layout { query: document.clone(), document, max_terms: None, has_router: false, warnings: self.warnings })
    }

    /// Parses the modules that `modules.json` lists.
    fn parse_modules(&mut self, listed: &[Value]) -> Result<Vec<Module>, ModelError> {
        if listed.is_empty() {
            return Err(ModelError::file(
                &self.modules_file,
                format!("the list of modules is empty; {SUPPORTED_MODULES}"),
            ));
        }
        let (mut modules, mut names) = (Vec::new(), Vec::new());
        for value in listed {
            self.warnings.unknown_keys.extend(keys::MODULE.check(&self.modules_file, value)?);
            let module: ListedModule =
                serde_json::from_value(value.clone()).map_err(|error| ModelError::file(&self.modules_file, error))?;
            if names.contains(&module.name) {
                let problem = format!(
                    "two modules have the name {}; rename one, since sentence-transformers drops the first",
                    module.name
                );
                return Err(ModelError::file(&self.modules_file, problem));
            }
            names.push(module.name);
            modules.push(Module::new(self.root, &module.path, module.r#type, &self.modules_file)?);
        }
        Ok(modules)
    }

    /// Reads the settings of a role: its modules, with a router replaced by the modules of the role's route.
    fn read_role(
        &mut self,
        role: Role,
        modules: &[Module],
        sentence_config: &SentenceConfig,
    ) -> Result<RoleSettings, ModelError> {
        let mut role_modules = Vec::new();
        let mut file = self.modules_file.clone();
        for module in modules {
            if module.is_router() {
                let router = Router::read(&module.directory, &mut self.warnings.unknown_keys)?;
                role_modules.extend(router.resolve_route(role)?);
                file = router.file;
            } else {
                role_modules.push(module.clone());
            }
        }
        if role == Role::Document {
            self.document_file.clone_from(&file);
        }
        let prompt = sentence_config.prompt(role).to_owned();
        let classes = role_modules.iter().map(|module| module.class_name(&file)).collect::<Result<Vec<_>, _>>()?;
        match (&role_modules[..], &classes[..]) {
            ([table], ["SparseStaticEmbedding"]) => self.read_static_role(&table.directory, prompt),
            (
                [transformer, pooling, remaining @ ..],
                ["Transformer" | "MLMTransformer", "SpladePooling", others @ ..],
            ) if others.is_empty() || others == ["SparseStaticEmbedding"] => {
                self.read_transformer_role(role, (transformer, pooling), remaining.first(), prompt)
            }
            _ => {
                let message = format!("modules `{}` are not supported; {SUPPORTED_MODULES}", classes.join("`, `"));
                Err(ModelError::file(&file, message))
            }
        }
    }

    fn read_static_role(&mut self, directory: &Path, prompt: String) -> Result<RoleSettings, ModelError> {
        let settings = StaticSettings::read(self.root, directory, &mut self.warnings.unknown_keys)?;
        let max_length = settings.tokenizer.max_length()?;
        let tokenizer = TokenizerSettings {
            files: settings.tokenizer.clone(),
            vocabulary_size: None,
            max_length,
            prompt,
            add_special_tokens: false,
        };
        let length = MaxLength { tokens: max_length, source_key: "tokenizer_config.json: model_max_length".to_owned() };
        Ok(RoleSettings { encoder: EncoderSettings::Static(settings), tokenizer, max_length: length })
    }

    fn read_transformer_role(
        &mut self,
        role: Role,
        (transformer, pooling): (&Module, &Module),
        lexical_module: Option<&Module>,
        prompt: String,
    ) -> Result<RoleSettings, ModelError> {
        let unknown_keys = &mut self.warnings.unknown_keys;
        let class = transformer.class_name(&self.modules_file)?;
        let task = DEFAULT_TASKS.iter().find(|(name, _)| *name == class).map_or("", |(_, task)| *task);
        let arguments = ModuleArguments::read(&transformer.directory, task, unknown_keys)?;
        let pooling = PoolingConfig::read(&pooling.directory, unknown_keys)?;
        let settings = TransformerSettings::read(&transformer.directory, pooling, true, unknown_keys)?;
        let lexical_weights = lexical_module
            .map(|module| StaticSettings::read(self.root, &module.directory, unknown_keys))
            .transpose()?;
        let (tokenizer, length) = self.read_tokenizer(role, &settings, &arguments, prompt)?;
        Ok(RoleSettings {
            encoder: EncoderSettings::Transformer { settings, lexical_weights },
            tokenizer,
            max_length: length,
        })
    }

    fn read_tokenizer(
        &mut self,
        role: Role,
        settings: &TransformerSettings,
        arguments: &ModuleArguments,
        prompt: String,
    ) -> Result<(TokenizerSettings, MaxLength), ModelError> {
        let context = TokenizerContext {
            model_type: Some(settings.config.class.model_type),
            tokenizer_class: settings.config.get("tokenizer_class").and_then(Value::as_str),
            arguments: arguments.tokenizer_arguments()?,
            should_lowercase: arguments.should_lowercase()?,
            applies_chat_template: !self.has_modules_file,
        };
        let files = TokenizerFiles::read(&settings.directory, context, &mut self.warnings.unknown_keys)?;
        let length = arguments.max_length(role, &files, settings)?;
        let settings = TokenizerSettings {
            files,
            vocabulary_size: Some(settings.vocabulary_size),
            max_length: length.tokens,
            prompt,
            add_special_tokens: true,
        };
        Ok((settings, length))
    }
}
