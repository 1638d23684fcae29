"""Writes schemas.json, the schemas of the admin API's types, from the types' source; with --check says whether it is up to date.

It reads Rust as rustfmt leaves it: items at the beginning of a line, one field or variant a line.
"""

import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).parent
SOURCE = HERE.parents[3] / "sdk/src"
MODULES = ["api", "access", "manifest", "view", "trial"]
"""Where two have a type of one name, that of the later is named after its module too."""

NAME = "^[a-z0-9][a-z0-9._-]{0,62}$"
"""What `is_service_name` accepts, for fields whose documentation refers to it."""

PLAIN = {
    "String": {"type": "string"},
    "bool": {"type": "boolean"},
    "f64": {"type": "number"},
    **{name: {"type": "integer", "minimum": 0} for name in ("u16", "u32", "u64", "usize")},
}
ITEM = re.compile(
    r"(?P<docs>(?:^///.*\n)*)(?P<attributes>(?:^#\[.*\]\n)+)^pub (?P<kind>struct|enum) (?P<name>\w+) \{\n(?P<body>[\s\S]*?)^\}",
    re.MULTILINE,
)
MEMBER = re.compile(
    r"(?P<docs>(?:^ +///.*\n)*)(?P<attributes>(?:^ +#\[.*\]\n)*)"
    r"^ +(?:pub (?P<field>\w+): (?P<type>.+),|(?P<variant>[A-Z]\w*)(?:\((?P<inner>.+)\)| \{\n(?P<fields>[\s\S]*?)^ +\})?,)$",
    re.MULTILINE,
)


def documentation(docs):
    lines = [line.strip().removeprefix("///").strip() for line in docs.splitlines()]
    return re.sub(r"\[|\]|crate::", "", " ".join(lines))


def serde(attributes):
    """What serde is told: {name: value, or True}."""
    told = {}
    for arguments in re.findall(r"#\[serde\((.*)\)\]", attributes):
        for name, value in re.findall(r'(\w+)(?: = "([^"]*)")?', arguments):
            told[name] = value or True
    return told


def renamed(name, case):
    if case == "kebab-case":
        return re.sub(r"(?<!^)([A-Z])", r"-\1", name).lower()
    return name.lower() if case == "lowercase" else name


class Types:
    def __init__(self):
        self.items, self.names = [], {}
        for module in MODULES:
            for item in ITEM.finditer((SOURCE / f"{module}.rs").read_text()):
                if re.search(r"derive\(.*\bSerialize\b", item["attributes"]):
                    taken = item["name"] in self.names.values()
                    self.names[module, item["name"]] = f"{module}.{item['name']}" if taken else item["name"]
                    self.items.append((module, item))

    def schemas(self):
        return {self.names[module, item["name"]]: self.schema(module, item) for module, item in self.items}

    def schema(self, module, item):
        told = serde(item["attributes"])
        if told.get("into") == "String":
            schema = dict(PLAIN["String"])
        elif item["kind"] == "struct":
            schema = self.object(module, item["body"], "deny_unknown_fields" in told)
        else:
            schema = self.variants(module, item["body"], told)
        return schema | {"description": documentation(item["docs"])}

    def object(self, module, body, closed=False):
        properties, required, flat = {}, [], []
        for field in MEMBER.finditer(body):
            told = serde(field["attributes"])
            schema = self.use(module, field["type"])
            if "flatten" in told:
                flat.append(schema)
                continue
            if "$ref" not in schema:
                schema = schema | {"description": documentation(field["docs"])}
            if "is_service_name" in field["docs"]:
                schema["pattern"] = NAME
            if not told.keys() & {"default", "skip_serializing_if"}:
                required.append(field["field"])
            properties[field["field"]] = schema
        schema = {"type": "object", "properties": properties}
        if required:
            schema["required"] = required
        if closed:
            schema["additionalProperties"] = False
        return {"allOf": [*flat, schema]} if flat else schema

    def variants(self, module, body, told):
        variants = [(renamed(v["variant"], told.get("rename_all")), v) for v in MEMBER.finditer(body)]
        if "tag" in told:
            return {"oneOf": [self.tagged(module, told["tag"], name, variant) for name, variant in variants]}
        if not any(variant["inner"] for _, variant in variants):
            return {"type": "string", "enum": [name for name, _ in variants]}
        outer = {"type": "object", "additionalProperties": False}
        inner = {name: self.use(module, variant["inner"]) for name, variant in variants}
        return {"oneOf": [outer | {"properties": {name: use}, "required": [name]} for name, use in inner.items()]}

    def tagged(self, module, tag, name, variant):
        constant = {"type": "object", "properties": {tag: {"const": name}}, "required": [tag]}
        if variant["inner"]:
            return {"allOf": [constant, self.use(module, variant["inner"])]}
        if variant["fields"]:
            # Fields of a variant are public without saying so.
            fields = re.sub(r"^( +)(\w+: )", r"\1pub \2", variant["fields"], flags=re.MULTILINE)
            return {"allOf": [constant, self.object(module, fields)]}
        return constant

    def use(self, module, type_):
        """The schema of a type where it is used."""
        outer, _, inner = type_.removesuffix(">").partition("<")
        outer = outer.split("::")[-1]
        if type_.startswith("("):
            items = [self.use(module, part.strip()) for part in type_.strip("()").split(",")]
            return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
        if outer in PLAIN:
            return dict(PLAIN[outer])
        if outer == "Value":
            return {}
        if outer == "Vec":
            return {"type": "array", "items": self.use(module, inner)}
        if outer == "BTreeMap":
            return {"type": "object", "additionalProperties": self.use(module, inner.partition(", ")[2])}
        if outer == "Option":
            schema = self.use(module, inner)
            if "type" in schema:
                return schema | {"type": [schema["type"], "null"]}
            return {"anyOf": [schema, {"type": "null"}]} if schema else schema
        name = next(self.names[m, outer] for m in [module, *MODULES] if (m, outer) in self.names)
        return {"$ref": f"#/components/schemas/{name}"}


def main():
    text = json.dumps(Types().schemas(), indent=2) + "\n"
    file = HERE / "schemas.json"
    if sys.argv[1:] == ["--check"]:
        if file.read_text() != text:
            sys.exit(f"{file.name} is not what the types say: run python3 {pathlib.Path(__file__).name}")
    else:
        file.write_text(text)


if __name__ == "__main__":
    main()
