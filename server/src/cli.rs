//! The command line of `crier`: only what was asked for. Doing it is `bin/crier.rs`'s part.
//!
//! ```text
//! crier [--config FILE] [--set section.key=value]… [--listen ADDR …] [serve]
//! crier token --user demo [--role admin] [--type VENDOR] [--ttl 1h]
//! crier check-config | print-config
//! ```
//!
//! Every flag is a setting of [`SETTINGS`]; the common ones have a name of
//! their own, the others are reached by `--set`. Values are checked by the configuration, so that a
//! wrong one reads the same whichever way it came. Secrets have no flag: others can see a command
//! line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{
    Args, Parser, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};
use crier_domain::{Role, UserType};

use crate::config::{SETTINGS, parse_time};

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// `--config`; `None` = as [`Config::load`](crate::config::Config::load) finds it.
    pub config: Option<PathBuf>,
    /// Settings by flag, for [`Config::load`](crate::config::Config::load), in the order in which
    /// they count: `--set` last.
    pub flags: Vec<(String, String)>,
    /// What to do.
    pub command: Command,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Run. Also without a subcommand.
    Serve,
    /// Print one user token and nothing else.
    Token(Token),
    /// Say whether the configuration is good: nothing and 0, or the errors and 1.
    CheckConfig,
    /// Print every setting with its origin; or, for README, all of them with their defaults as a
    /// Markdown table.
    PrintConfig {
        /// The table.
        markdown: bool,
    },
    /// Print the events of the apps that are on.
    PrintEvents {
        /// In which words.
        format: EventsFormat,
    },
}

/// In which words events are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum EventsFormat {
    /// README's table.
    #[default]
    Markdown,
    /// The AsyncAPI document.
    Asyncapi,
    /// Types for TypeScript.
    Typescript,
}

/// The claims of a token to mint.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// User id (`userId`).
    #[arg(long, value_name = "ID", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub user: String,
    /// What the user may do.
    #[arg(long, value_parser = roles(), default_value = Role::User.as_str())]
    pub role: Role,
    /// Kind of person, for vendor-chat (`userType`).
    #[arg(long = "type", value_parser = user_types(), value_name = "TYPE", ignore_case = true)]
    pub user_type: Option<UserType>,
    /// Time to live, such as 15m, 1h, 7d.
    #[arg(long, value_parser = ttl, default_value = "1h")]
    pub ttl: Duration,
}

impl Invocation {
    /// Reads a command line, the program's name first.
    ///
    /// # Errors
    /// What is wrong, or the text of `--help` and `--version`; `error.exit()` prints it to the right
    /// stream and ends with the right code.
    pub fn parse<I, T>(args: I) -> Result<Self, clap::Error>
    where
        I: IntoIterator<Item = T>,
        T: Into<OsString> + Clone,
    {
        let cli = Cli::try_parse_from(args)?;
        let command = match cli.command {
            None | Some(Subcommands::Serve) => Command::Serve,
            Some(Subcommands::Token(token)) => Command::Token(token),
            Some(Subcommands::CheckConfig) => Command::CheckConfig,
            Some(Subcommands::PrintConfig { markdown }) => Command::PrintConfig { markdown },
            Some(Subcommands::PrintEvents { format }) => Command::PrintEvents { format },
        };
        Ok(Self { config: cli.config, flags: cli.flags.into_settings(), command })
    }
}

/// Crier: the realtime server for commerce.
#[derive(Debug, Parser)]
#[command(
    name = "crier",
    version,
    after_help = "Run `crier print-config` for every setting; \
          each is also an environment variable, CRIER_<SECTION>_<KEY>."
)]
struct Cli {
    /// Configuration file [env: CRIER_CONFIG] [default: crier.toml if it is there]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Option<Subcommands>,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Run the server (the default)
    Serve,
    /// Print a user token, signed with auth.secret or the development key
    Token(Token),
    /// Check the configuration and say what is wrong
    CheckConfig,
    /// Print every setting with its origin; secrets are masked
    PrintConfig {
        /// Print README's table instead
        #[arg(long)]
        markdown: bool,
    },
    /// Print the events of the apps that are on
    PrintEvents {
        /// README's table, the AsyncAPI document, or `events.d.ts`
        #[arg(long, value_enum, default_value_t)]
        format: EventsFormat,
    },
}

/// Each named flag is the setting of that name; a test compares them with the table.
#[derive(Args, Debug)]
#[command(next_help_heading = "Settings")]
pub struct Flags {
    /// Any setting, such as --set socket.ping_interval=10s; may be repeated
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE", value_parser = assignment, global = true)]
    set: Vec<(String, String)>,
    /// Address of sockets and pages
    #[arg(long, value_name = "ADDRESS", global = true)]
    listen: Option<String>,
    /// Address of the embedded sidecar, or off
    #[arg(long, value_name = "ADDRESS", global = true)]
    rest_listen: Option<String>,
    /// Address of health, metrics and other replicas
    #[arg(long, value_name = "ADDRESS", global = true)]
    internal_listen: Option<String>,
    /// Where other replicas reach this one
    #[arg(long, value_name = "HOST:PORT", global = true)]
    advertise: Option<String>,
    /// Redis of the cluster, without password here
    #[arg(long, value_name = "URL", global = true)]
    redis_url: Option<String>,
    /// Folder of the embedded store
    #[arg(long, value_name = "FOLDER", global = true)]
    data_dir: Option<String>,
    /// Apps that answer, or none
    #[arg(long, value_name = "LIST", global = true)]
    apps: Option<String>,
    /// Web origins that may connect
    #[arg(long, value_name = "LIST", global = true)]
    cors_origins: Option<String>,
    /// Host names of our own
    #[arg(long, value_name = "LIST", global = true)]
    hosts: Option<String>,
    /// Folder of the official client bundle
    #[arg(long, value_name = "FOLDER", global = true)]
    client_dist: Option<String>,
    /// Log filter
    #[arg(long, value_name = "FILTER", global = true)]
    log: Option<String>,
}

impl Flags {
    /// The settings that were given, in the order in which they count: `--set` last.
    pub fn into_settings(self) -> Vec<(String, String)> {
        let named = [
            ("listen", self.listen),
            ("rest_listen", self.rest_listen),
            ("internal_listen", self.internal_listen),
            ("advertise", self.advertise),
            ("redis_url", self.redis_url),
            ("data_dir", self.data_dir),
            ("apps", self.apps),
            ("cors_origins", self.cors_origins),
            ("hosts", self.hosts),
            ("client_dist", self.client_dist),
            ("log", self.log),
        ];
        let named = named.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        named.chain(self.set).collect()
    }
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.to_owned()))
        }
        _ => {
            let example = SETTINGS.iter().find(|setting| setting.key.contains('.'));
            Err(format!("expected key=value, such as {}=…", example.map_or("", |s| s.key)))
        }
    }
}

fn roles() -> impl TypedValueParser<Value = Role> {
    let words = PossibleValuesParser::new(Role::ALL.map(Role::as_str));
    words.try_map(|word| Role::parse(&word).ok_or("no such role"))
}

fn user_types() -> impl TypedValueParser<Value = UserType> {
    let words = PossibleValuesParser::new(UserType::ALL.map(UserType::as_str));
    // Of a word in any case, clap gives what was written.
    words.try_map(|word| UserType::parse(&word.to_uppercase()).ok_or("no such type"))
}

fn ttl(text: &str) -> Result<Duration, String> {
    parse_time(text)
        .filter(|ttl| *ttl >= Duration::from_secs(1))
        .ok_or_else(|| "expected a time with a unit, such as 15m, 1h or 7d".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::config::{Config, MapVars};

    fn parse(line: &str) -> Result<Invocation, String> {
        Invocation::parse(line.split_whitespace()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serve_is_the_default() {
        for line in ["crier", "crier serve"] {
            let expected = Invocation { config: None, flags: Vec::new(), command: Command::Serve };
            assert_eq!(parse(line).unwrap(), expected, "{line}");
        }
    }

    #[test]
    fn the_configuration_is_checked_or_printed() {
        for (line, expected) in [
            ("crier check-config", Command::CheckConfig),
            ("crier print-config", Command::PrintConfig { markdown: false }),
            ("crier print-config --markdown", Command::PrintConfig { markdown: true }),
            ("crier print-events", Command::PrintEvents { format: EventsFormat::Markdown }),
            (
                "crier print-events --format asyncapi",
                Command::PrintEvents { format: EventsFormat::Asyncapi },
            ),
        ] {
            assert_eq!(parse(line).unwrap().command, expected, "{line}");
        }
    }

    #[test]
    fn flags_stand_before_or_after_the_subcommand_and_set_counts_last() {
        for line in [
            "crier --config f.toml --listen 127.0.0.1:1 --set listen=127.0.0.1:2 serve",
            "crier serve --set listen=127.0.0.1:2 --config f.toml --listen 127.0.0.1:1",
        ] {
            let invocation = parse(line).unwrap();
            assert_eq!(invocation.config, Some(PathBuf::from("f.toml")), "{line}");
            let config = Config::parse(&MapVars::default(), None, &invocation.flags).unwrap();
            assert_eq!(config.listen.port(), 2, "{line}");
        }
    }

    #[test]
    fn every_named_flag_is_a_setting() {
        let others = ["set", "config", "help", "version"];
        let command = Cli::command();
        let ids: Vec<&str> = command.get_arguments().map(|arg| arg.get_id().as_str()).collect();
        for id in ids.iter().filter(|id| !others.contains(id)) {
            assert!(SETTINGS.iter().any(|setting| setting.key == *id), "{id}");
        }
        let line = "crier --listen a --rest-listen a --internal-listen a --advertise a --redis-url \
                    a --data-dir a --apps a --cors-origins a --hosts a --client-dist a --log a";
        let flags = parse(line).unwrap().flags;
        assert_eq!(flags.len(), ids.iter().filter(|id| !others.contains(id)).count());
    }

    #[test]
    fn a_token() {
        let token = |line: &str| match parse(line).map(|invocation| invocation.command) {
            Ok(Command::Token(token)) => Ok(token),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error),
        };
        let hour = Duration::from_secs(3_600);
        assert_eq!(
            token("crier token --user demo").unwrap(),
            Token { user: "demo".into(), role: Role::User, user_type: None, ttl: hour }
        );
        assert_eq!(
            token("crier token --user 7 --role admin --type vendor --ttl 7d").unwrap(),
            Token {
                user: "7".into(),
                role: Role::Admin,
                user_type: Some(UserType::Vendor),
                ttl: hour * 168
            }
        );
        for (line, expected) in [
            ("crier token", "--user <ID>"),
            ("crier token --user", "--user <ID>"),
            ("crier token --user= ", "value is required"),
            ("crier token --user a --role king", "possible values: user, buyer, seller, agent"),
            ("crier token --user a --type X", "possible values: CUSTOMER, VENDOR"),
            ("crier token --user a --ttl 60", "expected a time with a unit"),
            ("crier token --user a --ttl 0", "expected a time with a unit"),
            ("crier tokn --user a", "similar subcommand exists: 'token'"),
            ("crier --set listen", "expected key=value"),
        ] {
            let error = token(line).unwrap_err();
            assert!(error.contains(expected), "{line}:\n{error}");
        }
    }
}
