#!/usr/bin/env python3
"""Asks a web server many times over many connections at once, every tenth time wrongly.

    ./load.py PORT [REQUESTS [CONNECTIONS]]

Each good answer is compared with what image.sh put there; what is wrong must be
refused, or the connection ends; after it all a good request is still answered. Prints
one line of JSON; ends with status 1 when anything was not as it should be.
"""

import asyncio
import hashlib
import json
import socket
import struct
import sys
import time

PORT = int(sys.argv[1])
REQUESTS = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
AT_ONCE = int(sys.argv[3]) if len(sys.argv) > 3 else 50
NUMBERS = "a7a14d0926bda540030fd4c43a64aa0c8a343f5cd735e34b45150c4b0b7a528e"


async def ask(path):
    """A whole request: the status and the body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    writer.write(f"GET {path} HTTP/1.0\r\nHost: it\r\n\r\n".encode())
    answer = await reader.read(-1)
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.split(b" ")[1], body


def reset(writer):
    """Ends a connection by a reset."""
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


async def broken(kind):
    """Something that is no request, or half of one; whether the answer is right."""
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    if kind == 0:
        writer.write(b"\x00\xff\x80 nonsense\r\n\r\n")
    elif kind == 1:
        writer.write(b"GET /" + b"a" * 20_000 + b" HTTP/1.0\r\n\r\n")
    elif kind == 2:
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
    elif kind == 3:
        writer.write(b"GET /num")
        await writer.drain()
        writer.close()
        return True
    else:
        writer.write(b"GET /numbers HTTP/1.0\r\nHost: it\r\n\r\n")
        await reader.readexactly(20_000)
        reset(writer)
        return True
    answer = await reader.read(-1)
    writer.close()
    return answer.split(b" ")[1:2] in ([b"400"], [b"414"])


async def worker(numbers, counts):
    for number in numbers:
        try:
            if number % 10 == 9:
                right = await broken(number // 10 % 5)
                counts["broken"] += 1
            elif number % 100 == 0:
                status, body = await ask("/numbers")
                right = status == b"200" and hashlib.sha256(body).hexdigest() == NUMBERS
                counts["files"] += 1
            else:
                right = await ask("/") == (b"200", b"served\n")
                counts["pages"] += 1
            counts["wrong"] += not right
        except (OSError, IndexError, asyncio.IncompleteReadError) as error:
            counts["wrong"] += 1
            print(f"request {number}: {error!r}", file=sys.stderr)


async def until_it_answers():
    """The guest may still be starting: QEMU takes connections that nobody answers."""
    for _ in range(120):
        try:
            if await asyncio.wait_for(ask("/"), 5) == (b"200", b"served\n"):
                return
        except (OSError, IndexError, TimeoutError, asyncio.TimeoutError):
            pass
        await asyncio.sleep(1)


async def main():
    counts = {"pages": 0, "files": 0, "broken": 0, "wrong": 0}
    numbers = iter(range(REQUESTS))
    await until_it_answers()
    began = time.monotonic()
    await asyncio.gather(*(worker(numbers, counts) for _ in range(AT_ONCE)))
    counts["seconds"] = round(time.monotonic() - began, 1)
    counts["answers afterwards"] = await ask("/") == (b"200", b"served\n")
    print(json.dumps(counts))
    return counts["wrong"] == 0 and counts["answers afterwards"]


sys.exit(not asyncio.run(main()))
