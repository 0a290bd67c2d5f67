"""A page's forms as a browser would send them back."""

from html.parser import HTMLParser


class _Form(HTMLParser):
    """Collects what the fields of one form hold; templates are not part of it, and buttons only when pressed."""

    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.form_id = form_id
        self.sent: dict[str, list[str]] = {}
        self.is_inside = False
        self.templates = 0
        self.select = ""
        self.options: list[tuple[str, bool]] = []
        self.textarea = ""

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "form":
            self.is_inside = given.get("id") == self.form_id
        elif tag == "template":
            self.templates += 1
        elif self.is_inside and not self.templates:
            self._field(tag, given)

    def _field(self, tag, given):
        name = given.get("name", "")
        if tag == "input" and (given.get("type") not in ("checkbox", "radio") or "checked" in given):
            self._send(name, given.get("value") or "")
        elif tag == "select":
            self.select, self.options = name, []
        elif tag == "option":
            self.options.append((given.get("value") or "", "selected" in given))
        elif tag == "textarea":
            self.textarea = name
            self._send(name, "")

    def handle_data(self, data):
        if self.textarea:
            self.sent[self.textarea][-1] += data

    def handle_endtag(self, tag):
        if tag == "form":
            self.is_inside = False
        elif tag == "template":
            self.templates -= 1
        elif tag == "textarea" and self.textarea:
            self.sent[self.textarea][-1] = self.sent[self.textarea][-1].removeprefix("\n")
            self.textarea = ""
        elif tag == "select" and self.select:
            chosen = [value for value, is_selected in self.options if is_selected] or [self.options[0][0]]
            self._send(self.select, chosen[-1])
            self.select = ""

    def _send(self, name, value):
        if name:
            self.sent.setdefault(name, []).append(value)


def form_in(response, form_id: str = "tariff-editor") -> dict[str, list[str]]:
    """Return what a browser would send of a form without a change, but for the button that is pressed."""
    reader = _Form(form_id)
    reader.feed(response.content.decode())
    reader.sent.pop("csrfmiddlewaretoken", None)
    return reader.sent
