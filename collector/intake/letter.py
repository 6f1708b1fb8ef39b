"""What a mail says, as far as anybody looks: its subject, and the beginning of its text.

A mail is anybody's bytes. They are taken apart here in one pass over bounded pieces, since the library's parser
recurses with their nesting and can take minutes for a megabyte; whatever is broken is read as it stands.
"""

import quopri
import re
from base64 import b64decode
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape

from collector.intake.dates import read_date

# As much as a ping's body (collector/intake/pings.py); a report names its result at its beginning.
MOST_LOOKED_AT = 100_000
_MOST_HEADERS = 64 * 1024
_MOST_VALUE = 2_000
_MOST_PARTS = 50
_1970 = datetime(1970, 1, 1, tzinfo=UTC)  # ids are made of it (UUIDv7)

Headers = dict[str, str]
_WANTED = ("subject", "message-id", "date", "content-type", "content-transfer-encoding", "content-disposition")
_BLANK_LINE = re.compile(rb"(?:\A|\r?\n)\r?\n")
_END_OF_LINE = re.compile(rb"[ \t]*\r?\n")
_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_PARAMETER = re.compile(r';\s*(boundary|charset)\s*=\s*(?:"([^"]*)"|([^\s;"]+))', re.IGNORECASE)
_ENCODED_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bq])\?([^?\s]*)\?=(?:\s+(?==\?))?", re.IGNORECASE)
# Those that texts are written in: Python knows codecs that are none, and some that take long.
_CHARSET = re.compile(
    r"utf-?8|utf-?16(le|be)?|(us-)?ascii|iso-?8859-\d\d?|latin-?1|(windows-|cp)(125\d|437|850|874|932|1361)|koi8-[ru]|"
    r"mac-?roman|macintosh|gb2312|gbk|gb18030|big5|shift_?jis|euc-(jp|kr)|iso-2022-jp",
    re.IGNORECASE,
)
_HIDDEN = re.compile(r"<(style|script|title)\b.*?(?:</\1[^<>]*>?|\Z)|<!--.*?(?:-->|\Z)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")


@dataclass(frozen=True)
class Letter:
    """`sent_at` and `message_id` are as the sender wrote them, if they can be read."""

    subject: str
    text: str
    message_id: str
    sent_at: datetime | None


@dataclass(frozen=True)
class _Part:
    headers: Headers
    body: bytes

    @property
    def type(self) -> str:
        written = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        return written if "/" in written else "text/plain"

    @property
    def attached(self) -> bool:
        return self.headers.get("content-disposition", "").lower().startswith("attachment")

    def parameter(self, name: str) -> str:
        given = _PARAMETER.findall(self.headers.get("content-type", ""))
        return next((quoted or bare for key, quoted, bare in given if key.lower() == name), "")

    @property
    def text(self) -> str:
        encoding = self.headers.get("content-transfer-encoding", "").strip().lower()
        return _decode(_inflate(self.body, encoding)[:MOST_LOOKED_AT], self.parameter("charset"))


def read_letter(raw: bytes) -> Letter:
    """Of any bytes; never raises."""
    letter = _part(raw)
    sent_at = read_date(letter.headers.get("date", ""))
    return Letter(
        subject=_CONTROL.sub(" ", _ENCODED_WORD.sub(_word, letter.headers.get("subject", ""))).strip(),
        text=_first_text(letter).replace("\x00", ""),
        message_id=letter.headers.get("message-id", ""),
        sent_at=sent_at if sent_at and sent_at >= _1970 else None,
    )


def _part(raw: bytes) -> _Part:
    blank = _BLANK_LINE.search(raw, 0, _MOST_HEADERS)
    if blank is None:
        return _Part(_headers(raw[:_MOST_HEADERS]), b"")
    return _Part(_headers(raw[: blank.start()]), raw[blank.end() :])


def _headers(head: bytes) -> Headers:
    """The first of each that is wanted."""
    headers: Headers = {}
    for line in _FOLD.sub(b"", head).split(b"\n"):
        name, _, value = line.partition(b":")
        wanted = name.strip().lower().decode("latin-1")
        if wanted in _WANTED:
            headers.setdefault(wanted, _decode(value[:_MOST_VALUE], "").strip())
    return headers


def _first_text(letter: _Part) -> str:
    """The first part of plain text, else of HTML without its tags; attachments are nobody's text."""
    waiting, html = [letter], ""
    for _ in range(_MOST_PARTS):
        if not waiting:
            break
        part = waiting.pop()
        if part.type.startswith("multipart/"):
            waiting += reversed(_parts(part))
        elif part.type == "text/plain" and not part.attached:
            return part.text
        elif part.type == "text/html" and not part.attached and not html:
            html = part.text
    return unescape(_TAG.sub(" ", _HIDDEN.sub(" ", html)))


def _parts(whole: _Part) -> list[_Part]:
    """What stands between the boundary's lines, up to the closing one. Another boundary may begin like it."""
    boundary = whole.parameter("boundary").encode()
    if not boundary:
        return []
    parts: list[bytes] = []
    for piece in (b"\n" + whole.body).split(b"\n--" + boundary, _MOST_PARTS)[1:]:
        line = _END_OF_LINE.match(piece)
        if line:
            parts.append(piece[line.end() :])
        elif piece.startswith(b"--"):
            break
        elif parts:
            parts[-1] += b"\n--" + boundary + piece
    return [_part(part) for part in parts]


def _inflate(body: bytes, encoding: str) -> bytes:
    if encoding == "base64":
        return _base64(body[: MOST_LOOKED_AT * 3 // 2])
    if encoding == "quoted-printable":
        return quopri.decodestring(body[: MOST_LOOKED_AT * 3])
    return body


def _base64(written: bytes) -> bytes:
    """What can be read of it: the letters of the alphabet, as many as make whole bytes."""
    letters = re.sub(rb"[^A-Za-z0-9+/]", b"", written)
    whole = letters[:-1] if len(letters) % 4 == 1 else letters
    return b64decode(whole + b"=" * (-len(whole) % 4))


def _word(encoded: re.Match[str]) -> str:
    """An encoded word of a header (RFC 2047)."""
    written = encoded[3].encode("utf-8", "replace")
    raw = _base64(written) if encoded[2] in "bB" else quopri.decodestring(written, header=True)
    return _decode(raw, encoded[1].partition("*")[0])


def _decode(raw: bytes, charset: str) -> str:
    """By its charset where that is said; else as UTF-8, or as what Windows writes in western Europe."""
    if _CHARSET.fullmatch(charset):
        try:
            return raw.decode(charset, "replace")
        except LookupError:
            pass
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")
