//! A sink that builds a tree, for comparing with what another reader makes of the same text.
use serde_json::{Map, Value};
use sillage_wire::{EventError, Limits, Raw, ValueSink, transcode_object};

/// Collects what it is told.
pub(crate) struct Tree {
    open: Vec<(Option<String>, Value)>,
    key: Option<String>,
}

impl Tree {
    fn put(&mut self, value: Value) {
        let key = self.key.take();
        match &mut self.open.last_mut().expect("the outermost object is open").1 {
            Value::Object(map) => {
                map.insert(key.expect("a value in a map has a key"), value);
            }
            Value::Array(list) => list.push(value),
            other => panic!("{other} holds no values"),
        }
    }

    fn begin(&mut self, value: Value) {
        self.open.push((self.key.take(), value));
    }

    fn end(&mut self) {
        let (key, value) = self.open.pop().expect("calls are balanced");
        self.key = key;
        self.put(value);
    }
}

impl ValueSink for Tree {
    fn null(&mut self) {
        self.put(Value::Null);
    }
    fn bool(&mut self, value: bool) {
        self.put(value.into());
    }
    fn int(&mut self, value: i64) {
        self.put(value.into());
    }
    fn float(&mut self, value: f64) {
        assert!(value.is_finite(), "a sink is told finite numbers only");
        self.put(value.into());
    }
    fn str(&mut self, text: &str) {
        self.put(text.into());
    }
    fn begin_list(&mut self) {
        self.begin(Value::Array(Vec::new()));
    }
    fn end_list(&mut self) {
        self.end();
    }
    fn begin_map(&mut self) {
        self.begin(Value::Object(Map::new()));
    }
    fn key(&mut self, key: &str) {
        assert!(self.key.replace(key.to_owned()).is_none(), "one key for one value");
    }
    fn end_map(&mut self) {
        self.end();
    }
}

/// The tree of an object, as the transcoder tells it.
pub(crate) fn tree<'a>(raw: Raw<'a>, limits: &Limits) -> Result<Value, EventError<'a>> {
    let mut tree = Tree { open: vec![(None, Value::Object(Map::new()))], key: None };
    transcode_object(raw, limits, &mut tree)?;
    assert_eq!(tree.open.len(), 1, "calls are balanced");
    Ok(tree.open.remove(0).1)
}
