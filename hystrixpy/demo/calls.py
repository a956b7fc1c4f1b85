"""The guarded calls: real sockets to the service, each behind a circuit of its own. Read this file first."""

from __future__ import annotations

import asyncio
import http.client
import json
from typing import Any

from hystrixpy import AsyncCommand, Command, CommandProperties, ThreadPoolProperties, deadline

__all__ = ["KEYS", "GetPrice", "GetReport", "GetUser", "ServiceError"]

Json = dict[str, Any]

QUICK_TO_SHOW: dict[str, Any] = {
    "rolling_window": 4.0,
    "rolling_buckets": 8,
    "percentile_window": 3.0,
    "percentile_buckets": 3,
    "breaker_sleep_window": 1.0,
}
"""Shorter windows than a real program wants, so that half a minute shows everything."""


class ServiceError(Exception):
    """The service answered, but not with what was asked for."""


class GetUser(Command[Json]):
    """Blocking, in the caller's thread. Nothing can cut its ``run`` short, so the socket is told what time is left."""

    group = "users"
    properties = CommandProperties(isolation="semaphore", timeout=0.3, max_concurrent=20, **QUICK_TO_SHOW)

    def __init__(self, port: int, number: int) -> None:
        self.port = port
        self.number = number

    def run(self) -> Json:
        return get(self.port, f"/users/{self.number}", timeout=deadline())

    def fallback(self) -> Json:
        return {"id": self.number, "resource": "a guest"}


class GetPrice(AsyncCommand[Json]):
    """On an event loop. Its timeout cancels the work at its next ``await``."""

    group = "prices"
    properties = CommandProperties(timeout=0.25, **QUICK_TO_SHOW)

    def __init__(self, port: int, number: int) -> None:
        self.port = port
        self.number = number

    async def run(self) -> Json:
        return await get_async(self.port, f"/prices/{self.number}")

    def fallback(self) -> Json:
        return {"id": self.number, "resource": "the price of yesterday"}


class GetReport(Command[Json]):
    """Blocking, in a pool of five threads. When reports hang, they cost those five threads and nothing else."""

    group = "reports"
    properties = CommandProperties(timeout=0.2, **QUICK_TO_SHOW)
    pool_properties = ThreadPoolProperties(core_size=5)

    def __init__(self, port: int, number: int) -> None:
        self.port = port
        self.number = number

    def run(self) -> Json:
        return get(self.port, f"/reports/{self.number}", timeout=None)

    def fallback(self) -> Json:
        return {"id": self.number, "resource": "no report today"}


KEYS = ("GetUser", "GetPrice", "GetReport")


def get(port: int, path: str, timeout: float | None) -> Json:
    """GET over a fresh connection; ``timeout`` in seconds bounds each wait on the socket."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return content(response.status, response.read())
    finally:
        connection.close()


async def get_async(port: int, path: str) -> Json:
    """The same on asyncio streams."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(head.lower().split("content-length:")[1].split()[0])
        return content(int(head.split()[1]), await reader.readexactly(length))
    finally:
        writer.close()


def content(status: int, body: bytes) -> Json:
    if status != http.client.OK:
        raise ServiceError(f"status {status}: {body.decode(errors='replace')}")
    answer: Json = json.loads(body)
    return answer
