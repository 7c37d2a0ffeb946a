//! The one table of operations.
//!
//! ```text
//!   routes/<resource>.rs ─▶ Operation ─▶ Table ─▶ which handler, which `Allow`, who may call
//!                                    └─▶ document ─▶ /openapi.json
//! ```
//!
//! An operation that is not here cannot be called, and one that is here is in the document.

pub(crate) mod document;
pub(crate) mod operation;
pub(crate) mod template;

pub(crate) use operation::{Access, BodyMax, Content, Operation};

use http::Method;

/// All operations, by path.
#[derive(Debug)]
pub(crate) struct Table {
    resources: Vec<Resource>,
}

/// The operations of one path.
#[derive(Debug)]
struct Resource {
    operations: Vec<Operation>,
    allow: String,
}

/// What a request is for.
#[derive(Debug)]
pub(crate) enum Found<'t, 'p> {
    /// This operation, with the values of its path's parameters as they stand.
    Operation(&'t Operation, Vec<(&'static str, &'p str)>),
    /// Something that does other methods.
    OtherMethods { allow: &'t str },
    /// Nothing.
    Nothing,
}

impl Table {
    pub(crate) fn new(operations: Vec<Operation>) -> Self {
        let mut resources: Vec<Resource> = Vec::new();
        for operation in operations {
            let same = |resource: &&mut Resource| {
                resource.operations.iter().any(|other| other.template == operation.template)
            };
            match resources.iter_mut().find(same) {
                Some(resource) => resource.operations.push(operation),
                None => {
                    let operations = vec![operation];
                    resources.push(Resource { operations, allow: String::new() });
                }
            }
        }
        for resource in &mut resources {
            resource.allow = allow(&resource.operations);
        }
        let template = |r: &Resource| r.operations.first().map(|o| o.template.clone());
        resources.sort_by(|a, b| match (template(a), template(b)) {
            (Some(a), Some(b)) => a.precedence(&b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        });
        Self { resources }
    }

    /// The operation of a path, as it stands in the request, and a method. `HEAD` is a `GET` whose
    /// body is left out.
    pub(crate) fn find<'p>(&self, method: &Method, path: &'p str) -> Found<'_, 'p> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let Some((resource, values)) = self.resource(path) else {
            return Found::Nothing;
        };
        let mut operations = resource.operations.iter();
        match operations.find(|operation| operation.methods.contains(method)) {
            Some(operation) => Found::Operation(operation, values),
            None => Found::OtherMethods { allow: &resource.allow },
        }
    }

    /// The methods of a path; `None` where no operation has it.
    pub(crate) fn allow(&self, path: &str) -> Option<&str> {
        self.resource(path).map(|(resource, _)| resource.allow.as_str())
    }

    /// What has a path: the most literal one, whatever the method, so that `/all` is never an id.
    fn resource<'p>(&self, path: &'p str) -> Option<(&Resource, Vec<(&'static str, &'p str)>)> {
        self.resources.iter().find_map(|resource| {
            let values = resource.operations.first()?.template.fit(path)?;
            Some((resource, values))
        })
    }
}

fn allow(operations: &[Operation]) -> String {
    let mut methods: Vec<&str> =
        operations.iter().flat_map(|o| o.methods.iter().map(Method::as_str)).collect();
    if let Some(get) = methods.iter().position(|method| *method == "GET") {
        methods.insert(get + 1, "HEAD");
    }
    methods.push("OPTIONS");
    methods.join(", ")
}
