#!/usr/bin/env python3
"""Makes training, validation and held-out clozes from the one published part of CMRC 2017: runs/bundled/cloze-zh.

    export ATTEND_DATA=...     the folder with cloze-zh
    python3 bench/cloze_zh.py

The last 500 documents are held out for the test, 200 before them validate; nothing is made of either. From each of the other 1,300
more questions are made as the set's authors made theirs: a word of two characters or more that stands at least twice in the document, in
few other documents or as some training question's answer, is blanked in one of its sentences.
"""
import os
import random
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEST, DEV, MADE = 500, 200, 12  # held out, validating; questions made of a document at most
BLANK = "XXXXX"


def read(folder):
    answers = dict(line.split(" ||| ") for line in (folder / "cloze.valid.answer").read_text().splitlines())
    items, document = [], []
    for line in (folder / "cloze.valid.doc_query").read_text().splitlines():
        key, _, text = line.partition(" ||| ")
        if key.startswith("<qid"):
            items.append((document, text.split(), answers[key]))
            document = []
        else:
            document.append(text.split())
    return items


def whole(document, answer):
    """The document with its blank filled again."""
    return [[answer if word == BLANK else word for word in sentence] for sentence in document]


def made_of(document, likely, common, draw):
    counts = Counter(word for sentence in document for word in sentence)
    words = [word for word, count in counts.items() if count >= 2 and len(word) >= 2 and (word in likely or common[word] <= 40)]
    places = [(s, w) for w in words for s, sentence in enumerate(document) if sentence.count(w) == 1 and len(sentence) >= 5]
    draw.shuffle(places)
    for s, word in places[:MADE]:
        blanked = [[BLANK if i == s and w == word else w for w in sentence] for i, sentence in enumerate(document)]
        yield blanked, blanked[s], word


def write(folder, name, items):
    with (folder / f"{name}.doc_query").open("w") as questions, (folder / f"{name}.answer").open("w") as answers:
        for number, (document, question, answer) in enumerate(items):
            for line, sentence in enumerate(document, 1):
                questions.write(f"{line} ||| {' '.join(sentence)}\n")
            questions.write(f"<qid_{number}> ||| {' '.join(question)}\n")
            answers.write(f"<qid_{number}> ||| {answer}\n")


def main():
    data = os.environ.get("ATTEND_DATA") or sys.exit("cloze_zh: ATTEND_DATA is not set: the folder with the real data")
    items = read(Path(data) / "cloze-zh")
    train, dev, test = items[:-TEST - DEV], items[-TEST - DEV:-TEST], items[-TEST:]
    documents = [whole(document, answer) for document, _, answer in train]
    common = Counter(word for document in documents for word in {w for s in document for w in s})
    likely = {answer for _, _, answer in train}
    draw = random.Random(1)
    made = [item for document in documents for item in made_of(document, likely, common, draw)]
    folder = ROOT / "runs/bundled/cloze-zh"
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in (("train", train + made), ("dev", dev), ("test", test)):
        write(folder, name, part)
        frequent = sum(Counter(w for s in d for w in s if len(w) >= 2 and w != BLANK).most_common(1)[0][0] == a for d, _, a in part)
        print(f"{name}: {len(part)} questions, most frequent word of two characters or more right in {100 * frequent / len(part):.1f} %")


if __name__ == "__main__":
    main()
