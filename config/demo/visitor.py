"""A person with a browser, reduced to HTTP: signs in, follows links, sends forms with their CSRF token."""

from urllib.parse import urljoin

import requests


class PageRefused(RuntimeError):
    """A page did not answer 200; the message names page and status."""


class Visitor:
    """One browser session on one site."""

    def __init__(self, site: str) -> None:
        self.site = site
        self._session = requests.Session()

    def get(self, path: str) -> requests.Response:
        """Open a page.

        :raises PageRefused: it does not answer 200
        """
        answer = self._session.get(urljoin(self.site, path), timeout=20)
        if answer.status_code != 200:
            raise PageRefused(f"{path} answers {answer.status_code}")
        return answer

    def status_of(self, path: str) -> int:
        """Return what a page answers, redirects not followed."""
        return self._session.get(urljoin(self.site, path), timeout=20, allow_redirects=False).status_code

    def post(self, path: str, fields: dict[str, str]) -> requests.Response:
        """Send a form of a page opened before; redirects are not followed, so that one may leave the site."""
        token = self._session.cookies.get("csrftoken", "")
        return self._session.post(
            urljoin(self.site, path),
            data={**fields, "csrfmiddlewaretoken": token},
            headers={"Referer": urljoin(self.site, path)},
            timeout=20,
            allow_redirects=False,
        )

    def sign_in(self, path: str, *, email: str, password: str) -> None:
        """Sign in by the form at ``path``.

        :raises PageRefused: e-mail or password were not taken
        """
        self.get(path)
        answer = self.post(path, {"username": email, "password": password})
        if answer.status_code != 302:
            raise PageRefused(f"{path} does not let {email} in (status {answer.status_code})")
