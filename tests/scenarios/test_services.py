"""The story on PostgreSQL, a Redis server and RabbitMQ, where they answer on their standard ports."""

import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from kombu import Connection
from kombu.exceptions import ChannelError
from redis import Redis

from bot.adapters.queue import ZONE_OF
from tests.scenarios.conftest import SECONDS
from tests.world import CALC, Town
from workers.demo.stage import Stage

pytestmark = [pytest.mark.services, pytest.mark.timeout(400)]
ADMIN = "host=127.0.0.1 port=5432 user=postgres dbname=postgres connect_timeout=2"
RABBIT = "amqp://guest:guest@127.0.0.1:5672//"
QUEUES = sorted({*ZONE_OF.values(), "celery"})


def needs(port: int, name: str) -> None:
    """Skip where nobody answers within a second."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        pytest.skip(f"no {name} answers on 127.0.0.1:{port}")


@contextmanager
def database() -> Iterator[str]:
    """Make a PostgreSQL database for one test."""
    needs(5432, "PostgreSQL")
    name = f"journeyman_test_{secrets.token_hex(6)}"
    try:
        with psycopg.connect(ADMIN, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name}")
    except psycopg.OperationalError as error:
        pytest.skip(f"PostgreSQL does not let us in: {error}")
    try:
        yield f"postgresql://postgres@127.0.0.1:5432/{name}"
    finally:
        with psycopg.connect(ADMIN, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def redis_database() -> Iterator[tuple[str, Redis]]:
    """Take an empty database of the Redis server, and leave it empty."""
    needs(6379, "Redis")
    for number in range(15, 4, -1):
        with Redis(host="127.0.0.1", db=number, socket_timeout=5) as client:
            mark = secrets.token_hex(8)
            if client.dbsize() == 0 and client.set("journeyman-test", mark, nx=True):
                try:
                    yield f"redis://127.0.0.1:6379/{number}", client
                finally:
                    client.flushdb()
                return
    pytest.skip("every database from 5 to 15 of the Redis server is in use")


def test_postgres_and_redis() -> None:
    with database() as url, redis_database() as (redis, client):
        settings = {"JOURNEYMAN_DATABASE_URL": url, "JOURNEYMAN_REDIS_URL": redis}
        with Stage(settings, seconds=SECONDS) as stage:
            assert "valkey" not in stage.installation.members
            town = Town(stage.scene("services", CALC))
            run = town.fixed()
            client.flushdb()
            town.kill("broker")
            assert run.published is not None
            town.label(run.published.number)
            town.merged_once()


@contextmanager
def own_queues() -> Iterator[None]:
    """Skip where somebody uses queues of our names (a virtual host of our own takes the management tool)."""
    needs(5672, "RabbitMQ")
    with Connection(RABBIT, connect_timeout=2) as connection:
        for queue in QUEUES:
            try:
                connection.channel().queue_declare(queue, passive=True)
            except ChannelError:
                continue
            pytest.skip(f"somebody has a queue {queue!r} on this RabbitMQ")
        try:
            yield
        finally:
            for queue in QUEUES:
                channel = connection.channel()
                channel.queue_delete(queue)
                channel.exchange_delete(queue)


@pytest.mark.slow
def test_rabbitmq_as_the_broker() -> None:
    with own_queues(), Stage({"JOURNEYMAN_REDIS_URL": RABBIT}, seconds=SECONDS) as stage:
        town = Town(stage.scene("rabbit", CALC))
        run = town.fixed()
        assert run.published is not None
        town.label(run.published.number)
        town.merged_once()
