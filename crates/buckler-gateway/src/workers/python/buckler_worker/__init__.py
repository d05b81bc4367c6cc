"""The side of `buckler run` that lives in a worker process: finds the app, serves it.

It runs in the app's own environment and needs nothing but that environment's uvicorn or granian.
The name is long so that no module of an app is ever hidden by it.
"""
