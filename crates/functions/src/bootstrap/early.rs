//! Variables that a process has to be started with: a pre-warmed one would be told of them too late.

use std::collections::BTreeMap;

use crate::runtime::{Family, Runtime};

/// What the dynamic linker and the C library read before anything else, by how the names begin.
const SYSTEM: &[&str] = &["GLIBC_", "LC_", "LD_", "MALLOC_", "OPENSSL_"];

/// The same, by whole names; and the program that starts the runtime, which is no variable of the interpreter at all.
const SYSTEM_NAMES: &[&str] = &["AWS_LAMBDA_EXEC_WRAPPER", "LANG", "LANGUAGE", "UV_THREADPOOL_SIZE"];

/// What Node.js 14 to 24 reads while it starts (its manual: "Command-line API", "Environment variables"; the rest from its
/// source). Not here: what it reads whenever it needs it (`NODE_TLS_REJECT_UNAUTHORIZED`), what only its REPL reads, and
/// `NODE_PATH`, which the bootstrap applies.
const NODE: &[&str] = &[
    "NODE_CHANNEL_FD",
    "NODE_CHANNEL_SERIALIZATION_MODE",
    "NODE_COMPILE_CACHE",
    "NODE_COMPILE_CACHE_PORTABLE",
    "NODE_DEBUG",
    "NODE_DEBUG_NATIVE",
    "NODE_DISABLE_COMPILE_CACHE",
    "NODE_EXTRA_CA_CERTS",
    "NODE_ICU_DATA",
    "NODE_NO_WARNINGS",
    "NODE_OPTIONS",
    "NODE_PENDING_DEPRECATION",
    "NODE_PRESERVE_SYMLINKS",
    "NODE_PRESERVE_SYMLINKS_MAIN",
    "NODE_REDIRECT_WARNINGS",
    "NODE_TEST_CONTEXT",
    "NODE_UNIQUE_ID",
    "NODE_USE_ENV_PROXY",
    "NODE_USE_SYSTEM_CA",
    "NODE_V8_COVERAGE",
    "WATCH_REPORT_DEPENDENCIES",
];

/// What Python 3.8 to 3.14 reads while it starts (its manual: "Command line and environment", "Environment variables"). Not
/// here: what it reads whenever it needs it (`PYTHONBREAKPOINT`), and what the bootstrap applies, `PYTHONPATH` and
/// `PYTHONDONTWRITEBYTECODE`.
const PYTHON: &[&str] = &[
    "PYTHONCASEOK",
    "PYTHONCOERCECLOCALE",
    "PYTHONDEBUG",
    "PYTHONDEVMODE",
    "PYTHONDUMPREFS",
    "PYTHONDUMPREFSFILE",
    "PYTHONEXECUTABLE",
    "PYTHONFAULTHANDLER",
    "PYTHONHASHSEED",
    "PYTHONHOME",
    "PYTHONINSPECT",
    "PYTHONINTMAXSTRDIGITS",
    "PYTHONIOENCODING",
    "PYTHONMALLOC",
    "PYTHONMALLOCSTATS",
    "PYTHONNODEBUGRANGES",
    "PYTHONNOUSERSITE",
    "PYTHONOPTIMIZE",
    "PYTHONPERFSUPPORT",
    "PYTHONPLATLIBDIR",
    "PYTHONPROFILEIMPORTTIME",
    "PYTHONPYCACHEPREFIX",
    "PYTHONSAFEPATH",
    "PYTHONTRACEMALLOC",
    "PYTHONUNBUFFERED",
    "PYTHONUSERBASE",
    "PYTHONUTF8",
    "PYTHONVERBOSE",
    "PYTHONWARNDEFAULTENCODING",
    "PYTHONWARNINGS",
    "PYTHON_CONTEXT_AWARE_WARNINGS",
    "PYTHON_CPU_COUNT",
    "PYTHON_DISABLE_REMOTE_DEBUG",
    "PYTHON_FROZEN_MODULES",
    "PYTHON_GIL",
    "PYTHON_JIT",
    "PYTHON_PERF_JIT_SUPPORT",
    "PYTHON_PRESITE",
    "PYTHON_THREAD_INHERIT_CONTEXT",
    "PYTHON_TLBC",
];

/// Whether a function with these variables can run in a pre-warmed process.
pub fn can_be_assigned(runtime: Runtime, environment: &BTreeMap<String, String>) -> bool {
    let interpreter = match runtime.family() {
        Family::Node => NODE,
        Family::Python => PYTHON,
        _ => return false,
    };
    !environment.keys().any(|name| {
        let name = name.as_str();
        interpreter.contains(&name)
            || SYSTEM_NAMES.contains(&name)
            || SYSTEM.iter().any(|prefix| name.starts_with(prefix))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assigned(runtime: &str, name: &str) -> bool {
        let environment = BTreeMap::from([(name.to_owned(), "1".to_owned())]);
        can_be_assigned(runtime.parse().unwrap(), &environment)
    }

    #[test]
    fn only_what_is_read_at_the_start_needs_a_process_of_its_own() {
        for name in ["NODE_OPTIONS", "NODE_EXTRA_CA_CERTS", "NODE_ICU_DATA", "NODE_V8_COVERAGE"] {
            assert!(!assigned("nodejs20.x", name) && assigned("python3.12", name), "{name}");
        }
        for name in ["PYTHONUNBUFFERED", "PYTHONHASHSEED", "PYTHONWARNINGS"] {
            assert!(assigned("nodejs20.x", name) && !assigned("python3.12", name), "{name}");
        }
        for name in ["LD_PRELOAD", "LC_ALL", "MALLOC_ARENA_MAX", "AWS_LAMBDA_EXEC_WRAPPER"] {
            assert!(!assigned("nodejs20.x", name) && !assigned("python3.12", name), "{name}");
        }
        for name in
            ["NODE_ENV", "NODE_PATH", "NODE_TLS_REJECT_UNAUTHORIZED", "PYTHONPATH", "PYTHON_ENV", "TZ"]
        {
            assert!(assigned("nodejs20.x", name) && assigned("python3.12", name), "{name}");
        }
        assert!(!assigned("provided.al2023", "ANY"), "nobody knows what it reads");
    }
}
