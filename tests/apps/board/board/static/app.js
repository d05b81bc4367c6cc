// The page may stand at another origin than the API: /app/?api=https://api.example.com
"use strict";

const api = new URLSearchParams(location.search).get("api") ?? "";

async function call(method, path, body) {
  const headers = { "X-Board-Client": "web" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await fetch(api + path, {
    method,
    headers,
    credentials: "include",
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`);
  return response;
}

async function show() {
  const response = await call("GET", "/api/notes");
  const notes = await response.json();
  const list = document.getElementById("notes");
  list.dataset.total = response.headers.get("X-Total-Count") ?? "";
  list.replaceChildren(
    ...notes.map((note) => {
      const item = document.createElement("li");
      item.textContent = note.text;
      return item;
    }),
  );
}

async function greet() {
  await call("POST", "/api/session", { name: "Guest" });
  const { name } = await (await call("GET", "/api/session")).json();
  document.getElementById("who").textContent = `logged in as ${name}`;
}

function attempt(work) {
  return work().then(
    () => { document.body.dataset.state = "ready"; },
    (error) => {
      const line = document.getElementById("error");
      line.textContent = String(error);
      line.hidden = false;
      document.body.dataset.state = "failed";
    },
  );
}

document.getElementById("new").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = new FormData(event.target).get("text");
  document.body.dataset.state = "loading";
  attempt(async () => {
    await call("POST", "/api/notes", { text });
    event.target.reset();
    await show();
  });
});

attempt(async () => {
  await greet();
  await show();
});
