//! What the crates may depend on (ARCHITECTURE.md), read from `cargo metadata`.
//!
//! That the inner crates touch no socket, clock, file, environment or thread of the standard library either is
//! the work of the `clippy.toml` in each of them; that these exist and forbid the same is looked at here.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail a test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Crates that judge and never touch the world.
const INNER: &[&str] = &[
    "buckler-http",
    "buckler-inspect",
    "buckler-schema",
    "buckler-limits",
    "buckler-policy",
    "buckler-coverage",
    "buckler-engine",
];

/// What touches the world.
const WORLD: &[&str] = &["tokio", "hyper", "mio", "rustls", "pyo3", "getrandom", "socket2"];

/// The crates that are shipped and speak TLS: to clients and upstreams, and to a store of several machines.
const SPEAK_TLS: &[&str] = &["buckler-gateway", "buckler-store-redis"];

/// The one crate that speaks to Redis.
const SPEAKS_REDIS: &str = "buckler-store-redis";

/// The one crate that names the library which validates JSON: its next release may break it, and its default
/// features fetch references.
const VALIDATES: &str = "buckler-schema";

/// What seeds its hash tables from the machine. No verdict depends on the order of a table.
const SEEDED: &str = "ahash";

/// The one crate that speaks Python.
const SPEAKS_PYTHON: &str = "buckler-python";

/// Crates that are never shipped: clients for the tests, generators, measurements.
const NOT_SHIPPED: &[&str] = &["buckler-testkit", "buckler-bench", "buckler-fuzz"];

/// What a `clippy.toml` of an inner crate has to forbid.
const FORBIDDEN: &[&str] = &[
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::UdpSocket",
    "std::os::unix::net::UnixStream",
    "std::fs::File",
    "std::fs::read",
    "std::fs::write",
    "std::env::var",
    "std::env::vars",
    "std::time::SystemTime",
    "std::time::Instant",
    "std::thread::spawn",
    "std::thread::sleep",
    "std::process::Command",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn cargo(arguments: &[&str]) -> Vec<u8> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo).args(arguments).current_dir(root()).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_else(|| panic!("`{name}` is missing: {value}"))
}

/// Members in the order of `Cargo.toml`, and what each package needs when it is built, tests left away.
struct Graph {
    members: Vec<String>,
    /// Package id by name, for members.
    ids: BTreeMap<String, String>,
    names: BTreeMap<String, String>,
    needs: BTreeMap<String, Vec<String>>,
    /// Every edge of a member, those of its tests included.
    all: BTreeMap<String, Vec<String>>,
    features: BTreeMap<String, Vec<String>>,
}

impl Graph {
    fn read() -> Self {
        // Only this platform's packages are sure to be on the machine.
        let version = cargo(&["-vV"]);
        let version = String::from_utf8_lossy(&version);
        let platform = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("a platform");
        let metadata =
            cargo(&["metadata", "--format-version", "1", "--offline", "--locked", "--filter-platform", platform]);
        let metadata: Value = serde_json::from_slice(&metadata).expect("JSON");
        let manifest: toml::Table =
            std::fs::read_to_string(root().join("Cargo.toml")).expect("the workspace").parse().expect("TOML");
        let members = manifest["workspace"]["members"].as_array().expect("members");
        let members = members.iter().map(|m| m.as_str().unwrap().rsplit('/').next().unwrap().to_owned()).collect();
        let packages = metadata["packages"].as_array().unwrap();
        let names: BTreeMap<String, String> =
            packages.iter().map(|p| (text(p, "id").to_owned(), text(p, "name").to_owned())).collect();
        let in_workspace: BTreeSet<&str> =
            metadata["workspace_members"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
        let ids = names.iter().filter(|(id, _)| in_workspace.contains(id.as_str()));
        let ids = ids.map(|(id, name)| (name.clone(), id.clone())).collect();
        let (mut needs, mut all, mut features) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for node in metadata["resolve"]["nodes"].as_array().unwrap() {
            let id = text(node, "id").to_owned();
            let deps = node["deps"].as_array().unwrap();
            let is_built = |dep: &&Value| {
                dep["dep_kinds"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|kind| kind["kind"].is_null() || kind["kind"] == "build")
            };
            let id_of = |dep: &Value| text(dep, "pkg").to_owned();
            let on = node["features"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned());
            features.insert(id.clone(), on.collect::<Vec<_>>());
            needs.insert(id.clone(), deps.iter().filter(is_built).map(id_of).collect::<Vec<_>>());
            all.insert(id, deps.iter().map(id_of).collect::<Vec<_>>());
        }
        Self { members, ids, names, needs, all, features }
    }

    fn reach(&self, member: &str) -> BTreeSet<&str> {
        let mut reached = BTreeSet::new();
        let mut open = vec![&self.ids[member]];
        while let Some(id) = open.pop() {
            for next in self.needs[id].iter().filter(|_| self.names[id] != SEEDED) {
                if reached.insert(self.names[next].as_str()) {
                    open.push(next);
                }
            }
        }
        reached
    }
}

#[test]
fn crates_depend_only_on_those_named_before_them() {
    let graph = Graph::read();
    assert!(INNER.iter().all(|inner| graph.members.iter().any(|member| member == inner)), "{:?}", graph.members);
    let place = |name: &str| graph.members.iter().position(|member| member == name);
    for (at, member) in graph.members.iter().enumerate() {
        for needed in &graph.all[&graph.ids[member]] {
            let needed = &graph.names[needed];
            assert!(place(needed).is_none_or(|place| place < at), "{member} must not depend on {needed}");
        }
    }
}

#[test]
fn the_crates_that_judge_reach_nothing_that_touches_the_world() {
    let graph = Graph::read();
    for inner in INNER {
        let reached = graph.reach(inner);
        let world: Vec<_> = WORLD.iter().filter(|name| reached.contains(**name)).collect();
        assert!(world.is_empty(), "{inner} reaches {world:?}");
    }
    // The test sees what is there: the gateway touches the world.
    assert!(graph.reach("buckler-gateway").contains("tokio"));
}

#[test]
fn tls_is_named_in_two_crates_that_are_shipped() {
    let graph = Graph::read();
    for member in graph.members.iter().filter(|member| !NOT_SHIPPED.contains(&member.as_str())) {
        let names_it = graph.needs[&graph.ids[member]].iter().any(|id| graph.names[id].contains("rustls"));
        assert_eq!(names_it, SPEAK_TLS.contains(&member.as_str()), "{member}");
    }
}

#[test]
fn redis_is_named_in_one_crate() {
    let graph = Graph::read();
    for member in graph.members.iter().filter(|member| !NOT_SHIPPED.contains(&member.as_str())) {
        let names_it = graph.needs[&graph.ids[member]].iter().any(|id| graph.names[id] == "redis");
        assert_eq!(names_it, member == SPEAKS_REDIS, "{member}");
    }
}

#[test]
fn the_validating_library_is_named_in_one_crate_and_fetches_nothing() {
    let graph = Graph::read();
    for member in &graph.members {
        let names_it = graph.all[&graph.ids[member]].iter().any(|id| graph.names[id] == "jsonschema");
        assert_eq!(names_it, member == VALIDATES, "{member}");
    }
    let library = graph.names.iter().find(|(_, name)| *name == "jsonschema").map(|(id, _)| id).expect("the library");
    let features = &graph.features[library];
    assert!(features.iter().all(|name| ["idna", "conformance"].contains(&name.as_str())), "{features:?}");
}

#[test]
fn python_is_named_in_one_crate_that_nothing_needs() {
    let graph = Graph::read();
    for member in &graph.members {
        let needs = &graph.needs[&graph.ids[member]];
        assert_eq!(needs.iter().any(|id| graph.names[id] == "pyo3"), member == SPEAKS_PYTHON, "{member}");
        assert!(needs.iter().all(|id| graph.names[id] != SPEAKS_PYTHON), "{member}");
    }
}

#[test]
fn what_is_not_shipped_is_needed_by_nothing_that_is() {
    let graph = Graph::read();
    let shipped = graph.members.iter().filter(|member| !NOT_SHIPPED.contains(&member.as_str()));
    for member in shipped {
        let reached = graph.reach(member);
        assert!(NOT_SHIPPED.iter().all(|name| !reached.contains(name)), "{member}");
    }
}

#[test]
fn the_inner_crates_forbid_the_world_of_the_standard_library() {
    let common = std::fs::read_to_string(root().join("clippy.toml")).expect("the workspace's clippy.toml");
    for inner in INNER {
        let path = root().join("crates").join(inner).join("clippy.toml");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let table: toml::Table = text.parse().expect("TOML");
        let listed: Vec<&str> = ["disallowed-types", "disallowed-methods"]
            .iter()
            .flat_map(|key| table[*key].as_array().expect("a list"))
            .map(|entry| entry["path"].as_str().expect("a path"))
            .collect();
        for forbidden in FORBIDDEN {
            assert!(listed.contains(forbidden), "{inner}/clippy.toml does not forbid {forbidden}");
        }
        // A crate's own file replaces the workspace's, so it has to say the same.
        for line in common.lines().filter(|line| !line.is_empty()) {
            assert!(text.contains(line), "{inner}/clippy.toml lacks `{line}`");
        }
    }
}
