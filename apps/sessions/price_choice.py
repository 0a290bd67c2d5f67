"""Why a session is priced by its tariff: what was agreed or assigned when it began, asked anew."""

from apps.contracts.models import IdToken
from apps.contracts.services import TariffExplanation, explain_tariff
from apps.sessions.models import ChargingSession


def why_this_tariff(session: ChargingSession) -> TariffExplanation | None:
    """Explain the choice of a session's tariff as of its start, in five queries.

    None where the answer is another one than the session has: it was priced by a quote, by what is paid back at home,
    or who corrected an assignment since made it look different. A session keeps its tariff in any case.
    """
    if session.tariff_version_id is None or session.home_charger_id is not None:
        return None
    token = IdToken.objects.select_related("contract__tier").filter(pk=session.token_id).first()
    evse = type(session.evse).objects.select_related("station__location").get(pk=session.evse_id)
    explanation = explain_tariff(token=token, evse=evse, at=session.started_at)
    version = explanation.choice.version
    return explanation if version is not None and version.pk == session.tariff_version_id else None
