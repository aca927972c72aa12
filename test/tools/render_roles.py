"""Prints, as JSON, what Jinja2 makes of the roles' templates that it is told on standard input as [template, values]."""

import json
import sys
from pathlib import Path

import jinja2

roles = Path(__file__).resolve().parents[2] / "ansible" / "roles"
# As Ansible's module template has it.
environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(roles),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    keep_trailing_newline=True,
)
json.dump(
    [environment.get_template(name).render(values) for name, values in json.load(sys.stdin)],
    sys.stdout,
)
