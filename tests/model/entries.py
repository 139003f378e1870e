#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a log of tests/guest/entries.c says, in one pass over mt-totext --raw.

Prints "balanced", or each entry record that does not fit the ones before;
"held", or each lock record that does not; and for what two appdata records of
one name enclose, on cpu 0: how often the kernel was entered, by cause and
number, and what the guest counted."""
import collections
import re
import sys

FIELD = re.compile(r'(\w+)=("[^"]*"|\S+)')
ERROR_CODE = {8, 10, 11, 12, 13, 14, 17, 21}    # exceptions that push one
state = {}                      # tag: current, paused, done
current = {}                    # cpu: tag
begun = {}                      # name of appdata: its value
counts = collections.Counter()
frames = collections.Counter()
unbalanced, unheld = [], []
tried, held = {}, collections.Counter()
locked = collections.Counter()
calls = collections.Counter()


def entry(line, f):
    cpu, tag, now = f['cpu'], f['tag'], f['state']
    want = {'start': None, 'resume': 'paused', 'pause': 'current', 'done': 'current'}[now]
    top = current.get(cpu)
    if state.get(tag) != want or (top != tag if want == 'current' else top is not None):
        unbalanced.append(line)
    state[tag] = {'start': 'current', 'resume': 'current', 'pause': 'paused', 'done': 'done'}[now]
    current[cpu] = tag if now in ('start', 'resume') else None
    if now == 'start' and cpu == '0':
        counts[f['cause'] + ' ' + f['number'] + ' ' + f['pc']] += 1
    if now == 'start' and (f['cause'] != 'syscall' or int(f['number']) == 20):
        frames['handlers'] += 1
        frames['want'] += 48 if f['cause'] == 'exception' and int(f['number']) in ERROR_CODE else 40


def lock(line, f):
    # Not by cpu: who sleeps in the attempt may wake up on another one.
    who, op = (f['addr'], f['pc']), f['op']
    if op == 'acquire':
        tried[who] = tried.get(who, 0) + 1
    elif op in ('acquired', 'failed'):
        tried[who] = tried.get(who, 0) - 1
        if tried[who] < 0:
            unheld.append(line)
    if op == 'acquired':
        held[f['addr']] += 1
        locked[f['name'].strip('"'), f['addr']] += 1
        if held[f['addr']] > 1 and f['name'] in ('"spinlock"', '"mutex"'):
            unheld.append(line)
    elif op == 'release':
        known = f['addr'] in held
        held[f['addr']] -= 1
        if held[f['addr']] < 0:
            if known:           # else it was held when recording began
                unheld.append(line)
            held[f['addr']] = 0


def appdata(f):
    name, value = f['name'].strip('"'), int(f['value'])
    if name not in begun:
        begun[name] = value
    else:
        print(name, 'guest', value - begun.pop(name))
        for what, n in counts.items():
            print(name, what, n)
        for sort in ('spinlock', 'mutex', 'rwsem'):
            print(name, 'lock', sort, max([n for (k, _), n in locked.items() if k == sort] or [0]))
        for what, n in calls.items():
            print(name, what, n)
    counts.clear()
    locked.clear()
    calls.clear()


def main():
    for line in sys.stdin:
        kind = line.split(' ', 1)[0]
        if kind not in ('entry', 'lock', 'appdata', 'access', 'call'):
            continue
        if kind == 'access' and 'frame' not in line:
            continue
        f = dict(FIELD.findall(line))
        if kind == 'entry':
            entry(line, f)
        elif kind == 'lock':
            lock(line, f)
        elif kind == 'appdata':
            appdata(f)
        elif kind == 'access':
            frames['bytes'] += int(f['width'])
        elif f['cpu'] == '0':
            calls[f['op'] + ' ' + f['target']] += 1
            calls[f['op']] += 1
    print(''.join(unbalanced) or 'balanced: %d entries' % len(state))
    print(''.join(unheld) or 'held: %d locks' % len(held))
    print('frames:', frames['handlers'], 'handlers', frames['bytes'], 'bytes, wanted', frames['want'])


main()
