//! Which parts of a directory encode documents and which encode queries.
//!
//! Without `modules.json`, a masked language model encodes both, with the largest weight of each term. With it,
//! sentence-transformers lists the modules: a transformer and its pooling, or a router with a list for each role.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::module_arguments::{Length, ModuleArguments};
use super::router::Router;
use super::sentence_config::{self, SentenceConfig};
use super::settings::{PoolingConfig, TokenizerSettings, read_optional};
use super::static_encoder::StaticSettings;
use super::tokenizer_files::{TokenizerContext, TokenizerFiles};
use super::{ModelError, Settings, files, keys};
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

/// What is to be logged of a directory.
#[derive(Debug, Default)]
pub struct Notes {
    /// Keys that no table has.
    pub unknown_keys: Vec<String>,
    /// Files that are not read because there is no `modules.json`.
    pub unread_files: Vec<PathBuf>,
}

/// What encodes the texts of a role.
#[derive(Debug, Clone)]
pub struct RoleSettings {
    pub encoder: EncoderSettings,
    pub tokenizer: TokenizerSettings,
    /// Where the maximum length comes from.
    pub length: Length,
}

/// What makes a vector of tokens.
#[derive(Debug, Clone, PartialEq)]
pub enum EncoderSettings {
    /// A transformer, and the weights of the text's own terms that are left of its vector, if it is followed by such.
    Transformer { settings: Settings, own_terms: Option<StaticSettings> },
    /// A table of weights.
    Static(StaticSettings),
}

/// A module: its directory, and its class with the path of its Python package.
#[derive(Debug, Clone)]
pub struct Module {
    pub directory: PathBuf,
    pub class: String,
}

#[derive(Deserialize)]
struct ListedModule {
    #[serde(default)]
    name: Value,
    path: String,
    r#type: String,
}

const MODULES: &str = "modules.json";
const EXPECTED: &str =
    "supported: a Transformer (or MLMTransformer) and a SpladePooling, SparseStaticEmbedding, and a Router of these";
/// The default tasks of the two classes of transformers.
const TASKS: [(&str, &str); 2] = [("Transformer", "feature-extraction"), ("MLMTransformer", "fill-mask")];

impl Layout {
    /// Reads the small files of a model's directory.
    ///
    /// # Errors
    /// A file that is missing, is not JSON, or says what is not supported; each by name.
    pub fn read(directory: &Path) -> Result<Self, ModelError> {
        let file = directory.join(MODULES);
        let listed = read_optional::<Vec<Value>>(&file)?;
        let is_saved = listed.is_some();
        let mut reader =
            Reader { root: directory, is_saved, file: file.clone(), document_file: file, notes: Notes::default() };
        let Some(listed) = listed else { return reader.plain() };
        let modules = reader.modules(&listed)?;
        let sentence = SentenceConfig::read(directory, &mut reader.notes.unknown_keys)?;
        let is_routed = modules.iter().any(|module| is_router(&module.class));
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

impl Notes {
    /// Logs each of them once.
    pub fn log(&self, model: &str) {
        if !self.unknown_keys.is_empty() {
            let keys = self.unknown_keys.join(", ");
            tracing::warn!(model, keys, "unknown keys in the model's files; check that they don't change its vectors");
        }
        for file in &self.unread_files {
            tracing::warn!(
                model,
                file = %file.display(),
                "file not read: sentence-transformers reads it only where there is a modules.json"
            );
        }
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
            return Err(ModelError::file(&self.file, format!("it lists no modules; {EXPECTED}")));
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
            modules.push(Module { directory: inside(self.root, &module.path, &self.file)?, class: module.r#type });
        }
        Ok(modules)
    }

    /// What encodes a role: its modules, with a router replaced by those of the role's route.
    fn role(&mut self, role: Role, modules: &[Module], sentence: &SentenceConfig) -> Result<RoleSettings, ModelError> {
        let mut chain = Vec::new();
        let mut file = self.file.clone();
        for module in modules {
            if is_router(&module.class) {
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
        let classes = chain.iter().map(|module| class_name(&module.class, &file)).collect::<Result<Vec<_>, _>>()?;
        match (&chain[..], &classes[..]) {
            ([table], ["SparseStaticEmbedding"]) => self.static_role(&table.directory, prompt),
            ([transformer, pooling, rest @ ..], ["Transformer" | "MLMTransformer", "SpladePooling", others @ ..])
                if others.is_empty() || others == ["SparseStaticEmbedding"] =>
            {
                self.transformer_role(role, (transformer, pooling), rest.first(), prompt)
            }
            _ => {
                let message = format!("modules `{}` are not supported; {EXPECTED}", classes.join("`, `"));
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
        let class = class_name(&transformer.class, &self.file)?;
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

/// The directory of a module that `file` names.
///
/// # Errors
/// If it is outside the model's directory.
pub fn inside(directory: &Path, module: &str, file: &Path) -> Result<PathBuf, ModelError> {
    files::inside(directory, module)
        .ok_or_else(|| ModelError::file(file, format!("the module `{module}` is outside the model's directory")))
}

/// `Router` of `sentence_transformers.models.Router`; `Asym` is its old name.
fn is_router(class: &str) -> bool {
    matches!(class.rsplit('.').next(), Some("Router" | "Asym"))
}

fn class_name<'a>(class: &'a str, file: &Path) -> Result<&'a str, ModelError> {
    match class.strip_prefix("sentence_transformers.") {
        Some(path) => Ok(path.rsplit('.').next().unwrap_or(path)),
        None if class.contains('.') => {
            let problem = format!("module `{class}` is custom code, which is never executed; {EXPECTED}");
            Err(ModelError::file(file, problem))
        }
        None => Ok(class),
    }
}
