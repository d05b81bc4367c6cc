"""A club's pages: HTML forms, templates, a session in a signed cookie."""
