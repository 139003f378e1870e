# SPDX-License-Identifier: MIT
#
# What pairs of operations share unexpectedly, each way once, most frequent first:
#
#   mt-scopes --by scope --conflicts 1000000 | mt-tojson --names |
#       jq -rs -f sharing-classes.jq
#
# writes lines of: pairs of scopes, two operations, and all places that they
# share (field, else object, else address) with who reads and who writes there.
# An operation is the name of its scopes up to the first bracket.

def rw: if any(. == "store") then "w" else "r" end;
def place: if .field_path then .field_ctype + "." + .field_path else .object_name // .addr end;
def key: "\(.id) \(.id2)";

(map(select(.type == "unexpected") |
	{ key: key, value: { names: ([.name, .name2] | map(split("(")[0]) | sort | join(" ")), pairs } }) |
	from_entries) as $of |
map(select(.type == "conflict")) | group_by(key) |
map($of[.[0] | key] + { shares: (map("\(place) \(.flags | rw)\(.flags2 | rw)") | unique | join(", ")) }) |
group_by([.names, .shares]) |
map({ line: "\(.[0].names): \(.[0].shares)", pairs: (map(.pairs) | add) }) |
sort_by(-.pairs, .line)[] | "\(.pairs) \(.line)"
