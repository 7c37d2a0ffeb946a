//! A path with parameters: `/api/rooms/{room}/members/{userId}`.

use std::cmp::Ordering;

/// The template of a path. A path is split at `/` before anything is decoded, so `%2F` belongs to a
/// parameter and never makes another segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    text: &'static str,
    segments: Vec<Segment>,
}

/// The order of the variants is the order of preference: `/a/b` before `/a/{x}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(&'static str),
    Parameter(&'static str),
}

impl Template {
    pub(crate) fn parse(text: &'static str) -> Self {
        let segment = |part: &'static str| {
            let name = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
            name.map_or(Segment::Literal(part), Segment::Parameter)
        };
        Self { text, segments: text.split('/').skip(1).map(segment).collect() }
    }

    /// The template as it is written.
    pub(crate) fn as_str(&self) -> &'static str {
        self.text
    }

    /// The names of the parameters, in their order.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &'static str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Literal(_) => None,
            Segment::Parameter(name) => Some(*name),
        })
    }

    /// The parameters' values as they stand in the path; `None` where it does not fit. A parameter
    /// is never empty.
    pub(crate) fn fit<'p>(&self, path: &'p str) -> Option<Vec<(&'static str, &'p str)>> {
        let mut parts = path.strip_prefix('/')?.split('/');
        let mut values = Vec::new();
        for segment in &self.segments {
            let part = parts.next()?;
            match segment {
                Segment::Literal(literal) if *literal == part => {}
                Segment::Parameter(name) if !part.is_empty() => values.push((*name, part)),
                Segment::Literal(_) | Segment::Parameter(_) => return None,
            }
        }
        parts.next().is_none().then_some(values)
    }

    /// Which of two templates is asked first.
    pub(crate) fn precedence(&self, other: &Self) -> Ordering {
        let kinds = |template: &Self| {
            let is_parameter = |s: &Segment| matches!(s, Segment::Parameter(_));
            template.segments.iter().map(is_parameter).collect::<Vec<_>>()
        };
        kinds(self).cmp(&kinds(other)).then_with(|| self.text.cmp(other.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_fits_segment_by_segment_before_it_is_decoded() {
        let members = Template::parse("/api/rooms/{room}/members/{userId}");
        let fit = members.fit("/api/rooms/a%2Fb/members/5");
        assert_eq!(fit, Some(vec![("room", "a%2Fb"), ("userId", "5")]));
        for path in [
            "/api/rooms/a/b/members/5",
            "/api/rooms//members/5",
            "/api/rooms/a/members/",
            "/api/rooms/a/members",
            "/api/rooms/a/members/5/",
            "/API/rooms/a/members/5",
            "api/rooms/a/members/5",
        ] {
            assert_eq!(members.fit(path), None, "{path}");
        }
    }

    #[test]
    fn literal_paths_come_first() {
        let mut templates = ["/n/{id}", "/n/{id}/read", "/n/all"].map(Template::parse).to_vec();
        templates.sort_by(Template::precedence);
        let texts: Vec<_> = templates.iter().map(Template::as_str).collect();
        assert_eq!(texts, ["/n/all", "/n/{id}", "/n/{id}/read"]);
    }
}
