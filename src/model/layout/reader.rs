//! Reads the layout of a directory.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::super::json_file::read_optional_json;
use super::super::max_length::Length;
use super::super::tokenizer_files::{TokenizerContext, TokenizerFiles};
use super::super::{ModelError, keys};
use super::module::{Module, SUPPORTED_MODULES};
use super::module_arguments::ModuleArguments;
use super::notes::Notes;
use super::pooling::PoolingConfig;
use super::role_settings::{EncoderSettings, RoleSettings};
use super::router::Router;
use super::sentence_config::{self, SentenceConfig};
use super::settings::Settings;
use super::static_settings::StaticSettings;
use super::tokenizer_settings::TokenizerSettings;
use crate::types::Role;

/// What a model is made of.
#[derive(Debug)]
pub struct Layout {
    pub document: RoleSettings,
    pub query: RoleSettings,
    /// Maximum number of terms of a vector, unless a request or a flag says otherwise.
    pub max_terms: Option<usize>,
    /// Whether a router chooses what encodes queries.
    pub is_routed: bool,
    pub notes: Notes,
}

#[derive(Deserialize)]
struct ListedModule {
    #[serde(default)]
    name: Value,
    path: String,
    r#type: String,
}

const MODULES: &str = "modules.json";
/// The default tasks of the two classes of transformers.
const TASKS: [(&str, &str); 2] = [("Transformer", "feature-extraction"), ("MLMTransformer", "fill-mask")];

impl Layout {
    /// Reads the small files of a model's directory.
    ///
    /// # Errors
    /// A file that is missing, is not JSON, or says what is not supported; each by name.
    pub fn read(directory: &Path) -> Result<Self, ModelError> {
        let file = directory.join(MODULES);
        let listed = read_optional_json::<Vec<Value>>(&file)?;
        let is_saved = listed.is_some();
        let mut reader =
            Reader { root: directory, is_saved, file: file.clone(), document_file: file, notes: Notes::default() };
        let Some(listed) = listed else { return reader.plain() };
        let modules = reader.modules(&listed)?;
        let sentence = SentenceConfig::read(directory, &mut reader.notes.unknown_keys)?;
        let is_routed = modules.iter().any(|module| module.is_router());
        let document = reader.role(Role::Document, &modules, &sentence)?;
        let query = reader.role(Role::Query, &modules, &sentence)?;
        if let EncoderSettings::Static(_) = document.encoder {
            let problem = "nothing here encodes documents; expected a Transformer for them (a router's `structure` and \
                           `route_mappings` choose it)";
            return Err(ModelError::file(&reader.document_file, problem));
        }
        let mut notes = reader.notes;
        notes.unknown_keys.sort_unstable();
        notes.unknown_keys.dedup();
        Ok(Self { document, query, max_terms: sentence.max_active_dims, is_routed, notes })
    }
}

struct Reader<'a> {
    root: &'a Path,
    /// Whether there is a `modules.json`.
    is_saved: bool,
    /// `modules.json`.
    file: PathBuf,
    /// The file that names the modules of documents: `modules.json` or a router's.
    document_file: PathBuf,
    notes: Notes,
}

impl Reader<'_> {
    /// A masked language model without files of sentence-transformers.
    fn plain(mut self) -> Result<Layout, ModelError> {
        let settings = Settings::read(self.root, PoolingConfig::default(), false, &mut self.notes.unknown_keys)?;
        let unread = [ModuleArguments::unread_file(self.root), sentence_config::unread_file(self.root)];
        self.notes.unread_files = unread.into_iter().flatten().collect();
        let arguments = ModuleArguments::default();
        let tokenizer = self.tokenizer(Role::Document, &settings, &arguments, String::new())?;
        let document = RoleSettings {
            encoder: EncoderSettings::Transformer { settings, own_terms: None },
            tokenizer: tokenizer.0,
            length: tokenizer.1,
        };
        Ok(Layout { query: document.clone(), document, max_terms: None, is_routed: false, notes: self.notes })
    }

    /// The modules that `modules.json` lists.
    fn modules(&mut self, listed: &[Value]) -> Result<Vec<Module>, ModelError> {
        if listed.is_empty() {
            return Err(ModelError::file(&self.file, format!("it lists no modules; {SUPPORTED_MODULES}")));
        }
        let (mut modules, mut names) = (Vec::new(), Vec::new());
        for value in listed {
            self.notes.unknown_keys.extend(keys::MODULE.check(&self.file, value)?);
            let module: ListedModule =
                serde_json::from_value(value.clone()).map_err(|error| ModelError::file(&self.file, error))?;
            if names.contains(&module.name) {
                let problem =
                    format!("two modules have the name {}; sentence-transformers drops the first", module.name);
                return Err(ModelError::file(&self.file, problem));
            }
            names.push(module.name);
            modules.push(Module::new(self.root, &module.path, module.r#type, &self.file)?);
        }
        Ok(modules)
    }

    /// What encodes a role: its modules, with a router replaced by those of the role's route.
    fn role(&mut self, role: Role, modules: &[Module], sentence: &SentenceConfig) -> Result<RoleSettings, ModelError> {
        let mut chain = Vec::new();
        let mut file = self.file.clone();
        for module in modules {
            if module.is_router() {
                let router = Router::read(&module.directory, &mut self.notes.unknown_keys)?;
                chain.extend(router.route(role)?);
                file = router.file;
            } else {
                chain.push(module.clone());
            }
        }
        if role == Role::Document {
            self.document_file.clone_from(&file);
        }
        let prompt = sentence.prompt(role).to_owned();
        let classes = chain.iter().map(|module| module.class_name(&file)).collect::<Result<Vec<_>, _>>()?;
        match (&chain[..], &classes[..]) {
            ([table], ["SparseStaticEmbedding"]) => self.static_role(&table.directory, prompt),
            ([transformer, pooling, rest @ ..], ["Transformer" | "MLMTransformer", "SpladePooling", others @ ..])
                if others.is_empty() || others == ["SparseStaticEmbedding"] =>
            {
                self.transformer_role(role, (transformer, pooling), rest.first(), prompt)
            }
            _ => {
                let message = format!("modules `{}` are not supported; {SUPPORTED_MODULES}", classes.join("`, `"));
                Err(ModelError::file(&file, message))
            }
        }
    }

    fn static_role(&mut self, directory: &Path, prompt: String) -> Result<RoleSettings, ModelError> {
        let settings = StaticSettings::read(self.root, directory, &mut self.notes.unknown_keys)?;
        let max_length = settings.tokenizer.max_length()?;
        let tokenizer = TokenizerSettings {
            files: settings.tokenizer.clone(),
            vocabulary_size: None,
            max_length,
            prompt,
            special_tokens: false,
        };
        let length = Length { tokens: max_length, key: "tokenizer_config.json: model_max_length".to_owned() };
        Ok(RoleSettings { encoder: EncoderSettings::Static(settings), tokenizer, length })
    }

    fn transformer_role(
        &mut self,
        role: Role,
        (transformer, pooling): (&Module, &Module),
        own_terms: Option<&Module>,
        prompt: String,
    ) -> Result<RoleSettings, ModelError> {
        let unknown = &mut self.notes.unknown_keys;
        let class = transformer.class_name(&self.file)?;
        let task = TASKS.iter().find(|(name, _)| *name == class).map_or("", |(_, task)| *task);
        let arguments = ModuleArguments::read(&transformer.directory, task, unknown)?;
        let pooling = PoolingConfig::read(&pooling.directory, unknown)?;
        let settings = Settings::read(&transformer.directory, pooling, true, unknown)?;
        let own_terms =
            own_terms.map(|module| StaticSettings::read(self.root, &module.directory, unknown)).transpose()?;
        let (tokenizer, length) = self.tokenizer(role, &settings, &arguments, prompt)?;
        Ok(RoleSettings { encoder: EncoderSettings::Transformer { settings, own_terms }, tokenizer, length })
    }

    fn tokenizer(
        &mut self,
        role: Role,
        settings: &Settings,
        arguments: &ModuleArguments,
        prompt: String,
    ) -> Result<(TokenizerSettings, Length), ModelError> {
        let context = TokenizerContext {
            model_type: Some(settings.config.class.model_type),
            tokenizer_class: settings.config.get("tokenizer_class").and_then(Value::as_str),
            arguments: arguments.tokenizer_arguments()?,
            lower_case: arguments.lower_case()?,
            applies_chat_template: !self.is_saved,
        };
        let files = TokenizerFiles::read(&settings.directory, context, &mut self.notes.unknown_keys)?;
        let length = arguments.max_length(role, &files, settings)?;
        let settings = TokenizerSettings {
            files,
            vocabulary_size: Some(settings.vocabulary_size),
            max_length: length.tokens,
            prompt,
            special_tokens: true,
        };
        Ok((settings, length))
    }
}
