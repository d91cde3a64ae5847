//! The checks of settings, as Ruby sees them. The table itself is data: Ruby has it as lib/thruster/settings.json.

use std::collections::{BTreeMap, HashMap};

use magnus::{Error, IntoValue as _, RHash, Ruby, Value, prelude::*};
use serde_json::Value as Json;
use thrust_api::settings::{Rejection, Settings, Written};

use crate::errors::{configuration, error, guarded};

/// Checks what an app would push; the same names with the values that the texts stand for: bytes and seconds as
/// numbers, switches as true and false, lists as arrays, nil for none.
///
/// # Errors
///
/// `Thruster::ConfigurationError` with all the faults there are.
pub(crate) fn check(ruby: &Ruby, texts: HashMap<String, String>) -> Result<RHash, Error> {
    guarded(ruby, || {
        let written = Written {
            environment: BTreeMap::new(),
            options: Vec::new(),
            pushed: texts.into_iter().collect(),
            cores: 1,
        };
        let settings = Settings::read(&written)
            .map_err(|rejection| rejected(ruby, &rejection).unwrap_or_else(|fault| fault))?;

        let values = ruby.hash_new();
        for entry in settings.entries() {
            let name = entry.setting.pushed_name();
            if written.pushed.contains_key(&name) {
                let json = serde_json::to_value(&entry.value).map_err(|fault| error(ruby, fault))?;
                values.aset(name, from_json(ruby, json)?)?;
            }
        }
        Ok(values)
    })
}

fn rejected(ruby: &Ruby, rejection: &Rejection) -> Result<Error, Error> {
    let faults = ruby.ary_new_capa(rejection.faults.len());
    for fault in &rejection.faults {
        let hash = ruby.hash_new();
        hash.aset(ruby.to_symbol("setting"), fault.name())?;
        hash.aset(ruby.to_symbol("message"), fault.to_string())?;
        faults.push(hash)?;
    }
    Ok(configuration(ruby, faults))
}

fn from_json(ruby: &Ruby, json: Json) -> Result<Value, Error> {
    Ok(match json {
        Json::Null => ruby.qnil().as_value(),
        Json::Bool(on) => on.into_value_with(ruby),
        Json::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(whole), _, _) => whole.into_value_with(ruby),
            (_, Some(whole), _) => whole.into_value_with(ruby),
            (_, _, fraction) => fraction.into_value_with(ruby),
        },
        Json::String(text) => text.into_value_with(ruby),
        Json::Array(items) => {
            let array = ruby.ary_new_capa(items.len());
            for item in items {
                array.push(from_json(ruby, item)?)?;
            }
            array.as_value()
        }
        Json::Object(members) => {
            let hash = ruby.hash_new();
            for (name, member) in members {
                hash.aset(name, from_json(ruby, member)?)?;
            }
            hash.as_value()
        }
    })
}
