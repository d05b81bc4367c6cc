"""Prints what redbot notes on a page and its variants, as JSON."""

import json
import sys
from configparser import ConfigParser
from typing import Any

import thor
from redbot.resource import HttpResource


def main(url: str) -> None:
    """Check one page, with all the requests that redbot makes of it."""
    config = ConfigParser()
    config.read_dict({"redbot": {"enable_local_access": "True"}})
    resource: Any = HttpResource(config["redbot"])
    resource.set_request(url)
    resource.on("check_done", thor.stop)
    resource.check()
    thor.run()
    report = [
        {
            "request": str(check.check_name) if check is not resource else "page",
            "level": note.level.name,
            "subject": str(note.subject),
            "summary": str(note.summary),
        }
        for check in [resource, *resource.subreqs.values()]
        for note in check.response.notes
    ]
    status = resource.response.status_code
    json.dump({"status": status, "notes": report}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
