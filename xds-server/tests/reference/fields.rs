//! The fields of a document, from its JSON Schema as schemars writes it.

use serde_json::Value;

/// A field, or one of the values that an enum can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    /// Names from the document down, `limits[].by`; `*` is any name.
    pub(crate) path: String,
    /// What it can be.
    pub(crate) kind: String,
    /// What it is when it is left out, empty where only the meaning says it; `None`: it must be there.
    pub(crate) default: Option<String>,
    /// What it means.
    pub(crate) meaning: String,
    /// Whether it is a number.
    pub(crate) is_number: bool,
}

/// All fields of a document, each before those inside it.
pub(crate) fn of(schema: &Value) -> Vec<Field> {
    let mut walk = Walk { root: schema, inside: Vec::new(), fields: Vec::new() };
    walk.inside_of(schema, "", "");
    walk.fields
}

struct Walk<'s> {
    root: &'s Value,
    /// The definitions on the way here, which ends where one would come again.
    inside: Vec<&'s str>,
    fields: Vec<Field>,
}

impl<'s> Walk<'s> {
    /// Adds the fields inside a value at a path. `when` begins the meaning of each: what else must hold.
    fn inside_of(&mut self, schema: &'s Value, path: &str, when: &str) {
        let name = reference(schema);
        if name.is_some_and(|name| self.inside.contains(&name)) {
            return;
        }
        self.inside.extend(name);
        let schema = self.resolve(schema);
        self.properties(schema, path, when, None);
        if let Some(items) = schema.get("items") {
            self.inside_of(items, &format!("{path}[]"), when);
        }
        if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) {
            self.inside_of(values, &join(path, "*"), when);
        }
        for alternative in alternatives(schema).into_iter().filter(|value| !is_null(value)) {
            self.alternative(alternative, path, when);
        }
        self.inside.truncate(self.inside.len() - usize::from(name.is_some()));
    }

    fn alternative(&mut self, schema: &'s Value, path: &str, when: &str) {
        let Some((tag, value)) = self.tag(schema) else { return self.untagged(schema, path, when) };
        self.fields.push(Field {
            path: join(path, tag),
            kind: format!("`{value}`"),
            default: None,
            meaning: format!("{when}{}", self.description(schema)),
            is_number: false,
        });
        self.properties(self.resolve(schema), path, &format!("{when}With `{tag}` `{value}`: "), Some(tag));
    }

    /// An alternative that is known by its form. The one field of an object is described where the alternative is.
    fn untagged(&mut self, schema: &'s Value, path: &str, when: &str) {
        let at = self.fields.len();
        self.inside_of(schema, path, when);
        let Some((name, field)) = only_field(schema).zip(self.fields.get_mut(at)) else { return };
        field.default = Some("one of these".to_owned());
        let own = schema["properties"][name].get("description");
        if let Some(description) = schema.get("description").filter(|_| own.is_none()) {
            field.meaning = format!("{when}{}", text(description));
        }
    }

    /// The field by which an alternative is known (serde's internal tag), and its value.
    fn tag(&self, schema: &'s Value) -> Option<(&'s str, &'s str)> {
        let properties = self.resolve(schema).get("properties")?.as_object()?;
        properties.iter().find_map(|(name, schema)| Some((name.as_str(), schema.get("const")?.as_str()?)))
    }

    fn properties(&mut self, schema: &'s Value, path: &str, when: &str, without: Option<&str>) {
        let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        for (name, property) in properties.filter(|(name, _)| Some(name.as_str()) != without) {
            let path = join(path, name);
            let required = list(schema, "required").iter().any(|required| *required == *name);
            let values = self.values(property);
            let description = join_sentences(&self.description(property), &values);
            self.fields.push(Field {
                path: path.clone(),
                kind: self.kind(property),
                default: (!required).then(|| default(property)),
                meaning: format!("{when}{description}"),
                is_number: self.is_number(property),
            });
            self.inside_of(property, &path, when);
        }
    }

    fn resolve(&self, schema: &'s Value) -> &'s Value {
        match reference(schema) {
            Some(name) => self.resolve(&self.root["$defs"][name]),
            None => schema,
        }
    }

    /// What a value is, in a few words.
    fn kind(&self, schema: &'s Value) -> String {
        let schema = self.resolve(schema);
        let mut kinds: Vec<String> = Vec::new();
        let constants = list(schema, "enum").iter().chain(schema.get("const"));
        kinds.extend(constants.filter(|value| !value.is_null()).map(|value| format!("`{}`", text(value))));
        let alternatives = alternatives(schema).into_iter().filter(|value| !is_null(value));
        kinds.extend(alternatives.map(|value| match only_field(value) {
            Some(name) => format!("object with `{name}`"),
            None => self.kind(value),
        }));
        if kinds.is_empty() {
            kinds.extend(types(schema).into_iter().filter_map(|name| self.of_type(name, schema)));
        }
        kinds.dedup();
        match kinds.split_last() {
            None => "any JSON".to_owned(),
            Some((last, [])) => last.clone(),
            Some((last, others)) => format!("{} or {last}", others.join(", ")),
        }
    }

    fn of_type(&self, name: &str, schema: &'s Value) -> Option<String> {
        Some(match name {
            "null" => return None,
            "string" => "text".to_owned(),
            "boolean" => "true or false".to_owned(),
            "integer" => format!("whole number{}", range(schema)),
            "number" => format!("number{}", range(schema)),
            "array" => {
                format!("list of {}", schema.get("items").map_or("any JSON".to_owned(), |it| self.kind(it)))
            }
            _ => "object".to_owned(),
        })
    }

    /// What each value of an enum means, where that is said.
    fn values(&self, schema: &'s Value) -> String {
        let schema = self.resolve(schema);
        let described = alternatives(schema).into_iter().map(|value| {
            match (value.get("const"), value.get("description")) {
                (Some(constant), Some(description)) => format!("`{}`: {}", text(constant), text(description)),
                _ => self.values(value),
            }
        });
        let own = described.chain(schema.get("items").map(|items| self.values(items)));
        own.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// What the field says of itself, else what its type does.
    fn description(&self, schema: &'s Value) -> String {
        let own = schema.get("description").or_else(|| self.resolve(schema).get("description"));
        let of_option = alternatives(schema).into_iter().find(|value| reference(value).is_some());
        match (own, of_option) {
            (Some(own), _) => text(own),
            (None, Some(inner)) => self.description(inner),
            (None, None) => String::new(),
        }
    }

    fn is_number(&self, schema: &'s Value) -> bool {
        let schema = self.resolve(schema);
        let types: Vec<_> = types(schema).into_iter().filter(|name| *name != "null").collect();
        let alternatives: Vec<_> = alternatives(schema).into_iter().filter(|value| !is_null(value)).collect();
        types.iter().all(|name| ["integer", "number"].contains(name))
            && alternatives.iter().all(|value| self.is_number(value))
            && types.len() + alternatives.len() > 0
    }
}

fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/")
}

fn list<'s>(schema: &'s Value, key: &str) -> &'s [Value] {
    schema.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn alternatives(schema: &Value) -> Vec<&Value> {
    ["oneOf", "anyOf", "allOf"].iter().flat_map(|key| list(schema, key)).collect()
}

fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        one => one.and_then(Value::as_str).into_iter().collect(),
    }
}

fn is_null(schema: &Value) -> bool {
    types(schema) == ["null"]
}

/// The one field of an object that has no other: serde's external tag.
fn only_field(schema: &Value) -> Option<&str> {
    let mut properties = schema.get("properties")?.as_object()?.iter();
    let (name, property) = properties.next().filter(|_| list(schema, "required").len() == 1)?;
    (properties.next().is_none() && property.get("const").is_none()).then_some(name)
}

/// The bounds, if somebody chose them: that an unsigned number is not below 0 is no choice.
fn range(schema: &Value) -> String {
    let chosen = |bound: &&Value| schema.get("format").is_none() || bound.as_f64() != Some(0.0);
    match (schema.get("minimum"), schema.get("maximum")) {
        (Some(from), Some(to)) => format!(", {from} to {to}"),
        (from, None) => from.filter(chosen).map(|from| format!(", from {from}")).unwrap_or_default(),
        (None, Some(to)) => format!(", to {to}"),
    }
}

fn default(schema: &Value) -> String {
    match schema.get("default") {
        None | Some(Value::Null) => String::new(),
        Some(value) => format!("`{value}`"),
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn join_sentences(one: &str, other: &str) -> String {
    format!("{one} {other}").trim().to_owned()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}
