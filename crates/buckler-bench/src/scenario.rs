//! Judgements that are measured: each a head, the connection it comes over, and what must become of it.

use std::sync::Arc;

use buckler_engine::{Context, Engine, Opening, Timestamp};
use buckler_http::connection::{Connection, Peer, Scheme};
use buckler_http::head::{Head, Version};
use buckler_limits::Moment;
use buckler_limits::batch::unavailable;
use buckler_policy::{Host, Sources};
use buckler_store::embedded::Region;
use buckler_store::{Counters, Reach, Unreachable};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// One judgement.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// On the command line and in the budget.
    pub name: &'static str,
    method: &'static str,
    target: &'static str,
    fields: &'static [(&'static str, &'static str)],
    /// The status of the engine's own answer; `None` where the app answers.
    pub answered: Option<u16>,
}

/// A policy with every stage of this release enforced.
pub const POLICY: &str = r#"
environment = "production"
[server]
hosts = ["api.example.com"]
trusted_proxies = ["10.1.2.3/32"]
[server.tls]
mode = "off"
[cors]
origins = ["https://app.example.com"]
credentials = true
[content]
types = ["application/json"]
# Counted, and never used up.
[limits]
default = ["1000000000/second per ip"]
"#;

/// Keys of the store that limits are counted in.
const KEYS: u64 = 1_000;

/// The fields that a browser sends with an API call.
const TWELVE_FIELDS: &[(&str, &str)] = &[
    ("host", "api.example.com"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"),
    ("accept", "application/json"),
    ("accept-language", "en-GB,en;q=0.7,de;q=0.3"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("authorization", "Bearer abcdefghijklmnopqrstuvwxyz0123456789"),
    ("origin", "https://app.example.com"),
    ("referer", "https://app.example.com/"),
    ("sec-fetch-dest", "empty"),
    ("sec-fetch-mode", "cors"),
    ("x-forwarded-for", "203.0.113.9"),
    ("x-forwarded-proto", "https"),
];

/// All of them.
pub const SCENARIOS: &[Scenario] = &[
    Scenario { name: "admit", method: "GET", target: "/users/42/orders?page=2", fields: TWELVE_FIELDS, answered: None },
    Scenario {
        name: "preflight",
        method: "OPTIONS",
        target: "/users/42",
        fields: &[
            ("host", "api.example.com"),
            ("origin", "https://app.example.com"),
            ("access-control-request-method", "PUT"),
            ("x-forwarded-for", "203.0.113.9"),
            ("x-forwarded-proto", "https"),
        ],
        answered: Some(204),
    },
    Scenario {
        name: "refuse-host",
        method: "GET",
        target: "/",
        fields: &[("host", "evil.example"), ("accept", "*/*")],
        answered: Some(400),
    },
    Scenario {
        name: "refuse-path",
        method: "GET",
        target: "/static/%2e%2e/%2e%2e/etc/passwd",
        fields: &[("host", "api.example.com"), ("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "https")],
        answered: Some(400),
    },
];

/// An engine and what it is asked.
#[derive(Debug)]
pub struct Bench {
    engine: Arc<Engine>,
    counters: Arc<dyn Counters>,
    scenario: Scenario,
    answer: HeaderMap,
}

impl Bench {
    /// Compiles [`POLICY`].
    ///
    /// # Errors
    /// The policy does not load.
    pub fn new(scenario: Scenario) -> Result<Self, buckler_policy::PolicyErrors> {
        let loaded = Sources::new(Host::Gateway).file("bench.toml", POLICY).load()?;
        let mut answer = HeaderMap::new();
        answer.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        answer.insert(http::header::CONTENT_LENGTH, HeaderValue::from_static("27"));
        answer.insert(HeaderName::from_static("server"), HeaderValue::from_static("uvicorn"));
        let engine = Arc::new(Engine::new(&loaded.policy));
        // Without memory nothing is admitted, and so nothing measured.
        let counters: Arc<dyn Counters> = match Region::private(KEYS) {
            Ok(region) => Arc::new(region),
            Err(_) => Arc::new(Unreachable),
        };
        Ok(Self { engine, counters, scenario, answer })
    }

    fn context() -> Context {
        let peer = Peer::Ip(std::net::SocketAddr::from(([10, 1, 2, 3], 40_000)));
        Context { connection: Connection { peer, scheme: Scheme::Http }, now: Timestamp(1), nonce: [7; 16] }
    }

    fn head(&self) -> Head<'static> {
        let mut head = Head::new(self.scenario.method, self.scenario.target.as_bytes(), Version::Http11);
        for (name, value) in self.scenario.fields {
            head.push(name.as_bytes(), value.as_bytes());
        }
        head
    }

    /// Judges one head, from its fields to the verdict.
    pub fn open(&self) -> Opening {
        let (head, context) = (self.head(), Self::context());
        self.engine.open(&head, &context).settle(&head, context.now, |batch| {
            match self.counters.count(batch, Moment(context.now.0)) {
                Reach::Now(answers) => answers,
                Reach::Later(_) => unavailable(batch),
            }
        })
    }

    /// The same, and the answer of an app after it; what an admitted exchange costs in all.
    pub fn exchange(&self) -> Option<buckler_engine::Record> {
        match self.open() {
            Opening::Answer(ended) => Some(ended.record),
            Opening::Consult(_) => None,
            Opening::Admit(admission) => {
                let (_, exchange) = admission.into_parts();
                let (plan, answering) = exchange.answer(StatusCode::OK, &self.answer);
                std::hint::black_box(plan);
                Some(answering.close(
                    buckler_engine::Ending::Complete,
                    buckler_engine::Traffic::default(),
                    Timestamp(2),
                ))
            }
        }
    }

    /// Whether the judgement is the expected one: nothing is measured that does something else.
    pub fn is_right(&self) -> bool {
        match self.open() {
            Opening::Answer(ended) => Some(ended.reply.status.as_u16()) == self.scenario.answered,
            Opening::Admit(_) => self.scenario.answered.is_none(),
            Opening::Consult(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_does_what_it_says() {
        for scenario in SCENARIOS {
            assert!(Bench::new(*scenario).unwrap().is_right(), "{}", scenario.name);
        }
    }

    #[test]
    fn allocations_do_not_grow_with_traffic() {
        for scenario in SCENARIOS {
            let bench = Bench::new(*scenario).unwrap();
            let count = |rounds: u64| {
                allocation_counter::measure(|| {
                    for _ in 0..rounds {
                        std::hint::black_box(bench.exchange());
                    }
                })
            };
            count(10);
            let (few, many) = (count(10), count(1000));
            assert_eq!(few.count_total * 100, many.count_total, "{}", scenario.name);
            assert_eq!(many.bytes_current, 0, "{} keeps memory", scenario.name);
        }
    }
}
