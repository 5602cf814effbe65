//! The modules of one library or program as its files say: who imports whom,
//! how long files and functions are. Code under `#[cfg(test)]` doesn't count.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// Where a module stands below the crate: `["recipe", "plan"]`; empty for the root.
pub(crate) type ModulePath = Vec<String>;

/// One module: of a file, or written inline in one.
#[derive(Debug, Default)]
struct Module {
    file: PathBuf,
    children: BTreeSet<String>,
    /// What is defined in it.
    items: BTreeSet<String>,
    /// Names that it imports or exports again, and the paths behind them.
    names: BTreeMap<String, Vec<String>>,
    /// What it imports by `*`.
    globs: Vec<Vec<String>>,
    paths: Vec<(Vec<String>, usize)>,
}

/// A file's lines.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FileSize {
    /// The file.
    pub(crate) file: PathBuf,
    /// How many lines stand outside of tests.
    pub(crate) lines: usize,
}

/// A function's lines, from its signature to its closing brace.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FunctionSize {
    /// The file.
    pub(crate) file: PathBuf,
    /// Its name, behind that of its type if it has one.
    pub(crate) name: String,
    /// The line of its signature.
    pub(crate) line: usize,
    /// How many lines it has.
    pub(crate) lines: usize,
}

/// An import, or a path in code, that leads from a module into another.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Import {
    /// The module that imports.
    pub(crate) from: ModulePath,
    /// The module that owns what is imported.
    pub(crate) to: ModulePath,
    /// The file of the import.
    pub(crate) file: PathBuf,
    /// Its line.
    pub(crate) line: usize,
}

/// What the files of one library or program say.
#[derive(Debug, Default)]
pub(crate) struct Modules {
    modules: BTreeMap<ModulePath, Module>,
    /// The files in the order of reading.
    pub(crate) files: Vec<FileSize>,
    /// All functions outside of tests.
    pub(crate) functions: Vec<FunctionSize>,
}

impl Modules {
    /// Reads the file that a library or a program begins with, and all files
    /// that its `mod` items name.
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        let mut modules = Self::default();
        let dir = root.parent().unwrap_or(Path::new("")).to_path_buf();
        modules.read_file(root, dir, Vec::new())?;
        Ok(modules)
    }

    /// `dir` is where the files of the module's children are looked for.
    fn read_file(&mut self, file: &Path, dir: PathBuf, path: ModulePath) -> Result<(), String> {
        let text = fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
        let parsed = syn::parse_file(&text).map_err(|e| {
            let place = e.span().start();
            format!("{}:{}: {e}", file.display(), place.line)
        })?;
        let mut reader = Reader {
            modules: self,
            file,
            path,
            type_name: None,
            test_lines: 0,
            pending: Vec::new(),
        };
        reader.enter_module();
        reader.visit_file(&parsed);
        let (pending, test_lines) = (reader.pending, reader.test_lines);
        self.files.push(FileSize {
            file: file.to_path_buf(),
            lines: text.lines().count().saturating_sub(test_lines),
        });
        for (child, named) in pending {
            // The folder follows the module's path below this file's own.
            let depth = child.len() - 1;
            let own = self.depth_of(file);
            let dir = child[own..depth].iter().fold(dir.clone(), |d, s| d.join(s));
            let name = &child[depth];
            let beside = file.parent().unwrap_or(Path::new(""));
            let candidates = match named {
                Some(named) => vec![beside.join(named)],
                None => vec![
                    dir.join(format!("{name}.rs")),
                    dir.join(name).join("mod.rs"),
                ],
            };
            let Some(found) = candidates.iter().find(|candidate| candidate.exists()) else {
                return Err(format!("{}: no file for mod {name}", file.display()));
            };
            self.read_file(found, dir.join(name), child)?;
        }
        Ok(())
    }

    /// How deep the module of this file stands: its shortest path.
    fn depth_of(&self, file: &Path) -> usize {
        let of_file = self
            .modules
            .iter()
            .filter(|(_, module)| module.file == file);
        of_file.map(|(path, _)| path.len()).min().unwrap_or(0)
    }

    /// What a path written in a module means: the module that owns it, if it is
    /// one of this crate's. Names that are exported again are followed to where
    /// they are defined, as far as that can be seen without expanding macros.
    fn owner(&self, from: &ModulePath, path: &[String], depth: usize) -> Option<ModulePath> {
        // Two globs may name each other: Rust allows it.
        if depth > 16 {
            return None;
        }
        let module = self.modules.get(from)?;
        let (first, rest) = path.split_first()?;
        let at = match first.as_str() {
            "crate" => Vec::new(),
            "self" => from.clone(),
            "super" => from.split_last()?.1.to_vec(),
            name if module.children.contains(name) => {
                [from.as_slice(), &[name.to_owned()]].concat()
            }
            name => {
                let behind = module.names.get(name)?;
                // `use serde::de` is of another crate; `use de` would be itself.
                if behind.first() == Some(first) {
                    return None;
                }
                let whole = [behind.as_slice(), rest].concat();
                return self.owner(from, &whole, depth + 1);
            }
        };
        if rest
            .first()
            .is_some_and(|next| next == "super" || next == "self")
        {
            return self.owner(&at, rest, depth + 1);
        }
        Some(self.descend(at, rest, depth))
    }

    /// Follows a path downwards from a module that it names.
    fn descend(&self, at: ModulePath, rest: &[String], depth: usize) -> ModulePath {
        let (Some(module), Some(first)) = (self.modules.get(&at), rest.first()) else {
            return at;
        };
        if module.children.contains(first) {
            return self.descend([at, vec![first.clone()]].concat(), &rest[1..], depth);
        }
        if module.items.contains(first) {
            return at;
        }
        if module.names.contains_key(first) {
            return self.owner(&at, rest, depth + 1).unwrap_or(at);
        }
        for glob in &module.globs {
            let Some(source) = self.owner(&at, glob, depth + 1) else {
                continue;
            };
            let has = |m: &Module| m.items.contains(first) || m.names.contains_key(first);
            if source != at && self.modules.get(&source).is_some_and(has) {
                return self.descend(source, rest, depth + 1);
            }
        }
        at
    }

    /// All imports that lead from one file's module into another's.
    pub(crate) fn imports(&self) -> Vec<Import> {
        let mut imports = BTreeSet::new();
        for (path, module) in &self.modules {
            for (written, line) in &module.paths {
                let Some(owner) = self.owner(path, written, 0) else {
                    continue;
                };
                let (from, to) = (self.of_file(path), self.of_file(&owner));
                if from != to {
                    let (file, line) = (module.file.clone(), *line);
                    imports.insert(Import {
                        from,
                        to,
                        file,
                        line,
                    });
                }
            }
        }
        imports.into_iter().collect()
    }

    /// The module that a file is: inline modules belong to theirs.
    fn of_file(&self, path: &ModulePath) -> ModulePath {
        let file = self.modules.get(path).map(|module| &module.file);
        let mut path = path.clone();
        while let Some((_, parent)) = path.split_last() {
            if self.modules.get(parent).map(|module| &module.file) != file {
                break;
            }
            path.pop();
        }
        path
    }
}

/// Walks through one file.
struct Reader<'a> {
    modules: &'a mut Modules,
    file: &'a Path,
    path: ModulePath,
    type_name: Option<String>,
    test_lines: usize,
    /// Modules in files of their own: their path, and `#[path]`.
    pending: Vec<(ModulePath, Option<String>)>,
}

impl Reader<'_> {
    fn enter_module(&mut self) {
        if let Some((name, parent)) = self.path.split_last() {
            let parent = self.modules.modules.entry(parent.to_vec()).or_default();
            parent.children.insert(name.clone());
        }
        let file = self.file.to_path_buf();
        self.module().file = file;
    }

    fn module(&mut self) -> &mut Module {
        self.modules.modules.entry(self.path.clone()).or_default()
    }

    fn path_is_written(&mut self, path: Vec<String>, span: Span) {
        let line = span.start().line;
        self.module().paths.push((path, line));
    }

    /// Every path that a `use` names, and the name that it gives to it.
    fn read_use(&mut self, tree: &syn::UseTree, before: &[String]) {
        match tree {
            syn::UseTree::Path(path) => {
                let before = [before, &[path.ident.to_string()]].concat();
                self.read_use(&path.tree, &before);
            }
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.read_use(tree, before);
                }
            }
            syn::UseTree::Name(name) => self.name_is_used(before, &name.ident, &name.ident),
            syn::UseTree::Rename(rename) => {
                self.name_is_used(before, &rename.ident, &rename.rename)
            }
            syn::UseTree::Glob(glob) => {
                self.module().globs.push(before.to_vec());
                self.path_is_written(before.to_vec(), glob.span());
            }
        }
    }

    fn name_is_used(&mut self, before: &[String], ident: &syn::Ident, name: &syn::Ident) {
        let (mut path, mut name) = (before.to_vec(), name.to_string());
        if ident != "self" {
            path.push(ident.to_string());
        } else if name == "self" {
            name = path.last().cloned().unwrap_or_default();
        }
        self.module().names.insert(name, path.clone());
        self.path_is_written(path, ident.span());
    }

    /// Paths in the arguments of macros, which syn leaves as they are.
    fn read_tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let is_colon =
            |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == ':');
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => self.read_tokens(group.stream()),
                TokenTree::Ident(first) => {
                    let mut path = vec![first.to_string()];
                    let span = first.span();
                    while is_colon(at + 1) && is_colon(at + 2) {
                        let Some(TokenTree::Ident(next)) = tokens.get(at + 3) else {
                            break;
                        };
                        path.push(next.to_string());
                        at += 3;
                    }
                    if path.len() > 1 {
                        self.path_is_written(path, span);
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }

    fn function(&mut self, name: &syn::Ident, start: Span, end: Span) {
        let name = match &self.type_name {
            Some(type_name) => format!("{type_name}::{name}"),
            None => name.to_string(),
        };
        let line = start.start().line;
        self.modules.functions.push(FunctionSize {
            file: self.file.to_path_buf(),
            name,
            line,
            lines: end.end().line + 1 - line,
        });
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes = attributes_of(item);
        if attributes.iter().any(is_test) {
            let first = attributes
                .first()
                .map_or_else(|| item.span(), Spanned::span);
            self.test_lines += item.span().end().line + 1 - first.start().line;
            return;
        }
        if let Some(name) = name_of(item) {
            self.module().items.insert(name);
        }
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.path.push(item.ident.to_string());
        if let Some((_, items)) = &item.content {
            self.enter_module();
            for item in items {
                self.visit_item(item);
            }
        } else {
            self.pending
                .push((self.path.clone(), path_attribute(&item.attrs)));
        }
        self.path.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if item.leading_colon.is_none() {
            self.read_use(&item.tree, &[]);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() && path.segments.len() > 1 {
            let segments = path
                .segments
                .iter()
                .map(|segment| segment.ident.to_string());
            self.path_is_written(segments.collect(), path.span());
        }
        visit::visit_path(self, path);
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {
        // `pub(in crate::a)` says who may look; it imports nothing.
    }

    fn visit_macro(&mut self, made: &'ast syn::Macro) {
        visit::visit_macro(self, made);
        self.read_tokens(made.tokens.clone());
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig.ident, item.sig.span(), item.block.span());
        visit::visit_item_fn(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let name = match &*item.self_ty {
            syn::Type::Path(path) => path.path.segments.last().map(|s| s.ident.to_string()),
            _ => None,
        };
        let before = std::mem::replace(&mut self.type_name, name);
        visit::visit_item_impl(self, item);
        self.type_name = before;
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !item.attrs.iter().any(is_test) {
            self.function(&item.sig.ident, item.sig.span(), item.block.span());
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig.ident, item.sig.span(), block.span());
        }
        visit::visit_trait_item_fn(self, item);
    }
}

/// `#[test]`, or a `#[cfg(…)]` that holds in tests only.
fn is_test(attribute: &syn::Attribute) -> bool {
    if attribute.path().is_ident("test") {
        return true;
    }
    let syn::Meta::List(list) = &attribute.meta else {
        return false;
    };
    if !attribute.path().is_ident("cfg") {
        return false;
    }
    let text = list.tokens.to_string();
    text == "test" || (text.starts_with("all") && text.contains("test") && !text.contains("not"))
}

fn path_attribute(attributes: &[syn::Attribute]) -> Option<String> {
    attributes
        .iter()
        .find_map(|attribute| match &attribute.meta {
            syn::Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
                syn::Expr::Lit(syn::ExprLit {
                    lit: syn::Lit::Str(text),
                    ..
                }) => Some(text.value()),
                _ => None,
            },
            _ => None,
        })
}

fn attributes_of(item: &syn::Item) -> &[syn::Attribute] {
    use syn::Item;
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn name_of(item: &syn::Item) -> Option<String> {
    use syn::Item;
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}
