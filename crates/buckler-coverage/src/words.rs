//! Which names mean something. Only ever a hint, and told as one.

/// Segments of paths that are for those who run the service.
const ADMIN: &[&str] = &[
    "admin",
    "admins",
    "administration",
    "administrator",
    "backoffice",
    "console",
    "debug",
    "impersonate",
    "internal",
    "maintenance",
    "manage",
    "management",
    "staff",
    "sudo",
    "superuser",
    "sysadmin",
];

/// Segments of paths that nobody can have signed in to.
const SIGN_IN: &[&str] = &[
    "activate",
    "callback",
    "forgot",
    "introspect",
    "login",
    "logout",
    "oauth",
    "oauth2",
    "refresh",
    "register",
    "registration",
    "reset",
    "signin",
    "signout",
    "signup",
    "token",
    "verify",
];

/// Those of them where somebody guesses.
const GUESSED: &[&str] =
    &["activate", "forgot", "login", "oauth", "register", "registration", "reset", "signin", "token", "verify"];

/// Parts of names of checks who calls.
const AUTHENTICATE: &[&str] = &[
    "apikey",
    "auth",
    "authenticate",
    "authenticated",
    "authentication",
    "authenticator",
    "authn",
    "bearer",
    "caller",
    "credentials",
    "jwt",
    "login",
    "oauth",
    "principal",
    "signed",
];

/// What is checked, and the words that say that it is.
const CHECKED: &[&str] = &["account", "client", "key", "session", "signature", "token", "user"];
const CHECKS: &[&str] = &[
    "active", "check", "current", "ensure", "logged", "need", "needs", "require", "required", "requires", "valid",
    "validate", "verified", "verify",
];

/// Parts of names of checks whether that one may.
const AUTHORISE: &[&str] = &[
    "acl",
    "admin",
    "allow",
    "allowed",
    "authorise",
    "authorised",
    "authorization",
    "authorisation",
    "authorize",
    "authorized",
    "authz",
    "guard",
    "owner",
    "permission",
    "permissions",
    "permit",
    "privilege",
    "privileges",
    "rbac",
    "role",
    "roles",
    "scope",
    "scopes",
    "staff",
    "superuser",
];

/// Parts of names of limits.
const LIMIT: &[&str] = &["limit", "limiter", "ratelimit", "ratelimiter", "throttle", "throttled", "throttling"];

/// Names of fields that hold secrets, as words.
const SECRET: &[&[&str]] = &[
    &["password"],
    &["passwd"],
    &["passphrase"],
    &["pwd"],
    &["secret"],
    &["secrets"],
    &["salt"],
    &["ssn"],
    &["cvv"],
    &["cvc"],
    &["api", "key"],
    &["apikey"],
    &["private", "key"],
    &["signing", "key"],
    &["encryption", "key"],
    &["access", "key"],
    &["card", "number"],
    &["social", "security", "number"],
    &["recovery", "code"],
    &["recovery", "codes"],
    &["backup", "codes"],
    &["reset", "token"],
];

/// What makes such a name harmless when it stands beside.
const HARMLESS: &[&str] = &[
    "at", "changed", "expired", "expires", "expiry", "has", "hint", "is", "length", "must", "policy", "required",
    "strength", "updated", "version",
];

/// Whether a path looks like administration.
pub(crate) fn is_admin(path: &str) -> bool {
    segments(path).any(|segment| ADMIN.contains(&segment.as_str()))
}

/// Whether a path is one of those that come before any sign-in.
pub(crate) fn is_sign_in(path: &str) -> bool {
    named_last(path, SIGN_IN)
}

/// Whether somebody can guess secrets there.
pub(crate) fn is_guessed(path: &str) -> bool {
    named_last(path, GUESSED)
}

/// Whether a dependency, or a middleware, is named like a check who calls.
pub(crate) fn authenticates(name: &str) -> bool {
    let words = words(shown(name));
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    has(AUTHENTICATE) || (has(CHECKED) && has(CHECKS)) || words.windows(2).any(|pair| pair == ["api", "key"])
}

/// Whether a dependency is named like a check whether that one may.
pub(crate) fn authorises(name: &str) -> bool {
    words(shown(name)).iter().any(|word| AUTHORISE.contains(&word.as_str()))
}

/// Whether a dependency, or a middleware, is named like a limit.
pub(crate) fn limits(name: &str) -> bool {
    let words = words(shown(name));
    words.iter().any(|word| LIMIT.contains(&word.as_str())) && !words.iter().any(|word| word == "body")
}

/// Whether a field is named like a secret.
pub(crate) fn is_secret(field: &str) -> bool {
    let words = words(field);
    let named = SECRET.iter().any(|secret| words.windows(secret.len()).any(|part| part == *secret));
    named && !words.iter().any(|word| HARMLESS.contains(&word.as_str()))
}

/// The name without its module.
pub(crate) fn shown(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// Words of the last segment that is no parameter.
fn named_last(path: &str, list: &[&str]) -> bool {
    let fixed = path.rsplit('/').find(|segment| !segment.is_empty() && !segment.contains('{'));
    fixed.is_some_and(|segment| {
        let words = words(segment);
        words.iter().any(|word| list.contains(&word.as_str())) || list.contains(&words.concat().as_str())
    })
}

fn segments(path: &str) -> impl Iterator<Item = String> {
    path.split(['/', '-', '_', '.']).filter(|part| !part.contains('{')).map(str::to_lowercase)
}

/// `getCurrentUser`, `get_current_user` and, of `JWTBearer`, `jwt bearer`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    let mut rest = name.chars().take(LONGEST).peekable();
    while let Some(character) = rest.next() {
        let begins = character.is_uppercase()
            && (before.is_lowercase()
                || (before.is_uppercase() && rest.peek().is_some_and(|next| next.is_lowercase())));
        if begins || !character.is_alphanumeric() {
            words.push(String::new());
        }
        if character.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(character.to_lowercase());
        }
        before = character;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Characters of a name that are looked at.
const LONGEST: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_mean_something_and_names_that_do_not() {
        // R65
        type Means = fn(&str) -> bool;
        let cases: &[(&str, Means, &[&str], &[&str])] = &[
            (
                "admin",
                is_admin,
                &["/admin", "/api/v1/Admin/users", "/site-admin/{x}", "/_internal/jobs", "/debug/env"],
                &["/", "/administrators-guide.html", "/users/{admin}", "/badminton", "/products"],
            ),
            (
                "sign-in",
                is_sign_in,
                &["/login", "/auth/token", "/sign_up/register", "/users/reset-password/{token}", "/sign-up"],
                &["/tokens/{token}", "/users", "/blogin", "/"],
            ),
            (
                "authenticates",
                authenticates,
                &["app.deps:get_current_user", "d:verify_token", "x:JWTBearer", "a:require_user", "a:get_api_key"],
                &["app.auth:get_db", "x:get_user", "x:author", "x:pagination", "m:GZipMiddleware"],
            ),
            (
                "authorises",
                authorises,
                &["x:require_admin", "x:RoleChecker", "x:has_role.<locals>.check", "x:check_permissions"],
                &["x:get_current_user", "admin.deps:get_db", "x:administrative_area"],
            ),
            ("limits", limits, &["fastapi_limiter.depends:RateLimiter", "x:throttle"], &["x:BodyLimit", "x:limits"]),
            (
                "secret",
                is_secret,
                &["password", "hashed_password", "hashedPassword", "client_secret", "API_KEY", "apiKey", "card_number"],
                &[
                    "password_changed_at",
                    "has_password",
                    "passwords_policy",
                    "secretary",
                    "access_token",
                    "key",
                    "name",
                ],
            ),
        ];
        for (what, means, yes, no) in cases {
            for name in *yes {
                assert!(means(name), "{what}: {name}");
            }
            for name in *no {
                assert!(!means(name), "{what}: {name}");
            }
        }
    }
}
