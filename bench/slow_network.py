"""The driver's first page on slow 3G: when the price can be read and the button pressed, and what had to be loaded.

Chromium emulates the network (400 ms for each answer's first byte, 400 kbit/s); each visit is a phone that has seen
nothing before. The rival is the same page from the same server as pages usually are: three style sheets in the head,
each waited for. They take turns, so that a busy machine slows both alike.
"""

import gzip
import os
import re
import statistics
import subprocess
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any, Final, NamedTuple
from urllib.request import Request, urlopen

from apps.core.clock import now
from apps.stations.models import Connector
from apps.stations.services import new_pay_code
from bench.house import child_env, own_database
from bench.measure import say
from config.processes import Processes, asgi_command, free_port, manage_command
from tests.factories import Site, make_site
from tests.journeys.browser import Browser

LATENCY_MS: Final = 400
BYTES_PER_S: Final = 400_000 // 8
TARGET_MS: Final = 1000
MOST_BYTES: Final = 100 * 1024

# Asks at each picture whether a finger on the middle of the button would meet it, and the price stands there.
WATCH: Final = """
(() => {
  const isThere = (element) => {
    if (!element) return false;
    const box = element.getBoundingClientRect();
    const met = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    return box.height > 0 && (met === element || element.contains(met));
  };
  const look = () => {
    const painted = performance.getEntriesByName("first-contentful-paint")[0];
    const button = document.querySelector(".wd-pay button");
    if (painted && isThere(document.querySelector(".wd-main")) && isThere(button)) {
      window.firstSeen = { painted_ms: painted.startTime, usable_ms: performance.now() };
    } else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})();
"""


class Visit(NamedTuple):
    """One first load: milliseconds since the address was asked for, requests, bytes as they came over the wire."""

    painted_ms: float
    usable_ms: float
    requests: int
    size: int


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--visits", type=int, default=7, help="first loads of each page (%(default)s)")


def run(options: Namespace) -> dict[str, Any]:
    """Visit a sticker's page and its rival by turns; return the middle of each figure."""
    with own_database(), _serving() as url:
        site = make_site(tax_included=True)
        _put_online(site)
        code = new_pay_code(connector_id=site.evse.connectors.get().pk, at=now()).code
        with _rival(url) as usual, Browser() as browser:
            say(f"slow_network: {options.visits} first loads of each page")
            pages = {"ours": f"{url}/c/{code}/", "usual": f"{usual}/c/{code}/"}
            visits: dict[str, list[Visit]] = {name: [] for name in pages}
            for _ in range(options.visits):
                for name, address in pages.items():
                    visits[name].append(browser.do(lambda address=address: _visit(browser, address)))
    ours, rival = (_middle(visits[name]) for name in pages)
    assert ours["size_bytes"] <= MOST_BYTES, ours
    return {
        "unit": "milliseconds since the address was asked for, medians; connection made, no name looked up, no TLS",
        "network": {"latency_ms": LATENCY_MS, "kbit_per_s": BYTES_PER_S * 8 // 1000},
        "target_usable_ms": TARGET_MS,
        "visits": options.visits,
        "ours": ours,
        "rival": {"what": "the same page, three style sheets in the head", **rival},
    }


def _put_online(site: Site) -> None:
    Connector.objects.filter(evse=site.evse).update(status="Available", status_at=now())
    site.station.last_seen_at = now()
    site.station.save(update_fields=["last_seen_at"])


def _visit(browser: Browser, address: str) -> Visit:
    """Open a page in a browser that has seen nothing before, and wait until all of it is there."""
    context = browser.context(viewport={"width": 390, "height": 844}, locale="en-GB")
    page = context.new_page()
    asked: list[str] = []
    sizes: list[float] = []
    cdp = context.new_cdp_session(page)
    cdp.on("Network.requestWillBeSent", lambda event: asked.append(event["request"]["url"]))
    cdp.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    cdp.send("Network.enable")
    cdp.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": LATENCY_MS,
            "downloadThroughput": BYTES_PER_S,
            "uploadThroughput": BYTES_PER_S,
        },
    )
    page.add_init_script(WATCH)
    page.goto(address, wait_until="networkidle")
    seen = page.evaluate("window.firstSeen")
    context.close()
    assert seen, f"{address} never showed price and button"
    return Visit(seen["painted_ms"], seen["usable_ms"], len(asked), int(sum(sizes)))


def _middle(visits: list[Visit]) -> dict[str, int]:
    return {
        "first_paint_ms": round(statistics.median(visit.painted_ms for visit in visits)),
        "usable_ms": round(statistics.median(visit.usable_ms for visit in visits)),
        "slowest_usable_ms": round(max(visit.usable_ms for visit in visits)),
        "requests": round(statistics.median(visit.requests for visit in visits)),
        "size_bytes": round(statistics.median(visit.size for visit in visits)),
    }


@contextmanager
def _serving() -> Iterator[str]:
    """Serve the house as production does, its files compressed and kept; yield its address."""
    env = {**child_env(), "DJANGO_SETTINGS_MODULE": "bench.compressed_settings"}
    port = free_port(0)
    with TemporaryDirectory() as logs, Processes(env=env, log_dir=Path(logs)) as processes:
        say("slow_network: compressing static files")
        subprocess.run(
            [*manage_command("collectstatic"), "--noinput", "--verbosity", "0"], env={**os.environ, **env}, check=True
        )
        processes.start("web", asgi_command(port))
        processes.wait_ready(f"http://127.0.0.1:{port}/healthz", name="web")
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _rival(url: str) -> Iterator[str]:
    """Serve what ``url`` serves, with the style sheets of its pages in their heads; yield its address."""

    class AsUsual(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = Request(url + self.path, headers={"Accept-Encoding": "gzip", "Accept-Language": "en"})
            with urlopen(asked) as answer:
                body, kind = answer.read(), answer.headers["Content-Type"]
                packed = answer.headers.get("Content-Encoding") == "gzip"
            if kind.startswith("text/html"):
                body = gzip.compress(_sheets_first(gzip.decompress(body).decode()).encode())
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if packed:
                self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), AsUsual)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _sheets_first(page: str) -> str:
    """Return a page that names its style sheets in the head and carries no style."""
    sheets = re.findall(r'<link rel="stylesheet"[^>]*>', page)
    assert sheets, "the page names no style sheets"
    rest = re.sub(r'<link rel="stylesheet"[^>]*>', "", page)
    return re.sub(r"<style>.*?</style>", lambda _: "\n".join(sheets), rest, flags=re.DOTALL)
