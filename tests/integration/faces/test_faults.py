"""Pages that say no: in the reader's language, with what to do, and without asking the database when it may be gone."""

import pytest
from django.test import Client, RequestFactory
from django.utils import translation
from django.views.defaults import server_error

from apps.accounts.domain.roles import Role
from tests.factories import make_member, make_organisation
from tests.integration.tenants import signed_in


class TestFaults:
    @pytest.mark.django_db
    def test_say_what_happened_and_where_to_go_in_the_readers_language(self):
        colleague = signed_in(make_member(organisation=make_organisation(), role=Role.FLEET_USER).user)
        french = {"HTTP_ACCEPT_LANGUAGE": "fr"}

        missing = Client(**french).get("/nothing/")
        forbidden = colleague.get("/portal/people/", headers={"accept-language": "de"})
        too_old = Client(enforce_csrf_checks=True).post("/portal/login/")

        assert [missing.status_code, forbidden.status_code, too_old.status_code] == [404, 403, 403]
        assert "Il n’y a rien à cette adresse" in missing.content.decode()
        assert 'href="/find/"' in missing.content.decode()
        assert "Ihre Rolle erlaubt das nicht" in forbidden.content.decode()
        assert "This form was open for too long" in too_old.content.decode()

    def test_of_our_own_ask_the_database_for_nothing(self):
        with translation.override("nl"):
            broken = server_error(RequestFactory().get("/portal/"))

        assert broken.status_code == 500
        assert "Bij ons ging iets stuk" in broken.content.decode()
