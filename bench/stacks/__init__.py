"""A small FastAPI app, and every stack of controls that is measured round it."""
