"""Read camt.053 (ISO 20022 BankToCustomerStatement, versions 001.02 to 001.13) whatever its namespace.

Read by defusedxml without DTD and entities, so that no file makes the parser expand or fetch anything. Only booked
entries count (``Sts`` BOOK); an entry of several transactions with amounts of their own gives a line for each.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from apps.accounting.domain.statements.lines import Line, StatementRead, UnreadableStatement, with_keys

MOST_BYTES: Final = 5 * 1024 * 1024


def read_camt(content: bytes) -> StatementRead:
    """Return what a camt.053 file tells; several statements of one account are one.

    :raises UnreadableStatement: it is no camt.053, of several accounts, too large, or dangerous XML
    """
    if len(content) > MOST_BYTES:
        raise UnreadableStatement("The file is larger than 5 MiB. Split it by day or month.")
    try:
        root = fromstring(content, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    except DefusedXmlException as error:
        raise UnreadableStatement("The file declares a document type or entities, which no bank does.") from error
    except (ParseError, ValueError, LookupError) as error:
        raise UnreadableStatement("The file is no XML. Take the camt.053 file as your bank gave it.") from error
    statements = list(_all(root, "BkToCstmrStmt/Stmt"))
    if not statements:
        raise UnreadableStatement("The file is XML, but no camt.053 statement: it has no BkToCstmrStmt.")
    accounts = {_text(each, "Acct/Id/IBAN") or _text(each, "Acct/Id/Othr/Id") for each in statements}
    if len(accounts) > 1:
        raise UnreadableStatement("The file has statements of several accounts. Upload one account at a time.")
    (account,) = accounts
    try:
        lines = [line for each in statements for entry in _all(each, "Ntry") for line in _lines(entry)]
        opening, closing = _balance(statements[0], "OPBD", "PRCD"), _balance(statements[-1], "CLBD")
    except (InvalidOperation, ValueError) as error:
        raise UnreadableStatement("An amount or a day in the file cannot be read.") from error
    return StatementRead(
        account=account, lines=with_keys(lines, source="camt", account=account), opening=opening, closing=closing
    )


def _lines(entry: Element) -> Iterator[Line]:
    """Return an entry's lines; none while it is only pending or for information."""
    status = _text(entry, "Sts/Cd") or _text(entry, "Sts")
    if status != "BOOK":
        return
    whole = _amount(entry)
    details = list(_all(entry, "NtryDtls/TxDtls"))
    parts = [_amount_of_part(part, whole) for part in details]
    if len(details) > 1 and None not in parts and sum(part for part in parts if part is not None) == whole:
        for part, amount in zip(details, parts, strict=True):
            assert amount is not None, "checked above"
            yield _line(entry, part, amount)
    else:
        yield _line(entry, details[0] if len(details) == 1 else None, whole)


def _line(entry: Element, part: Element | None, amount: Decimal) -> Line:
    other = "Dbtr" if amount > 0 else "Cdtr"
    told = part if part is not None else entry
    return Line(
        booked_on=_day(entry),
        amount=amount,
        currency=_currency(entry),
        payer=_text(told, f"RltdPties/{other}/Pty/Nm") or _text(told, f"RltdPties/{other}/Nm"),
        payer_iban=_text(told, f"RltdPties/{other}Acct/Id/IBAN"),
        reference=_reference(told) or _text(entry, "AddtlNtryInf"),
        bank_reference=_text(told, "Refs/AcctSvcrRef") or _text(entry, "AcctSvcrRef"),
        is_reversal=_text(entry, "RvslInd") in ("true", "1"),
    )


def _reference(told: Element) -> str:
    """Return what a payer wrote: structured references first, then the free text, then the end-to-end id."""
    structured = [_flat(each) for each in _all(told, "RmtInf/Strd/CdtrRefInf/Ref")]
    free = [_flat(each) for each in _all(told, "RmtInf/Ustrd")]
    said = " ".join(part for part in (*structured, *free) if part)
    end_to_end = _text(told, "Refs/EndToEndId")
    return said or ("" if end_to_end == "NOTPROVIDED" else end_to_end)


def _amount(entry: Element) -> Decimal:
    amount = Decimal(_text(entry, "Amt"))
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"amount {amount}")
    return amount if _text(entry, "CdtDbtInd") == "CRDT" else -amount


def _amount_of_part(part: Element, whole: Decimal) -> Decimal | None:
    said = _text(part, "Amt") or _text(part, "AmtDtls/TxAmt/Amt")
    if not said:
        return None
    side = _text(part, "CdtDbtInd")
    is_credit = side == "CRDT" if side else whole > 0
    return Decimal(said) if is_credit else -Decimal(said)


def _currency(entry: Element) -> str:
    return next((each.get("Ccy", "") for each in _all(entry, "Amt")), "")


def _day(entry: Element) -> date:
    said = _text(entry, "BookgDt/Dt") or _text(entry, "BookgDt/DtTm") or _text(entry, "ValDt/Dt")
    return date.fromisoformat(said[:10])


def _balance(statement: Element, *codes: str) -> Decimal | None:
    for balance in _all(statement, "Bal"):
        if _text(balance, "Tp/CdOrPrtry/Cd") in codes:
            return _amount(balance)
    return None


def _all(element: Element, path: str) -> Iterator[Element]:
    """Return the descendants along a path of local names."""
    name, _, rest = path.partition("/")
    for child in element:
        if isinstance(child.tag, str) and child.tag.rpartition("}")[2] == name:
            if rest:
                yield from _all(child, rest)
            else:
                yield child


def _text(element: Element, path: str) -> str:
    return next((_flat(found) for found in _all(element, path)), "")


def _flat(element: Element) -> str:
    return " ".join((element.text or "").split())
