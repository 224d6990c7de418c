"""How does a text read to a model that does not mind invisible characters, look-alikes and escapes?"""

import html
import re
import unicodedata
from urllib.parse import unquote

_ESCAPED = re.compile(r"%[0-7][0-9a-fA-F]|\\u00[2-7][0-9a-fA-F]")
_INVISIBLE = dict.fromkeys(
    (0xAD, 0x34F, 0x61C, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF)
)
_ALIKE = str.maketrans("абеорсухіјѕԁһԛԝмтнкαορνιτ", "a6eopcyxijsdhqwmthkaopvit")
_SPACES = re.compile(r"[^\S\n]+")
_SPACED_OUT = re.compile(r"(?<!\w)(?:\w ){2,40}\w(?!\w)")
_TAGS = range(0xE0020, 0xE007F)


def meant(text: str) -> str:
    """In lower case and composed, with escapes undone, invisible characters left out, Cyrillic and Greek look-alikes as
    Latin letters; lines stay lines."""
    if "&" in text:
        text = html.unescape(text)
    if _ESCAPED.search(text):
        text = _ESCAPED.sub(_unescaped, text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_INVISIBLE).lower().translate(_ALIKE)
    text = _SPACED_OUT.sub(lambda found: found[0].replace(" ", ""), text.lower().replace("’", "'"))
    return _SPACES.sub(" ", text)


def decoded_tags(text: str) -> str:
    """What is written in tag characters, which nobody sees and models read."""
    return "".join(chr(ord(one) - 0xE0000) for one in text if ord(one) in _TAGS)


def _unescaped(found: re.Match[str]) -> str:
    return unquote(found[0]) if found[0][0] == "%" else chr(int(found[0][-4:], 16))
