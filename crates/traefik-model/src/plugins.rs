use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

use crate::{Filler, NodeId, Shape, Style, Tree, Value, Visitor, fill::Alone};

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
                fill_setting(settings, setting, tree);
            }
        }
    }

    fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    fn emit<S: Serializer>(&self, _: Style, _: Alone, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }

    fn walk(&mut self, _: &mut dyn Visitor) {}
}

/// Paerser's `fillRawValue`: a setting with a child of its own name is replaced by its children.
fn fill_setting(settings: &mut BTreeMap<String, PluginValue>, node: NodeId, tree: &Tree<'_>) {
    let name = tree.name(node);
    match setting(node, tree) {
        PluginValue::Map(inner) if inner.contains_key(name) => settings.extend(inner),
        value => {
            settings.insert(name.to_owned(), value);
        }
    }
}

/// Paerser's `squashNode`: a node whose first child is `[..]` is a list in the order of its children.
fn setting(node: NodeId, tree: &Tree<'_>) -> PluginValue {
    let Some(first) = tree.children(node).next() else {
        return PluginValue::Text(tree.value(node).to_owned());
    };
    let name = tree.name(first);
    let children = tree.children(node);
    if name.starts_with('[') && name.ends_with(']') {
        PluginValue::List(children.map(|child| setting(child, tree)).collect())
    } else {
        PluginValue::Map(children.map(|child| (tree.name(child).to_owned(), setting(child, tree))).collect())
    }
}
