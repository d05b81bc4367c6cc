//! From the target to the app, or to why there is none.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use buckler_gateway::workers::{FaultKind, Interpreter, START_DEADLINE, Surroundings, probe};

use super::{project, python, target};

const APP: &str = "async def app(scope, receive, send): ...\n";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_named() {
    // R09, R80: the kind, and what the text has to tell
    let folder = project(&[
        ("main.py", APP),
        ("src/inner.py", APP),
        ("package/__init__.py", ""),
        ("package/leaf.py", APP),
        ("broken.py", "def f():\n    raise RuntimeError('no database')\nf()\n"),
        ("syntax.py", "def f(:\n"),
        ("exits.py", "import sys\nprint('before the end')\nsys.exit(7)\n"),
        ("needs.py", "import nothing_like_this.inner\n"),
        ("gone.py", "import os\nprint('last words', flush=True)\nos._exit(9)\n"),
        ("kinds.py", "import json as module\nnumber = 3\nasync def late(): return None\ndef none(): return None\n"),
        (
            "factories.py",
            "def fails():\n    raise ValueError('no settings')\ndef wants(settings): ...\n\
            def wrong():\n    len(3)\n",
        ),
        ("near.py", "from starlette.applications import Starlette\nsite = Starlette()\n"),
    ]);
    let cases: &[(&str, FaultKind, &[&str])] = &[
        ("", FaultKind::TargetSyntax, &["write `main:app`"]),
        (":", FaultKind::TargetSyntax, &["write `main:app`"]),
        ("main", FaultKind::TargetSyntax, &["`main` is not of the form", "write `main:app`"]),
        ("main:", FaultKind::TargetSyntax, &["write `main:app`"]),
        (":app", FaultKind::TargetSyntax, &["write `main:app`"]),
        ("main.py", FaultKind::TargetSyntax, &["write `main:app`"]),
        ("main.py:app", FaultKind::TargetSyntax, &["write `main:app`"]),
        ("./package/leaf.py:site", FaultKind::TargetSyntax, &["write `package.leaf:site`"]),
        ("package/leaf:app", FaultKind::TargetSyntax, &["write `package.leaf:app`"]),
        ("main:app.", FaultKind::TargetSyntax, &["write `main:app`"]),
        ("main:make(3)", FaultKind::TargetSyntax, &["`module:factory()`"]),
        (".main:app", FaultKind::TargetSyntax, &["write `main:app`"]),
        ("--help:app", FaultKind::ModuleNotFound, &["no module `--help`"]),
        ("nowhere:app", FaultKind::ModuleNotFound, &["no module `nowhere`", "`--app-dir` names the folder"]),
        ("inner:app", FaultKind::ModuleNotFound, &["no module `inner`", "--app-dir", "src`"]),
        ("leaf:app", FaultKind::ModuleNotFound, &["did you mean `package.leaf:app`?"]),
        ("package.nowhere:app", FaultKind::ModuleNotFound, &["no module `package.nowhere`"]),
        ("main.inner:app", FaultKind::ModuleNotFound, &["no module `main.inner`"]),
        ("broken:app", FaultKind::ImportError, &["RuntimeError: no database", "broken.py\", line 2, in f"]),
        ("syntax:app", FaultKind::ImportError, &["SyntaxError", "syntax.py\", line 1"]),
        ("exits:app", FaultKind::ImportError, &["raised SystemExit: 7"]),
        ("needs:app", FaultKind::ImportError, &["-m pip install nothing_like_this", "needs.py\", line 1"]),
        ("gone:app", FaultKind::Died, &["exit code 9", "last words"]),
        ("main:application", FaultKind::AttributeNotFound, &["has no attribute `application`", "`main:app`"]),
        ("main:app.inner.app", FaultKind::AttributeNotFound, &["has no attribute `app.inner.app`"]),
        ("near:app", FaultKind::AttributeNotFound, &["did you mean `near:site`?"]),
        ("kinds:number", FaultKind::NotCallable, &["`kinds:number` is a int"]),
        ("kinds:module", FaultKind::NotCallable, &["is a module"]),
        ("kinds:late", FaultKind::NotCallable, &["async function"]),
        ("kinds:none", FaultKind::NotCallable, &["returned a NoneType"]),
        ("kinds:number()", FaultKind::NotCallable, &["`kinds:number()` is a int"]),
        ("main:app()", FaultKind::FactoryFailed, &["raised TypeError"]),
        ("factories:fails", FaultKind::FactoryFailed, &["ValueError: no settings", "factories.py\", line 2, in fails"]),
        ("factories:fails()", FaultKind::FactoryFailed, &["ValueError: no settings"]),
        ("factories:wants()", FaultKind::FactoryFailed, &["missing 1 required positional argument"]),
        // Its own TypeError is no sign of an app.
        ("factories:wrong", FaultKind::FactoryFailed, &["factories.py\", line 5, in wrong"]),
    ];
    for (app, kind, texts) in cases {
        let fault = probe(&target(folder.path(), app), START_DEADLINE).await.expect_err(app);
        let shown = fault.to_string();
        assert_eq!(fault.kind, *kind, "{app}: {shown}");
        for text in *texts {
            assert!(shown.contains(text), "{app}: `{text}` is not in:\n{shown}");
        }
        for machinery in ["importlib", "buckler_worker", "__main__.py"] {
            assert!(!shown.contains(machinery), "{app}: {shown}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_uvicorn_takes_is_taken() {
    // R80
    let folder = project(&[
        (
            "main.py",
            "class Holder:\n    async def app(self, scope, receive, send): ...\nholder = Holder()\n\
             def make():\n    return holder.app\nmake.inner = make\n\
             class Two:\n    def __init__(self, scope): ...\n\
             class Callable:\n    async def __call__(self, scope, receive, send): ...\n\
             import asyncio\ndef in_loop():\n    asyncio.get_running_loop()\n    return holder.app\n",
        ),
        ("my-app/main.py", APP),
        ("deep/er/module.py", APP),
    ]);
    for app in [
        "main:holder.app",
        "main:make",
        "main:make()",
        "main:make.inner",
        "main:Two",
        "main:Callable",
        "main:Callable()",
        "main:in_loop",
        "my-app.main:app",
        "deep.er.module:app",
    ] {
        let facts =
            probe(&target(folder.path(), app), START_DEADLINE).await.unwrap_or_else(|fault| panic!("{app}: {fault}"));
        assert_eq!(facts.framework, "asgi", "{app}");
    }
    let elsewhere = target(&folder.path().join("deep/er"), "module:app");
    assert!(probe(&elsewhere, START_DEADLINE).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fastapi_app_tells_about_itself_whatever_it_prints() {
    // R09, R10
    let forged = r#"{"event": "app", "framework": "forged", "docs_paths": [], "debug": [], "own_cors": false}"#;
    let folder = project(&[(
        "main.py",
        &format!(
            r#"
import os, sys
print('''{forged}''', flush=True)
os.write(1, b'''{forged}\n''')
os.write(2, b"\xff\xfe garbage")
assert sys.stdin.read() == ""
from fastapi import APIRouter, FastAPI
from fastapi.middleware.cors import CORSMiddleware

def recipe():
    pass
inner = FastAPI(debug=True, docs_url="/help", redoc_url=None)
router = APIRouter()
router.mount("/inner", inner)
app = FastAPI(title="A shop", redoc_url=None, openapi_url="/api.json")
app.mount("/mounted", FastAPI(openapi_url=None))
app.add_api_route("/redoc", recipe, include_in_schema=False)
app.add_api_route("/openapi.json", recipe)
app.host("docs.example", FastAPI(root_path="/front/", docs_url="/elsewhere", redoc_url=None))
app.include_router(router, prefix="/routed")

class Wrapper:
    def __init__(self, app):
        self.app = app
    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)

wrapped = Wrapper(Wrapper(app))
shared = CORSMiddleware(app, allow_origins=["*"])
with_cors = FastAPI()
with_cors.add_middleware(CORSMiddleware, allow_origins=["*"])
endless = Wrapper(None)
endless.app = endless
"#
        ),
    )]);
    let facts = async |app: &str| probe(&target(folder.path(), app), START_DEADLINE).await.unwrap();
    let app = facts("main:app").await;
    assert_eq!(app.framework, "fastapi");
    assert_eq!(app.title.as_deref(), Some("A shop"));
    assert_eq!(app.docs_url.as_deref(), Some("/docs"));
    assert_eq!(app.redoc_url, None);
    assert_eq!(app.openapi_url.as_deref(), Some("/api.json"));
    // What the app names, what it serves itself by FastAPI's recipe, what is mounted and what stands behind a prefix;
    // not what the contract lists as any operation, nor what a mounted app does not have.
    let mut docs: Vec<&str> = app.docs_paths.iter().map(String::as_str).filter(|p| !p.starts_with("/front")).collect();
    docs.sort_unstable();
    let known = [
        "/api.json",
        "/docs",
        "/docs/oauth2-redirect",
        "/elsewhere",
        "/openapi.json",
        "/redoc",
        "/routed/inner/help",
        "/routed/inner/openapi.json",
    ];
    for page in known {
        assert!(docs.contains(&page), "{page}: {docs:?}");
        assert!(app.docs_paths.contains(&format!("/front{page}")), "{page}: {:?}", app.docs_paths);
    }
    assert!(!docs.iter().any(|page| page.starts_with("/mounted")), "{docs:?}");
    assert!(!app.own_cors);
    // A mounted app in debug mode is as bad as the app itself.
    assert!(app.debug.iter().any(|at| at.ends_with("/inner")), "{:?}", app.debug);
    let fault = app.deployable().unwrap_err();
    assert_eq!(fault.kind, FaultKind::Debug);
    assert!(fault.to_string().contains("/inner"), "{fault}");

    // What wraps an app is a stranger to us and may answer first, of which its contract is marked.
    let mut wrapped = facts("main:wrapped").await;
    let contract = wrapped.document.take().unwrap_or_default();
    assert!(contract.contains(r#""x-buckler-first": "app""#), "{contract}");
    assert!(app.document.as_ref().is_some_and(|contract| !contract.contains("x-buckler-first")), "{:?}", app.document);
    wrapped.document.clone_from(&app.document);
    assert_eq!(wrapped, app);
    assert!(facts("main:shared").await.own_cors);
    let with_cors = facts("main:with_cors").await;
    assert!(with_cors.own_cors && with_cors.deployable().is_ok());
    assert_eq!(facts("main:endless").await.framework, "asgi");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_never_ends_is_ended() {
    let folder =
        project(&[("main.py", "import time\nprint('waiting for the database', flush=True)\ntime.sleep(3600)\n")]);
    let fault = probe(&target(folder.path(), "main:app"), Duration::from_secs(2)).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::TimedOut);
    assert!(fault.to_string().contains("waiting for the database"), "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interpreter_that_does_not_do() {
    let folder = project(&[("main.py", APP)]);
    let bare = folder.path().join("bare");
    let made = Command::new(python().path()).args(["-m", "venv", "--without-pip"]).arg(&bare).status().unwrap();
    assert!(made.success());
    let around = Surroundings::of_process(None).unwrap();
    let cases: &[(&Path, FaultKind, &str)] = &[
        (&bare.join("bin/python"), FaultKind::ServerMissing, "bare/bin/python -m pip install 'uvicorn[standard]'"),
        (Path::new("false"), FaultKind::Died, "exit code 1"),
        (Path::new("true"), FaultKind::Died, "ended by itself"),
    ];
    for (path, kind, text) in cases {
        let mut target = target(folder.path(), "main:app");
        target.interpreter = Interpreter::find(Some(path), &around).unwrap();
        let fault = probe(&target, START_DEADLINE).await.unwrap_err();
        assert_eq!(fault.kind, *kind, "{fault}");
        assert!(fault.to_string().contains(text), "{fault}");
    }
}
