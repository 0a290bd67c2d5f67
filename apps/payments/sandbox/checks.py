"""Requests checked against the parameter types that the installed SDK was generated with.

Each ``TypedDict`` of ``stripe.params`` becomes a pydantic model in which an undeclared field is an error. So a call
that the real API of this version would refuse (a removed parameter, a misspelt one, a float for an amount) is
refused here, and an upgrade of the SDK moves the checks with it.
"""

import re
import sys
import types
from functools import cache
from typing import Annotated, Any, Literal, NotRequired, Required, Union, get_args, get_origin

import pydantic
import stripe
import typing_extensions
from pydantic_core import PydanticCustomError
from stripe._request_options import RequestOptions
from stripe._stripe_object import UntypedStripeObject

from apps.payments.sandbox.errors import CallerMistake

API_VERSION: str = stripe.api_version
_WHOLE_NUMBER = re.compile(r"-?\d{1,18}")


def check(params_type: str, form: dict[str, Any]) -> dict[str, Any]:
    """Return the typed parameters of a request.

    params_type: the name under ``stripe.params``, e.g. ``RefundCreateParams`` or ``checkout.SessionCreateParams``

    :raises CallerMistake: a parameter is unknown, missing or of another type; names the first one
    """
    try:
        model = params_model(params_type).model_validate(form)
    except pydantic.ValidationError as invalid:
        raise _mistake(form, invalid.errors()) from None
    return model.model_dump(exclude_unset=True)


@cache
def params_model(params_type: str) -> type[pydantic.BaseModel]:
    """Return the model made from one of the SDK's parameter types."""
    found: Any = stripe.params
    for name in params_type.split("."):
        found = getattr(found, name)
    return _model_of(found)


@cache
def _model_of(typed_dict: Any) -> type[pydantic.BaseModel]:
    # The SDK's older calls take parameters and request options (API key and so on) in one dictionary: the options
    # travel in headers, never in the form.
    declared = {
        name: hint for name, hint in typed_dict.__annotations__.items() if name not in RequestOptions.__annotations__
    }
    shim = type("shim", (), {"__annotations__": declared})
    namespace = vars(sys.modules[typed_dict.__module__])
    hints = typing_extensions.get_type_hints(shim, namespace, namespace, include_extras=True)
    fields: dict[str, Any] = {
        # "from" and the like are no attribute names for pydantic, so every field gets a neutral one.
        f"p{index}": _field(name, hint)
        for index, (name, hint) in enumerate(hints.items())
    }
    return pydantic.create_model(
        typed_dict.__name__,
        __config__=pydantic.ConfigDict(extra="forbid", serialize_by_alias=True),
        **fields,
    )


def _field(name: str, hint: Any) -> tuple[Any, Any]:
    optional = get_origin(hint) in (NotRequired, typing_extensions.NotRequired)
    if optional or get_origin(hint) in (Required, typing_extensions.Required):
        hint = get_args(hint)[0]
    default = None if optional else ...
    return _form_type(hint), pydantic.Field(default, alias=name)


def _form_type(hint: Any) -> Any:
    """Translate a declared type into one that reads the text of a form."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _union(arguments)
    if origin is list:
        return Annotated[
            list[_form_type(arguments[0])],  # type: ignore[misc]
            pydantic.BeforeValidator(_positions_in_order),
        ]
    if origin in (dict, UntypedStripeObject):
        return dict[str, _form_type(arguments[-1])]  # type: ignore[misc]
    if typing_extensions.is_typeddict(hint):
        return _model_of(hint)
    if hint is int:
        return Annotated[int, pydantic.BeforeValidator(_whole_number)]
    if hint is bool:
        return Annotated[bool, pydantic.BeforeValidator(_true_or_false)]
    return hint


def _union(arguments: tuple[Any, ...]) -> Any:
    choices = [argument for argument in arguments if argument is not type(None)]
    # "Literal['a', 'b'] | str" is how the SDK writes an enumeration that may grow in answers. In a request only the
    # listed values are accepted. "Literal['']" beside str is no enumeration: it clears the field.
    enumerated = any(
        get_origin(choice) in (Literal, typing_extensions.Literal) and any(get_args(choice)) for choice in choices
    )
    if enumerated:
        choices = [choice for choice in choices if choice is not str]
    return Union[tuple(_form_type(choice) for choice in choices)]  # noqa: UP007 built at run time


def _positions_in_order(value: Any) -> Any:
    if isinstance(value, dict) and all(key.isdecimal() for key in value):
        return [value[key] for key in sorted(value, key=int)]
    return value


def _whole_number(value: Any) -> int:
    # pydantic would also read "12.0" and "1_000", which Stripe refuses.
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value):
        return int(value)
    raise PydanticCustomError("parameter_invalid_integer", "Invalid integer: {value}", {"value": value})


def _true_or_false(value: Any) -> bool:
    if value in ("true", "false"):
        return bool(value == "true")
    raise PydanticCustomError("parameter_invalid_boolean", "Invalid boolean: {value}", {"value": value})


def _mistake(form: dict[str, Any], errors: list[Any]) -> CallerMistake:
    """Say the first error in Stripe's words: an unknown parameter first, then a missing one, then a wrong one."""
    order = {"extra_forbidden": 0, "missing": 1}
    error = min(errors, key=lambda each: order.get(each["type"], 2))
    param = _name(form, error["loc"], is_missing=error["type"] == "missing")
    if error["type"] == "extra_forbidden":
        return CallerMistake(f"Received unknown parameter: {param}", code="parameter_unknown", param=param)
    if error["type"] == "missing":
        return CallerMistake(f"Missing required param: {param}.", code="parameter_missing", param=param)
    code = error["type"] if error["type"].startswith("parameter_") else None
    return CallerMistake(f"Invalid {param}: {error['msg']}", code=code, param=param)


def _name(form: dict[str, Any], location: tuple[int | str, ...], *, is_missing: bool) -> str:
    """Write pydantic's location as a form key; it also names the union branches tried, which are no keys."""
    keys: list[str] = []
    node: Any = form
    for index, part in enumerate(location):
        key = str(part)
        if isinstance(node, dict) and (key in node or (is_missing and index == len(location) - 1)):
            keys.append(key)
            node = node.get(key)
    return keys[0] + "".join(f"[{key}]" for key in keys[1:])
