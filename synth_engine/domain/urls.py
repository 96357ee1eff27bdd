"""URLs in texts that travel: passwords, tokens and signatures in them are secrets.

Belongs here: what of a URL may be shown. Does not belong here: opening one.
"""

import re

_USER = re.compile(r"(?<=://)[^\s/]*@")
_QUERY = re.compile(r"(://[^\s?]*)\?\S*?(?=[:;,.)\]'\"]*(?:\s|$))")


def without_secrets(text: str) -> str:
    """A text whose URLs have neither users and passwords nor queries: signed URLs carry their secrets there.

    >>> without_secrets("https://me:secret@example.org/table.csv?token=abc: cannot be read")
    'https://example.org/table.csv: cannot be read'
    """
    return _QUERY.sub(r"\1", _USER.sub("", text)) if "://" in text else text


def harmless(error: BaseException) -> BaseException | None:
    """The error, to be shown as the cause of another one; None where its words, or those of its causes, hold secrets.

    >>> harmless(OSError("no answer"))
    OSError('no answer')
    >>> harmless(OSError("no answer from ftp://me:secret@example.org"))
    """
    each: BaseException | None = error
    while each is not None:
        if without_secrets(str(each)) != str(each):
            return None
        each = each.__cause__ or each.__context__
    return error
