#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""mt-label <stream | mt-tojson | answers.py fields|objects: an access a line.

fields: type, path and offset of the field.  objects: address, extent, storage
and pc of the object.  Fails when something is defined twice or used before.
"""
import json
import sys

fields, objects = {0: ("", "", -1)}, {}
for line in sys.stdin:
    r = json.loads(line)
    if r["type"] == "field":
        assert r["id"] not in fields, "field defined twice"
        fields[r["id"]] = (r["ctype"], r["path"], r["offset"])
    elif r["type"] == "object":
        assert r["id"] not in objects, "object defined twice"
        o = (r["addr"], r["bytes"], r["storage"], r["pc"])
        assert o not in objects.values(), "object with two ids"
        objects[r["id"]] = o if r["storage"] != "unknown" else None
    elif r["type"] == "access" and sys.argv[1] == "fields":
        print("%s\t%s\t%d" % fields[r["field"]])
    elif r["type"] == "access":
        o = r["object"] and objects[r["object"]]
        print("%s %d %s %s" % o if o else "-")
