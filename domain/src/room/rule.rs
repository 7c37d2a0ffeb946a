//! What an operator may say about rooms: `rooms.policy` of the configuration.

use super::{RoomName, RoomPattern, rows::Who};

/// One row of `rooms.policy`: who may join the rooms of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomRule {
    pattern: RoomPattern,
    who: Vec<Who>,
}

/// The words of a rule, as the configuration writes them. `deny` stands for nobody, alone.
const WORDS: [(&str, Who); 7] = [
    ("public", Who::Public),
    ("user", Who::User),
    ("owner", Who::Owner),
    ("participant", Who::Participant),
    ("granted", Who::Granted),
    ("agent", Who::Agent),
    ("admin", Who::Admin),
];

/// Rooms that need a token in every mode, so that a rule may not open them to more than a role.
const ADMIN_ROOMS: [&str; 2] = ["admin", "admins"];

/// What is wrong with a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// The pattern is no name of a room with at most one `*`, at its end.
    #[error("{pattern:?} is not the name of a room with at most one * at its end")]
    Pattern {
        /// As it was written.
        pattern: String,
    },
    /// A word that is none.
    #[error(
        "{pattern}: {word:?} is none of public, user, owner, participant, granted, agent, admin, deny"
    )]
    Word {
        /// Of which rule.
        pattern: String,
        /// As it was written.
        word: String,
    },
    /// No word at all, or `deny` beside others.
    #[error("{pattern}: say who may join, or deny alone")]
    Nobody {
        /// Of which rule.
        pattern: String,
    },
    /// A word that means nothing for these rooms, or too much.
    #[error("{pattern}: {word} is not possible for these rooms")]
    Unfit {
        /// Of which rule.
        pattern: String,
        /// The word.
        word: &'static str,
    },
}

impl Who {
    /// The word for it.
    pub(super) fn word(self) -> &'static str {
        match self {
            // Not to be had by configuration; to be told, it is the owner.
            Self::OwnerUnless(_) => "owner",
            who => WORDS.iter().find(|(_, means)| *means == who).map_or("", |(word, _)| word),
        }
    }
}

impl RoomRule {
    /// Takes a rule: a pattern such as `order:*`, and words.
    ///
    /// # Errors
    ///
    /// See [`RuleError`].
    pub fn parse(pattern: &str, words: &[&str]) -> Result<Self, RuleError> {
        let written = || pattern.to_owned();
        let parsed = RoomPattern::parse(pattern)
            .map_err(|_| RuleError::Pattern { pattern: pattern.to_owned() })?;
        if words.is_empty() || (words.contains(&"deny") && words.len() > 1) {
            return Err(RuleError::Nobody { pattern: written() });
        }
        let mut who = Vec::new();
        for word in words.iter().filter(|word| **word != "deny") {
            let Some((name, means)) = WORDS.iter().find(|(name, _)| name == word) else {
                return Err(RuleError::Word { pattern: written(), word: (*word).to_owned() });
            };
            let opens = matches!(means, Who::Public | Who::User | Who::Owner | Who::Granted);
            let unfit = (opens && ADMIN_ROOMS.contains(&pattern))
                || (*means == Who::Participant && !pattern.starts_with("chat-"));
            if unfit {
                return Err(RuleError::Unfit { pattern: written(), word: name });
            }
            who.push(*means);
        }
        Ok(Self { pattern: parsed, who })
    }

    pub(super) fn matches(&self, room: &RoomName) -> bool {
        self.pattern.matches(room)
    }

    /// How narrow it is: bytes that are fixed; all of them where it is one room.
    pub(super) fn fixed(&self) -> usize {
        if self.pattern.is_open() { self.pattern.start().len() } else { usize::MAX }
    }

    /// The part of a room's name that stands for the star.
    pub(super) fn id<'a>(&self, room: &'a RoomName) -> &'a str {
        room.as_str().strip_prefix(self.pattern.start()).unwrap_or_default()
    }

    pub(super) fn who(&self) -> &[Who] {
        &self.who
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_names_the_rule() {
        for (pattern, words, message) in [
            ("or*er", &["user"][..], "\"or*er\" is not the name"),
            ("lobby", &["users"], "lobby: \"users\" is none of public"),
            ("lobby", &[], "lobby: say who"),
            ("lobby", &["deny", "user"], "lobby: say who"),
            ("admin", &["user"], "admin: user is not possible"),
            ("admins", &["granted"], "admins: granted is not possible"),
            ("group:*", &["participant"], "group:*: participant is not possible"),
        ] {
            let error = RoomRule::parse(pattern, words).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
        for (pattern, words) in
            [("*", &["deny"][..]), ("admin", &["agent", "admin"]), ("chat-*", &["participant"])]
        {
            assert!(RoomRule::parse(pattern, words).is_ok(), "{pattern}");
        }
    }
}
