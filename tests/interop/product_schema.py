"""Validates TOML files: SCHEMA FILE...

Prints an object of file names, with null for a file that the schema takes, and for others why not.
"""

import json
import sys
import tomllib

import jsonschema


def refusal(validator, path):
    try:
        with open(path, "rb") as file:
            document = tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return f"no TOML: {error}"
    error = jsonschema.exceptions.best_match(validator.iter_errors(document))
    return error and f"{error.json_path}: {error.message}"


with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
print(json.dumps({path: refusal(validator, path) for path in sys.argv[2:]}))
