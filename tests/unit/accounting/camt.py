"""A camt.053 file as a bank writes it, made of the parts a test is about."""

HEAD = '<?xml version="1.0" encoding="UTF-8"?>'


def camt(*entries: str, version: str = "08", iban: str = "DE02120300000000202051", balances: str = "") -> bytes:
    return (
        f'{HEAD}<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}"><BkToCstmrStmt><GrpHdr>'
        f"<MsgId>1</MsgId></GrpHdr><Stmt><Id>1</Id><Acct><Id><IBAN>{iban}</IBAN></Id></Acct>{balances}"
        f"{''.join(entries)}</Stmt></BkToCstmrStmt></Document>"
    ).encode()


def balance(code: str, amount: str, side: str = "CRDT") -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy='EUR'>{amount}</Amt>"
        f"<CdtDbtInd>{side}</CdtDbtInd><Dt><Dt>2026-07-20</Dt></Dt></Bal>"
    )


def entry(
    amount: str,
    *details: str,
    side: str = "CRDT",
    day: str = "2026-07-20",
    status: str = "<Sts><Cd>BOOK</Cd></Sts>",
    currency: str = "EUR",
    more: str = "",
) -> str:
    return (
        f'<Ntry><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd>{status}'
        f"<BookgDt><Dt>{day}</Dt></BookgDt><ValDt><Dt>{day}</Dt></ValDt>{more}"
        f"<NtryDtls>{''.join(details)}</NtryDtls></Ntry>"
    )


def details(
    *, payer: str = "Fleet AG", text: str = "", reference: str = "", ref: str = "", amount: str = "", iban: str = ""
) -> str:
    structured = f"<Strd><CdtrRefInf><Ref>{reference}</Ref></CdtrRefInf></Strd>" if reference else ""
    account = f"<DbtrAcct><Id><IBAN>{iban}</IBAN></Id></DbtrAcct>" if iban else ""
    own = f'<Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd>' if amount else ""
    return (
        f"<TxDtls><Refs>{f'<AcctSvcrRef>{ref}</AcctSvcrRef>' if ref else ''}<EndToEndId>NOTPROVIDED</EndToEndId></Refs>"
        f"{own}<RltdPties><Dbtr><Pty><Nm>{payer}</Nm></Pty></Dbtr>{account}</RltdPties>"
        f"<RmtInf>{f'<Ustrd>{text}</Ustrd>' if text else ''}{structured}</RmtInf></TxDtls>"
    )
