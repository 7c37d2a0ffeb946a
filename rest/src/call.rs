//! A request that found its operation and was let in.

use std::sync::{Arc, Mutex, PoisonError};

use crier_domain::{
    Identity,
    service::{ObjectId, asker::Asker},
};
use http::{HeaderMap, header};
use serde::de::DeserializeOwned;

use crate::{
    access::{Caller, Who},
    body::{Body, BodyStream},
    error::ApiError,
    form::Form,
    query,
    sidecar::State,
};

/// A request to one operation, whose sender the operation's [`Access`](crate::table::Access) let in.
/// Its body is not read yet.
pub(crate) struct Call {
    pub(crate) state: Arc<State>,
    pub(crate) who: Who,
    pub(crate) headers: HeaderMap,
    /// The path's parameters as they stand in it.
    pub(crate) params: Vec<(&'static str, String)>,
    pub(crate) query: Option<String>,
    /// Until it is read. In a lock that is never waited for: it lets handlers share the call.
    pub(crate) body: Mutex<Option<BodyStream>>,
    pub(crate) body_max: usize,
    pub(crate) body_optional: bool,
}

impl Call {
    /// The user who calls.
    ///
    /// # Errors
    ///
    /// 401 where it is nobody, or a key: for operations with another access than `User`.
    pub(crate) fn user(&self) -> Result<&Arc<Identity>, ApiError> {
        match &self.who {
            Who::User(identity) => Ok(identity),
            Who::Key(_) | Who::Nobody => Err(ApiError::Unauthorized),
        }
    }

    /// The user who calls, where it is one.
    pub(crate) fn identity(&self) -> Option<&Arc<Identity>> {
        self.user().ok()
    }

    /// Whether it is a key, or a user of role `service` or `admin`.
    pub(crate) fn is_backend(&self) -> bool {
        self.who.is_backend()
    }

    /// Who calls, as services that know staff and users ask for it.
    ///
    /// # Errors
    ///
    /// 401 where nobody is known to call.
    pub(crate) fn asker(&self) -> Result<Asker<'_>, ApiError> {
        match &self.who {
            Who::Key(_) => Ok(Asker::Backend),
            Who::User(identity) => Ok(Asker::User(identity)),
            Who::Nobody => Err(ApiError::Unauthorized),
        }
    }

    /// Whose publishings are counted together; for operations of backends.
    ///
    /// # Errors
    ///
    /// 401 where nobody is known to call.
    pub(crate) fn caller(&self) -> Result<Caller, ApiError> {
        self.who.caller().ok_or(ApiError::Unauthorized)
    }

    /// A parameter of the path, decoded, as text.
    ///
    /// # Errors
    ///
    /// 422 where it is no UTF-8.
    pub(crate) fn param_text(&self, name: &str) -> Result<String, ApiError> {
        let raw = self.params.iter().find(|(other, _)| *other == name);
        query::decode(name, raw.map_or("", |(_, value)| value))
    }

    /// A parameter of the path, decoded, as a type.
    ///
    /// # Errors
    ///
    /// 422 naming it.
    pub(crate) fn param<T: DeserializeOwned>(&self, name: &str) -> Result<T, ApiError> {
        query::value(name, self.param_text(name)?)
    }

    /// The id of a record in the path; what is no id names nothing, so that it is a 404 as well.
    ///
    /// # Errors
    ///
    /// 404 with `what`; 422 where it is no UTF-8.
    pub(crate) fn id(&self, name: &str, what: &'static str) -> Result<ObjectId, ApiError> {
        let text = self.param_text(name)?;
        ObjectId::parse(&text).map_err(|_| ApiError::Missing { what })
    }

    /// The query as a struct, which refuses unknown fields.
    ///
    /// # Errors
    ///
    /// 422 naming the parameter.
    pub(crate) fn query<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        query::parse(self.query.as_deref())
    }

    /// The body as JSON of a type, checked for depth; without a body `{}`, where the operation lets
    /// it be left out. To be called once.
    ///
    /// # Errors
    ///
    /// 400, 408, 413, 415, 422, 503.
    pub(crate) async fn json<T: DeserializeOwned>(&mut self) -> Result<T, ApiError> {
        let depth_max = self.state.config.limits.depth_max;
        self.text().await?.parse_owned(depth_max)
    }

    /// The body as text that is JSON by its type. To be called once.
    ///
    /// # Errors
    ///
    /// 400, 408, 413, 415, 422 where it is no UTF-8, 503.
    pub(crate) async fn text(&mut self) -> Result<Body, ApiError> {
        let stream = self.take_body();
        let bodies = &self.state.bodies;
        bodies.read(&self.headers, stream, self.body_max, self.body_optional).await
    }

    fn take_body(&mut self) -> BodyStream {
        let body = self.body.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        body.unwrap_or_else(|| Box::pin(futures_util::stream::empty()))
    }

    /// Whether the body calls itself a form.
    pub(crate) fn is_form(&self) -> bool {
        let kind = self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        kind.is_some_and(|kind| {
            let kind = kind.split(';').next().unwrap_or_default().trim();
            kind.eq_ignore_ascii_case("multipart/form-data")
        })
    }

    /// The body as a form of at most `max` bytes, part by part as it arrives. To be called once.
    ///
    /// # Errors
    ///
    /// 413 where more is announced, 415 where it is no form.
    pub(crate) fn form(&mut self, max: usize) -> Result<Form, ApiError> {
        let stream = self.take_body();
        Form::new(&self.headers, stream, max, self.state.config.body_timeout)
    }
}
