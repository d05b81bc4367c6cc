//! `[app]`: how `buckler run` starts the app.

use std::time::Duration;

use super::Section;
use crate::diagnostic::Code;
use crate::grammar::{APP_TARGET, DurationBetween, Integer, OneOf, OrOff, Size, TEXT, Written};
use crate::key::{About, Key, Preset};
use crate::reader::{Read, Reader};
use crate::settings::{App, AppServer, Reload};

pub(crate) static SECTION: Section = Section {
    path: "app",
    doc: "How `buckler run` starts the app.",
    keys: &[&TARGET, &WORKERS, &SERVER, &CONCURRENCY, &MAX_REQUESTS, &MAX_AGE, &MAX_MEMORY, &RELOAD, &APP_DIR, &PYTHON],
};

/// Most worker processes: beyond a few per core they only cost memory, and 256 cores are a large machine.
const MOST_WORKERS: u16 = 256;

/// More than a thread pool or an event loop in Python could have use of; a larger number is a slip.
const MOST_CONCURRENCY: u32 = 100_000;

pub(crate) static TARGET: Key<Written<String>> = Key {
    about: About {
        path: "app.target",
        doc: "The app, as uvicorn writes it: `module:attribute`, or `module:factory()`.",
        preset: Preset::Unset("the argument of `buckler run`"),
        why: "which app it is cannot be guessed",
        example: "\"shop.main:app\"",
        aliases: &["app", "module", "application"],
    },
    grammar: APP_TARGET,
};

pub(crate) static WORKERS: Key<Integer<u16>> = Key {
    about: About {
        path: "app.workers",
        doc: "Worker processes.",
        preset: Preset::ByEnvironment { deployed: "2", development: "1" },
        why: "one answers while the other restarts; more costs memory that only a measurement justifies. In \
              development \
              one keeps breakpoints and prints in one place",
        example: "4",
        aliases: &["processes", "web_concurrency", "num_workers"],
    },
    grammar: Integer { least: 1, most: MOST_WORKERS, unit: "processes" },
};

pub(crate) static SERVER: Key<OneOf<AppServer>> = Key {
    about: About {
        path: "app.server",
        doc: "What serves the app in the workers, out of its own environment. Behind the gateway the two differ in \
              little: granian cancels a request whose client has left where uvicorn only tells the app, and answers \
              431 by itself to a request of more than 97 fields.",
        preset: Preset::Unset("uvicorn; granian where only that is installed"),
        why: "FastAPI's own documentation begins with uvicorn, so it is what most apps have been tried with",
        example: "\"granian\"",
        aliases: &["worker_class", "interface", "backend"],
    },
    grammar: OneOf { words: &[("uvicorn", AppServer::Uvicorn), ("granian", AppServer::Granian)] },
};

pub(crate) static CONCURRENCY: Key<Integer<u32>> = Key {
    about: About {
        path: "app.concurrency",
        doc: "Requests in flight to one worker, from the first byte that it gets to the last of its answer. What comes \
              on top waits up to a second, client by client in turn (of IPv6 a /64 is one client), then gets 503 \
              `overloaded` with `Retry-After`. WebSockets and `text/event-stream` answers are not among them once they \
              are open: they mostly wait, and a thousand of them must not keep requests out. Nor is a request whose client keeps \
              the worker waiting for more than half a second in all, with a body that does not come or an answer that \
              it does not take. `server.max_connections` bounds those.",
        preset: Preset::Always("100"),
        why: "past what an event loop and its threads work off at once, more only makes every answer slower; refusing \
              early keeps those fast that are let in",
        example: "40",
        aliases: &["limit_concurrency", "backpressure", "max_concurrency", "worker_concurrency"],
    },
    grammar: Integer { least: 1, most: MOST_CONCURRENCY, unit: "requests" },
};

/// A worker is started every few minutes at the least, or the machine does little else.
const LEAST_AGE: Duration = Duration::from_mins(1);

/// Beyond a year nobody knows what the limit was for.
const MOST_AGE: Duration = Duration::from_hours(24 * 365);

/// No Python with a web framework is smaller.
const LEAST_MEMORY: u64 = 16 << 20;

/// More than machines have.
const MOST_MEMORY: u64 = 1 << 50;

pub(crate) static MAX_REQUESTS: Key<OrOff<Integer<u64>>> = Key {
    about: About {
        path: "app.max_requests",
        doc: "Requests after which a worker is replaced by a new one, without losing any; `off` is never. Up to a fifth \
              less, by chance, so that workers do not go together.",
        preset: Preset::Always("10000"),
        why: "what an app or its libraries leak is bounded, and a start every few minutes of a busy service costs \
              nothing that can be felt",
        example: "\"off\"",
        aliases: &["limit_max_requests", "max_requests_jitter", "recycle"],
    },
    grammar: OrOff(Integer { least: 1, most: i64::MAX as u64, unit: "requests" }),
};

pub(crate) static MAX_AGE: Key<OrOff<DurationBetween>> = Key {
    about: About {
        path: "app.max_age",
        doc: "How long a worker serves before it is replaced; `off` is for ever. Up to a fifth less, by chance.",
        preset: Preset::Always("\"off\""),
        why: "what grows with time and not with requests is the app's own, and few have it",
        example: "\"24h\"",
        aliases: &["lifetime", "workers_lifetime", "max_lifetime"],
    },
    grammar: OrOff(DurationBetween { least: LEAST_AGE, most: MOST_AGE }),
};

pub(crate) static MAX_MEMORY: Key<OrOff<Size>> = Key {
    about: About {
        path: "app.max_memory",
        doc: "Resident memory of a worker's process, those that it starts not counted, above which it is replaced; `off` \
              is never. Linux only.",
        preset: Preset::Always("\"off\""),
        why: "how much an app needs is known to whoever wrote it; a limit that is too low would restart it without end",
        example: "\"800MiB\"",
        aliases: &["max_rss", "workers_max_rss", "memory_limit", "memory"],
    },
    grammar: OrOff(Size { least: LEAST_MEMORY, most: MOST_MEMORY }),
};

pub(crate) static RELOAD: Key<OneOf<Reload>> = Key {
    about: About {
        path: "app.reload",
        doc: "`on-change` watches the Python files below `app_dir` and replaces the workers when one changes; \
              development only.",
        preset: Preset::ByEnvironment { deployed: "\"off\"", development: "\"on-change\"" },
        why: "who develops wants to see what was just written; in production a file that is half copied must not be \
              served: SIGHUP replaces the workers when the new code is complete",
        example: "\"off\"",
        aliases: &["auto_reload", "autoreload", "watch"],
    },
    grammar: OneOf { words: &[("on-change", Reload::OnChange), ("off", Reload::Off)] },
};

pub(crate) static APP_DIR: Key<Written<String>> = Key {
    about: About {
        path: "app.app_dir",
        doc: "Folder that is put in front of the module search path.",
        preset: Preset::Unset("the folder in which `buckler run` is started"),
        why: "uvicorn does the same",
        example: "\"src\"",
        aliases: &["pythonpath", "chdir"],
    },
    grammar: TEXT,
};

pub(crate) static PYTHON: Key<Written<String>> = Key {
    about: About {
        path: "app.python",
        doc: "The interpreter that runs the app.",
        preset: Preset::Unset("the wheel's own, else `$VIRTUAL_ENV`, else `./.venv`, else `python3`"),
        why: "the environment that holds the app's packages is nearly always one of these",
        example: "\".venv/bin/python\"",
        aliases: &["interpreter"],
    },
    grammar: TEXT,
};

pub(crate) fn read(reader: &mut Reader) -> Read<App> {
    let target = reader.read_optional(&TARGET);
    let workers = reader.read(&WORKERS);
    let server = reader.read_optional(&SERVER);
    let concurrency = reader.read(&CONCURRENCY);
    let max_requests = reader.read(&MAX_REQUESTS);
    let max_age = reader.read(&MAX_AGE);
    let max_memory = reader.read(&MAX_MEMORY);
    let reload = reader.read(&RELOAD);
    if reader.is_deployed() && matches!(reload, Ok(Reload::OnChange)) {
        reader
            .conflict(&RELOAD, Code::Invalid, "`app.reload` is for development: what is half written would be served")
            .help("remove it; SIGHUP replaces the workers without losing a request");
    }
    let app_dir = reader.read_optional(&APP_DIR);
    let python = reader.read_optional(&PYTHON);
    Ok(App {
        target: target?,
        workers: workers?,
        server: server?,
        concurrency: concurrency?,
        max_requests: max_requests?,
        max_age: max_age?,
        max_memory: max_memory?,
        reload: reload?,
        app_dir: app_dir?,
        python: python?,
    })
}
