"""What the world may ask of sessions and must be refused, by name."""


class SessionError(Exception):
    """Base of the refusals; the message is a sentence for a person."""


class GrantRefused(SessionError):
    """A grant names a station, EVSE, tariff or contract that is not its seller's, or lasts no time."""


class RatingRefused(SessionError):
    """The session cannot be priced: not settled, nobody pays, no tax rate, or its facts contradict themselves."""


class NothingToBill(SessionError):
    """Nobody agreed to pay for the session, so that it cannot be accepted as it is."""


class RegisterUnusable(SessionError):
    """What is known of the session contradicts itself so far that no register can be made of it."""


class ReasonMissing(SessionError):
    """A decision without a reason would explain nothing to the next reader."""


class PriceChanged(SessionError):
    """A decision comes to another price than the one it was shown with."""
