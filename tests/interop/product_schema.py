"""Validates TOML files against a JSON Schema.

    product_schema.py SCHEMA FILE...

Prints an object with a member for each file: null if the file is valid, or the error.
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
        return f"not TOML: {error}"
    error = jsonschema.exceptions.best_match(validator.iter_errors(document))
    return error and f"{error.json_path}: {error.message}"


with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
print(json.dumps({path: refusal(validator, path) for path in sys.argv[2:]}))
