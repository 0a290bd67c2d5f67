"""What all pages look like: one column that fits a phone, no script, nothing from elsewhere."""

from dataclasses import dataclass
from html import escape

PREFIX = "/c/"
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;background:#f6f8fa;color:#1a1f36;margin:0}
main{box-sizing:border-box;max-width:30rem;margin:4vh auto;background:#fff;padding:1.5rem;border-radius:.5rem;
box-shadow:0 1px 4px #0003;overflow-wrap:anywhere}
h1{font-size:1.3rem;margin:0 0 1rem}h2{font-size:1.05rem;margin:1.5rem 0 .5rem}label{display:block;font-weight:600}
input{box-sizing:border-box;width:100%;font:inherit;padding:.6rem;margin:.3rem 0 1rem;border:1px solid #8792a2}
button{width:100%;font:inherit;font-weight:600;padding:.7rem;margin:.3rem 0;border:0;border-radius:.3rem;
background:#635bff;color:#fff}
button.no{background:#fff;color:#b3093c;border:1px solid}
[role=alert]{color:#b3093c;font-weight:600}.note{font-size:.85rem;color:#4f566b}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageAnswer:
    """What the browser gets: a page, or a redirect when ``location`` is set."""

    status: int
    html: str = ""
    location: str = ""


def document(content: str) -> str:
    """Return a page. content: HTML, with everything from outside escaped."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Stripe sandbox</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><link rel="icon" href="data:,">'
        f"<style>{_STYLE}</style></head><body><main>{content}</main></body></html>"
    )


def told(status: int, said: str, link: str = "") -> PageAnswer:
    """Return a page that only says something. link: HTML below it."""
    return PageAnswer(status=status, html=document(f"<h1>{escape(said)}</h1>{link}"))


def nothing_here() -> PageAnswer:
    """Return the page for an address that is none."""
    return told(404, "This page does not exist")
