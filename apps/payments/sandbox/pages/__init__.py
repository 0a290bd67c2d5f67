"""The pages that customers see, under ``/c/``: plain HTML forms that a browser or a plain POST can drive."""

from apps.payments.sandbox.pages import authentication, checkout, mandate
from apps.payments.sandbox.pages.layout import PREFIX, PageAnswer, nothing_here
from apps.payments.sandbox.state import State

__all__ = ["PREFIX", "PageAnswer", "answer"]

_SHOW = {"pay": checkout.show, "3ds": authentication.show, "mandate": mandate.show}
_SUBMIT = {"pay": checkout.submit, "3ds": authentication.submit}


def answer(state: State, method: str, path: str, body: str) -> PageAnswer:
    """Answer a browser. path: ``/c/<kind>/<id>``; body: the form of a POST."""
    kind, _, identifier = path.removeprefix(PREFIX).partition("/")
    is_post = method == "POST"
    with state.turn(writes=is_post):
        if is_post and kind in _SUBMIT:
            return _SUBMIT[kind](state, identifier, body)
        if not is_post and kind in _SHOW:
            return _SHOW[kind](state, identifier)
        return nothing_here()
