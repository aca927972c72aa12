"""Prints, as JSON, what Jinja2 makes of the roles' templates that it is told on standard input as [role, template, values]."""

import json
import sys
from pathlib import Path

import jinja2

roles = Path(__file__).resolve().parents[2] / "ansible" / "roles"


def render(role, name, values):
    # As Ansible's module template has it.
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(roles / role / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name).render(values)


json.dump([render(*one) for one in json.load(sys.stdin)], sys.stdout)
