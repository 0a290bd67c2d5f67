from datetime import UTC, datetime
from hashlib import sha256

import pytest
from django.db import IntegrityError, connection, transaction

from apps.core import audit
from apps.documents import selectors
from apps.documents.models import Document
from apps.documents.services import store_document
from tests.factories import make_organisation, make_owner

NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)


@pytest.fixture
def owner(db):
    return make_owner()


def store(owner, *, content: bytes = b"%PDF-1", recipient=None, key: str = "invoice:1:document") -> Document:
    return store_document(
        seller_id=owner.pk,
        recipient_id=recipient.pk if recipient else None,
        key=key,
        kind="invoice",
        media_type="application/pdf",
        language="en",
        file_name="INV-2026-000001.pdf",
        content=content,
        at=NOON,
    )


class TestStoreDocument:
    def test_keeps_the_bytes_and_their_hash(self, owner):
        recipient = make_organisation()

        document = store(owner, recipient=recipient)

        document.refresh_from_db()
        assert bytes(document.content) == b"%PDF-1"
        assert document.sha256 == sha256(b"%PDF-1").hexdigest()
        assert document.recipient == recipient

    def test_twice_gives_the_first(self, owner):
        first = store(owner)
        again = store(owner, content=b"other bytes")

        assert first == again
        assert bytes(Document.objects.get().content) == b"%PDF-1"

    def test_finds_it_by_key_within_its_seller(self, owner):
        document = store(owner)

        assert selectors.get_document(seller_id=owner.pk, key="invoice:1:document") == document
        assert selectors.get_document(seller_id=make_owner().pk, key="invoice:1:document") is None


class TestDocuments:
    @pytest.mark.parametrize(
        ("sql", "says"),
        [
            ("UPDATE documents_document SET content = ''", "documents are frozen"),
            ("UPDATE documents_document SET file_name = 'x'", "documents are frozen"),
            ("DELETE FROM documents_document", "documents are frozen"),
            (
                "INSERT INTO documents_document"
                " (seller_id, key, kind, media_type, language, file_name, content, sha256, created_at)"
                " SELECT seller_id, key, kind, media_type, language, file_name, content, sha256, created_at"
                " FROM documents_document",
                "document_key_unique_per_seller",
            ),
            (
                "INSERT INTO documents_document"
                " (seller_id, key, kind, media_type, language, file_name, content, sha256, created_at)"
                " SELECT seller_id, 'other', kind, media_type, language, file_name, content, 'no hash',"
                " created_at FROM documents_document",
                "document_hash_is_sha256",
            ),
        ],
    )
    def test_are_kept_as_they_are(self, owner, sql, says):
        store(owner)

        with pytest.raises(IntegrityError, match=says), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)

        assert Document.objects.count() == 1


class TestI6:
    def test_names_a_document_whose_hash_is_not_its_bytes(self, owner):
        document = Document.objects.create(
            seller=owner,
            key="x",
            kind="invoice",
            media_type="text/html",
            language="en",
            file_name="x.html",
            content=b"other",
            sha256="0" * 64,
            created_at=NOON,
        )

        found = [violation for violation in audit.find_violations() if violation.invariant == "I6"]

        assert [(row.subject, row.problem) for row in found] == [
            (f"document {document.pk}", "x.html does not hash to what was stored")
        ]
