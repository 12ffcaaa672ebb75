#!/usr/bin/env python3
"""Writes the reference values that the tests of workload/scores.h compare with.

    tools/make_score_references.py tests/workload/data

writes score_references.jsonl (texts and their scores) and stem_references.txt (a word and its stem a line). Texts and
words are made here, from a fixed seed. The scores come from plain implementations of the published definitions, written
for this file: ROUGE as Google's rouge_score defines it, exact match and F1 as SQuAD v1.1's evaluation script does. Stems
are NLTK's. Needs Debian's python3-nltk; only whoever changes this file does, the tests read its committed output.
"""
import json
import pathlib
import random
import re
import string
import sys
from collections import Counter

from nltk.stem.porter import PorterStemmer

STEMMER = PorterStemmer()


# ------------------------------------------------------------------------------------------ definitions

def rouge_tokens(text):
    spaced = re.sub("[^a-z0-9]+", " ", text.lower())
    return [STEMMER.stem(token) if len(token) > 3 else token for token in spaced.split()]


def f1(precision, recall):
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def rouge_n(reference, prediction, n):
    def grams(tokens):
        return Counter(tuple(tokens[i:i + n]) for i in range(len(tokens) - n + 1))

    left, right = grams(reference), grams(prediction)
    hits = sum((left & right).values())
    precision = hits / max(1, sum(right.values()))
    recall = hits / max(1, sum(left.values()))
    return [precision, recall, f1(precision, recall)]


def rouge_l(reference, prediction):
    if not reference or not prediction:
        return [0.0, 0.0, 0.0]
    row = [0] * (len(prediction) + 1)
    for token in reference:
        above = row[:]
        for j, other in enumerate(prediction):
            row[j + 1] = above[j] + 1 if token == other else max(above[j + 1], row[j])
    precision, recall = row[-1] / len(prediction), row[-1] / len(reference)
    return [precision, recall, f1(precision, recall)]


def rouge(references, prediction):
    """For each measure [precision, recall, f1] of the reference with the highest f1, the first of equals."""
    predicted = rouge_tokens(prediction)
    scores = []
    for reference in references:
        tokens = rouge_tokens(reference)
        scores.append([rouge_n(tokens, predicted, 1), rouge_n(tokens, predicted, 2), rouge_l(tokens, predicted)])
    return [max((score[k] for score in scores), key=lambda s: s[2]) for k in range(3)]


def answer_words(text):
    bare = "".join(c for c in text.lower() if c not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", bare).split()


def answer(references, prediction):
    """[exact, f1], each the best over the references."""
    predicted = answer_words(prediction)
    exact, best = 0, 0.0
    for reference in references:
        words = answer_words(reference)
        exact = max(exact, int(words == predicted))
        same = sum((Counter(words) & Counter(predicted)).values())
        if same:
            best = max(best, f1(same / len(predicted), same / len(words)))
        elif not words and not predicted:  # SQuAD 2.0's rule
            best = 1.0
    return [exact, best]


# ------------------------------------------------------------------------------------------ texts

WHO = """the old captain|a travelling physicist|two sisters from Lyon|Mrs. O'Leary|the company's engineers|an astronomer|
nobody|the committees|Dr. Núñez|young apprentices|the dying king|seven librarians|her neighbour's twins""".replace("\n", "").split("|")
DID = """happily measured|was repeatedly denying|had been running after|carefully organizes|flies over|could not proceed with|
generalised|re-examined|is lying about|abandoned|succeeded in repairing|has forgotten|hoped for|controlled""".replace("\n", "").split("|")
WHAT = """the electrical generators|a theological argument|3.5 million euros|the skies above Zürich|their conditional agreement|
an apology|hopelessness itself|the news|the dressing-room's mirrors|U.S. regulations|rationality|GPU clocks at 1,980 MHz|
the valley's rivers|a possibly dangerous adjustment""".replace("\n", "").split("|")
WHERE = """in 1987|after the innings|on a rainy evening|near the factory|without any reason|at 7:30 p.m.|before dying|
during the negotiations|—as usual—|for the first time|(allegedly)|under the bridge""".replace("\n", "").split("|")

BY_HAND = [
    ("", ""), ("", "something"), ("something", ""), ("...", "!?"), ("the", "a"), ("The the THE", "an"),
    ("a", "a"), ("yes", "Yes."), ("no", "yes"), ("1,000", "1000"), ("1.000", "1 000"), ("U.S.", "US"), ("U.S.", "u s"),
    ("don't", "dont"), ("don't", "do not"), ("it's the sky", "It is the skies"), ("snake_case", "snake case"),
    ("the cat sat on the mat", "the cat sat on the mat"), ("the cat sat on the mat", "mat the on sat cat the"),
    ("a b c d", "b a d c"), ("a a a b", "a b b b"), ("running runs ran", "run run run"), ("tab\tand\nnew line", "tab and newline"),
    ("no\u00a0break\u2003space", "no break space"), ("zero\u200bwidth", "zero width"),
    # Letters whose lower case leaves or enters ASCII.
    ("\u212aelvin", "kelvin"), ("3 \u212a", "3 k"), ("\u0130stanbul", "istanbul"), ("\u0130stanbul", "i stanbul"),
    ("DI\u0307YARBAKIR", "diyarbakir"), ("STRASSE", "Straße"), ("Straße", "STRAẞE"), ("ΟΔΟΣ", "οδος"), ("ΟΔΟΣ", "οδοσ"),
    ("Ångström", "\u212bngström"), ("ﬁne", "fine"), ("ＡＢＣ", "abc"), ("naïve café", "naive cafe"), ("naïve café", "NAÏVE CAFÉ"),
    ("Dvořák", "Dvorak"), ("Привет, мир", "привет мир"), ("東京都", "東京"), ("東京 都", "東京 都 a"), ("🙂 smile", "smile 🙂🙂"),
    # Articles beside letters, digits and signs beyond ASCII.
    ("à la carte", "la carte"), ("a\u0301 propos", "\u0301 propos"), ("the\u0301 thing", "thing"), ("x–a–y", "x– –y"), ("the–end", "– end"),
    ("²a", "a"), ("a²", "²"), ("①the", "①"), ("the½", "½"), ("a१", "१"), ("the「an」", "「 」"), ("an\u00a0apple", "apple"),
    ("the_a", "thea"), ("a-b", "ab"), ("The. An; A!", ""), ("theatre an antique", "theatre antique"), ("AN ANT", "ant"),
    ("“the” ‘a’", "“ ” ‘ ’"), ("ªa", "a"), ("aͅthe", "the"), ("一a二", "a"), ("a\u200dthe", "\u200d"),
    ("skies news innings dying howe", "sky new inning die howe"), ("generously generic generation", "generate general generous"),
    ("probably possibly capability", "probable possible capable"), ("geology theologian apologies", "geological theology apologize"),
    ("x" * 50, "x" * 50), ("yyyyyyy syzygy toy", "yyyyyyyed syzygies toys"), ("4ing 44ed a1ing", "4 44 a1"),
]


def sentence(rng):
    return f"{rng.choice(WHO)} {rng.choice(DID)} {rng.choice(WHAT)} {rng.choice(WHERE)}"


def paragraph(rng, sentences):
    text = " ".join(s[0].upper() + s[1:] + rng.choice([".", ".", "!", "?", ";", " …"])
                    for s in (sentence(rng) for _ in range(sentences)))
    return text


def changed(rng, text):
    """Words dropped, doubled, swapped, put in upper case or in brackets."""
    words = text.split()
    for _ in range(rng.randrange(1, 2 + len(words) // 3)):
        i = rng.randrange(len(words))
        kind = rng.randrange(5)
        if kind == 0 and len(words) > 1:
            del words[i]
        elif kind == 1:
            words.insert(i, words[i])
        elif kind == 2:
            j = rng.randrange(len(words))
            words[i], words[j] = words[j], words[i]
        elif kind == 3:
            words[i] = words[i].upper()
        else:
            words[i] = f"[{words[i]}]"
    return " ".join(words)


def cases():
    rng = random.Random(20240229)
    for reference, prediction in BY_HAND:
        yield [reference], prediction
        if reference != prediction:
            yield [prediction], reference
    for _ in range(120):
        text = paragraph(rng, rng.choice([1, 1, 1, 2, 3]))
        yield [text], changed(rng, text) if rng.random() < 0.7 else sentence(rng)
    for _ in range(60):
        text = sentence(rng)
        references = [changed(rng, text) if rng.random() < 0.6 else sentence(rng) for _ in range(rng.randrange(2, 5))]
        yield references, text
    yield ["", "the", "sky"], "skies"
    yield ["a b", "b a"], "a b a"
    for size in (10, 30, 60):
        text = paragraph(rng, size)
        yield [text, paragraph(rng, size // 2)], changed(rng, text)


# ------------------------------------------------------------------------------------------ stems

ROOTS = """act adopt agree allow analog angular apolog archaeolog author bak bl buzz callous cann captur ceas commun condition
conflat control cr crisp cut decis defens depend di digit duc easy electr enjo enter exceed fail fall feudal fil fizz fl form
formal geolog general gyroscop happ hesit hiss homolog hop hopeful howl hypno inn irrit jo ladyl l ly motor nation oper out pla
plast pon possib predic prob proceed radic rat real relat replac reviv rol sens siz sk sky sp stor stray succeed syzyg tan theolog
tim tr tri trouble ty typ unif us valenc valu vari vex vietnam vil wax way whisk y yell yes zz 4 a1 7th""".split()
SUFFIXES = """|s|es|ed|ing|ies|ied|y|ly|er|ers|or|ion|ions|ation|ational|tional|ization|ize|ized|izing|izer|ator|alism|ality|
al|ally|alli|ance|ancy|ence|ency|enci|ant|ent|ently|ement|ment|ments|able|ably|ability|ible|ibly|ibility|ic|ical|ically|icity|
icate|ate|ated|ating|ative|ive|iveness|ivity|ness|ful|fully|fulness|fulli|ous|ously|ousness|ism|iti|ou|ll|lled|eed|e|logi|ss|sses|
yed|ying|ys|eli|bli|bled""".replace("\n", "").split("|")
IRREGULAR = """sky skies dying lying tying news innings inning outings outing cannings canning howe proceed exceed succeed
proceeds exceeded succeeding dies died ties tied lies lied flies tried spied cries by toy say says enjoyed enjoyment spy fly
is as us a i o y yy yyy yyyy eye eyed eyes oed oing aed ied eed ing ed ings eeded agreed feed bleed seed freed geologi theologi
apologi logi alli balli realli formallalli fulli hopefulli feel fell controll roll rolled rate probate cease hope hoped hopped
on ion nion tion station xion passion mission ation ational rational sses ses ies aies 1s 12s 2nds 1990s ab1ed x9ing""".split()


def words():
    rng = random.Random(7)
    found = set(IRREGULAR)
    found.update(root + suffix for root in ROOTS for suffix in rng.sample(SUFFIXES, 40))
    for _ in range(700):  # what no language has: conditions on vowels, consonants and lengths
        root = "".join(rng.choice("aeiouyybcdlmnrstxwz") for _ in range(rng.randrange(0, 6)))
        found.add(root + rng.choice(SUFFIXES) + rng.choice(SUFFIXES + [""] * len(SUFFIXES)))
    return sorted(w for w in found if w)


def main():
    folder = pathlib.Path(sys.argv[1])
    with open(folder / "score_references.jsonl", "w", encoding="utf-8") as out:
        for references, prediction in cases():
            one, two, longest = rouge(references, prediction)
            row = {"references": references, "prediction": prediction, "rouge_1": one, "rouge_2": two,
                   "rouge_l": longest, "answer": answer(references, prediction)}
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
    with open(folder / "stem_references.txt", "w", encoding="ascii") as out:
        out.writelines(f"{word} {STEMMER.stem(word)}\n" for word in words())


main()
