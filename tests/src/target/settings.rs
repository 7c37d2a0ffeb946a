//! `--set section.key=value`: the limits that rows shorten or lower. Times are milliseconds.

use std::sync::Arc;
use std::time::Duration;

use crier_server::Options;
use crier_server::http::HttpLimits;

/// What the target is started with.
#[derive(Debug, Default)]
pub struct Settings {
    pub(super) options: Options,
    pub(super) http: HttpLimits,
}

/// A setting that is none.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a setting: --set section.key=number")]
pub struct BadSetting(String);

impl Settings {
    /// Reads the command line.
    ///
    /// # Errors
    /// Anything that is not `--set section.key=number` with a known key.
    pub fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, BadSetting> {
        let mut settings = Self::default();
        while let Some(word) = args.next() {
            if word != "--set" {
                return Err(BadSetting(word));
            }
            let setting = args.next().unwrap_or_default();
            settings.set(&setting).ok_or(BadSetting(setting))?;
        }
        Ok(settings)
    }

    fn set(&mut self, setting: &str) -> Option<()> {
        let (key, value) = setting.split_once('=')?;
        let number: u32 = value.parse().ok()?;
        let count = usize::try_from(number).ok()?;
        let time = Duration::from_millis(number.into());
        let limits = Arc::make_mut(&mut self.options.limits);
        match key {
            "socket.ping_interval" => limits.ping_interval = time,
            "socket.ping_timeout" => limits.ping_timeout = time,
            "socket.upgrade_timeout" => limits.upgrade_timeout = time,
            "socket.connect_timeout" => limits.connect_timeout = time,
            "socket.message_timeout" => limits.message_timeout = time,
            "http.header_timeout" => self.http.head_timeout = time,
            "http.keep_alive" => self.http.keep_alive = time,
            "http.write_timeout" => self.http.write_timeout = time,
            "http.connections_per_address" => self.http.connections_per_address = count,
            "limits.unauthenticated_per_address" => {
                self.options.unauthenticated_per_address = count;
            }
            "limits.events_per_second" => {
                self.options.event_rate.per_second = number;
                self.options.event_rate.burst = number;
            }
            "limits.flood_timeout" => self.options.event_rate.patience = time,
            _ => return None,
        }
        Some(())
    }
}
