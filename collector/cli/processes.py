"""Running a process: the socket first, so that a taken port is said before anything else begins."""

import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from collector.cli.patience import PatientProtocol
from collector.cli.words import refuse, settings
from collector.config import Settings
from collector.logs import configure_logs, logger


def serve(process: str, create: Callable[[Settings], FastAPI], port: Callable[[Settings], int]) -> None:
    """Run one of the processes until it is told to stop."""
    read = settings()
    configure_logs(read.log_format)
    with listen(read.host, port(read)) as listening:
        logger("process").info("listening", process=process, host=read.host, port=port(read))
        uvicorn.Server(serving(create(read), read.trusted_proxies)).run(sockets=[listening])


def serving(app: ASGIApp, trusted_proxies: str) -> uvicorn.Config:
    """How uvicorn serves an application; behind a trusted proxy it sees the address of who called that."""
    return uvicorn.Config(
        app,
        http=PatientProtocol,
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        forwarded_allow_ips=trusted_proxies,
    )


def listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        refuse(f"cannot listen on {host}:{port}: {error.strerror or error}")
