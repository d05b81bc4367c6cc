//! What the coverage of routes can find, in one table: the ids that a policy silences, a report shows and
//! `docs/coverage.md` tells of.

use std::fmt;

use crate::key::line;
use crate::suggest::nearest;

/// What stands above the table.
const INTRODUCTION: &str = include_str!("coverage_introduction.md");

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// To know. Changes no exit code.
    Note,
    /// To look at. Changes no exit code.
    Warning,
    /// `buckler check` ends with 1, and `contract.coverage = "enforce"` keeps `buckler run` from starting.
    Error,
}

impl Level {
    /// For reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One route; silencing it may name that.
    Route,
    /// The whole app; silencing it names no route.
    App,
}

macro_rules! findings {
    ($($name:ident, $code:literal, $level:ident, $scope:ident, $title:literal, $why:literal, $remedy:literal;)+) => {
        /// What the coverage of routes can find. Codes are stable: one that is given up is never used again.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum FindingId {
            $(#[doc = $title] $name,)+
        }

        impl FindingId {
            /// Every one, in the order of their codes.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Such as `B101`.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// How much it weighs.
            pub const fn level(self) -> Level {
                match self { $(Self::$name => Level::$level,)+ }
            }

            /// What it is about.
            pub const fn scope(self) -> Scope {
                match self { $(Self::$name => Scope::$scope,)+ }
            }

            /// In a few words.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }

            /// Why that matters, and when it is found.
            pub const fn why(self) -> &'static str {
                match self { $(Self::$name => $why,)+ }
            }

            /// How to mend it.
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy,)+ }
            }
        }
    };
}

findings! {
    NoAuthentication, "B101", Error, Route, "no authentication",
        "The route changes something (POST, PUT, PATCH, DELETE), is a WebSocket, or looks like administration, and \
         nothing that FastAPI knows of asks who calls: no security scheme among its dependencies, no dependency that \
         is named like one, no client certificate. Routes that nobody can have signed in to yet (login, token, \
         registration, forgotten passwords) are left out.",
        "add `Depends(…)` of a security scheme to the route, its router or the app; or silence it with the reason why \
         everybody may call it";
    NoAuthorisation, "B102", Error, Route, "no authorisation",
        "The route looks like administration, and asks who calls, but not whether that one may: no scopes, and no \
         dependency that is named like a check of roles or permissions. Every account can call it.",
        "ask for scopes with `Security(…, scopes=[…])`, or for a role in a dependency";
    OptionalAuthentication, "B103", Warning, Route, "optional authentication",
        "Its security schemes are made with `auto_error=False`: a request without credentials reaches the code, which \
         has to refuse it itself.",
        "leave `auto_error` on, or refuse in a dependency of its own";
    UnreadAccess, "B104", Warning, Route, "access left to the app",
        "A route that is no operation of FastAPI (Starlette's own, an endpoint class) and that changes something, or a \
         WebSocket of that kind: what it asks for is in its code alone, where nothing can be read.",
        "make it an operation of FastAPI with a security scheme, or silence it with what protects it";
    OpenSocket, "B105", Warning, Route, "WebSocket without an origin rule",
        "Browsers let every page open WebSockets to every site, with that site's cookies (cross-site WebSocket \
         hijacking), and no `[cors]` of the policy says which pages may.",
        "name your front ends as `origins` under `[cors]`: other pages' handshakes get 403";
    UnlimitedSignIn, "B201", Warning, Route, "sign-in without a rate limit",
        "Passwords and tokens can be guessed as fast as the machine answers, or as the limits over all allow.",
        "write a `[[route]]` with match = \"POST /login\" and limits = [\"5/minute per ip\"]";
    UnboundedBody, "B202", Warning, Route, "body without a bound",
        "`content` is monitored, so a body of any length reaches the app.",
        "write mode = \"enforce\" under `[content]`";
    UnboundedString, "B203", Note, Route, "strings without a maximum",
        "The contract bounds neither length nor form of some strings; only `content.json.string`, the same for all, \
         bounds them in JSON.",
        "give them `max_length`, a pattern, an enum or a format";
    UnboundedArray, "B204", Note, Route, "lists without a maximum",
        "The contract bounds the length of some lists not at all; only `content.max_body` does.",
        "give them `max_length` (Pydantic writes it as `maxItems`)";
    OpenUpload, "B205", Note, Route, "file upload without rules of its own",
        "Files are bounded by `content.max_body` alone; kind, name and content are the sender's word.",
        "check kind and size in the app, and never serve a file with the type that its sender named";
    NotInContract, "B301", Note, Route, "route not in the contract",
        "It is served, and stands in no OpenAPI document (`include_in_schema=False`, or a plain Starlette route), so \
         nothing of it can be held against a contract.",
        "put it into the schema, or silence it with the reason why it is hidden";
    OpaqueMount, "B302", Warning, Route, "mounted app that cannot be read",
        "What is mounted there is no app of Starlette or FastAPI, so its routes are unknown.",
        "silence it with what protects it, or serve it apart";
    NoContract, "B303", Warning, App, "no contract",
        "The app's OpenAPI document cannot be made or compiled, so nothing is known of its parameters and answers.",
        "`buckler contract APP --check` tells what is wrong with it";
    NoResponseModel, "B401", Warning, Route, "no response model",
        "What the function returns is sent as it is: a field that is added to a table tomorrow goes out tomorrow.",
        "name a `response_model`, or annotate the function with a model rather than `dict`";
    SensitiveAnswer, "B402", Error, Route, "sensitive name in an answer",
        "The contract says that an answer holds a field whose name is one of a secret (`hashed_password`, `api_key`).",
        "take the field out of the response model; or silence it with the reason why the client has to get it";
    AnyHost, "B501", Warning, App, "any host is answered",
        "`server.hosts` is empty, so links and caches can be poisoned by a host of the sender's choice.",
        "write the names that clients use as `hosts` under `[server]`";
    OpenDocs, "B502", Warning, App, "docs are open",
        "Outside development the interactive docs and the OpenAPI document list every operation to everybody.",
        "write docs = \"auto\" under `[contract]`";
    OpenCors, "B503", Error, App, "every origin acts as the signed-in user",
        "The app's CORSMiddleware allows every origin together with credentials: any page a user visits can read and \
         write with that user's cookies.",
        "name your front ends as `origins` under `[cors]`, which replaces what the app answers";
    UnseenRoutes, "B504", Error, App, "routes that were not looked at",
        "The app has more routes than are read, nests apps deeper, or raises when it is asked for them: what is not seen \
         may be unprotected.",
        "look at a part of it, `buckler check --app` takes each sub-app by its own name; and tell us";
}

impl FindingId {
    /// The finding of a code.
    pub fn of(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|id| id.code() == code)
    }

    /// What was probably meant by a code, or by a title, that does not exist.
    pub(crate) fn meant(text: &str) -> Option<Self> {
        let near = |name: fn(Self) -> &'static str| {
            let near = nearest(text, Self::ALL.iter().map(|id| name(*id)))?;
            Self::ALL.iter().copied().find(|id| name(*id) == near)
        };
        near(Self::code).or_else(|| near(Self::title))
    }
}

impl fmt::Display for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code(), self.title())
    }
}

/// The route that was probably meant by one that does not exist.
pub fn nearest_route<'c>(named: &str, routes: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    nearest(named, routes)
}

/// The page that tells of every finding: `docs/coverage.md`.
pub fn markdown() -> String {
    let mut page = INTRODUCTION.trim_end().to_owned();
    page.push('\n');
    for id in FindingId::ALL {
        let about = match id.scope() {
            Scope::Route => "a route",
            Scope::App => "the app",
        };
        line(&mut page, &format!("\n### {id}\n\n{}\n", id.why()));
        line(&mut page, &format!("- level: {}", id.level().as_str()));
        line(&mut page, &format!("- about: {about}"));
        line(&mut page, &format!("- remedy: {}", id.remedy()));
    }
    page
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_stand_once_and_are_told() {
        // R65
        let codes: BTreeSet<_> = FindingId::ALL.iter().map(|id| id.code()).collect();
        assert_eq!(codes.len(), FindingId::ALL.len());
        for id in FindingId::ALL {
            assert_eq!(FindingId::of(id.code()), Some(*id));
            assert!(id.code().starts_with('B') && id.code().len() == 4, "{id}");
            assert!(id.title().len() < 50 && id.why().len() > 40 && id.remedy().len() > 20, "{id}");
        }
        assert_eq!(FindingId::of("B999"), None);
        assert_eq!(FindingId::meant("b101"), Some(FindingId::NoAuthentication));
        assert_eq!(FindingId::meant("no authentification"), Some(FindingId::NoAuthentication));
        assert_eq!(FindingId::meant("anything else at all"), None);
    }
}
