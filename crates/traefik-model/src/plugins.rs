use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap as _};

use crate::{
    FaultKind, Filler, NodeId, Shape, Source, Style, Value, Visitor,
    fill::{Alone, LIST_MARK},
};

/// The number of Go's kind `string`, which stands behind the mark of a list of texts.
pub(crate) const LIST_OF_STRINGS: i64 = 24;

/// The plugins of a middleware, each with a tree of settings that Traefik does not know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Plugins(pub BTreeMap<String, BTreeMap<String, PluginValue>>);

/// A plugin's setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PluginValue {
    /// A value; labels know only texts.
    Text(String),
    /// A list.
    List(Vec<Self>),
    /// A map.
    Map(BTreeMap<String, Self>),
}

// === impl Plugins ===

impl Value for Plugins {
    const SHAPE: Shape = Shape::Plugins;

    fn fill(&mut self, node: NodeId, filler: &mut Filler<'_, '_>) {
        let tree = filler.tree;
        for plugin in tree.children(node) {
            let settings = self.0.entry(tree.name(plugin).to_owned()).or_default();
            for setting in tree.children(plugin) {
                fill_setting(settings, setting, filler);
            }
        }
    }

    fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    fn emit<S: Serializer>(&self, style: Style, _: Alone, serializer: S) -> Result<S::Ok, S::Error> {
        match style {
            Style::Json => self.0.serialize(serializer),
            Style::Document => serializer.collect_map(self.0.iter().map(|(name, plugin)| (name, Settings(plugin)))),
        }
    }

    fn walk(&mut self, _: &mut dyn Visitor) {}
}

/// Paerser's `fillRawValue`: a setting with a child of its own name is replaced by its children.
fn fill_setting(settings: &mut BTreeMap<String, PluginValue>, node: NodeId, filler: &mut Filler<'_, '_>) {
    let tree = filler.tree;
    let name = tree.name(node);
    // In labels the mark is meant for nothing, but is looked for below the first level all the same.
    let is_map = tree.children(node).next().is_some_and(|first| !is_index(tree.name(first)));
    let mark = match filler.source {
        Source::Document => Some(LIST_MARK),
        Source::Labels if is_map && tree.children(node).all(|child| tree.name(child) != name) => Some(','),
        Source::Labels => None,
    };
    match setting(node, mark, filler) {
        PluginValue::Map(inner) if inner.contains_key(name) => settings.extend(inner),
        value => {
            settings.insert(name.to_owned(), value);
        }
    }
}

/// Paerser's `squashNode`: a node whose first child is `[..]` is a list in the order of its children.
fn setting(node: NodeId, mark: Option<char>, filler: &mut Filler<'_, '_>) -> PluginValue {
    let tree = filler.tree;
    let Some(first) = tree.children(node).next() else {
        return text(node, mark, filler);
    };
    let name = tree.name(first);
    if name.is_empty() {
        // Paerser looks at the first byte of the name, and panics.
        filler.fault(first, FaultKind::UnknownField(None));
    }
    let children = tree.children(node);
    if is_index(name) {
        PluginValue::List(children.map(|child| setting(child, mark, filler)).collect())
    } else {
        PluginValue::Map(children.map(|child| (tree.name(child).to_owned(), setting(child, mark, filler))).collect())
    }
}

fn is_index(name: &str) -> bool {
    name.starts_with('[') && name.ends_with(']')
}

/// A text, or what paerser takes for a list: a mark, the number of a Go kind, and the items, each behind a mark.
/// Only lists of texts are read here; Traefik knows numbers and booleans, too.
fn text(node: NodeId, mark: Option<char>, filler: &mut Filler<'_, '_>) -> PluginValue {
    let value = filler.tree.value(node);
    let Some((mark, list)) = mark.and_then(|mark| Some((mark, value.strip_prefix(mark)?))) else {
        return PluginValue::Text(value.to_owned());
    };
    let (kind, items) = list.split_once(mark).map_or((list, None), |(kind, items)| (kind, Some(items)));
    let kind = kind.parse::<i64>().ok();
    if kind.is_none() || (items.is_some() && kind != Some(LIST_OF_STRINGS)) {
        filler.fault(node, FaultKind::NotANumber);
    }
    let items = items.into_iter().flat_map(|items| items.split(mark));
    PluginValue::List(items.map(|item| PluginValue::Text(item.to_owned())).collect())
}

/// The settings of a plugin, as a document has to say them.
struct Settings<'a>(&'a BTreeMap<String, PluginValue>);

/// One setting, below the first level.
struct Setting<'a>(&'a PluginValue);

impl Serialize for Settings<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            match value {
                // Traefik would put the contents in its place (see `fill_setting`): that takes one level away.
                PluginValue::Map(inner) if inner.contains_key(name) => {
                    map.serialize_entry(name, &BTreeMap::from([(name, Setting(value))]))?;
                }
                _ => map.serialize_entry(name, &Setting(value))?,
            }
        }
        map.end()
    }
}

impl Serialize for Setting<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            PluginValue::Text(text) => serializer.serialize_str(text),
            PluginValue::Map(map) => serializer.collect_map(map.iter().map(|(name, value)| (name, Setting(value)))),
            PluginValue::List(items) if is_plain(items) => serializer.collect_seq(items.iter().map(Setting)),
            // What Traefik loses or refuses in a list survives as a map from indices, which it sorts.
            PluginValue::List(items) => {
                let width = items.len().to_string().len();
                let entries = items.iter().enumerate();
                serializer.collect_map(entries.map(|(at, item)| (format!("[{at:0width$}]"), Setting(item))))
            }
        }
    }
}

/// Whether Traefik reads a list of these as it is written: all texts without the mark, or all maps.
fn is_plain(items: &[PluginValue]) -> bool {
    items.iter().all(|item| matches!(item, PluginValue::Text(text) if !text.contains(LIST_MARK)))
        || items.iter().all(|item| matches!(item, PluginValue::Map(_)))
}
