"""On which ports the processes of a small deployment are started."""

import socket

from deploy.demo.stack import free_ports
from deploy.local import server


def test_ports_that_nobody_asked_for_are_none_that_a_client_or_another_run_could_be_given() -> None:
    chosen = free_ports(0, 0, 0, 0)
    assert len(set(chosen)) == 4
    assert set(chosen) <= set(server.PORTS)


def test_a_wanted_port_is_taken_where_it_is_free_and_else_another_of_ours() -> None:
    free = server.free_port()
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        taken = held.getsockname()[1]
        [same, other] = free_ports(free, taken)
    assert same == free
    assert other in server.PORTS
