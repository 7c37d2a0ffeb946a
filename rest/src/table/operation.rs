//! One operation as data: routing, `Allow`, access and the document all read it.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use http::{Method, StatusCode};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::template::Template;
use crate::{answer::Answer, call::Call, config::SidecarConfig, error::ApiError};

/// What a handler becomes.
pub(crate) type Handled = Pin<Box<dyn Future<Output = Result<Answer, ApiError>> + Send>>;

/// What answers a call.
pub(crate) type Handler = Arc<dyn Fn(Call) -> Handled + Send + Sync>;

/// The schema of a type, made in the generator of the document.
pub(crate) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// One operation.
pub(crate) struct Operation {
    /// The method, and others that do the same.
    pub(crate) methods: Vec<Method>,
    pub(crate) template: Template,
    /// Its name in the document, unique: `publishEvent`.
    pub(crate) id: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) access: Access,
    /// The schemas of the path's parameters; one that is not named here is any text.
    pub(crate) parameters: Vec<(&'static str, SchemaOf)>,
    pub(crate) query: Option<SchemaOf>,
    pub(crate) body: Option<BodyShape>,
    /// Whether the header `Idempotency-Key` is looked at.
    pub(crate) idempotent: bool,
    pub(crate) answers: Vec<Success>,
    /// What it refuses with besides what follows from its access, parameters and body.
    pub(crate) refusals: Vec<StatusCode>,
    pub(crate) links: Vec<Link>,
    pub(crate) handler: Handler,
}

/// Who may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everyone; credentials are not looked at.
    Public,
    /// Everyone; credentials that are shown have to be right.
    Anyone,
    /// A user of any role, by token. An API key is no user.
    User,
    /// A user of any role, or an API key, which counts as `service`.
    UserOrKey,
    /// A token of role `service` or `admin`, or an API key.
    Backend,
}

impl Access {
    /// In words, for people.
    pub(crate) fn who(self) -> &'static str {
        match self {
            Self::Public => "Public.",
            Self::Anyone => "Public; a token may be shown.",
            Self::User => "For users. An API key is no user.",
            Self::UserOrKey => "For users, and for API keys, which count as role `service`.",
            Self::Backend => "For tokens of role `service` or `admin`, and for API keys.",
        }
    }
}

/// A request's body.
#[derive(Clone, Copy)]
pub(crate) struct BodyShape {
    /// As JSON; `None` where only a form is taken.
    pub(crate) json: Option<SchemaOf>,
    /// As `multipart/form-data`; `None` where no form is taken.
    pub(crate) form: Option<SchemaOf>,
    /// Whether it may be left out.
    pub(crate) optional: bool,
    pub(crate) max: BodyMax,
}

/// Bytes that a body of JSON may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyMax {
    /// As many as one event: `rest.body_max`.
    Event,
    /// As many as a batch of events: `rest.batch_max`.
    Batch,
}

impl BodyMax {
    pub(crate) fn bytes(self, config: &SidecarConfig) -> usize {
        match self {
            Self::Event => config.event_bytes_max,
            Self::Batch => config.batch_bytes_max,
        }
    }
}

/// A way in which a call succeeds.
#[derive(Clone, Copy)]
pub(crate) struct Success {
    pub(crate) status: StatusCode,
    pub(crate) description: &'static str,
    pub(crate) content: Content,
}

/// What an answer holds.
#[derive(Clone, Copy)]
pub(crate) enum Content {
    /// Nothing.
    Empty,
    /// JSON of a type, or what is wrapped around it.
    Json(SchemaOf),
    /// Something else, of this media type.
    Other(&'static str),
}

/// What an answer's value is good for: the parameter of another operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) name: &'static str,
    /// The operation's id.
    pub(crate) to: &'static str,
    /// The parameter, and where its value stands: `("id", "$response.body#/data/chat/_id")`.
    pub(crate) parameters: &'static [(&'static str, &'static str)],
}

impl Operation {
    /// An operation of these methods, the first of which is the main one, and the rest do the same.
    pub(crate) fn new<F, H>(
        methods: &[Method],
        path: &'static str,
        id: &'static str,
        summary: &'static str,
        access: Access,
        handle: H,
    ) -> Self
    where
        H: Fn(Call) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Answer, ApiError>> + Send + 'static,
    {
        Self {
            methods: methods.to_vec(),
            template: Template::parse(path),
            id,
            summary,
            access,
            parameters: Vec::new(),
            query: None,
            body: None,
            idempotent: false,
            answers: Vec::new(),
            refusals: Vec::new(),
            links: Vec::new(),
            handler: Arc::new(move |call| Box::pin(handle(call))),
        }
    }

    /// Says which type a parameter of the path has; [`Call::param`] reads it.
    pub(crate) fn param<T: JsonSchema>(mut self, name: &'static str) -> Self {
        self.parameters.push((name, SchemaGenerator::subschema_for::<T>));
        self
    }

    /// Takes these query parameters: the fields of a struct. Others are refused.
    pub(crate) fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(T::json_schema);
        self
    }

    /// Takes a body of JSON.
    pub(crate) fn body<T: JsonSchema>(self) -> Self {
        self.body_of::<T>(BodyMax::Event)
    }

    /// Takes a body of JSON of up to so many bytes.
    pub(crate) fn body_of<T: JsonSchema>(mut self, max: BodyMax) -> Self {
        let form = self.body.and_then(|body| body.form);
        let json: SchemaOf = SchemaGenerator::subschema_for::<T>;
        self.body = Some(BodyShape { json: Some(json), form, optional: false, max });
        self
    }

    /// Takes a body of JSON, and none at all as `{}`.
    pub(crate) fn optional_body<T: JsonSchema>(self) -> Self {
        let mut operation = self.body::<T>();
        if let Some(body) = &mut operation.body {
            body.optional = true;
        }
        operation
    }

    /// Takes `multipart/form-data` with these fields, besides JSON where that was declared before.
    pub(crate) fn form<T: JsonSchema>(mut self) -> Self {
        let json = self.body.and_then(|body| body.json);
        let form: SchemaOf = SchemaGenerator::subschema_for::<T>;
        let max = BodyMax::Event;
        self.body = Some(BodyShape { json, form: Some(form), optional: false, max });
        self
    }

    /// Looks at the header `Idempotency-Key`.
    pub(crate) fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Succeeds with JSON of a type.
    pub(crate) fn answers<T: JsonSchema>(
        self,
        status: StatusCode,
        description: &'static str,
    ) -> Self {
        self.success(status, description, Content::Json(SchemaGenerator::subschema_for::<T>))
    }

    /// Succeeds in some other way.
    pub(crate) fn success(
        mut self,
        status: StatusCode,
        description: &'static str,
        content: Content,
    ) -> Self {
        self.answers.push(Success { status, description, content });
        self
    }

    /// May refuse with these, besides what follows from its access, parameters and body.
    pub(crate) fn refuses(mut self, statuses: &[StatusCode]) -> Self {
        self.refusals.extend(statuses);
        self
    }

    /// Says what a value of the answers is good for.
    pub(crate) fn link(
        mut self,
        name: &'static str,
        to: &'static str,
        parameters: &'static [(&'static str, &'static str)],
    ) -> Self {
        self.links.push(Link { name, to, parameters });
        self
    }

    /// Whether answers are wrapped in `{ success: true, data }` (contract, section 8).
    pub(crate) fn is_wrapped(&self) -> bool {
        let path = self.template.as_str();
        let under = |base: &str| {
            path.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        under("/api/chat") || under("/api/notifications")
    }

    /// Every status that it may refuse with, in order.
    pub(crate) fn refusal_statuses(&self) -> Vec<StatusCode> {
        // An origin that may not call, and a host that is not ours.
        let mut all = vec![StatusCode::FORBIDDEN, StatusCode::MISDIRECTED_REQUEST];
        if self.access != Access::Public {
            // 422: a query that nobody takes. 503: whether a token was revoked cannot be told.
            all.extend([
                StatusCode::UNAUTHORIZED,
                StatusCode::UNPROCESSABLE_ENTITY,
                StatusCode::TOO_MANY_REQUESTS,
                StatusCode::SERVICE_UNAVAILABLE,
            ]);
        }
        if self.body.is_some() {
            all.extend([
                StatusCode::BAD_REQUEST,
                StatusCode::REQUEST_TIMEOUT,
                StatusCode::PAYLOAD_TOO_LARGE,
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ]);
        }
        all.extend(&self.refusals);
        all.sort_unstable();
        all.dedup();
        all
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Operation({} {:?} {})", self.id, self.methods, self.template.as_str())
    }
}
