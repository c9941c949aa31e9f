#!/usr/bin/env python3
"""Writes the golden values of ROUGE, error rates, classification and captions:
tests/measure/data/{stems,rouge,error_rate,classification,captions}.json.

    python3 -m venv VENV
    VENV/bin/pip install rouge_score==0.1.2 nltk==3.10.4 jiwer==4.0.0 scikit-learn==1.9.1 pycocoevalcap==1.2
    VENV/bin/python tests/measure/make_task_goldens.py

Run make_goldens.py first: captions are scored on its corpora. The texts were made up for this file; the rest is drawn from
seeded generators. The same releases give the same bytes; others are refused.
"""
import importlib.metadata
import json
import pathlib
import random
import re

import jiwer
from nltk.stem.porter import PorterStemmer
from pycocoevalcap.bleu.bleu_scorer import BleuScorer
from pycocoevalcap.cider.cider_scorer import CiderScorer
from rouge_score import tokenizers
from rouge_score.rouge_scorer import RougeScorer
from sklearn import metrics

VERSIONS = {"rouge_score": "0.1.2", "nltk": "3.10.4", "jiwer": "4.0.0", "scikit-learn": "1.9.1", "pycocoevalcap": "1.2"}
FOLDER = pathlib.Path(__file__).parent / "data"

# ---------------------------------------------------------------- stems

STEMS = """relate condition ration valence hesitate digit conform radical differ vile analog vietnam predicate operate feudal
decide hope callous formal sensitive sense triple form electric good revive allow infer airline gyroscope adjust defend irritate
replace depend adopt homolog commune active angular effect bowdler probate rate cease control roll fall hiss fizz fail file hop tan
trouble conflate size plaster bled motor sing happy sky enjoy spy fly try cry dry play toy syzygy yyy yes eye buy die lie tie news
inning outing canning howe proceed exceed succeed geo theo archaeo philo biolog geolog logic nation nature use aged feed agree seed
need speed bee free tree see ski taxi bus gas kiss process abs abc a1b2 2nd 1998 x86 mp3 ee ay oy uy zyz rhythm crypt myth queue
full wool well call cell till sell skill model travel cancel begin run stop plan big red wax fix box snow show grow say pay obey
annoy hurry carry study worry body lady party city country monkey valley generate general universe organize author author beauty
plenty duty pity mercy fancy logi alli bli eli ion sion tion ement ment ent ance able ible wit fit cut put at it on an is us""".split()
SUFFIXES = """s es ies sses ss ed eed ied ing ings y ly ily ally ational tional enci ency anci ancy izer ably abli ably alli entli
ently eli ely ousli ously ization ation ator alism iveness fulness ousness aliti ality iviti ivity biliti bility fulli fully logi
logy icate ative alize iciti icity ical ful ness al ance ence er ic able ible ant ement ment ent sion tion ion ou ism ate iti ous ive ize
e ee ll l le at bl iz ated bled ized ating bling izing ying yed""".split()


def stem_words():
    rng = random.Random(71)
    words = set(STEMS) | set(SUFFIXES) | {"skies", "dying", "lying", "tying", "innings", "outings", "cannings", "dies", "flies", "died", "spied"}
    words |= {"fizzed", "buzzing", "hissing", "falling", "hopping", "tanned", "failing", "filing", "feeding", "bleed", "controlling"}
    pairs = [stem + suffix for stem in STEMS for suffix in SUFFIXES]
    words |= set(rng.sample(pairs, 2500)) | {word + rng.choice(SUFFIXES) for word in rng.sample(pairs, 1000)}
    words |= {"".join(rng.choice("aeiouyybcdlrstzwx") for _ in range(rng.randrange(1, 9))) + rng.choice([""] + SUFFIXES) for _ in range(1500)}
    return sorted(words)


def stems():
    stemmer = PorterStemmer()
    return [[word, stemmer.stem(word) if len(word) > 3 else word] for word in stem_words()]


# ---------------------------------------------------------------- ROUGE

# (name, hypothesis, references)
SUMMARIES = [
    ("ferry", "The ferries were leaving the island early.", ["A ferry leaves the island early."]),
    ("identical", "Snow fell on 14 villages overnight.", ["Snow fell on 14 villages overnight."]),
    ("nothing_in_common", "blue lamps hum", ["seven otters sleep"]),
    ("empty_hypothesis", "", ["The kettle is cold."]),
    ("empty_reference", "The kettle is cold.", [""]),
    ("both_empty", "", [""]),
    ("only_marks", "... !?", ["-- ;"]),
    ("one_word", "bread", ["Bread!"]),
    ("one_against_two", "bread", ["warm bread"]),
    ("repeated", "the the the cat the", ["the cat sat by the door of the barn"]),
    ("stems", "Organizers happily generalized their probabilistic activities", ["The organization generally activates happy probabilities"]),
    ("numbers", "It cost 1,299.50 euros in 1998.", ["In 1998 it cost 1299.50 EUR."]),
    ("underscores", "snake_case and kebab-case aren't one", ["snake case and kebab case are n't one"]),
    ("accents", "Un café à Zürich, naïve façade", ["cafe a Zurich naive facade", "caf z rich na ve fa ade"]),
    ("case", "İstanbul KELVIN \u212Aelvin ΟΔΟΣ ẞ", ["istanbul kelvin kelvin i stanbul"]),
    ("sentences", "the storm closed two schools\nroads were icy\nno one was hurt",
     ["two schools closed in the storm\nno one was hurt on icy roads", "roads closed\n\nthe storm hurt no one\n"]),
    ("swapped_sentences", "the bus was late\nwe walked home", ["we walked home\nthe bus was late"]),
    ("union", "w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5", ["w1 w2 w3 w4 w5"]),
    ("double_counting", "a b c\na b d\na b", ["a b\na b c d a b"]),
    ("line_ends", "one two\r\nthree four\n\n\nfive", ["\none two three\nfour five\n"]),
    ("only_line_ends", "\n\n", ["\n"]),
    ("several_references", "a dog runs over wet grass", ["the dog is running", "a dog runs on the grass", "wet grass", "over wet grass a dog runs"]),
    ("equally_good_references", "a b", ["a c", "a b c d e f"]),
    ("equal_references", "green tea", ["green tea with honey", "green tea with lemon"]),
    ("chinese", "小船慢慢漂过湖面。", ["小船慢慢地漂过了安静的湖面。"]),
    ("chinese_and_latin", "请在Linux上运行make tests,再看log。", ["请先在 Linux 上运行 make test，再看日志 log。"]),
    ("japanese_korean", "雨の日は傘をもつ。비가 오면", ["雨の日には傘を持つ。 비가 와요 カタカナ"]),
    ("full_width", "ＡＢＣ３．５元「引号」", ["ａｂｃ３元（引号）"]),
    ("rare_ideographs", "𠀀𠁁 㐀 々〆〇 ﹏ ⿰木", ["𠀀㐀々 〇木"]),
]
VOCABULARY = ("the a of in to and council councils storm storms closing closed roads schools report reported reporting officials said "
              "say river rising rose flooded floods villages village were was early earlier generously donation donated 12 3").split()
CJK = ("\u1100-\u11ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f"
       "\u3131-\u318e\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97c\uac00-\ud7a3\ud7b0-\ud7fb\uf900-\ufaff\uff10-\uff19"
       "\uff21-\uff3a\uff41-\uff5a\uff66-\uffdc\U0001b000-\U0001b16f\U00020000-\U0003fffd")


class CharacterTokenizer(tokenizers.Tokenizer):
    """The package's tokens, and every CJK character one."""

    def __init__(self, stem):
        self.default = tokenizers.DefaultTokenizer(stem)

    def tokenize(self, text):
        tokens = []
        for piece in re.findall(f"[{CJK}]|[^{CJK}]+", text.lower()):
            tokens += [piece] if re.fullmatch(f"[{CJK}]", piece) else self.default.tokenize(piece)
        return tokens


def summaries():
    items = list(SUMMARIES)
    for number in range(24):
        rng = random.Random(5000 + number)
        lines = [[rng.choice(VOCABULARY) for _ in range(rng.randrange(1, 16))] for _ in range(rng.randrange(1, 6))]
        references = []
        for _ in range(1 + number % 3):
            kept = [[word if rng.random() < 0.7 else rng.choice(VOCABULARY) for word in line] for line in lines if rng.random() < 0.9]
            rng.shuffle(kept)
            references.append("\n".join(" ".join(line) for line in kept))
        items.append((f"generated_{number}", "\n".join(" ".join(line) for line in lines), references))
    for number in range(60):  # short, so that references tie
        rng = random.Random(5500 + number)
        draw = lambda: " ".join(rng.choice("abcd") for _ in range(rng.randrange(1, 8)))
        items.append((f"generated_ties_{number}", draw(), [draw() for _ in range(5)]))
    return items


def rouge():
    types = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
    entries = []
    for name, hypothesis, references in summaries():
        for stem in (False, True):
            for characters in (False, True):
                if name.startswith("generated_ties") and (stem or characters):
                    continue
                tokenizer = CharacterTokenizer(stem) if characters else tokenizers.DefaultTokenizer(stem)
                scores = RougeScorer(types, tokenizer=tokenizer).score_multi(references, hypothesis)
                entries.append({"name": name, "hypothesis": hypothesis, "references": references, "stem": stem, "characters": characters,
                                "tokens": tokenizer.tokenize(hypothesis)} | {t: [float(x) for x in scores[t]] for t in types})
    return entries


# ---------------------------------------------------------------- error rates

# (name, unit, hypotheses, references of each)
UTTERANCES = [
    ("equal", "words", ["the cat sat"], [["the cat sat"]]),
    ("hand", "words", ["the cat sat", "a"], [["the cat sat down"], ["a b c d e f"]]),
    ("swapped", "words", ["b a", "b c"], [["a b"], ["a b"]]),
    ("nothing_said", "words", ["", "yes"], [["one two"], ["yes"]]),
    ("too_much_said", "words", ["a a a a a a"], [["a"]]),
    ("blanks", "words", ["  the   cat ", "sat"], [["the cat"], ["  sat  down "]]),
    ("case_counts", "words", ["The cat."], [["the cat"]]),
    ("characters", "characters", ["kitten", "flaw"], [["sitting"], ["lawn"]]),
    ("chinese", "characters", ["我你", "史密斯"], [["我爱你"], ["史密思先生"]]),
    ("inner_blanks", "characters", [" a  b ", "to day"], [["a b"], ["today"]]),
    ("combining", "characters", ["cafe\u0301 👍🏽"], [["café 👍"]]),
    ("pronunciations", "words", ["r ɛ d", "l iː d", "t ə m ɑː t oʊ", "k æ t s"],
     [["r iː d", "r ɛ d"], ["l ɛ d", "l iː t s"], ["t ə m eɪ t oʊ", "t ə m ɑː t oʊ", "t o"], ["k æ t", "k ɑ t"]]),
    ("equally_wrong", "words", ["a b c"], [["a b", "a b c d", "a x c"]]),
]


def utterances():
    corpora = list(UTTERANCES)
    for number in range(16):
        rng = random.Random(6000 + number)
        unit, letters = ("words", "abcde") if number % 2 else ("characters", "abc 中")
        references, hypotheses = [], []
        for _ in range(25):
            given = [rng.choice(letters) for _ in range(rng.randrange(1, 30))]
            variants = [[rng.choice(letters) if rng.random() < 0.3 else c for c in given if rng.random() < 0.85] for _ in range(1 + number // 8 * 2)]
            join = (" " if unit == "words" else "").join
            hypotheses.append(join(given))
            references.append([join(variant) + "a" for variant in variants])
        corpora.append((f"generated_{number}", unit, hypotheses, references))
    return corpora


def error_rate():
    entries = []
    for name, unit, hypotheses, references in utterances():
        process = jiwer.process_words if unit == "words" else jiwer.process_characters
        rate = "wer" if unit == "words" else "cer"
        chosen = []
        for hypothesis, several in zip(hypotheses, references):
            def badness(reference):
                o = process(reference, hypothesis)
                return o.substitutions + o.insertions + o.deletions, -(o.hits + o.substitutions + o.deletions)
            chosen.append(min(several, key=badness))  # the first of equals
        o = process(chosen, hypotheses)
        wrong = sum(process(r, h).hits != len(process(r, h).references[0]) or process(r, h).insertions > 0 for r, h in zip(chosen, hypotheses))
        entries.append({"name": name, "unit": unit, "hypotheses": hypotheses, "references": references, "rate": getattr(o, rate), "hits": o.hits,
                        "substitutions": o.substitutions, "insertions": o.insertions, "deletions": o.deletions, "wrong": wrong})
    return entries


# ---------------------------------------------------------------- classification


def classification():
    cases = [("perfect", 3, [0, 1, 2], [0, 1, 2]), ("all_wrong", 2, [0, 1, 1], [1, 0, 0]), ("one_class_never_predicted", 3, [0, 0, 1, 0], [0, 2, 1, 1]),
             ("one_class_absent", 4, [0, 1, 1, 3], [0, 1, 3, 3]), ("predicted_but_not_there", 3, [2, 0, 1], [0, 0, 1]), ("single", 1, [0, 0], [0, 0])]
    for number in range(20):
        rng = random.Random(7000 + number)
        classes = rng.randrange(2, 12)
        gold = [min(rng.randrange(classes), rng.randrange(classes)) for _ in range(rng.randrange(1, 400))]
        predicted = [g if rng.random() < 0.6 else rng.randrange(classes) for g in gold]
        cases.append((f"generated_{number}", classes, predicted, gold))
    entries = []
    for name, classes, predicted, gold in cases:
        labels = list(range(classes))
        precision, recall, f1, support = metrics.precision_recall_fscore_support(gold, predicted, labels=labels, zero_division=float("nan"))
        null = lambda values: [None if x != x else float(x) for x in values]
        entries.append({"name": name, "classes": classes, "predicted": predicted, "gold": gold, "accuracy": metrics.accuracy_score(gold, predicted),
                        "macro_f1": metrics.f1_score(gold, predicted, average="macro"), "precision": null(precision), "recall": null(recall),
                        "f1": null(f1), "support": [int(n) for n in support],
                        "confusion": metrics.confusion_matrix(gold, predicted, labels=labels).tolist()})
    return entries


# ---------------------------------------------------------------- captions


def captions():
    entries = []
    for corpus in json.loads((FOLDER / "corpora.json").read_text())["entries"]:
        bleu, cider = BleuScorer(n=4), CiderScorer(n=4, sigma=6.0)
        for hypothesis, references in zip(corpus["hypotheses"], corpus["references"]):
            bleu += (hypothesis, references)
            cider += (hypothesis, references)
        entry = {"corpus": corpus["name"], "bleu": bleu.compute_score(option="closest")[0]}
        if any(any(reference.split() for reference in references) for references in corpus["references"]):
            entry["cider"] = float(cider.compute_score()[0])  # the package fails on a corpus without a word in its references
        entries.append(entry)
    return entries


def main():
    for package, version in VERSIONS.items():
        if importlib.metadata.version(package) != version:
            raise SystemExit(f"make_task_goldens: expected {package} {version}, got {importlib.metadata.version(package)}")
    for make in (stems, rouge, error_rate, classification, captions):
        entries = make()
        lines = ",\n".join(json.dumps(entry, allow_nan=False) for entry in entries)
        (FOLDER / f"{make.__name__}.json").write_text(f'{{"made_with": {json.dumps(VERSIONS)}, "entries": [\n{lines}\n]}}\n')
        print(f"{make.__name__}: {len(entries)} entries")


if __name__ == "__main__":
    main()
