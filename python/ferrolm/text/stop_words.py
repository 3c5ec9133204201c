"""Function words: articles, pronouns, prepositions, conjunctions and auxiliaries.

Six languages have lists that were collected for this package; more than fifty others those of stopwords-iso, which are
longer and also have frequent adverbs and numerals.
"""

from __future__ import annotations

from functools import cache
from typing import overload

from ferrolm._extras import require
from ferrolm.errors import UnknownNameError, nearest
from ferrolm.text.words import words

__all__ = ["remove_stop_words", "stop_words"]

_LISTS = {
    "de": """
        aber alle allem allen aller alles als also am an andere anderem anderen anderer anderes auch auf aus bei beim bin
        bis bist da damit dann das dass dein deine deinem deinen deiner dem den denn der des dessen dich die dies diese
        diesem diesen dieser dieses dir doch dort du durch ein eine einem einen einer eines er es etwas euch euer eure
        für gegen hab habe haben hat hatte hatten hier hin hinter ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im in ins
        ist ja jede jedem jeden jeder jedes jene jenem jenen jener jenes jetzt kann kein keine keinem keinen keiner können
        könnte machen man mehr mein meine meinem meinen meiner mich mir mit muss müssen nach nicht nichts noch nun nur ob
        oder ohne sehr sein seine seinem seinen seiner selbst sich sie sind so soll sollte sondern sonst über um und uns
        unser unsere unter viel vom von vor war waren warst was weg weil weiter welche welchem welchen welcher welches
        wenn werde werden wie wieder will wir wird wirst wo wollen wollte während würde würden zu zum zur zwar zwischen
    """,
    "en": """
        a about above after again against all am an and any are aren't as at be because been before being below between
        both but by can can't cannot could couldn't did didn't do does doesn't doing don't down during each few for from
        further had hadn't has hasn't have haven't having he he'd he'll he's her here here's hers herself him himself his
        how how's i i'd i'll i'm i've if in into is isn't it it's its itself let's me more most mustn't my myself no nor
        not of off on once only or other ought our ours ourselves out over own same shall shan't she she'd she'll she's
        should shouldn't so some such than that that's the their theirs them themselves then there there's these they
        they'd they'll they're they've this those through to too under until up upon very was wasn't we we'd we'll we're
        we've were weren't what what's when when's where where's which while who who's whom whose why why's will with
        won't would wouldn't you you'd you'll you're you've your yours yourself yourselves
    """,
    "es": """
        a al algo algunas algunos ante antes como con contra cual cuando de del desde donde durante e el ella ellas ellos
        en entre era eran es esa esas ese eso esos esta estaba estado están estar estas este esto estos está fue fueron
        ha había han has hasta hay he la las le les lo los me mi mis mucho muchos muy más ni no nos nosotros nuestra
        nuestro o os otra otras otro otros para pero poco por porque que quien quienes qué se sea ser si sido sin sobre
        son soy su sus suya suyo sí también tanto te tenía tiene tienen todo todos tu tus tú un una uno unos vosotros y
        ya yo él
    """,
    "fr": """
        à ai aie ainsi alors as au aucun aucune aussi autre autres aux avait avant avec avez avoir avons c ça car ce ceci
        cela celle celles celui ces cet cette ceux chaque chez comme d dans de depuis des donc dont du elle elles en
        encore entre es est et étaient était étant été être eu eux fait fut il ils j je jusque l la le les leur leurs lors
        lui m ma mais me même mes moi moins mon n ne ni nos notre nous on ont ou où par parce pas peu peut plus pour
        puis qu quand que quel quelle quelles quels qui quoi s sa sans se sera ses si soi soit son sont sous suis sur t
        ta te tes toi ton tous tout toute toutes très tu un une vers voici voilà vos votre vous y
    """,
    "it": """
        a ad agli ai al alla alle allo anche avere aveva avevano c che chi ci come con contro cui da dagli dai dal dalla
        dalle dallo degli dei del della delle dello dentro di dove e è ed era erano essere fa fra gli ha hai hanno ho i il
        in io l la le lei li lo loro lui ma me mi mia mie miei mio ne negli nei nel nella nelle nello noi non nostra
        nostro o ogni per perché più poi prima quale quali quando quanto quella quelle quelli quello questa queste questi
        questo qui se sei senza si sia siamo sono sta stata stato su sua sue sugli sui sul sulla sulle sullo suo suoi
        tra tu tua tue tuo tuoi tutti tutto un una uno vi voi
    """,
    "pt": """
        a ao aos aquela aquelas aquele aqueles aquilo as até com como da das de dela delas dele deles depois do dos e é
        ela elas ele eles em entre era eram essa essas esse esses esta está estamos estão estas estava este estes eu foi
        foram há isso isto já lhe lhes mais mas me mesmo meu meus minha minhas muito na não nas nem no nos nós nossa
        nosso num numa o os ou para pela pelas pelo pelos por porque qual quando que quem se seja sem ser será seu seus
        só são sua suas também te tem têm tinha toda todas todo todos tu tua um uma umas uns você vocês vos
    """,
}


def stop_words(language: str = "en") -> frozenset[str]:
    """The function words of a language, in lower case.

    Args:
        language: a code of ISO 639-1. ``de``, ``en``, ``es``, ``fr``, ``it`` and ``pt`` come with the package, some
            fifty others with the extra ``text`` (stopwordsiso), among them ``ar``, ``hi``, ``ja``, ``ru`` and ``zh``.

    Raises:
        UnknownNameError: there is no list for the language.
        MissingExtraError: the list comes with the extra, which is not installed.

    >>> from ferrolm.text import words
    >>> [word for word in words("The cat sat on the mat", lowercase=True) if word not in stop_words()]
    ['cat', 'sat', 'mat']
    >>> "и" in stop_words("ru")
    True
    """
    return _list(language)


@overload
def remove_stop_words(text: str, language: str = "en") -> str: ...
@overload
def remove_stop_words(text: list[str], language: str = "en") -> list[str]: ...
def remove_stop_words(text: str | list[str], language: str = "en") -> str | list[str]:
    """A text, or a list of words, without the function words of a language, in whatever case.

    Args:
        text: a text, of which the words that stay (as found by `words`) are joined by single spaces; or words, of which
            a list is left.
        language: as for `stop_words`, whose errors this raises.

    >>> remove_stop_words("The cat sat on the mat.")
    'cat sat mat'
    >>> remove_stop_words(["Der", "Hund", "und", "die", "Katze"], "de")
    ['Hund', 'Katze']
    """
    found = _list(language)
    if isinstance(text, str):
        kept = (word for word in words(text, language=language) if word.lower() not in found)
        return " ".join(kept)
    return [word for word in text if word.lower() not in found]


@cache
def _list(language: str) -> frozenset[str]:
    if language in _LISTS:
        return frozenset(_LISTS[language].split())
    iso = require("stopwordsiso", "text", f"the stop words of {language!r}") if len(language) == 2 else None
    if iso is not None and iso.has_lang(language):
        return frozenset(word.lower() for word in iso.stopwords(language))
    known = sorted({*_LISTS, *(iso.langs() if iso is not None else ())})
    raise UnknownNameError(
        f"no stop words for {language!r}; there are: {', '.join(known)}{nearest(language, known)}"
    )
