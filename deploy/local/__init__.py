"""A real TimescaleDB and a real Redis on this machine, without root and without touching the system."""

from deploy.local.borg import fetch_borg, fetch_borgmatic
from deploy.local.errors import UnavailableError
from deploy.local.programs import fetch_program
from deploy.local.server import Server
from deploy.local.services import Flavour, Services, local_services

__all__ = [
    "Flavour",
    "Server",
    "Services",
    "UnavailableError",
    "fetch_borg",
    "fetch_borgmatic",
    "fetch_program",
    "local_services",
]
