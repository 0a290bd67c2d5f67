"""One whole installation on this machine: web, ocpp, worker, beat and, where no other is given, the Stripe double."""

from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from config.processes import (
    Processes,
    Tls,
    asgi_command,
    beat_command,
    free_port,
    manage_command,
    worker_command,
)

ASGI_ENV = {"DATABASE_POOL": "10"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Where the running parts answer; ``sandbox_url`` is None when Stripe itself or somebody's double is used."""

    web_url: str
    ocpp_url: str
    sandbox_url: str | None
    var: Path


def prepare() -> None:
    """Bring the database up to date and gather static files."""
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)


def start(
    processes: Processes, *, port: int, var: Path, host: str = "127.0.0.1", beat: bool = True, tls: Tls | None = None
) -> Installation:
    """Start every process and wait until the site is ready.

    port  wanted; a taken one moves to the next free one
    tls   for the chargers' port
    var   where the double and beat keep their state
    :raises ProcessFailed: something ended, or is not ready in time
    """
    web_port = free_port(port, host=host)
    ocpp_port = free_port(web_port + 1, host=host)
    env = {"PUBLIC_URL": f"http://{host}:{web_port}", **ASGI_ENV}
    secure = "" if tls is None else "s"
    sandbox_url = None
    # With Stripe's own test keys the same pages run against Stripe.
    if not settings.STRIPE_API_BASE and settings.STRIPE_SECRET_KEY == settings.SANDBOX_SECRET_KEY:
        sandbox_port = free_port(ocpp_port + 1)
        sandbox_url = f"http://127.0.0.1:{sandbox_port}"
        env["STRIPE_API_BASE"] = sandbox_url
        processes.start(
            "sandbox",
            manage_command(
                *("stripe_sandbox", "--port", str(sandbox_port), "--state", str(var / "stripe_sandbox.json")),
                *("--webhook", f"http://{host}:{web_port}/webhooks/stripe/"),
                *("--secret", settings.STRIPE_WEBHOOK_SECRETS[0]),
            ),
        )
    processes.start("web", asgi_command(web_port, host=host), env=env)
    processes.start("ocpp", asgi_command(ocpp_port, host=host, tls=tls), env=env)
    work_env = {**env, "DATABASE_POOL": "0"}
    processes.start("worker", worker_command(), env=work_env)
    if beat:
        processes.start("beat", beat_command(var / "beat-schedule"), env=work_env)
    if sandbox_url:
        processes.wait_ready(f"{sandbox_url}/_control/clock", name="sandbox")
    processes.wait_ready(f"http://{host}:{web_port}/readyz", name="web")
    processes.wait_ready(f"http{secure}://{host}:{ocpp_port}/healthz", name="ocpp")
    return Installation(
        web_url=f"http://{host}:{web_port}",
        ocpp_url=f"ws{secure}://{host}:{ocpp_port}/ocpp",
        sandbox_url=sandbox_url,
        var=var,
    )
