#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fake-server PROTOCOL BEHAVIOUR: a server of one client that does as it is told.

Prints its port on 127.0.0.1 and serves until it is ended.  udp speaks memcached's
text protocol in datagrams; smtp is a mail server that keeps nothing.
"""
import socket
import sys


def udp(s, how):
    """memcached without any key."""
    stored = set()
    count = 0
    while True:
        data, peer = s.recvfrom(2048)
        head, words = data[:8], data[8:].split()
        if words[0] == b"set":
            stored.add(words[1])
            text = b"STORED\r\n"
        else:
            text = b"END\r\n"
        count += 1
        if how == "wrong":
            text = b"ERROR\r\n"
        if how == "mute" or (how == "drop-one" and count == 7):
            continue
        s.sendto(head + text, peer)
        # The network may do that.
        s.sendto(head + text, peer)


REPLIES = {b"HELO": "250 hello", b"MAIL": "250 ok", b"RCPT": "250 ok", b"DATA": "354 go on",
           b".": "250 ok id=1", b"QUIT": "221 bye"}


def smtp_session(c, how):
    def say(text):
        for byte in (text + "\r\n").encode():
            c.send(bytes([byte]))

    say("220-a greeting\r\n220 of two lines")
    in_mail = False
    for line in c.makefile("rb"):
        word = line.split()[0] if line.split() else b""
        if in_mail and word != b".":
            continue
        in_mail = word == b"DATA"
        if how == "hang-up" and word == b"DATA":
            return
        if how == "full" and word == b"RCPT":
            say("452 no room")
            continue
        say(REPLIES[word])


def smtp(s, how):
    s.listen()
    while True:
        c, _ = s.accept()
        with c:
            c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                smtp_session(c, how)
            except OSError:
                pass


def main():
    kind = {"udp": socket.SOCK_DGRAM, "smtp": socket.SOCK_STREAM}[sys.argv[1]]
    s = socket.socket(socket.AF_INET, kind)
    s.bind(("127.0.0.1", 0))
    print(s.getsockname()[1], flush=True)
    {"udp": udp, "smtp": smtp}[sys.argv[1]](s, sys.argv[2])


main()
