"""What every model owes the house: a tenant path, keys that point down, no accessor that reaches up."""

import pytest
from django.apps import apps
from django.db import models

# Lowest first, as DESIGN.md draws them; apps on one line are blind to each other.
RANKS = [
    {"core"},
    {"accounts"},
    {"stations", "tariffs", "ledger", "documents"},
    {"contracts"},
    {"charging_sessions"},
    {"invoices", "ocpp"},
    {"payments"},
    {"analytics", "accounting"},
]
RANK = {label: rank for rank, labels in enumerate(RANKS) for label in labels}
OURS = [model for model in apps.get_models() if model.__module__.startswith("apps.")]


def foreign_keys(model: type[models.Model]) -> list[models.ForeignKey]:
    return [field for field in model._meta.get_fields() if isinstance(field, models.ForeignKey)]


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
class TestEveryModel:
    def test_belongs_to_an_app_with_a_rank(self, model):
        assert model._meta.app_label in RANK

    def test_names_its_tenant_path(self, model):
        paths = model.TENANT

        assert paths
        for path in paths:
            field_type = None
            holder = model
            for part in path.split("__"):
                field_type = holder._meta.get_field(part) if part != "pk" else holder._meta.pk
                holder = field_type.related_model or holder
            assert holder._meta.label == "accounts.Organisation"

    def test_points_only_to_lower_lines_and_leaves_no_accessor_there(self, model):
        own = model._meta.app_label
        for key in foreign_keys(model):
            other = key.related_model._meta.app_label
            if other in RANK and other != own:
                assert RANK[other] < RANK[own], f"{key} points up"
                assert key.remote_field.related_name == "+", f"{key} reaches up through a reverse accessor"
