"""A note board: a JSON API for a front end that lives at another origin too."""
